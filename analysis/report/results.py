"""What several sections of a report show, computed once and kept; writing it down is report's job."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.boundary.median_crossing import find_median_boundary
from analysis.boundary.smoothed import forget_means
from analysis.cells.aggregate import aggregate
from analysis.cells.cells import Cells
from analysis.cells.default_analysis import default_analysis
from analysis.cells.predicted import predicted_boundary, predicted_median_boundary
from analysis.dataset.files import Dataset, open_dataset
from analysis.dataset.plane import Floats, exact
from analysis.dataset.provenance import UNREAD, Provenance, read_provenance
from analysis.errors import AnalysisError
from analysis.report.tasks import Task, Tasks
from analysis.scaling.broken_power_law import BrokenPowerLaw, fit_broken_power_law
from analysis.scaling.paired_shift import Shift, boundary_shift
from analysis.scaling.power_law import LAW_KINDS, PowerLaw, fit_power_law
from analysis.scaling.prediction import Comparison, compare
from analysis.statistics.bootstrap import Resampling
from analysis.statistics.curve_likelihood import make_tables
from analysis.training.trajectories import Trajectories, open_trajectories
from sweeps.declare.analysis_spec import AnalysisSpec, PredictionSpec


@dataclass(frozen=True)
class ReportOptions:
    """What a report shows where that differs from the sweep's own specification; None keeps that.

    `fixed_axes` are values at which trajectories are taken of the axes that they do not show.
    """

    x: str | None = None
    y: str | None = None
    measure: str | None = None
    levels: tuple[float, ...] = ()
    include_unconverged: bool = False
    resampling: Resampling = field(default_factory=Resampling)
    fixed_axes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class LevelResults:
    """The boundary of one level, what was fitted to it, and predicted; settings in the plane's order.

    `predicted` is y* of each prediction that states one, in the values of y, shape (settings, x).
    """

    boundary: Boundary
    laws: tuple[PowerLaw, ...]
    broken_laws: tuple[BrokenPowerLaw, ...]
    comparisons: tuple[Comparison, ...]
    shifts: tuple[Shift, ...]
    predicted: Mapping[PredictionSpec, Floats]


@dataclass(frozen=True, eq=False)
class Results:
    """The results of one dataset that its sections share."""

    dataset: Dataset
    spec: AnalysisSpec
    cells: Cells
    resampling: Resampling
    provenance: Provenance
    trajectories: Trajectories | None
    _medians: list[Task[Boundary]] = field(default_factory=list, init=False, repr=False)

    @cached_property
    def levels(self) -> tuple[LevelResults, ...]:
        """The boundary of each level and its laws."""
        with quiet():
            return tuple(self._at_level(level) for level in self.spec.levels)

    def find_medians(self, tasks: Tasks) -> None:
        """Begins to find the median boundaries, so that they are found beside the others."""
        u = self.cells.plane.y.coordinates
        if len(u) > 1:
            make_tables(u)  # here, so that all tasks share them
        self._medians.extend(
            tasks.submit(partial(self._median_boundary, level)) for level in self.spec.levels
        )

    @cached_property
    def median_boundaries(self) -> tuple[Boundary, ...]:
        """Where half of the runs are benign, by level; () where cells hold means of batches of runs."""
        if self.cells.batched_runs is not None:
            return ()
        if not self._medians:
            self.find_medians(Tasks())
        return tuple(task.result() for task in self._medians)

    def predicted_medians(self, theory: PredictionSpec) -> tuple[Floats | None, ...]:
        """y* of the median boundaries, by level, where a prediction states them."""
        if not theory.states_position:
            return tuple(None for _ in self.median_boundaries)
        return tuple(
            predicted_median_boundary(self.dataset, self.cells, theory, one.level)
            for one in self.median_boundaries
        )

    def forget(self) -> None:
        """Lets go what was computed, which is computed again where it is wanted: draws take most memory."""
        for name in ("levels", "median_boundaries"):
            self.__dict__.pop(name, None)
        self._medians.clear()
        forget_means(self.cells)

    @property
    def boundaries(self) -> tuple[Boundary, ...]:
        """The boundaries of the mean, by level."""
        return tuple(level.boundary for level in self.levels)

    @property
    def sweep(self) -> str:
        """The sweep's name."""
        return self.dataset.sweep.name

    @property
    def choice(self) -> str:
        """That the sweep does not say what is shown, and how it is said; empty where it does."""
        if self.dataset.sweep.analysis is not None:
            return ""
        spec, plane = self.spec, self.cells.plane
        over = spec.x if len(plane.y.values) == 1 else f"{spec.x} and {spec.y}"
        at = f", cut at {exact(spec.levels[0])}" if spec.levels else ""
        return (
            f"The sweep states no analysis; shown is {spec.measure} over {over}{at}. Choose otherwise "
            "with --x, --y, --measure and --level, or in its key analysis."
        )

    @property
    def runs(self) -> dict[str, int]:
        """Runs planned, used, failed by status, missing, and rows that were left out."""
        counts = {name: int(part.sum()) for name, part in self.cells.status.items()}
        document = self.dataset.sweep
        planned = sum(counts.values()) if document.sampling else document.planned_runs
        return {
            "planned": planned,
            "used": int(self.cells.runs_used.sum()),
            **counts,
            "missing": max(planned - sum(counts.values()), 0),
            "of an earlier sweep": self.cells.ignored,
            "duplicate rows": self.cells.duplicates,
        }

    def _median_boundary(self, level: float) -> Boundary:
        with quiet():
            return find_median_boundary(self.cells, level, resampling=self.resampling)

    def _at_level(self, level: float) -> LevelResults:
        boundary = find_boundary(self.cells, level, resampling=self.resampling)
        laws: list[PowerLaw] = []
        broken: list[BrokenPowerLaw] = []
        comparisons: list[Comparison] = []
        settings = range(len(self.cells.plane.settings))
        for s in settings:  # all fits of a setting read the same columns
            laws += [fit_power_law(boundary, s, kind=kind) for kind in LAW_KINDS]
            broken.append(fit_broken_power_law(boundary, s))
            comparisons += [
                compare(boundary, s, theory=theory)
                for theory in self.spec.theory_for(boundary.plane.values_of(s))
                if theory.exponent is not None
            ]
        shifts = tuple(boundary_shift(boundary, s) for s in settings[1:])
        predicted = {
            theory: predicted_boundary(self.dataset, self.cells, theory, level)
            for theory in self.spec.theory
            if theory.states_position
        }
        return LevelResults(
            boundary, tuple(laws), tuple(broken), tuple(comparisons), shifts, predicted
        )


def quiet() -> np.errstate:
    """A context in which what overflows or is undefined is not finite, and shown as no number."""
    return np.errstate(all="ignore")


def analyse(location: str, options: ReportOptions | None = None) -> Results:
    """The results of a dataset, each computed when it is first wanted; writes nothing.

    Args:
        location: the dataset's folder or URI.
        options: what to show, and how intervals are made.
    Raises:
        AnalysisError: the dataset cannot be read, or the options do not fit it.
    """
    options = options or ReportOptions()
    with quiet():
        dataset = open_dataset(location)
        spec = _specification(dataset, options)
        cells = aggregate(dataset, spec, include_unconverged=options.include_unconverged)
        trajectories = open_trajectories(location, dataset.sweep, at=options.fixed_axes)
    spec = replace(spec, levels=tuple(dict.fromkeys(spec.levels)))
    source = read_provenance(location)
    return Results(dataset, spec, cells, options.resampling, source, trajectories)


def glance(location: str, resampling: Resampling) -> Results:
    """The results of a dataset that still grows, at the first level or along the first curve alone.

    Rows are not compared with their files' digests, and neither provenance nor trajectories are read.

    Args:
        location: the dataset's folder or URI.
        resampling: how intervals are made.
    Raises:
        AnalysisError: as `analyse`.
    """
    with quiet():
        dataset = open_dataset(location, verify=False)
        spec = dataset.sweep.analysis or default_analysis(dataset)
        cells = aggregate(dataset, spec)
    spec = replace(spec, levels=spec.levels[:1], curves=() if spec.levels else spec.curves[:1])
    source = replace(UNREAD, location=location)
    return Results(dataset, spec, cells, resampling, source, None)


def _specification(dataset: Dataset, options: ReportOptions) -> AnalysisSpec:
    """The sweep's specification or the default one, its parts replaced by those that the options give."""
    sweep = dataset.sweep
    if not all(math.isfinite(level) for level in options.levels):
        raise AnalysisError(f"Received --level {options.levels}; expected finite numbers.")
    given = {"x": options.x, "y": options.y, "measure": options.measure, "levels": options.levels}
    changes = {name: value for name, value in given.items() if value}
    if sweep.analysis is None:
        return default_analysis(dataset, **changes)
    spec = replace(sweep.analysis, **changes)  # type: ignore[arg-type]
    if spec.x == spec.y:
        raise AnalysisError(
            f"Received x = y = '{spec.x}'; expected two different axes: --x and --y."
        )
    if (spec.x, spec.y) != (sweep.analysis.x, sweep.analysis.y):
        return replace(spec, theory=())  # predicted exponents are those of the sweep's own plane
    if spec.measure != sweep.analysis.measure:
        # A predicted position is of the sweep's own measure.
        powers = [theory for theory in spec.theory if theory.exponent is not None]
        return replace(spec, theory=tuple(replace(one, prediction=None) for one in powers))
    return spec

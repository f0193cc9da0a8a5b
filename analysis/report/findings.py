"""Everything that can be said of a dataset, computed; writing it down is report's job."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.aggregate import aggregate
from analysis.cells.cells import Cells
from analysis.dataset.files import Dataset, open_dataset
from analysis.errors import AnalysisError
from analysis.report.tables import Row, kink_row, law_row, shift_rows
from analysis.scaling.broken_power_law import BrokenPowerLaw, fit_broken_power_law
from analysis.scaling.paired_shift import Shift, boundary_shift
from analysis.scaling.power_law import LAW_KINDS, PowerLaw, fit_power_law
from analysis.scaling.prediction import Comparison, compare
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import AnalysisSpec
from sweeps.declare.document import SweepDocument


@dataclass(frozen=True)
class Choices:
    """What the user asks for beyond the sweep's own view; None keeps the sweep's."""

    x: str | None = None
    y: str | None = None
    measure: str | None = None
    levels: tuple[float, ...] = ()
    include_unconverged: bool = False
    resampling: Resampling = field(default_factory=Resampling)


@dataclass(frozen=True, eq=False)
class LevelFindings:
    """All results of one level."""

    boundary: Boundary
    laws: tuple[PowerLaw, ...]
    kinks: tuple[BrokenPowerLaw, ...]
    comparisons: tuple[Comparison, ...]
    shifts: tuple[Shift, ...]


@dataclass(frozen=True, eq=False)
class Findings:
    """All results of one dataset."""

    dataset: Dataset
    cells: Cells
    levels: tuple[LevelFindings, ...]
    view: AnalysisSpec
    resampling: Resampling

    @property
    def law_rows(self) -> list[Row]:
        """Every fit as a row: power laws and straight lines, then theory's ranges."""
        return [row for level in self.levels for row in _law_rows(level)]

    @property
    def kink_rows(self) -> list[Row]:
        """Two regimes of every boundary as rows."""
        return [kink_row(level.boundary, kink) for level in self.levels for kink in level.kinks]

    @property
    def shift_rows(self) -> list[Row]:
        """Every shift as rows."""
        return [
            row
            for level in self.levels
            for shift in level.shifts
            for row in shift_rows(level.boundary, shift)
        ]

    @property
    def runs(self) -> dict[str, int]:
        """Runs planned, used, failed by status, missing, and rows that were left out."""
        counts = {name: int(part.sum()) for name, part in self.cells.status.items()}
        planned = self.dataset.sweep.planned_runs
        return {
            "planned": planned,
            "used": int(self.cells.runs_used.sum()),
            **counts,
            "missing": max(planned - sum(counts.values()), 0),
            "of an earlier sweep": self.cells.ignored,
            "duplicate rows": self.cells.duplicates,
        }


def analyse(location: str, choices: Choices | None = None) -> Findings:
    """Everything that can be said of a dataset; writes nothing.

    Args:
        location: the dataset's folder or URI.
        choices: overrides of the sweep's view, and how intervals are made.
    Raises:
        AnalysisError: the dataset cannot be read, or the choices do not fit it.
    """
    wanted = choices or Choices()
    dataset = open_dataset(location)
    view = _view(dataset.sweep, wanted)
    cells = aggregate(dataset, view, include_unconverged=wanted.include_unconverged)
    levels = tuple(
        _at_level(cells, view, level, wanted.resampling) for level in dict.fromkeys(view.levels)
    )
    return Findings(dataset, cells, levels, view, wanted.resampling)


def _view(sweep: SweepDocument, wanted: Choices) -> AnalysisSpec:
    given = {"x": wanted.x, "y": wanted.y, "measure": wanted.measure, "levels": wanted.levels}
    changes = {name: value for name, value in given.items() if value}
    if not all(math.isfinite(level) for level in wanted.levels):
        raise AnalysisError(f"Received --level {wanted.levels}; expected finite numbers.")
    if sweep.analysis is None:
        missing = [name for name in given if name not in changes]
        if missing:
            options = ", ".join(f"--{name.removesuffix('s')}" for name in missing)
            raise AnalysisError(
                f"The sweep '{sweep.name}' states no analysis, so {options} must be given: the "
                "columns of the plane, the measure, and the level that cuts it."
            )
        return AnalysisSpec(**changes)  # type: ignore[arg-type]
    view = replace(sweep.analysis, **changes)  # type: ignore[arg-type]
    if view.x == view.y:
        raise AnalysisError(
            f"Received x = y = '{view.x}'; expected two different axes: --x and --y."
        )
    same_plane = (view.x, view.y) == (sweep.analysis.x, sweep.analysis.y)
    # Theory's exponents speak of the sweep's own plane only.
    return view if same_plane else replace(view, theory=())


def _at_level(cells: Cells, view: AnalysisSpec, level: float, how: Resampling) -> LevelFindings:
    boundary = find_boundary(cells, level, resampling=how)
    settings = range(len(cells.plane.settings))
    return LevelFindings(
        boundary,
        laws=tuple(fit_power_law(boundary, s, kind=kind) for s in settings for kind in LAW_KINDS),
        kinks=tuple(fit_broken_power_law(boundary, s) for s in settings),
        comparisons=tuple(
            compare(boundary, s, theory=theory) for s in settings for theory in view.theory
        ),
        shifts=tuple(boundary_shift(boundary, s) for s in settings[1:]),
    )


def _law_rows(level: LevelFindings) -> Iterator[Row]:
    # Theory without a range is held against the full-range power law, which then has its row below.
    repeated = {found.law for found in level.comparisons if found.law.x_range is None}
    for law in level.laws:
        if law not in repeated:
            yield law_row(level.boundary, law)
    for found in level.comparisons:
        yield law_row(level.boundary, found.law, theory=found.theory, verdict=found.verdict)

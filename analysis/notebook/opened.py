"""Datasets, cells and boundaries that show themselves and know the next step.

    analysis.open(dataset).cells().boundary(level=0.2).law().figure()

Each step is the function of its folder with the dataset's own analysis as default: `aggregate`,
`find_boundary`, `fit_power_law` and the figures, which are loaded when one is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.boundary.median_crossing import find_median_boundary
from analysis.cells.aggregate import aggregate
from analysis.cells.cells import Cells
from analysis.cells.default_analysis import default_analysis
from analysis.dataset.files import Dataset, open_dataset
from analysis.dataset.plane import exact
from analysis.errors import AnalysisError, nearest
from analysis.names import load_name
from analysis.notebook.fits import OpenedBrokenLaw, OpenedLaw, OpenedShift
from analysis.notebook.shown import ShownRecord
from analysis.scaling.broken_power_law import fit_broken_power_law
from analysis.scaling.paired_shift import boundary_shift
from analysis.scaling.power_law import fit_power_law
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import AnalysisSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Located(Protocol):
    """Anything that says where its dataset is, such as what a sweep's `run` returns."""

    @property
    def location(self) -> str: ...


@dataclass(frozen=True, eq=False, repr=False)
class OpenedBoundary(ShownRecord, Boundary):
    """A boundary that fits laws and draws itself."""

    def law(
        self,
        setting: int | str = 0,
        *,
        kind: str = "power",
        x_range: tuple[float, float] | None = None,
    ) -> OpenedLaw:
        """The power law of one setting, y* = A x^b; or with kind "line" y* = a + b x.

        Args:
            setting: its position or its label.
            kind: "power" or "line".
            x_range: use only columns within, ends included; None uses all.
        Raises:
            AnalysisError: there is no such setting.
        """
        position = _position(setting, self.plane.settings)
        return OpenedLaw._of(
            fit_power_law(self, position, kind=kind, x_range=x_range), boundary=self
        )

    def broken_law(self, setting: int | str = 0) -> OpenedBrokenLaw:
        """The power law of one setting that changes its exponent at a break, and whether BIC prefers it.

        Args:
            setting: its position or its label.
        Raises:
            AnalysisError: there is no such setting.
        """
        position = _position(setting, self.plane.settings)
        return OpenedBrokenLaw._of(fit_broken_power_law(self, position), boundary=self)

    def shift(self, setting: int | str = 1) -> OpenedShift:
        """How far a setting moves the boundary from the first setting's.

        Args:
            setting: its position or its label; not the first.
        Raises:
            AnalysisError: there is no such setting, or it is the first.
        """
        position = _position(setting, self.plane.settings)
        if position == 0:
            raise AnalysisError(
                f"Received the first setting, '{self.plane.settings[0]}'; expected another one, whose "
                "boundary is compared with the first one's."
            )
        return OpenedShift._of(boundary_shift(self, position), boundary=self)

    def figure(self) -> "Figure":
        """The boundary of every setting with its power law, and its broken one where BIC prefers it."""
        settings = range(len(self.plane.settings))
        laws = [fit_power_law(self, s) for s in settings]
        broken = [fit_broken_power_law(self, s) for s in settings]
        figure: Figure = load_name("draw_boundary")(self, laws, broken_laws=broken)
        return figure

    def _title(self) -> str:
        level = f"{self.label} = {exact(self.level)}"
        return f"Boundary ({self.definition}) at {level}, {self.confidence:.0%} intervals"

    def _rows(self) -> Sequence[Sequence[object]]:
        x, y = self.plane.x, self.plane.y
        rows: list[Sequence[object]] = [("setting", x.name, y.name, "interval", "state")]
        for s, i in np.ndindex(*self.estimate.shape):
            at = self.estimate[s, i], self.low[s, i], self.high[s, i]
            value, low, high = (f"{y.value(v):.4g}" if np.isfinite(v) else "" for v in at)
            ends = f"[{low or 'open'}, {high or 'open'}]"
            where = self.plane.settings[s] or "all runs"
            rows.append((where, f"{x.values[i]:g}", value, ends, self.state(s, i)))
        return rows


@dataclass(frozen=True, eq=False, repr=False)
class OpenedCells(ShownRecord, Cells):
    """Cells that find boundaries and draw themselves."""

    levels: tuple[float, ...] = ()  # of the dataset's analysis

    def boundary(
        self, level: float | None = None, *, median: bool = False, **resampling: Any
    ) -> OpenedBoundary:
        """Where, in each column, the measure crosses a level.

        Args:
            level: None takes the first one of the dataset's analysis.
            median: where half of the runs are below the level, instead of where their mean is.
            resampling: fields of `Resampling`, such as draws=200 or confidence=0.9.
        Raises:
            AnalysisError: no level is given, and the dataset states none.
        """
        find = find_median_boundary if median else find_boundary
        found = find(self, self._level(level), resampling=Resampling(**resampling))
        return OpenedBoundary._of(found)

    def figure(self, level: float | None = None) -> "Figure":
        """The map of means, with the boundary at a level on it."""
        figure: Figure = load_name("draw_map")(self, self.boundary(level))
        return figure

    def _level(self, level: float | None) -> float:
        if level is None and not self.levels:
            raise AnalysisError(
                "The dataset states no level; expected one that cuts the measure: level=0.2, say."
            )
        return self.levels[0] if level is None else level

    def _title(self) -> str:
        return f"Cells of {self.label}"

    def _rows(self) -> Sequence[Sequence[object]]:
        mean = self.mean
        names = list(self.status)
        rows: list[Sequence[object]] = [
            ("setting", "cells", "runs used", *names, "missing", "least mean", "largest mean")
        ]
        for s, setting in enumerate(self.plane.settings):
            known = mean[s][np.isfinite(mean[s])]
            ends = (f"{v:.4g}" for v in (known.min(), known.max())) if known.size else ("", "")
            size = f"{mean.shape[1]} × {mean.shape[2]}"
            counts = (f"{int(self.status[name][s].sum()):,}" for name in names)
            used, missing = int(self.runs_used[s].sum()), int(self.missing[s].sum())
            rows.append((setting or "all runs", size, f"{used:,}", *counts, f"{missing:,}", *ends))
        return rows


@dataclass(frozen=True, eq=False, repr=False)
class OpenedDataset(ShownRecord, Dataset):
    """A dataset that becomes cells."""

    def cells(self, *, include_unconverged: bool = False, **spec: Any) -> OpenedCells:
        """The measure on the plane.

        Args:
            include_unconverged: also use runs without success that have a value all the same.
            spec: fields of `AnalysisSpec` that replace those of the sweep: x, y, measure, levels.
        Raises:
            AnalysisError: there is no such column.
        """
        found = self._spec(spec)
        cells = aggregate(self, found, include_unconverged=include_unconverged)
        return OpenedCells._of(cells, levels=found.levels)

    def _spec(self, given: dict[str, Any]) -> AnalysisSpec:
        if self.sweep.analysis is not None:
            return replace(self.sweep.analysis, **given)
        return default_analysis(self, **given)

    def _title(self) -> str:
        return f"Dataset of {self.sweep.name!r}: {self.rows:,} rows in {self.files:,} files"

    def _rows(self) -> Sequence[Sequence[object]]:
        sweep = self.sweep
        varied = {name: axis.values for name, axis in sweep.axes.items()} | dict(sweep.settings)
        spec = sweep.analysis
        rows = [("axis or setting", "values")]
        rows += [(name, f"{len(values)}: {_ends(values)}") for name, values in varied.items()]
        if spec is not None:
            rows.append(("analysis", f"{spec.measure} over {spec.x} and {spec.y}"))
        return rows


def open(location: str | Path | Located) -> OpenedDataset:
    """The dataset in a folder.

    Args:
        location: a path, any URI that pyarrow.fs opens, or something with a `location`.
    Raises:
        AnalysisError: as `open_dataset`.
    """
    folder = location if isinstance(location, str | Path) else location.location
    return OpenedDataset._of(open_dataset(str(folder)))


def _position(setting: int | str, settings: Sequence[str]) -> int:
    """The position of a setting among those of a plane."""
    if isinstance(setting, int) and -len(settings) <= setting < len(settings):
        return setting % len(settings)
    if setting in settings:
        return list(settings).index(str(setting))
    raise AnalysisError(
        f"Received the setting {setting!r}; expected a position below {len(settings)}, or its label."
        f"{nearest(str(setting), settings)}"
    )


def _ends(values: Sequence[object]) -> str:
    """The first and the last of values as text."""
    texts = [f"{v:g}" if isinstance(v, int | float) else str(v) for v in values]
    return ", ".join(texts) if len(texts) < 3 else f"{texts[0]} … {texts[-1]}"

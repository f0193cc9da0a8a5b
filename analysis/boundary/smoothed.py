"""Smoothed means of the columns of a plane, and draws of them: made once, and cut at every level."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, Ints
from analysis.statistics.bootstrap import Resampling, deviations, interval, multipliers
from analysis.statistics.isotonic import Extremes, extremes
from analysis.statistics.local_linear import (
    SparseProfile,
    choose_bandwidth,
    choose_sparse_bandwidth,
    equal_weights,
    profile_smoother,
)

FEW_CELLS = 0.5
"""Share of the cells with runs below which a plane is sparse, as adaptive sampling leaves it."""
SMOOTHED_PER_BLOCK = 200_000
"""Values of draws that are made at once, so that they stay in the processor's cache."""


class Group(NamedTuple):
    """Columns of a setting whose cells have the same runs."""

    setting: int
    columns: Ints
    runs: Floats  # in each cell, (cells,)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Cells with runs, (cells,)."""
        return self.runs > 0

    def part(self, values: NDArray[Any], rows: slice) -> NDArray[Any]:
        """These columns' cells with runs in some rows of (rows, settings, x, cells)."""
        part = values[rows, self.setting]
        # Where there is no column or cell to leave out, a view spares a copy.
        part = part if len(self.columns) == part.shape[1] else part[:, self.columns]
        return part if self.ok.all() else part[..., self.ok]

    def put(self, part: NDArray[Any], values: NDArray[Any], rows: slice) -> None:
        """The reverse: puts the columns' cells with runs, or all cells, to where they belong."""
        into = values[rows, self.setting]
        if part.shape == into.shape:
            into[:] = part
        elif part.shape[2] == into.shape[2]:
            into[:, self.columns] = part
        else:
            into[:, self.columns[:, None], np.flatnonzero(self.ok)] = part


@dataclass(frozen=True, eq=False)
class SmoothedMeans:
    """Smoothed profiles of the means (row 0) and of all draws, each setting turned so that it rises with y.

    Columns without any run are in no group, and NaN. A profile is known in cells without runs too, since
    laws can pass there; `extreme` is among the cells with runs.
    """

    grid: Floats  # (y,) coordinates
    rising: NDArray[np.bool_]  # (settings,): does the measure itself rise with y?
    values: Floats  # (1 + draws, settings, x, y)
    extreme: Extremes  # (1 + draws, settings, x, y)
    groups: tuple[Group, ...]
    confidence: float  # of the draws' bounds
    _bounds: dict[tuple[int, int], tuple[Floats, Floats]] = field(default_factory=dict)

    def bounds(self, setting: int, x: int) -> tuple[Floats, Floats]:
        """Percentiles of a column's draws, cell by cell, found once for all levels.

        Args:
            setting: position of the setting.
            x: position of the column.
        Returns:
            Low and high ends, each (y,).
        """
        key = (setting, x)
        if key not in self._bounds:
            share = np.array((1 - self.confidence) / 2)
            self._bounds[key] = interval(self.values[1:, setting, x], share)
        return self._bounds[key]

    @property
    def sign(self) -> Floats:
        """−1 for a setting that falls with y, (settings,)."""
        return np.where(self.rising, 1.0, -1.0)


Drawing = Callable[[Floats, Group, Floats], Iterator[tuple[slice, Floats]]]
"""Smoothed draws of a group, some rows at a time: of deviations, by a smoother's matrix."""

_KEPT: WeakKeyDictionary[Cells, dict[Resampling, SmoothedMeans]] = WeakKeyDictionary()


def smoothed_means(cells: Cells, how: Resampling) -> SmoothedMeans:
    """The smoothed means of cells, made once for as long as the cells are kept.

    A draw is smoothed by its parts: means and deviations are, and there are fewer of them than draws.

    Args:
        cells: the aggregated measure, which is never changed.
        how: draws, seed, and whether cells are drawn jointly.
    """
    kept = _KEPT.setdefault(cells, {})
    if how not in kept:
        kept[how] = _smoothed_means(cells, how)
    return kept[how]


def forget_means(cells: Cells) -> None:
    """Lets go the smoothed means of cells, which are made again where they are wanted.

    Args:
        cells: the aggregated measure.
    """
    _KEPT.pop(cells, None)


def _smoothed_means(cells: Cells, how: Resampling) -> SmoothedMeans:
    u, mean, used = cells.plane.y.coordinates, cells.mean, cells.used.astype(np.float64)
    bandwidth = _bandwidth(cells)
    rising = np.array([_rises(m, w, u) for m, w in zip(mean, used, strict=True)])
    groups = tuple(Group(s, *same) for s in range(len(mean)) for same in equal_weights(used[s]))
    shape = (how.draws + 1, *mean.shape)
    extreme = Extremes(np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool))
    found = SmoothedMeans(u, rising, np.empty(shape), extreme, groups, how.confidence)
    found.values[:, ~used.any(axis=2)] = np.nan
    draw = (
        partial(_drawn_jointly, multipliers(how, cells.values.shape[3], column=(0, 1))[:, 0])
        if how.resample_jointly
        else partial(_drawn_apart, how)
    )
    for group in groups:
        matrix = profile_smoother(u, group.runs, bandwidth) * found.sign[group.setting]
        _fill(found, group, _profiles(cells, group, matrix, draw))
    return found


def _bandwidth(cells: Cells) -> float:
    """One for all columns, in steps of the grid; by another rule where most of their cells have no runs."""
    u, measured = cells.plane.y.coordinates, cells.used > 0
    columns = np.argwhere(measured.any(axis=2))
    share = measured.sum() / max(len(columns) * len(u), 1)
    if share >= FEW_CELLS or not len(columns):
        flat = (-1, len(u))
        return choose_bandwidth(
            u, cells.mean.reshape(flat), cells.used.reshape(flat).astype(np.float64)
        )
    return choose_sparse_bandwidth(u, [_sparse(cells, s, x) for s, x in columns.tolist()])


def _sparse(cells: Cells, setting: int, x: int) -> SparseProfile:
    """The cells of a column that have runs."""
    runs = cells.used[setting, x].astype(np.float64)
    ok = runs > 0
    values = cells.values[setting, x, ok]
    most = 1 + int(np.flatnonzero(np.isfinite(values).any(axis=0))[-1])
    return SparseProfile(
        cells.plane.y.coordinates[ok],
        runs[ok],
        cells.mean[setting, x, ok],
        deviations(values[:, :most]),
    )


def _fill(found: SmoothedMeans, group: Group, parts: Iterator[tuple[slice, Floats]]) -> None:
    """Puts the profiles of a group, some rows at a time, to where they belong."""
    for rows, values in parts:
        group.put(values, found.values, rows)
        highest, lowest = extremes(values if group.ok.all() else values[..., group.ok])
        group.put(highest, found.extreme.highest, rows)
        group.put(lowest, found.extreme.lowest, rows)


def _profiles(
    cells: Cells, group: Group, matrix: Floats, draw: Drawing
) -> Iterator[tuple[slice, Floats]]:
    """Smoothed profiles of a group's columns, (rows, columns, y): the observed ones, then the draws."""
    s, columns, ok = group.setting, group.columns, group.ok
    observed = cells.mean[s, columns][:, ok] @ matrix.T
    yield slice(0, 1), observed[None]
    for rows, drawn in draw(deviations(cells.values[s, columns][:, ok]), group, matrix):
        yield rows, observed + drawn


def _drawn_jointly(
    weights: Floats, deviation: Floats, group: Group, matrix: Floats
) -> Iterator[tuple[slice, Floats]]:
    """Smoothed deviations of draws in which all cells weigh a replicate alike, (draws, replicates)."""
    smooth = np.moveaxis(matrix @ deviation, 2, 0).reshape(deviation.shape[2], -1)
    step = max(1, SMOOTHED_PER_BLOCK // smooth.shape[1])
    for first in range(0, len(weights), step):
        part = weights[first : first + step]
        drawn = (part @ smooth).reshape(len(part), len(group.columns), -1)
        yield slice(1 + first, 1 + first + len(part)), drawn


def _drawn_apart(
    how: Resampling, deviation: Floats, group: Group, matrix: Floats
) -> Iterator[tuple[slice, Floats]]:
    """Smoothed deviations of draws in which each cell has weights of its own."""
    drawn = []
    for one, column in zip(deviation, group.columns, strict=True):
        weights = multipliers(how, deviation.shape[2], column=(column, len(group.runs)))
        drawn.append(np.einsum("bcr,cr->bc", weights[:, group.ok], one) @ matrix.T)
    yield slice(1, None), np.stack(drawn, axis=1)


def _rises(mean: Floats, used: Any, u: Floats) -> bool:
    """Direction of a whole setting's trend along y: the sign of its pooled covariance."""
    weight = np.where(np.isfinite(mean), used, 0)
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1)
    centre = (weight * u).sum(axis=1, keepdims=True) / total
    return bool(np.nansum(weight * (u - centre) * np.nan_to_num(mean)) > 0)

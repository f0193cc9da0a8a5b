"""Profiles of columns along y, of the means and of their draws: what crossings and laws are read from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dataset.plane import Floats, Ints

VALUES_PER_BLOCK = 8192
"""Values that are read at once, so that they stay in the processor's cache."""
EVENNESS = 1e-9
"""Relative difference of steps up to which a grid is even: rounding's."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """Each column's measure, smoothed and turned so that it rises with y, and the level that it crosses.

    TableRow 0 is what was observed, the others are draws. `offsets` is by how much each profile is moved
    along y, for the error that the grid itself leaves. Without a value, NaN. Boundaries of all levels share
    their values.
    """

    grid: Floats  # (points,) coordinates of y, sorted
    values: NDArray[np.floating[Any]]  # (rows, settings, x, points)
    offsets: Floats  # (rows, settings, x)
    levels: Floats  # (settings,)

    def of(self, setting: int, columns: Ints) -> "Reader":
        """Interpolates some columns of one setting between their grid points.

        Args:
            setting: position of the setting.
            columns: positions of x.
        """
        return Reader(self, setting, columns)


class Reader:
    """Reads columns of one setting between their grid points, by a cubic through values and slopes.

    Slopes are those of a parabola through a point and its neighbours. They are computed where they are
    read: an array of all would be as large as the profiles.
    """

    def __init__(self, profiles: Profiles, setting: int, columns: Ints) -> None:
        self.grid = profiles.grid
        self.offsets = profiles.offsets[:, setting, columns]
        self.rows, settings, x, self.count = profiles.values.shape
        first = profiles.values[0, setting, columns]
        # Of the observed profiles over the whole grid, a measure of their steepness.
        span = self.grid[-1] - self.grid[0]
        rises = first[:, -1] - first[:, 0]
        self.rise = float(np.nanmean(rises) / span) if np.isfinite(rises).any() else np.nan
        self._level = float(profiles.levels[setting])
        self._steps = np.diff(self.grid)
        even = np.abs(self._steps - self._steps[0]) < EVENNESS * self._steps[0]
        self._step = float(self._steps[0]) if even.all() else None
        self._weights = _slope_weights(self._steps)
        self._values = profiles.values.reshape(-1)
        row = settings * x * np.arange(self.rows)[:, None] + setting * x
        self._first = self.count * (row + columns)

    def read(self, at: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """Values of some rows at coordinates (rows, columns), and whether these are on the grid.

        Beyond the grid a profile keeps its last value.

        Args:
            at: coordinates of y, shape (rows, columns) or (1, columns) for the same in all rows.
            rows: positions of the rows, 0 for what was observed.
        Returns:
            Values above the level and whether they are on the grid, shape (rows, columns) each.
        """
        at = np.broadcast_to(at, (len(rows), at.shape[1]))
        value, inside = np.empty(at.shape), np.empty(at.shape, dtype=bool)
        step = max(1, VALUES_PER_BLOCK // max(at.shape[1], 1))
        for first in range(0, len(rows), step):
            part = slice(first, first + step)
            moved = at[part] - self.offsets[rows[part]]
            value[part] = self._cubic(moved, self._first[rows[part]])
            inside[part] = (moved >= self.grid[0]) & (moved <= self.grid[-1])
        return value, inside & np.isfinite(value)

    def _cubic(self, at: Floats, index: Ints) -> Floats:
        """Values above the level at coordinates; `index` is where the column of each one begins."""
        last = self.count - 2
        if self._step:
            position = np.clip((at - self.grid[0]) / self._step, 0.0, last + 1.0)
            step = np.fmin(position, last).astype(np.int64)
            t = position - step
        else:
            step = np.clip(np.searchsorted(self.grid, at, side="right") - 1, 0, last)
            t = np.clip((at - self.grid[step]) / self._steps[step], 0.0, 1.0)
        index = index + step
        # The two points beside each coordinate, and their neighbours; an end is its own.
        # Beyond the ends lie other columns, whose values are read, and replaced.
        near = [self._values.take(index + shift, mode="wrap") for shift in (-1, 0, 1, 2)]
        np.copyto(near[0], near[1], where=step == 0)
        np.copyto(near[3], near[2], where=step == last)
        start, end = self._slopes(near, step, last)
        rise = near[2] - near[1]
        bend = 3 * rise - 2 * start - end
        return np.asarray(
            near[1] - self._level + t * (start + t * (bend + t * (rise - start - bend)))
        )

    def _slopes(
        self, near: list[NDArray[np.floating[Any]]], step: Ints, last: int
    ) -> tuple[Floats, Floats]:
        """Slopes at both ends of steps, times the step, as np.gradient has them."""
        before, low, high, after = near
        if self._step:
            start = (high - before) * np.where(step > 0, 0.5, 1.0)
            return start, (after - low) * np.where(step < last, 0.5, 1.0)
        first, second = (
            (weights[0][step], weights[1][step], weights[2][step]) for weights in self._weights
        )
        return (
            first[0] * before + first[1] * low + first[2] * high,
            second[0] * low + second[1] * high + second[2] * after,
        )


def _slope_weights(steps: Floats) -> tuple[Floats, Floats]:
    """Weights of the slopes at both ends of each step, times the step, each (3, steps).

    They are those of the points before, at and after the end: of a parabola through the three, and of the
    step alone at the ends of the grid.
    """
    left, right = steps[:-1], steps[1:]
    parabola = np.stack(
        [
            -right / (left * (left + right)),
            (right - left) / (left * right),
            left / (right * (left + right)),
        ]
    )
    first, last = (np.array(ends)[:, None] for ends in ([0.0, -1.0, 1.0], [-1.0, 1.0, 0.0]))
    points = np.concatenate([first / steps[0], parabola, last / steps[-1]], axis=1)
    return points[:, :-1] * steps, points[:, 1:] * steps


def straight_profiles(crossings: Floats, ends: tuple[float, float]) -> Profiles:
    """Profiles that are known by their crossings alone: straight lines through them.

    Args:
        crossings: of the observed (row 0) and the draws, (rows, settings, x).
        ends: coordinates between which crossings can be.
    """
    grid = np.array(ends)
    return Profiles(
        grid, grid - crossings[..., None], np.zeros(crossings.shape), np.zeros(crossings.shape[1])
    )

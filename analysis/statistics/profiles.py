"""Profiles of columns along y, of the means and of their draws: what crossings and laws are read from."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.dataset.plane import Floats, Ints


@dataclass(frozen=True, eq=False)
class Profiles:
    """Each column's measure above the level, smoothed and turned so that it rises with y.

    TableRow 0 is what was observed, the others are draws. `offsets` is by how much each profile is moved
    along y, for the error that the grid itself leaves. Without a value, NaN.
    """

    grid: Floats  # (points,) coordinates of y, sorted
    values: NDArray[np.floating[Any]]  # (rows, settings, x, points)
    offsets: Floats  # (rows, settings, x)

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
        self.rise = float(np.nanmean(first[:, -1] - first[:, 0]) / span)
        self._steps = np.diff(self.grid)
        self._even = bool((self._steps == self._steps[0]).all())
        self._weights = _slope_weights(self._steps)
        self._values = profiles.values.reshape(-1)
        row = settings * x * np.arange(self.rows)[:, None] + setting * x
        self._first = self.count * (row + columns)

    def read(self, at: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """Values of some rows at coordinates (rows, columns), and whether these are on the grid.

        Beyond the grid a profile keeps its last value.

        Args:
            at: coordinates of y, shape (rows, columns).
            rows: positions of the rows, 0 for what was observed.
        Returns:
            Values and whether they are on the grid, shape (rows, columns) each.
        """
        moved = at - self.offsets[rows]
        inside = (moved >= self.grid[0]) & (moved <= self.grid[-1])
        step = np.clip(np.searchsorted(self.grid, moved, side="right") - 1, 0, self.count - 2)
        width = self._steps[step]
        t = np.clip((moved - self.grid[step]) / width, 0.0, 1.0)
        s = 1 - t
        # The two points beside each coordinate, and their neighbours; an end is its own.
        index = self._first[rows] + step
        before, low, high, after = (
            self._values[index + shift]
            for shift in (np.where(step > 0, -1, 0), 0, 1, np.where(step < self.count - 2, 2, 1))
        )
        value = s * s * ((1 + 2 * t) * low + t * width * self._slope(before, low, high, step))
        value += t * t * ((1 + 2 * s) * high - s * width * self._slope(low, high, after, step + 1))
        return value, inside & np.isfinite(value)

    def _slope(self, before: Floats, here: Floats, after: Floats, point: Ints) -> Floats:
        """The slope at points from the values there and at their neighbours, as np.gradient has it."""
        whole = (after - before) / self._weights.span[point]
        if self._even:
            return np.asarray(whole.astype(here.dtype))
        weights = self._weights
        parabola = weights.before[point] * before + weights.here[point] * here
        parabola += weights.after[point] * after
        end = (point == 0) | (point == self.count - 1)
        return np.asarray(np.where(end, whole, parabola).astype(here.dtype))


class _SlopeWeights(NamedTuple):
    """Weights of the slope at each point, each (points,)."""

    span: Floats  # between the neighbours
    before: Floats
    here: Floats
    after: Floats


def _slope_weights(steps: Floats) -> _SlopeWeights:
    """Weights of a parabola's slope at its middle point; the ends have the slope of their step."""
    left, right = steps[:-1], steps[1:]
    span = np.concatenate([steps[:1], left + right, steps[-1:]])
    before, here, after = (
        np.concatenate([[0.0], weight, [0.0]])
        for weight in (
            -right / (left * (left + right)),
            (right - left) / (left * right),
            left / (right * (left + right)),
        )
    )
    return _SlopeWeights(span, before, here, after)


def straight_profiles(crossings: Floats, ends: tuple[float, float]) -> Profiles:
    """Profiles that are known by their crossings alone: straight lines through them.

    Args:
        crossings: of the observed (row 0) and the draws, (rows, settings, x).
        ends: coordinates between which crossings can be.
    """
    grid = np.array(ends)
    return Profiles(grid, grid - crossings[..., None], np.zeros(crossings.shape))

"""Profiles of columns along y, of the means and of their draws: what crossings and laws are read from."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

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

    def of(self, setting: int, columns: Ints) -> "Profiles":
        """Some columns of one setting, as a single one."""
        return _part(self, setting, tuple(columns.tolist()))

    @cached_property
    def reader(self) -> "Reader":
        """Interpolates the only setting between its grid points."""
        return Reader(self)


# Several laws are fitted to the same columns, one after the other. A part and its boundary can take a tenth
# of a gigabyte, so one is kept.
@lru_cache(maxsize=1)
def _part(profiles: Profiles, setting: int, columns: tuple[int, ...]) -> Profiles:
    part = profiles.values[:, [setting]][:, :, columns]
    return Profiles(profiles.grid, part, profiles.offsets[:, [setting]][:, :, columns])


class Reader:
    """Reads the profiles of one setting between their grid points, by a cubic through values and slopes."""

    def __init__(self, profiles: Profiles) -> None:
        self.grid = profiles.grid
        values = profiles.values[:, 0]
        self.offsets = profiles.offsets[:, 0]
        self.count = len(self.grid)
        # Of the observed profiles over the whole grid, a measure of their steepness.
        span = self.grid[-1] - self.grid[0]
        self.rise = float(np.nanmean(values[0, :, -1] - values[0, :, 0]) / span)
        self._steps = np.diff(self.grid)
        self._values = np.ascontiguousarray(values).ravel()
        self._slopes = np.gradient(values, self.grid, axis=2).ravel()
        self._first = self.count * np.arange(values.shape[0] * values.shape[1]).reshape(
            values.shape[:2]
        )

    def read(self, at: Floats, rows: Ints) -> tuple[Floats, NDArray[np.bool_]]:
        """Values of some rows at coordinates (rows, columns), and whether these are on the grid.

        Beyond the grid a profile keeps its last value.
        """
        moved = at - self.offsets[rows]
        inside = (moved >= self.grid[0]) & (moved <= self.grid[-1])
        step = np.clip(np.searchsorted(self.grid, moved, side="right") - 1, 0, self.count - 2)
        width = self._steps[step]
        t = np.clip((moved - self.grid[step]) / width, 0.0, 1.0)
        s, low = 1 - t, self._first[rows] + step
        high = low + 1
        value = s * s * ((1 + 2 * t) * self._values[low] + t * width * self._slopes[low])
        value += t * t * ((1 + 2 * s) * self._values[high] - s * width * self._slopes[high])
        return value, inside & np.isfinite(value)


def straight_profiles(crossings: Floats, ends: tuple[float, float]) -> Profiles:
    """Profiles that are known by their crossings alone: straight lines through them.

    Args:
        crossings: of the observed (row 0) and the draws, (rows, settings, x).
        ends: coordinates between which crossings can be.
    """
    grid = np.array(ends)
    return Profiles(grid, grid - crossings[..., None], np.zeros(crossings.shape))

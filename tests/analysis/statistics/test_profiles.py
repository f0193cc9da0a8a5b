"""Profiles between their grid points: a cubic through the values, with the slopes of numpy's gradient."""

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from analysis.statistics.profiles import Profiles

EVEN, UNEVEN = np.arange(9.0), np.geomspace(0.1, 20.0, 9)


@pytest.mark.parametrize("grid", [EVEN, UNEVEN, UNEVEN[:2]], ids=["even", "uneven", "two points"])
def test_columns_are_read_by_the_cubic_through_values_and_slopes(grid: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    values, offsets = rng.normal(size=(4, 3, 5, len(grid))), rng.normal(size=(4, 3, 5)) / 50
    levels = rng.normal(size=3)
    columns, rows = np.array([4, 1]), np.array([2, 0, 3])
    at = rng.uniform(grid[0] - 1, grid[-1] + 1, size=(3, 2))
    found, inside = Profiles(grid, values, offsets, levels).of(1, columns).read(at, rows)
    for i, row in enumerate(rows):
        for k, column in enumerate(columns):
            own = values[row, 1, column] - levels[1]
            cubic = CubicHermiteSpline(grid, own, np.gradient(own, grid))
            moved = at[i, k] - offsets[row, 1, column]
            assert inside[i, k] == (grid[0] <= moved <= grid[-1])
            assert found[i, k] == pytest.approx(float(cubic(np.clip(moved, grid[0], grid[-1]))))

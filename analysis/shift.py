"""How far a setting moves the boundary: paired differences from the first setting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.balance import crossings_about
from analysis.bootstrap import calmed, student_interval
from analysis.boundary import Boundary
from analysis.laws import Estimate, Points, estimate, steady_error, task_of
from analysis.plane import Floats, Ints


@dataclass(frozen=True, eq=False)
class Shift:
    """Boundary of `setting` against that of the first one, in values: factors or differences.

    A factor y*(setting)/y*(first) on a log axis (no shift = 1), else a difference (no shift = 0).
    Columns where either boundary is censored hold NaN.
    """

    setting: int
    factor: bool
    columns: Floats  # (x,)
    low: Floats  # (x,)
    high: Floats  # (x,)
    mean: Estimate | None

    @property
    def none(self) -> float:
        """The value that means "no shift"."""
        return 1.0 if self.factor else 0.0


def paired_shift(boundary: Boundary, setting: int) -> Shift:
    """Shift of a setting's boundary from the first setting's, column by column and overall.

    The draws resampled the same replicates in both settings, so noise that they share cancels.

    Args:
        boundary: at least two settings.
        setting: position of the setting, ≥ 1.
    Returns:
        The overall mean weighs columns by the inverse squared errors of their crossings; None where
        no column crosses inside the grid in both settings.
    """
    axis = boundary.plane.y
    both = boundary.closed[0] & boundary.closed[setting]
    difference = _difference(boundary.estimate[None], setting, both)[0]
    draws = _difference(boundary.draws, setting, both)
    low, high = student_interval(
        difference, draws, confidence=boundary.confidence, freedom=boundary.freedom
    )
    mean = _mean(boundary, setting, np.flatnonzero(both))
    if mean is not None:
        mean = Estimate(*(float(axis.value(v)) for v in (mean.value, mean.low, mean.high)))
    return Shift(setting, axis.log, axis.value(difference), axis.value(low), axis.value(high), mean)


def _difference(crossings: Floats, setting: int, both: NDArray[np.bool_]) -> Floats:
    """Differences where both boundaries are finite, else NaN, shape (draws, x)."""
    first, other = crossings[:, 0], crossings[:, setting]
    ok = both & np.isfinite(first) & np.isfinite(other)
    blank = np.full(first.shape, np.nan)
    return np.asarray(np.subtract(other, first, out=blank, where=ok))


def _mean(boundary: Boundary, setting: int, columns: Ints) -> Estimate | None:
    """The weighted mean difference of columns that cross inside the grid in both settings."""
    if not len(columns):
        return None
    first, other = (_own_points(boundary, s, columns) for s in (0, setting))
    rows = _calm(boundary, setting, other) - _calm(boundary, 0, first)
    # Not the differences' own errors: they are small where the difference happens to be.
    weights = 1 / (first.error**2 + other.error**2)
    means = rows @ weights / weights.sum()
    return estimate(float(means[0]), means[1:], boundary)


def _own_points(boundary: Boundary, setting: int, columns: Ints) -> Points:
    """Columns in the y axis's own coordinate."""
    draws = boundary.draws[:, setting, columns]
    error = steady_error(draws, boundary.freedom)
    x = boundary.plane.x.values[columns]
    return Points(x, boundary.estimate[setting, columns], error, draws, len(columns), columns)


def _calm(boundary: Boundary, setting: int, points: Points) -> Floats:
    """Crossings, and draws of them that bend no more than crossings do, (1 + draws, columns)."""
    task = task_of(boundary, setting, points, kind="own")
    rows = np.concatenate([points.y[None], points.draws])
    return calmed(rows, crossings_about(task, points.y), boundary.stretch)

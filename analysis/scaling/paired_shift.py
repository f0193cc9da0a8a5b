"""How far a setting moves the boundary from the first setting's: paired where both share their draws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats, Ints
from analysis.scaling.once import once_per_boundary
from analysis.scaling.power_law import Estimate, FitColumns, column_errors, problem_of
from analysis.statistics.bootstrap import shrink_nonlinear, student_interval, t_inflation
from analysis.statistics.estimating_equations import linearized_crossings
from analysis.statistics.tolerance import SMALLEST_DIVISOR


@dataclass(frozen=True, eq=False)
class Shift:
    """Boundary of `setting` against that of the first one, in values: factors or differences.

    A factor y*(setting)/y*(first) on a log axis (no shift = 1), else a difference (no shift = 0).
    Columns where either boundary is censored hold NaN. `paired` says that both settings share their random
    draws, so that noise they have in common cancels; else the intervals hold the noise of both.
    """

    setting: int
    factor: bool
    columns: Floats  # (x,)
    low: Floats  # (x,)
    high: Floats  # (x,)
    mean: Estimate | None
    paired: bool = False

    @property
    def none(self) -> float:
        """The value that means "no shift"."""
        return 1.0 if self.factor else 0.0


@once_per_boundary
def boundary_shift(boundary: Boundary, setting: int) -> Shift:
    """Shift of a setting's boundary from the first setting's, column by column and overall.

    Where the dataset says that both settings share their random draws, the bootstrap draws of both weigh
    the same replicates alike; else those of one are independent of the other's.

    Args:
        boundary: at least two settings.
        setting: position of the setting, ≥ 1.
    Returns:
        The overall mean weighs columns by the inverse squared errors of their crossings; None where
        no column crosses inside the grid in both settings.
    Source:
        Satterthwaite 1946, Biometrics Bulletin 2, 110 (degrees of freedom of an unpaired difference).
    """
    axis, paired = boundary.plane.y, boundary.plane.are_paired(0, setting)
    both = boundary.closed[0] & boundary.closed[setting]
    first, other = boundary.draws[:, 0], _ordered(boundary.draws[:, setting], paired)
    difference = _difference(boundary.estimate[None, 0], boundary.estimate[None, setting], both)[0]
    low, high = student_interval(
        difference,
        _difference(first, other, both),
        confidence=boundary.confidence,
        dof=_dof_of_difference(boundary, first, other, paired=paired),
    )
    mean = _mean(boundary, setting, np.flatnonzero(both), paired=paired)
    if mean is not None:
        mean = Estimate(*(float(axis.value(v)) for v in (mean.value, mean.low, mean.high)))
    columns, low, high = (axis.value(part) for part in (difference, low, high))
    return Shift(setting, axis.log, columns, low, high, mean, paired)


def _ordered(draws: Floats, paired: bool) -> Floats:
    """Draws of the other setting: as they are, or independent of the first's by being out of step."""
    return draws if paired else np.roll(draws, len(draws) // 2, axis=0)


def _dof_of_difference(boundary: Boundary, first: Floats, other: Floats, *, paired: bool) -> Floats:
    """Degrees of freedom of the differences of draws, shape (...) of one draw."""
    own = np.asarray(boundary.dof)
    if paired:
        return own
    with np.errstate(invalid="ignore"):
        one, two = (np.var(np.where(np.isfinite(d), d, np.nan), axis=0) for d in (first, other))
    found = (one + two) ** 2 / np.maximum(one**2 + two**2, SMALLEST_DIVISOR) * own
    return np.where(np.isfinite(found), np.maximum(found, own), own)


def _difference(first: Floats, other: Floats, both: NDArray[np.bool_]) -> Floats:
    """Differences where both boundaries are finite, else NaN, shape (draws, x)."""
    ok = both & np.isfinite(first) & np.isfinite(other)
    blank = np.full(first.shape, np.nan)
    return np.asarray(np.subtract(other, first, out=blank, where=ok))


def _mean(boundary: Boundary, setting: int, columns: Ints, *, paired: bool) -> Estimate | None:
    """The weighted mean difference of columns that cross inside the grid in both settings."""
    if not len(columns):
        return None
    first, other = (_own_columns(boundary, s, columns) for s in (0, setting))
    # Not the differences' own errors: they are small where the difference happens to be.
    weights = 1 / (first.error**2 + other.error**2)
    weights /= weights.sum()
    dof = _dof_of_difference(boundary, first.draws @ weights, other.draws @ weights, paired=paired)
    wide = t_inflation(boundary.confidence, dof)
    one, two = (
        _shrunk_crossings(boundary, s, points, wide) @ weights
        for s, points in ((0, first), (setting, other))
    )
    value, draws = float(two[0] - one[0]), _ordered(two[1:], paired) - one[1:]
    low, high = student_interval(
        np.array([value]), draws[:, None], confidence=boundary.confidence, dof=dof
    )
    return Estimate(value, float(low[0]), float(high[0]))


def _own_columns(boundary: Boundary, setting: int, columns: Ints) -> FitColumns:
    """Columns in the y axis's own coordinate."""
    draws = boundary.draws[:, setting, columns]
    error = column_errors(draws, boundary.dof)
    x = boundary.plane.x.values[columns]
    return FitColumns(x, boundary.estimate[setting, columns], error, draws, len(columns), columns)


def _shrunk_crossings(boundary: Boundary, setting: int, points: FitColumns, wide: Floats) -> Floats:
    """Crossings, and draws whose nonlinear part is shrunk to that of crossings, (1 + draws, columns)."""
    task = problem_of(boundary, setting, points, kind="own")
    rows = np.concatenate([points.y[None], points.draws])
    return shrink_nonlinear(rows, linearized_crossings(task, points.y), wide)

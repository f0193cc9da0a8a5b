"""How far a setting moves the boundary: paired differences from the first setting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.bootstrap import student_interval
from analysis.boundary import Boundary
from analysis.laws import Estimate, estimate, floored_error
from analysis.plane import Floats


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
        The overall mean weighs columns by their inverse squared errors; None where no column
        crosses inside the grid in both settings.
    """
    axis = boundary.plane.y
    both = boundary.closed[0] & boundary.closed[setting]
    difference = _difference(boundary.estimate[None], setting, both)[0]
    draws = _difference(boundary.draws, setting, both)
    low, high = student_interval(
        difference, draws, confidence=boundary.confidence, freedom=boundary.freedom
    )
    mean = _mean(difference[both], draws[:, both], boundary)
    if mean is not None:
        mean = Estimate(*(float(axis.value(v)) for v in (mean.value, mean.low, mean.high)))
    return Shift(setting, axis.log, axis.value(difference), axis.value(low), axis.value(high), mean)


def _difference(crossings: Floats, setting: int, both: NDArray[np.bool_]) -> Floats:
    """Differences where both boundaries are finite, else NaN, shape (draws, x)."""
    first, other = crossings[:, 0], crossings[:, setting]
    ok = both & np.isfinite(first) & np.isfinite(other)
    blank = np.full(first.shape, np.nan)
    return np.asarray(np.subtract(other, first, out=blank, where=ok))


def _mean(difference: Floats, draws: Floats, boundary: Boundary) -> Estimate | None:
    if not len(difference):
        return None
    weights = 1 / floored_error(draws) ** 2
    rows = np.concatenate([difference[None], draws])
    ok = np.isfinite(rows)
    w = np.where(ok, weights, 0.0)
    means = (w * np.where(ok, rows, 0.0)).sum(1) / w.sum(1)
    return estimate(float(means[0]), means[1:], boundary)

"""Draws of cell means that respect what replicates share, and intervals from draws.

A draw adds to every mean a random combination of the replicates' deviations, the same combination in
all cells and settings: whatever correlation replicates carry from cell to cell, the draws carry too.
With Gaussian weights two replicates are enough, where drawing replicates with replacement has only a
handful of outcomes. Few replicates know their own spread badly: Student's t widens the ends for that.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from analysis.dataset.plane import Floats
from analysis.statistics.tolerance import NEGLIGIBLE

# Values gathered at once; bounds the memory of a column with many replicates.
MAX_VALUES_AT_ONCE = 8_000_000
# Two cells bracket a crossing, each with a spread of its own.
CELLS_AT_CROSSING = 2
# Variance of the logarithms of crossings' errors by chance, over that of plain standard errors: the
# slope of a profile is as noisy as its height. From simulation: at 3 some chance stays in the weights,
# and intervals of the mean shift of 30 replicates cover 90 %.
LOG_ERROR_VARIANCE_RATIO = 6


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: bootstrap draws, two-sided confidence, the seed, and what is shared.

    `resample_jointly` draws replicates for the whole plane at once: right whether or not the runs of one
    replicate share random numbers across cells. False draws each cell for itself: narrower with fewer than
    ten replicates, and right only where every run has random numbers of its own.
    """

    draws: int = 1000
    confidence: float = 0.95
    seed: int = 0
    resample_jointly: bool = True

    def dof(self, runs: Any) -> Any:
        """Degrees of freedom behind the spread of `runs` replicates, any shape, ≥ 1."""
        return np.maximum(runs - 1, 1) * (1 if self.resample_jointly else CELLS_AT_CROSSING)


def multipliers(how: Resampling, replicates: int, *, column: tuple[int, int]) -> Floats:
    """Weights of the replicates' deviations, one set a draw.

    Args:
        how: draws, seed, and whether cells share their weights.
        replicates: R.
        column: its position, and its number of cells; without effect where cells are drawn jointly.
    Returns:
        Standard normal, shape (draws, 1, R) where cells are drawn jointly, else (draws, cells, R).
    """
    position, cells = column
    if how.resample_jointly:
        return np.random.default_rng(how.seed).standard_normal((how.draws, 1, replicates))
    rng = np.random.default_rng([how.seed, position])
    return rng.standard_normal((how.draws, cells, replicates))


def draw_means(values: Floats, weights: Floats) -> Floats:
    """Draws of the cells' means, m* = m + Σ_r g_r (v_r − m) / √(R (R − 1)), R the runs in the cell.

    Given the runs, a draw has the mean m and the variance s²/R, and covariances likewise.

    Args:
        values: shape (settings, cells, replicates), NaN where a run is missing.
        weights: g, from `multipliers`, the same for all settings.
    Returns:
        Shape (draws, settings, cells); NaN where a cell has no run at all.
    Source:
        van der Vaart and Wellner 1996, section 2.9 (multiplier bootstrap).
    """
    mean, deviation = _parts(values)
    result: Floats = np.empty((len(weights), *mean.shape))
    if weights.shape[1] == 1:
        by_replicate = np.ascontiguousarray(deviation.reshape(-1, values.shape[2]).T)
        np.dot(weights[:, 0], by_replicate, out=result.reshape(len(weights), -1))
        result += mean
        return result
    step = max(1, MAX_VALUES_AT_ONCE // max(values.size, 1))
    for start in range(0, len(weights), step):
        part = slice(start, start + step)
        result[part] = mean + np.einsum("bcr,scr->bsc", weights[part], deviation)
    return result


def deviations(values: Floats) -> Floats:
    """What a replicate of weight 1 adds to a cell's mean in a draw: (v_r − m) / √(R (R − 1)).

    Args:
        values: shape (..., replicates), NaN where a run is missing.
    Returns:
        Shape of the values, 0 where a run is missing.
    """
    return _parts(values)[1]


def _parts(values: Floats) -> tuple[Floats, Floats]:
    """Means (...) and deviations (..., replicates)."""
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    used = present.sum(-1)
    mean = np.divide(filled.sum(-1), used, out=np.full(used.shape, np.nan), where=used > 0)
    scale = 1 / np.sqrt(np.maximum(used * (used - 1), 1))
    return mean, np.where(present, values - mean[..., None], 0.0) * scale[..., None]


def t_inflation(confidence: float, dof: Any) -> Any:
    """How much wider Student's t is than the normal at a confidence.

    Args:
        confidence: two-sided, e.g. 0.95.
        dof: degrees of freedom > 0, any shape.
    Returns:
        Factor > 1, shape of dof.
    """
    upper = (1 + confidence) / 2
    return special.stdtrit(dof, upper) / special.ndtri(upper)


def interval(draws: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Percentile interval over the first axis, from order statistics, so ±inf stays ±inf.

    Args:
        draws: shape (B, ...); NaN draws are left out.
        share: left out at each end, broadcastable to the shape of a draw.
    Returns:
        Low and high ends, each (...); NaN where there is no draw.
    """
    missing = np.isnan(draws)
    count = np.asarray(len(draws) - missing.sum(axis=0) if missing.any() else len(draws))
    # Of n draws the k-th from either end leave out k / (n + 1).
    left_out = np.rint(share * (count + 1)).astype(np.int64)
    low = np.clip(left_out - 1, 0, np.maximum(count - 1, 0) // 2)
    high = np.maximum(count - 1 - low, 0)
    if not low.ndim and len(draws):  # the same two for all: nothing else need be in order
        ordered = np.partition(draws, (int(low), int(high)), axis=0)
        return ordered[low], ordered[high]
    ordered = np.sort(draws, axis=0)
    low, high = (np.broadcast_to(at, draws.shape[1:]) for at in (low, high))
    low_end = np.take_along_axis(ordered, low[None], axis=0)[0]
    return low_end, np.take_along_axis(ordered, high[None], axis=0)[0]


def student_interval(
    value: Floats, draws: Floats, *, confidence: float, dof: Any
) -> tuple[Floats, Floats]:
    """Percentile interval whose distances from the value are stretched by the factor of Student's t.

    For what is linear in the means this is the t interval itself.

    Args:
        value: the estimate, finite, shape (...).
        draws: about it, shape (B, ...), may be infinite; NaN draws are left out.
        confidence: two-sided, e.g. 0.95.
        dof: degrees of freedom, broadcastable to (...).
    Returns:
        Low and high ends, each (...); infinite where the percentile is.
    """
    wide = t_inflation(confidence, dof)
    low, high = interval(draws, np.array((1 - confidence) / 2))
    return value + wide * (low - value), value + wide * (high - value)


def shrink_nonlinear(rows: Floats, linear: Floats, wide: Any) -> Floats:
    """Shrink the nonlinear part of the draws by √3, so that its variance matches the estimator's.

    An estimator has a small quadratic term in the means' noise ε, of variance Q. A draw ε* about noisy
    means has the term ε*² + 2εε*, of variance 3Q: its distance from the part that is linear in the means is
    divided by √3. Only the linear part has the degrees of freedom of one set of replicates; the nonlinear
    part mixes many cells', so it is also divided by the factor by which intervals will be widened.

    Args:
        rows: the estimate (row 0) and draws, (1 + draws, ...).
        linear: their parts that are linear in the means, the same shape; NaN where there is none.
        wide: the factor by which intervals will be widened, broadcastable to a row.
    Returns:
        Shape of rows. Where a draw is not finite the linear part is taken alone, and the other way round.
    Source:
        Howe 1974, J. Am. Statist. Assoc. 69, 789 (a sum of parts, each stretched by its own t).
    """
    straight = linear - linear[0] + rows[0]
    bent = rows - straight
    calm = straight + np.where(np.isfinite(bent), bent, 0.0) / (np.sqrt(3) * wide)
    return np.asarray(np.where(np.isfinite(straight), calm, rows))


def robust_error(draws: Floats) -> Floats:
    """Standard error from the draws' central 68 %, which a few wild draws do not move."""
    low, high = interval(draws, special.ndtr(np.array(-1.0)))
    return (high - low) / 2


def shrink_errors(errors: Floats, dof: float) -> Floats:
    """Errors drawn towards their common trend, shape (columns,); those of the trend where unknown (NaN).

    With few replicates errors differ by chance, and weights that follow chance make intervals too narrow:
    of the scatter of their logarithms only what exceeds LOG_ERROR_VARIANCE_RATIO times that of standard
    errors with `dof` degrees of freedom is kept. First of what a straight trend along the columns explains,
    then of the rest: where noise grows along x, the trend is known better than any column's own error.

    Args:
        errors: > 0, in the order of x, shape (columns,), NaN where unknown.
        dof: degrees of freedom of an error.
    Returns:
        Shape (columns,), finite unless no error is known.
    Source:
        Smyth 2004, Statistical Applications in Genetics and Molecular Biology 3, 3 (shrunk variances);
        Law et al. 2014, Genome Biology 15, R29 (towards a trend).
    """
    known = np.isfinite(errors)
    if not known.any():
        return errors
    # The tiny number lets a boundary without any noise be fitted, all columns alike.
    size = np.log(np.maximum(errors[known], NEGLIGIBLE))
    luck = float(LOG_ERROR_VARIANCE_RATIO * special.polygamma(1, dof / 2) / 4)
    # Level beyond the columns that are known: a trend says nothing there.
    columns = np.flatnonzero(known)
    place = np.clip(np.arange(len(errors)), columns[0], columns[-1]) - columns.mean()
    leverage = max(float(np.sum(place[known] ** 2)), 1.0)
    slope = float(place[known] @ size) / leverage
    trend = _kept(slope**2 * leverage, luck) * slope * place
    rest = size - trend[known]
    middle = float(np.median(rest))
    logs = middle + trend
    logs[known] += _kept(float(np.var(rest)), luck) * (rest - middle)
    return np.asarray(np.exp(logs))


def _kept(scatter: float, luck: float) -> float:
    """The share of a deviation that is kept, where squares of chance have this mean."""
    return max(0.0, 1 - luck / max(scatter, NEGLIGIBLE))

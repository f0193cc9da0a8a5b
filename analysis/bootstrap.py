"""Resampled cell means, and intervals from draws that may be infinite."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.plane import Floats, Ints

# Values gathered at once; bounds the memory of a column with many replicates.
CHUNK = 8_000_000


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: bootstrap draws, two-sided confidence, and the seed."""

    draws: int = 1000
    confidence: float = 0.95
    seed: int = 0


def resample_means(values: Floats, draws: int, *, rng: np.random.Generator) -> Floats:
    """Bootstrap means of cells, with the same replicates drawn for all settings.

    Deviations from the observed mean are stretched by √(R/(R−1)), R the runs used in the cell:
    without it the bootstrap variance is too small by that factor squared. Where a draw meets only
    failed runs the observed mean stands in.

    Args:
        values: shape (settings, cells, replicates), NaN where a run is missing.
        draws: B ≥ 1.
        rng: source of the indices; cells are resampled independently.
    Returns:
        Shape (B, settings, cells); NaN where a cell has no run at all.
    Source:
        Hesterberg 2015 (arXiv 1411.5279), section 3.2: narrowness of the bootstrap.
    """
    settings, cells, replicates = values.shape
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    used = present.sum(-1)
    mean = np.divide(filled.sum(-1), used, out=np.full(used.shape, np.nan), where=used > 0)
    stretch = np.sqrt(used / np.maximum(used - 1, 1))
    result = np.empty((draws, settings, cells))
    step = max(1, CHUNK // max(values.size, 1))
    for start in range(0, draws, step):
        part = slice(start, min(start + step, draws))
        index = rng.integers(0, replicates, size=(part.stop - start, cells, replicates))
        drawn = _means_at(filled, present, index)
        result[part] = mean + stretch * np.where(np.isfinite(drawn), drawn - mean, 0.0)
    return result


def _means_at(
    filled: Floats, present: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], index: Ints
) -> Floats:
    """Means over the runs present at drawn replicate indices, shape (draws, settings, cells)."""
    flat = index + index.shape[2] * np.arange(index.shape[1])[:, None]
    total = np.stack([one.ravel()[flat].sum(-1) for one in filled], axis=1)
    if present.all():
        return np.asarray(total / index.shape[2])
    count = np.stack([one.ravel()[flat].sum(-1) for one in present], axis=1)
    blank = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, count, out=blank, where=count > 0))


def tail(confidence: float, runs: Floats | None = None) -> Floats:
    """The share of draws to leave out at each end of an interval.

    Args:
        confidence: two-sided, e.g. 0.95.
        runs: replicates in a cell, any shape. When given, the tail is that of a Student t with
            2(R − 1) degrees of freedom on the normal scale: two cells bracket a crossing.
    Source:
        Hesterberg 2015 (arXiv 1411.5279), section 5.3: expanded percentile intervals.
    """
    nominal = (1 - confidence) / 2
    if runs is None:
        return np.array(nominal)
    freedom = 2 * np.maximum(runs - 1, 1)
    return np.asarray(stats.norm.cdf(stats.t.ppf(nominal, freedom)))


def interval(draws: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Percentile interval over the first axis, from order statistics, so ±inf stays ±inf.

    Args:
        draws: shape (B, ...); NaN draws are left out.
        share: left out at each end, broadcastable to the shape of a draw.
    Returns:
        Low and high ends, each (...); NaN where there is no draw.
    """
    ordered = np.sort(draws, axis=0)
    count = (~np.isnan(ordered)).sum(axis=0)
    low = np.minimum((share * count).astype(np.int64), np.maximum(count - 1, 0) // 2)
    high = np.maximum(count - 1 - low, 0)
    low_end = np.take_along_axis(ordered, low[None], axis=0)[0]
    return low_end, np.take_along_axis(ordered, high[None], axis=0)[0]


def robust_error(draws: Floats) -> Floats:
    """Standard error from the draws' central 68 %, which a few wild draws do not move."""
    low, high = interval(draws, np.array(stats.norm.cdf(-1.0)))
    return (high - low) / 2

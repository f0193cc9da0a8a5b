"""Does a recorded measure settle? Its last value and its growth over the second half of the training."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.dataset.plane import Floats
from analysis.scaling.power_law import Estimate
from analysis.scaling.prediction import INCONCLUSIVE

MAX_SETTLED_POWER = 0.02
"""A power of the step below which a measure counts as settled, either way."""
GROWS, SETTLES, FALLS = "grows", "settles", "falls"
MIN_RUNS = 6
"""Runs below which order statistics bound no median at 95 %."""


@dataclass(frozen=True)
class Ending:
    """How one measure ends in the runs of one setting and panel.

    `growth` is b of measure ∝ step^b between half of the steps and the last: 0 where it settled, 1
    where it grows as the steps do. Both are medians over runs.
    """

    last: Estimate | None
    growth: Estimate | None
    verdict: str


def ending(steps: Floats, values: Floats, *, confidence: float = 0.95) -> Ending:
    """The ending of a positive measure.

    Args:
        steps: at which it was recorded, rising, shape (steps,).
        values: shape (runs, steps), NaN where there is none.
        confidence: of the medians' intervals.
    """
    half = int(np.searchsorted(steps, steps[-1] / 2))
    last, before = values[:, -1], values[:, half]
    ok = (last > 0) & (before > 0) & (0 < steps[half] < steps[-1])
    span = np.log(steps[-1] / steps[half]) if ok.any() else 1.0
    growth = median(np.log(last[ok] / before[ok]) / span, confidence)
    return Ending(median(last[np.isfinite(last)], confidence), growth, _verdict(growth))


def median(values: Floats, confidence: float) -> Estimate | None:
    """The median of independent runs between two of its order statistics; None below MIN_RUNS runs.

    Args:
        values: finite, shape (runs,).
        confidence: two-sided, e.g. 0.95.
    Source:
        Conover 1999, section 3.2 (the interval holds for every continuous law).
    """
    if len(values) < MIN_RUNS:
        return None
    from scipy import stats  # takes as long to import as all else here, and few sweeps are recorded

    interval: Any = stats.quantile_test(values, p=0.5).confidence_interval(confidence)
    return Estimate(float(np.median(values)), float(interval.low), float(interval.high))


def _verdict(growth: Estimate | None) -> str:
    if growth is None:
        return INCONCLUSIVE
    if growth.low >= -MAX_SETTLED_POWER and growth.high <= MAX_SETTLED_POWER:
        return SETTLES
    if growth.low > MAX_SETTLED_POWER:
        return GROWS
    return FALLS if growth.high < -MAX_SETTLED_POWER else INCONCLUSIVE

"""Where a monotone cubic through four points is zero, for many profiles at once."""

import numpy as np

from analysis.dataset.plane import Floats

MAX_STEPS = 60
"""Newton steps or halvings: each halves the bracket at least every other time."""
PRECISION = 2.0**-40
"""Share of a grid step by which the last move may still change the root."""


def root(at: Floats, values: Floats) -> Floats:
    """Where the cubic between the middle two of four points is zero.

    Args:
        at: coordinates, shape (4, profiles), rising.
        values: shape (4, profiles), < 0 and ≥ 0 in the middle; infinite where there is no outer point.
    Source:
        Fritsch and Butland 1984 (the cubic's slopes).
    """
    steps, rises = np.diff(at, axis=0), np.diff(values, axis=0)
    secants = rises / steps
    inner = secants[1]
    start = steps[1] * _slope(steps[:2], secants[:2], inner)
    end = steps[1] * _slope(steps[1:], secants[1:], inner)
    return np.asarray(at[1] + steps[1] * _share(values[1], rises[1], start, end))


def _slope(steps: Floats, secants: Floats, inner: Floats) -> Floats:
    """Slope at the knot between two secants: their weighted harmonic mean, 0 beside a flat one."""
    (left, right), (one, other) = steps, secants
    known = np.isfinite(one) & np.isfinite(other)
    rising = known & (one > 0) & (other > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = 3 * (left + right) / ((2 * right + left) / one + (right + 2 * left) / other)
    return np.where(rising, mean, np.where(known, 0.0, inner))


def _share(value: Floats, rise: Floats, start: Floats, end: Floats) -> Floats:
    """Where value + start t + … is zero in 0 ≤ t ≤ 1: Newton's steps within a bracket, else halvings."""
    square, cube = 3 * rise - 2 * start - end, start + end - 2 * rise
    low, high = np.zeros(len(value)), np.ones(len(value))
    t = np.clip(-value / rise, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(MAX_STEPS):
            height = value + t * (start + t * (square + t * cube))
            slope = start + t * (2 * square + 3 * t * cube)
            below = height < 0
            low, high = np.where(below, t, low), np.where(below, high, t)
            step = t - height / slope
            # A step out of the bracket, or along a flat part, is replaced by a halving.
            new = np.where((step >= low) & (step <= high), step, (low + high) / 2)
            moved = np.abs(new - t).max(initial=0.0)
            t = new
            if moved < PRECISION:
                break
    return t

"""The test error of ReLU filters at a ratio R of signal to noise, and the ratio of an error level.

The setting, and what ψ and R are, is in `bocnn.theory.boundary`.
"""

from typing import Final, NamedTuple

import numpy as np
from scipy.special import ndtr

from bocnn.arrays import Array

REACH = 9.0
"""Standard deviations over which a normal is integrated: beyond are 10⁻¹⁹ of it."""

_HALF_NODES, _HALF_WEIGHTS = np.polynomial.legendre.leggauss(100)
_NODES = np.concatenate([_HALF_NODES - 1, _HALF_NODES + 1]) / 2
_WEIGHTS = np.concatenate([_HALF_WEIGHTS, _HALF_WEIGHTS]) / 2
"""On (−1, 0) and on (0, 1): where all filters are alike, ψ has a kink at 0."""

_BISECTIONS = 80
_RATIO_MOST = 100.0
"""No error level above 10⁻¹⁰⁰⁰ needs a larger R."""


class Overlap(NamedTuple):
    """Shares of a class's samples on which one filter (α), and any two filters (α₂), are active."""

    active: float
    shared: float


FROZEN: Final = Overlap(0.5, 0.25)
"""As at the start: half of the samples, and independent filters."""

GRADIENT_FLOW: Final = Overlap(0.75, 0.59)
"""At the end of small steps from a small start, where samples that are memorized have woken filters:
measured in the limit d = ∞ with h = 0.05, κ = 0.1, n = 60, m = 20 (docs/explanation/limit.md), to 0.01."""


def noise_response(z: Array, overlap: Overlap = FROZEN) -> Array:
    """ψ(z) = a z Φ(a z / b) + b φ(a z / b) with a² = α₂/2, b² = (α − α₂)/2.

    Args:
        z: any shape.
        overlap: shares of active samples.
    Returns:
        Shape of z, rising in z.
    """
    a, b = np.sqrt(overlap.shared / 2), np.sqrt((overlap.active - overlap.shared) / 2)
    if b == 0:
        return np.maximum(a * z, 0.0)
    ratio = a * z / b
    return np.asarray(a * z * ndtr(ratio) + b * np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi))


def filter_variance(overlap: Overlap) -> float:
    """E Var max(√(α₂/2) z + √((α − α₂)/2) ζ, 0), the variance over ζ and its mean over z.

    Over m filters of a class, what they add up to departs from ψ(Z) by this over m.

    Args:
        overlap: shares of active samples.
    """
    a, b = np.sqrt(overlap.shared / 2), np.sqrt((overlap.active - overlap.shared) / 2)
    z = REACH * _NODES
    if b == 0:
        return 0.0
    ratio = a * z / b
    second = (a**2 * z**2 + b**2) * ndtr(ratio)
    second += a * z * b * np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi)
    variance = second - noise_response(z, overlap) ** 2
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return float(REACH * np.sum(_WEIGHTS * density * variance))


def clean_error(ratio: float, overlap: Overlap = FROZEN, *, correlation: float = 0.0) -> float:
    """P(ψ(Z₋) − ψ(Z₊) > R): the clean test error at the ratio R ≥ 0 of signal to noise in the output.

    With r the value that Z₋ must exceed, ψ(r) = R + ψ(Z₊), it is E Φ(−r), integrated over Z₊; where Z₊ and
    Z₋ have the correlation ρ, E Φ((ρ Z₊ − r)/√(1 − ρ²)).

    Args:
        ratio: R ≥ 0, dimensionless.
        overlap: shares of active samples.
        correlation: ρ, between −1 and 1; 0 at d = ∞.
    Returns:
        A probability, falling in R.
    """
    return float(clean_errors(np.array([ratio]), overlap, correlation=correlation)[0])


def clean_errors(
    ratios: Array,
    overlap: Overlap = FROZEN,
    *,
    other: Overlap | None = None,
    correlation: float = 0.0,
) -> Array:
    """`clean_error` of many ratios at once, and of classes whose noise differs.

    Args:
        ratios: R ≥ 0, shape (ratios,).
        overlap: shares of active samples, of the filters of the fresh sample's class.
        other: of the other class, where they are not the same: ψ′(Z₋) in place of ψ(Z₋).
        correlation: ρ of Z₊ and Z₋.
    Returns:
        Probabilities, shape (ratios,).
    """
    z, opposed = REACH * _NODES, other or overlap
    target = ratios[:, None] + noise_response(z, overlap)
    low, high = np.full_like(target, -4 * REACH), np.full_like(target, 1000.0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = noise_response(middle, opposed) > target
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    beyond = ndtr((correlation * z - low) / np.sqrt(1 - correlation**2))
    return np.asarray(REACH * np.sum(_WEIGHTS * density * beyond, axis=1))


def critical_ratio(level: float, overlap: Overlap = FROZEN, *, correlation: float = 0.0) -> float:
    """R_c(level): the ratio of signal to noise in the output at which the clean test error is `level`.

    Args:
        level: 0 < level < 0.5.
        overlap: shares of active samples.
        correlation: ρ of Z₊ and Z₋.
    Raises:
        ValueError: the level is not between 0 and 0.5.
    """
    if not 0.0 < level < 0.5:
        raise ValueError(f"received the level {level}; expected a clean test error within (0, 0.5)")

    def error(at: float) -> float:
        return clean_error(at, overlap, correlation=correlation)

    low, high = 0.0, _RATIO_MOST
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) > level else (low, middle)
    return (low + high) / 2

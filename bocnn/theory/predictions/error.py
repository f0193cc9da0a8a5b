"""The clean test error of runs at finite n, d and v₀, in closed form, from their parameters.

The derivation is above `bocnn.theory.boundary`; training stops at the loss that is asked for, or after its
steps. Flipped labels pull the signal back. Of a class let q n/2 be the samples that keep their label less
those that are flipped. Then s of that class grows by q ‖μ‖² v₁ / 2 and v₁ by q s / 2 in a unit of τ: q ‖μ‖
takes the place of ‖μ‖ in the signal's rate. Where q < 0, the other class's filters learn the signal, and
R < 0. Of labels let s n/2 be the class's own: its filters memorize so many samples, and α s and α₂ s take
the places of α and α₂ in ψ, with 2 − s for the other class. For n → ∞ q is 1 − 2p and s is 1; at finite n
they vary (`bocnn.theory.predictions.counts`).
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.special import ndtr, ndtri

from bocnn.arrays import Array
from bocnn.theory.boundary import both_layers_ratio_at
from bocnn.theory.critical_ratio import FROZEN, Overlap, critical_ratio
from bocnn.theory.several_patches import summed_errors
from bocnn.theory.training_time import (
    Descent,
    Sizes,
    stop_margin,
    stop_time,
    time_after,
    training_steps,
)

_RATIO_NODES: Final = 161
_SMALLEST_ERROR: Final = 1e-9
FEWEST: Final = 0.05
"""s of a class of which no label is: it would train for ever."""
LEAST_ERROR: Final = 1e-250
"""Below, a normal quantile is not told apart."""
ANGLES: Final = np.linspace(0.12, np.pi / 2 - 0.12, 9)
"""φ at which errors are computed, s = 2 sin² φ; between them a normal quantile is interpolated."""


class TrainedUntil(NamedTuple):
    """Where training stops: at a mean logistic loss (NaN for never), after so many steps at most.

    Shape (runs,) each.
    """

    loss_tol: Array
    steps: Array


def hidden_layer_error(
    mu_norm: Array,
    sizes: Sizes,
    *,
    counts: tuple[float, float] = (1.0, 1.0),
    overlap: Overlap = FROZEN,
    patches: int = 1,
) -> Array:
    """The clean test error where the hidden layer alone is trained, in the gradient flow.

    R = q √C / 2 with C = n‖μ‖⁴ / (σ_p⁴ d), at every moment of the training; √C over the number of noise
    patches, if they are several (`bocnn.theory.several_patches`).

    Args:
        mu_norm: signal strength ‖μ‖, shape (runs,).
        sizes: sizes and scales.
        counts: q and s of the test sample's class.
        overlap: shares of active samples.
        patches: noise patches of a sample.
    Returns:
        Clean test error, shape (runs,).
    """
    root = np.square(mu_norm / sizes.sigma_p) * np.sqrt(sizes.n / np.asarray(sizes.d))
    ratio = counts[0] * root / (2 * patches)
    return error_at(ratio, overlap, memorized=counts[1], patches=patches)


def both_layers_error(
    descent: Descent,
    sizes: Sizes,
    until: TrainedUntil,
    *,
    counts: tuple[float, float] = (1.0, 1.0),
    overlap: Overlap = FROZEN,
) -> Array:
    """The clean test error where both layers are trained by small steps.

    Args:
        descent: what is trained, and by which step.
        sizes: sizes and scales.
        until: where training stops.
        counts: q and s of the test sample's class.
        overlap: shares of active samples.
    Returns:
        Clean test error, shape (runs,).
    """
    ratio: Array = np.zeros(descent.mu_norm.size)
    if counts[0] != 0:
        ratio = both_layers_signal(descent, sizes, until, counts=counts, overlap=overlap)
    return error_at(ratio, overlap, memorized=counts[1])


def both_layers_signal(
    descent: Descent,
    sizes: Sizes,
    until: TrainedUntil,
    *,
    counts: tuple[float, float],
    overlap: Overlap = FROZEN,
) -> Array:
    """R where both layers are trained by small steps, of the sign of q.

    A class of s n/2 labels is memorized at the rate 2λ√s, and its margin is m v₀²/2 · (2λ/√s) sinh 2λ√s τ:
    d s and m/s take the places of d and m (of the signal's small share of the margin too, which is no more
    than approximate). R is then √s √(α/2) (‖μ‖/σ_p) sinh q‖μ‖τ / sinh 2λ √s τ.

    Args:
        descent: what is trained, and by which step.
        sizes: sizes and scales.
        until: where training stops.
        counts: q, not 0, and s of the test sample's class.
        overlap: shares of active samples.
    Returns:
        R, shape (runs,).
    """
    kept, memorized = counts[0], max(counts[1], FEWEST)
    rate, d, m = abs(kept) * descent.mu_norm, np.asarray(sizes.d), np.asarray(sizes.m)
    of_class = sizes._replace(d=d * memorized, m=m / memorized)
    tau = _end(descent._replace(mu_norm=rate), of_class, until, overlap)
    ratio = both_layers_ratio_at(tau, rate, of_class, overlap)
    return np.asarray(np.sqrt(memorized) * ratio / kept)


def error_at(
    ratio: Array, overlap: Overlap = FROZEN, *, memorized: Array | float = 1.0, patches: int = 1
) -> Array:
    """`clean_errors` of many ratios: a spline of its normal quantile, good to 10⁻⁴.

    Args:
        ratio: R, any shape, of any sign: a signal that points the wrong way has the error 1 − error(−R) of
            the classes exchanged.
        overlap: shares of active samples.
        memorized: s of the fresh sample's class, a number or of R's shape.
        patches: noise patches of a sample.
    Returns:
        Clean test error, shape of R.
    """
    deviation, most = _deviations(overlap, patches)
    return error_of_deviation(deviation, ratio, memorized, most)


def error_of_deviation(
    deviation: RectBivariateSpline, ratio: Array, memorized: Array | float, most: float
) -> Array:
    """The clean test error from its normal quantile.

    Args:
        deviation: the quantile over φ, s = 2 sin² φ, and √|R|.
        ratio: R, any shape, of any sign.
        memorized: s of the fresh sample's class.
        most: R up to which the quantile is known.
    Returns:
        Clean test error, shape of R.
    """
    size = np.abs(ratio)
    angle = np.arcsin(np.sqrt(np.where(ratio < 0, 2 - memorized, memorized) / 2))
    angle = np.clip(angle, ANGLES[0], ANGLES[-1])
    error = ndtr(deviation.ev(angle, np.sqrt(np.minimum(size, most))))
    error = np.where(size > most, 0.0, error)
    return np.asarray(np.where(ratio < 0, 1 - error, error))


def _end(descent: Descent, sizes: Sizes, until: TrainedUntil, overlap: Overlap) -> Array:
    """τ at which training stops, shape (runs,)."""
    ever = np.isfinite(until.loss_tol)
    margin = stop_margin(np.where(ever, until.loss_tol, 0.5))
    tau = stop_time(descent.mu_norm, descent.v0, sizes, margin=margin, overlap=overlap)
    earlier = ~ever | (training_steps(tau, descent, sizes, overlap) > until.steps)
    if not np.any(earlier):
        return tau
    some = [np.broadcast_to(part, tau.shape)[earlier] for part in (*descent, *sizes, until.steps)]
    of_some, sizes_of_some = Descent(*some[:3]), Sizes(*some[3:7])
    tau[earlier] = time_after(some[7], of_some, sizes_of_some, overlap)
    return tau


@lru_cache(maxsize=32)
def _deviations(overlap: Overlap, patches: int) -> tuple[RectBivariateSpline, float]:
    """Normal quantile of the clean test error over φ and √R, and the largest R."""
    most = 2 * critical_ratio(_SMALLEST_ERROR, overlap)
    roots = np.linspace(0.0, np.sqrt(most), _RATIO_NODES)

    def of(share: float) -> Overlap:
        return Overlap(*(share * part for part in overlap))

    shares = 2 * np.sin(ANGLES) ** 2  # read backwards these are 2 − s, of the other class
    errors = [
        summed_errors(roots**2, of(s), other=of(other), patches=patches, most=2 * most)
        for s, other in zip(shares, shares[::-1], strict=True)
    ]
    return RectBivariateSpline(ANGLES, roots, ndtri(np.maximum(errors, LEAST_ERROR))), most

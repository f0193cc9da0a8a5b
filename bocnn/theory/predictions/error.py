"""The clean test error of runs at finite n, d and v₀, in closed form, from their parameters.

The derivation is above `bocnn.theory.boundary`; training stops at the loss that is asked for, or after its
steps. Flipped labels pull the signal back. Of a class's n/2 samples let k be flipped, and q = 1 − 4k/n be
the share of labels kept less that of labels flipped. Then s of that class grows by q ‖μ‖² v₁ / 2 and v₁ by
q s / 2 in a unit of τ: q ‖μ‖ takes the place of ‖μ‖ in the signal's rate. Where q < 0, the other class's
filters learn the signal, and R < 0. For n → ∞, q is 1 − 2p; at finite n, k is binomial.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import gammaln, ndtr, ndtri, xlog1py, xlogy

from bocnn.arrays import Array
from bocnn.theory.boundary import both_layers_ratio_at
from bocnn.theory.critical_ratio import FROZEN, Overlap, clean_errors, critical_ratio
from bocnn.theory.training_time import (
    Descent,
    Sizes,
    stop_margin,
    stop_time,
    time_after,
    training_steps,
)

_RATIO_NODES: Final = 201
_SMALLEST_ERROR: Final = 1e-9
_MAX_COUNTS: Final = 400
"""Samples of a class up to which every count of flips is summed over; beyond, so many normal quantiles."""


class TrainedUntil(NamedTuple):
    """Where training stops: at a mean logistic loss (NaN for never), after so many steps at most.

    Shape (runs,) each.
    """

    loss_tol: Array
    steps: Array


class KeptLabels(NamedTuple):
    """Possible shares q of labels kept less those flipped, and their probabilities; shape (counts,)."""

    kept: Array
    probability: Array


@lru_cache(maxsize=256)
def kept_labels(n: int, p_flip: float) -> KeptLabels:
    """q = 1 − 4k/n of a class of n/2 samples, k binomial.

    Args:
        n: samples of both classes.
        p_flip: label-flip probability.
    """
    size = max(n // 2, 1)
    if p_flip == 0:
        return KeptLabels(np.ones(1), np.ones(1))
    if size <= _MAX_COUNTS:
        flipped = np.arange(size + 1.0)
        kept = size - flipped
        ways = gammaln(size + 1.0) - gammaln(flipped + 1) - gammaln(kept + 1)
        probability = np.exp(ways + xlogy(flipped, p_flip) + xlog1py(kept, -p_flip))
    else:
        middle = (np.arange(_MAX_COUNTS) + 0.5) / _MAX_COUNTS
        flipped = size * p_flip + np.sqrt(size * p_flip * (1 - p_flip)) * ndtri(middle)
        probability = np.full(_MAX_COUNTS, 1 / _MAX_COUNTS)
    return KeptLabels(1 - 2 * flipped / size, probability)


def hidden_layer_error(
    mu_norm: Array, sizes: Sizes, *, kept: Array | float = 1.0, overlap: Overlap = FROZEN
) -> Array:
    """The clean test error where the hidden layer alone is trained, in the gradient flow.

    R = q √C / 2 with C = n‖μ‖⁴ / (σ_p⁴ d), at every moment of the training.

    Args:
        mu_norm: signal strength ‖μ‖, shape (runs,).
        sizes: sizes and scales.
        kept: q of the test sample's class.
        overlap: shares of active samples.
    Returns:
        Clean test error, shape (runs,).
    """
    root = np.square(mu_norm / sizes.sigma_p) * np.sqrt(sizes.n / np.asarray(sizes.d))
    return error_at(kept * root / 2, overlap)


def both_layers_error(
    descent: Descent,
    sizes: Sizes,
    until: TrainedUntil,
    *,
    kept: Array | float = 1.0,
    overlap: Overlap = FROZEN,
) -> Array:
    """The clean test error where both layers are trained by small steps.

    Args:
        descent: what is trained, and by which step.
        sizes: sizes and scales.
        until: where training stops.
        kept: q of the test sample's class, not 0.
        overlap: shares of active samples.
    Returns:
        Clean test error, shape (runs,).
    """
    rate = np.abs(kept) * descent.mu_norm
    tau = _end(descent._replace(mu_norm=rate), sizes, until, overlap)
    return error_at(both_layers_ratio_at(tau, rate, sizes, overlap) / kept, overlap)


def error_at(ratio: Array, overlap: Overlap = FROZEN) -> Array:
    """`clean_error` of many ratios: a cubic spline of its normal quantile, good to 10⁻⁵.

    Args:
        ratio: R, any shape, of any sign: a signal that points the wrong way has the error 1 − error(−R).
        overlap: shares of active samples.
    Returns:
        Clean test error, shape of R.
    """
    deviation, most = _deviations(overlap)
    size = np.abs(ratio)
    error = np.where(size > most, 0.0, ndtr(deviation(np.sqrt(np.minimum(size, most)))))
    return np.asarray(np.where(ratio < 0, 1 - error, error))


def _end(descent: Descent, sizes: Sizes, until: TrainedUntil, overlap: Overlap) -> Array:
    """τ at which training stops, shape (runs,)."""
    ever = np.isfinite(until.loss_tol)
    margin = stop_margin(np.where(ever, until.loss_tol, 1.0))
    tau = stop_time(descent.mu_norm, descent.v0, sizes, margin=margin, overlap=overlap)
    earlier = ~ever | (training_steps(tau, descent, sizes, overlap) > until.steps)
    if not np.any(earlier):
        return tau
    some = [np.broadcast_to(part, tau.shape)[earlier] for part in (*descent, *sizes, until.steps)]
    of_some, sizes_of_some = Descent(*some[:3]), Sizes(*some[3:7])
    tau[earlier] = time_after(some[7], of_some, sizes_of_some, overlap)
    return tau


@lru_cache(maxsize=32)
def _deviations(overlap: Overlap) -> tuple[CubicSpline, float]:
    """Normal quantile of the clean test error as a spline of √R, and R at the smallest error told apart."""
    most = critical_ratio(_SMALLEST_ERROR, overlap)
    roots = np.linspace(0.0, np.sqrt(most), _RATIO_NODES)
    return CubicSpline(roots, ndtri(clean_errors(roots**2, overlap))), most

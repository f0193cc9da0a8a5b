"""The clean test error of runs at finite n, d and v₀, in closed form, from their parameters.

The derivation is above `bocnn.theory.boundary`; training stops at the loss that is asked for, or after its
steps. Flipped labels pull the signal back: with a share p of them s grows by (1 − 2p) ‖μ‖² v₁ / 2 and v₁ by
(1 − 2p) s / 2 in a unit of τ. So (1 − 2p) ‖μ‖ takes the place of ‖μ‖ in the signal's rate and in the mean
margin, and for n → ∞ nothing else changes.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import ndtr, ndtri

from bocnn.arrays import Array
from bocnn.theory.boundary import both_layers_ratio_at
from bocnn.theory.critical_ratio import FROZEN, Overlap, clean_error, critical_ratio
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


class TrainedUntil(NamedTuple):
    """Where training stops: at a mean logistic loss (NaN for never), after so many steps at most.

    Shape (runs,) each.
    """

    loss_tol: Array
    steps: Array


def hidden_layer_error(
    mu_norm: Array, sizes: Sizes, p_flip: Array | float = 0.0, overlap: Overlap = FROZEN
) -> Array:
    """The clean test error where the hidden layer alone is trained, in the gradient flow.

    R = (1 − 2p) √C / 2 with C = n‖μ‖⁴ / (σ_p⁴ d), at every moment of the training.

    Args:
        mu_norm: signal strength ‖μ‖, shape (runs,).
        sizes: sizes and scales.
        p_flip: label-flip probability.
        overlap: shares of active samples.
    Returns:
        Clean test error, shape (runs,).
    """
    root = np.square(mu_norm / sizes.sigma_p) * np.sqrt(sizes.n / np.asarray(sizes.d))
    return error_at((1 - 2 * np.asarray(p_flip)) * root / 2, overlap)


def both_layers_error(
    descent: Descent,
    sizes: Sizes,
    until: TrainedUntil,
    *,
    p_flip: Array | float = 0.0,
    overlap: Overlap = FROZEN,
) -> Array:
    """The clean test error where both layers are trained by small steps.

    Args:
        descent: what is trained, and by which step.
        sizes: sizes and scales.
        until: where training stops.
        p_flip: label-flip probability.
        overlap: shares of active samples.
    Returns:
        Clean test error, shape (runs,).
    """
    kept = 1 - 2 * np.asarray(p_flip)
    pulled = descent._replace(mu_norm=kept * descent.mu_norm)
    tau = _end(pulled, sizes, until, overlap)
    return error_at(both_layers_ratio_at(tau, pulled.mu_norm, sizes, overlap) / kept, overlap)


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
    errors = [clean_error(root**2, overlap) for root in roots]
    return CubicSpline(roots, ndtri(errors)), most

"""How long both layers train until every sample has a margin: in rescaled time τ, and in gradient steps.

The equations of motion are above `bocnn.theory.boundary.both_layers_boundary`.
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import FROZEN, Overlap

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_NEWTON_STEPS = 60
_STEPS_AFTER = 60
"""At most: runs take some eight of Newton's steps, or one halving for each bit where none would do."""
_TOLERANCE = 1e-9
_ROUNDING = 1e-15
_LEAST_MARGIN = 1e-12


class Sizes(NamedTuple):
    """What a boundary depends on beside output initialization, each of shape (runs,) or a number."""

    n: Array | float
    d: Array | float
    m: Array | float
    sigma_p: Array | float


class Descent(NamedTuple):
    """Signal strength ‖μ‖, output initialization v₀ and step size η of runs, shape (runs,) each."""

    mu_norm: Array
    v0: Array
    eta: Array


def stop_margin(loss_tol: Array | float) -> Array:
    """Λ = log(1/(e^ε − 1)): the margin of every sample when the mean logistic loss is ε.

    Args:
        loss_tol: mean logistic loss ε > 0 at which training stops, any shape.
    Returns:
        Λ, shape of ε.
    """
    return np.asarray(-np.log(np.expm1(loss_tol)))


def growth_rate(sizes: Sizes, overlap: Overlap = FROZEN) -> Array:
    """2λ = σ_p √(2 α d / n): the rate at which noise is memorized, both layers trained.

    Args:
        sizes: sizes and scales.
        overlap: shares of active samples.
    Returns:
        2λ, shape (runs,).
    """
    return np.asarray(sizes.sigma_p * np.sqrt(2 * overlap.active * sizes.d / sizes.n))


def stop_time(
    mu_norm: Array | float,
    v0: Array | float,
    sizes: Sizes,
    *,
    margin: Array | float,
    overlap: Overlap = FROZEN,
) -> Array:
    """Rescaled time τ at which a sample's margin is Λ, both layers trained: see `both_layers_boundary`.

    Found by Newton's method from above, where it falls without overshooting: the margin is convex in τ.

    Args:
        mu_norm: signal strength ‖μ‖, > 0.
        v0: output initialization, > 0.
        sizes: sizes and scales.
        margin: Λ at which training stops, > 0.
        overlap: shares of active samples.
    Returns:
        τ, shape (runs,).
    """
    rate, mu = growth_rate(sizes, overlap), np.asarray(mu_norm, dtype=np.float64)
    target = 2 * np.asarray(margin) / (sizes.m * np.square(v0))
    tau = np.minimum(np.arcsinh(target / rate) / rate, np.arcsinh(target / mu) / mu)
    for _ in range(_NEWTON_STEPS):
        excess = rate * np.sinh(rate * tau) + mu * np.sinh(mu * tau) - target
        fall = excess / (rate**2 * np.cosh(rate * tau) + mu**2 * np.cosh(mu * tau))
        tau = tau - fall
        if np.all(fall <= _ROUNDING * tau):
            break
    return np.asarray(tau)


def training_steps(tau: Array, descent: Descent, sizes: Sizes, overlap: Overlap = FROZEN) -> Array:
    """Gradient steps until τ, both layers trained: (1/η) ∫₀^τ (1 + e^F(τ′)) dτ′, F the margin.

    dτ = η |ℓ′| a step, and |ℓ′| = 1/(1 + e^F). Integrated by Gauss and Legendre's rule on 40 points.

    Args:
        tau: where training stops, shape (runs,).
        descent: what is trained, and by which step.
        sizes: sizes and scales.
        overlap: shares of active samples.
    Returns:
        Steps, not rounded, shape (runs,).
    """
    times = np.multiply.outer((1 + _NODES) / 2, tau)
    inverse_slope = _inverse_slope(times, descent, sizes, overlap)
    return np.asarray(tau / 2 * np.tensordot(_WEIGHTS, inverse_slope, 1) / descent.eta)


def time_after(steps: Array, descent: Descent, sizes: Sizes, overlap: Overlap = FROZEN) -> Array:
    """τ after so many gradient steps: the inverse of `training_steps`.

    By Newton's method on its logarithm, which is nearly straight, with halvings where it would leave the
    interval that is known to hold τ.

    Args:
        steps: gradient steps, ≥ 0, shape (runs,).
        descent: what is trained, and by which step.
        sizes: sizes and scales.
        overlap: shares of active samples.
    Returns:
        τ, shape (runs,).
    """
    learned = np.log1p(descent.eta * steps)
    at = (descent.mu_norm, descent.v0, sizes)
    low, high = np.zeros_like(learned), stop_time(*at, margin=learned + 30.0, overlap=overlap)
    tau = stop_time(*at, margin=np.maximum(learned, _LEAST_MARGIN), overlap=overlap)
    for _ in range(_STEPS_AFTER):
        found = training_steps(tau, descent, sizes, overlap)
        late = found > steps
        low, high = np.where(late, low, tau), np.where(late, tau, high)
        with np.errstate(divide="ignore"):
            excess = np.log(found) - np.log(steps)
        # The slope of log steps in τ is (1 + e^F) / (η steps).
        new = tau - excess * descent.eta * found / _inverse_slope(tau, descent, sizes, overlap)
        settled = np.abs(new - tau) <= _TOLERANCE * tau
        tau = np.where(settled | ((new > low) & (new < high)), new, (low + high) / 2)
        if settled.all():
            break
    return np.where(steps > 0, tau, 0.0)


def _inverse_slope(tau: Array, descent: Descent, sizes: Sizes, overlap: Overlap) -> Array:
    """1 + e^F(τ), F the margin; shape of τ, which ends with that of the runs."""
    rate, mu = growth_rate(sizes, overlap), descent.mu_norm
    noise, signal = np.exp(rate * tau), np.exp(mu * tau)
    growth = rate * (noise - 1 / noise) + mu * (signal - 1 / signal)
    return np.asarray(1 + np.exp(sizes.m * np.square(descent.v0) / 4 * growth))

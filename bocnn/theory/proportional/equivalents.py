"""Deterministic equivalents of the proportional limit, with a ridge and with inputs of any covariance.

Inputs x ~ N(0, Σ) have eigenvalues s of mean 1, and the teacher has the same power along each. M[·] is the
mean over the eigenvalues, and with some κ ≥ 0

    M₁ = M[s/(s + κ)],  M₂ = M[s²/(s + κ)²],  Q = M[s²/(s + κ)].

**First layer**, where the tangent kernel is b₀ XXᵀ/d + b₁ I, and ‖W − W(0)‖² has the penalty λ/2: ridge
regression on x with l = γ₁ b₁/b₀ + λ/b₀, and κ solves

    l = κ (1 − γ₁ M₁),    B = κ² M[s/(s + κ)²] / (1 − γ₁ M₂),    V = γ₁ M₂ / (1 − γ₁ M₂).

**Second layer**, with the penalty λ ‖a‖²/2. Features φ(⟨w, x⟩) are as Gaussian ones of covariance
μ₁² W Σ Wᵀ + μ*² I. W Σ Wᵀ has an equivalent of its own, with κ for the pair (d, h), so that everything is a
function of κ: of ridge regression on features the level ρ, its degrees of freedom, per sample, and what it
leaves of the teacher are

    t = κ (γ₂/γ₁ − M₁),  ρ = μ₁² t − μ*²,  κ′ = dκ/dρ = 1 / (μ₁² (γ₂/γ₁ − M₂)),
    D₁ = γ₂ − ρ/(μ*² + ρ) · (γ₂ − γ₁ M₁),  D₂ = D₁ + ρ dD₁/dρ,  B₀ = 1 − Q − ρ M₂ κ′.

κ solves λ = ρ (1 − D₁), and B = B₀ / (1 − D₂), V = D₂ / (1 − D₂). Without a ridge and with all s = 1 these
are the closed forms of `bocnn.theory.proportional.closed_forms`.

Source:
    Hastie, Montanari, Rosset & Tibshirani 2022; Mei & Montanari 2022; Bach 2024 ("High-dimensional analysis
    of double descent for linear regression with random projections"), for the equivalents that are nested.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from bocnn.arrays import Array
from bocnn.theory.proportional.closed_forms import Terms
from bocnn.theory.proportional.moments import Moments

_ZERO = 1e-14
"""κ below which it is 0; and 1 − D₂ below which a term has a pole."""


class Ratios(NamedTuple):
    """γ₁ = d/n and γ₂ = h/n."""

    gamma_1: float
    gamma_2: float


def power_law(d: int, decay: float) -> Array:
    """Eigenvalues s_c ∝ c^−decay of mean 1, shape (d,); all 1 for a decay of 0.

    Args:
        d: dimension of the inputs.
        decay: ≥ 0.
    """
    values = np.arange(1.0, d + 1) ** -decay
    return values / values.mean()


def first_layer(gamma_1: float, of: Moments, *, ridge: float, eigenvalues: Array) -> Terms:
    """First layer trained from an initialization that does not vanish, as its tangent kernel has it.

    Args:
        gamma_1: d/n.
        of: moments of the activation, at the pre-activations' scale.
        ridge: λ ≥ 0.
        eigenvalues: s, of mean 1, shape (d,).
    Returns:
        B and V; V is infinite at a pole.
    """
    level = (gamma_1 * float(of.slope_variance) + ridge) / float(of.slope) ** 2

    def excess(kappa: float) -> float:
        """The ridge at κ, less the one that is sought."""
        return kappa * (1 - gamma_1 * float(np.mean(eigenvalues / (eigenvalues + kappa)))) - level

    kappa = _solve(excess)
    share = eigenvalues / (eigenvalues + kappa)
    left = kappa**2 * float(np.mean(eigenvalues / (eigenvalues + kappa) ** 2))
    return _terms(left, gamma_1 * float(np.mean(share**2)))


def second_layer(ratios: Ratios, of: Moments, *, ridge: float, eigenvalues: Array) -> Terms:
    """Second layer trained on h random features φ(⟨w, x⟩), or on linear ones.

    Args:
        ratios: γ₁ and γ₂.
        of: moments of the activation, at the pre-activations' scale.
        ridge: λ ≥ 0; 0 for the solution of least norm.
        eigenvalues: s, of mean 1, shape (d,).
    Returns:
        B and V; both are infinite at a pole.
    """

    def excess(kappa: float) -> float:
        """The ridge at κ, less the one that is sought; negative too where κ is below all that can be."""
        level, freedom, _ = _features(kappa, ratios, of, eigenvalues)
        return level * (1 - freedom if level > 0 else 1.0) - ridge

    kappa = _solve(excess)
    share = eigenvalues / (eigenvalues + kappa)
    level, _, freedom = _features(kappa, ratios, of, eigenvalues)
    slope = _slope(kappa, ratios, of, eigenvalues)
    learned = (
        float(np.mean(eigenvalues * share)) + max(level, 0.0) * float(np.mean(share**2)) * slope
    )
    return _terms(1 - learned, freedom)


def _features(
    kappa: float, ratios: Ratios, of: Moments, eigenvalues: Array
) -> tuple[float, float, float]:
    """ρ, D₁ and D₂ at κ."""
    share = eigenvalues / (eigenvalues + kappa)
    first, rest = float(np.mean(share)), float(of.rest)
    level = float(of.linear) ** 2 * kappa * (ratios.gamma_2 / ratios.gamma_1 - first) - rest
    above = max(level, 0.0)
    linear = above / (rest + above) if rest > 0 else 1.0
    free = ratios.gamma_2 - ratios.gamma_1 * first
    freedom = ratios.gamma_2 - linear * free
    fall = float(np.mean(share / (eigenvalues + kappa))) * _slope(kappa, ratios, of, eigenvalues)
    change = rest / (rest + above) ** 2 * free if rest > 0 else 0.0
    return level, freedom, freedom - above * (change + linear * ratios.gamma_1 * fall)


def _slope(kappa: float, ratios: Ratios, of: Moments, eigenvalues: Array) -> float:
    """κ′ = dκ/dρ."""
    second = float(np.mean((eigenvalues / (eigenvalues + kappa)) ** 2))
    with np.errstate(divide="ignore"):
        steep = np.float64(of.linear) ** 2 * (ratios.gamma_2 / ratios.gamma_1 - second)
        return float(1 / steep)


def _solve(excess: Callable[[float], float]) -> float:
    """Where a function that is negative before its root and positive after it is 0; 0 if it always is."""
    if excess(_ZERO) >= 0:
        return _ZERO
    high = 1.0
    while excess(high) < 0:
        high *= 4
    root = brentq(lambda log: excess(float(np.exp(log))), np.log(_ZERO), np.log(high), xtol=1e-13)
    return float(np.exp(root))


def _terms(left: float, freedom: float) -> Terms:
    """B and V of what is left of the teacher, and of degrees of freedom a sample."""
    spare = 1 - freedom
    if spare < 1e-9:
        return Terms(np.array(np.inf if left > 1e-9 else 0.0), np.array(np.inf))
    return Terms(np.array(max(left, 0.0) / spare), np.array(freedom / spare))

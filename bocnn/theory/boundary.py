"""The boundary of benign overfitting at finite n, d and v₀: signal strength in closed form.

A sample has the patches ŷμ and ξ ~ N(0, σ_p² I_d), a network m ReLU filters for each class, and a label
that is not flipped. With many samples and filters, small σ₀ and small steps, all filters of class j learn
alike:

    ⟨w_r, jμ⟩ = s,    ⟨w_r, ξᵢ⟩ = u for the samples i of class j on which filter r is active,

and at most 0 for all others: a share α of the class's samples for a filter, and a share α₂ for any two
filters of a class (`Overlap`). On fresh noise ξ, class j's filters then add up to u √(n/d) ψ(Z_j) a filter,
where Z₊ and Z₋ are independent normals and

    ψ(z) = E max(√(α₂/2) z + √((α − α₂)/2) ζ, 0),    ζ ~ N(0, 1),

since ⟨ξᵢ, ξ⟩ / ‖ξᵢ‖² is N(0, 1/d), and α n/2 of them meet in a filter and α₂ n/2 in two. The signal adds s.
With output weights v₁ on the signal and v₂ on the noise the clean test error is therefore

    P(ψ(Z₋) − ψ(Z₊) > R),    R = v₁ s / (v₂ u) · √(d/n),

and the boundary at an error level is where R = R_c(level), a number that depends on α and α₂ alone. What
training decides is the ratio R: `hidden_layer_boundary`, `both_layers_boundary`.

Source:
    Derived here, from the dynamics of Kou et al. 2023 (arXiv 2303.04145) and Shang et al. 2024 (arXiv
    2410.19139), which give the powers without constants.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import FROZEN, Overlap, critical_ratio
from bocnn.theory.training_time import Sizes, growth_rate, stop_time

_ROOT_STEPS = 60


class PredictedBoundary(NamedTuple):
    """Signal strength ‖μ‖ on the boundary, and its local exponent −∂ log ‖μ‖ / ∂ log v₀, shape (runs,)."""

    mu_norm: Array
    exponent: Array


def hidden_layer_constant(level: float, overlap: Overlap = FROZEN) -> float:
    """C = n‖μ‖⁴ / (σ_p⁴ d) on the boundary where the hidden layer alone is trained: C = 4 R_c².

    Per unit of time u grows by σ_p² d and s by ‖μ‖² n/2, since one half of the samples carries each sign of
    the signal; v₁ = v₂. So R = (n/2) ‖μ‖² / (σ_p² d) · √(d/n) = √C / 2.

    Args:
        level: clean test error on the boundary, 0 < level < 0.5.
        overlap: shares of active samples.
    Raises:
        ValueError: the level is not between 0 and 0.5.
    """
    return 4 * critical_ratio(level, overlap) ** 2


def hidden_layer_boundary(
    sizes: Sizes, constant: Array | float, p_flip: Array | float = 0.0
) -> Array:
    """‖μ‖ = σ_p (C d / n)^¼ (1 − 2p)^−½, shape (runs,).

    Flipped samples pull the signal back, E[ŷ y] = 1 − 2p, and are memorized like the others, E[y²] = 1: C
    grows by the factor E[y²] / E[ŷ y]². This holds for n → ∞; with few samples, counts of flips vary.

    Args:
        sizes: sizes and scales.
        constant: C of the level, as `hidden_layer_constant` or `one_step_constant` gives it.
        p_flip: label-flip probability, in [0, 0.5).
    Returns:
        ‖μ‖, shape (runs,).
    """
    scale = sizes.sigma_p * (np.asarray(constant) * sizes.d / sizes.n) ** 0.25
    return np.asarray(scale / np.sqrt(1 - 2 * np.asarray(p_flip)))


def one_step_error(constant: Array | float) -> Array:
    """Φ(−√C): the clean test error after one step that is large beside the start.

    Each filter then holds the samples on which it was active at the start, of both classes and with both
    signs, so that ψ(z) − ψ(−z) = z/2 exactly and the two classes share one normal. A linear network has the
    same error: all filters hold all samples, with twice the signal and twice the noise.

    Args:
        constant: C = n‖μ‖⁴ / (σ_p⁴ d), ≥ 0, any shape.
    Returns:
        Clean test error, shape of C.
    """
    return np.asarray(ndtr(-np.sqrt(constant)))


def one_step_constant(level: float) -> float:
    """C at which `one_step_error` is `level`: the square of the level's normal quantile.

    Args:
        level: clean test error, 0 < level < 0.5.
    """
    return float(ndtri(level) ** 2)


def both_layers_boundary(
    v0: Array | float,
    sizes: Sizes,
    *,
    margin: Array | float,
    ratio: Array | float,
    overlap: Overlap = FROZEN,
) -> PredictedBoundary:
    """The boundary where both layers are trained, by small steps until every sample's margin is Λ.

    With dτ = |ℓ′| dt, on both sides of the same linear equations (λ from `growth_rate`, λ_s = ‖μ‖/2),

        v₂ = v₀ cosh λτ,    u = v₀ √(2 σ_p² d / (α n)) sinh λτ,
        v₁ = v₀ cosh λ_s τ, s = v₀ ‖μ‖ sinh λ_s τ,

    a sample's margin is m (α v₂ u + v₁ s) = (m v₀²/2) (2λ sinh 2λτ + ‖μ‖ sinh ‖μ‖τ), and the ratio is
    R = (‖μ‖/σ_p) √(α/2) sinh ‖μ‖τ / sinh 2λτ. On the boundary, R = R_c, both are one term, so that with

        ε = (R_c/α) √(n/d),    S = sinh 2λτ = 2Λ / (m v₀² 2λ (1 + ε)),    x = ‖μ‖τ,

    what is left is x sinh x = ε S arsinh S, and ‖μ‖ = 2λ x / arsinh S. For large v₀ it is the hidden
    layer's boundary. For small v₀, as long as x is small, m v₀² ‖μ‖² log 2S = 2 √(2/α) Λ R_c σ_p:
    the published power with a logarithm, of local exponent 1 − 1/log 2S.

    Args:
        v0: output initialization, > 0, shape (runs,).
        sizes: sizes and scales.
        margin: Λ at which training stops (`stop_margin`), > 0.
        ratio: R_c of the error level (`critical_ratio`), > 0.
        overlap: shares of active samples.
    Returns:
        ‖μ‖ on the boundary and the local exponent there.
    """
    rate = growth_rate(sizes, overlap)
    epsilon = np.asarray(ratio) / overlap.active * np.sqrt(sizes.n / np.asarray(sizes.d))
    strength = 2 * np.asarray(margin) / (sizes.m * np.square(v0) * rate * (1 + epsilon))
    time = np.arcsinh(strength)
    x = _solve_x_sinh_x(epsilon * strength * time)
    slope = strength / (time * np.sqrt(1 + strength**2))
    return PredictedBoundary(rate * x / time, 2 * ((1 + slope) / (1 + x / np.tanh(x)) - slope))


def both_layers_ratio(
    mu_norm: Array | float,
    v0: Array | float,
    sizes: Sizes,
    *,
    margin: Array | float,
    overlap: Overlap = FROZEN,
) -> Array:
    """R of a network of which both layers are trained until every sample's margin is Λ.

    Args:
        mu_norm: signal strength ‖μ‖, > 0.
        v0: output initialization, > 0.
        sizes: sizes and scales.
        margin: Λ at which training stops, > 0.
        overlap: shares of active samples.
    Returns:
        R, dimensionless, shape (runs,).
    """
    tau = stop_time(mu_norm, v0, sizes, margin=margin, overlap=overlap)
    return both_layers_ratio_at(tau, mu_norm, sizes, overlap)


def both_layers_ratio_at(
    tau: Array, mu_norm: Array | float, sizes: Sizes, overlap: Overlap = FROZEN
) -> Array:
    """Ratio of signal to noise in the output at τ, R = (‖μ‖/σ_p) √(α/2) sinh ‖μ‖τ / sinh 2λτ.

    Args:
        tau: rescaled time τ > 0, shape (runs,).
        mu_norm: signal strength ‖μ‖, > 0.
        sizes: sizes and scales.
        overlap: shares of active samples.
    Returns:
        R, dimensionless, shape (runs,).
    """
    noise = np.sinh(growth_rate(sizes, overlap) * tau)
    signal = np.asarray(mu_norm) / sizes.sigma_p * np.sinh(np.asarray(mu_norm) * tau)
    return np.asarray(np.sqrt(overlap.active / 2) * signal / noise)


def _solve_x_sinh_x(value: Array) -> Array:
    """x ≥ 0 with x sinh x = value, by Newton's method from above on a convex function."""
    x = np.minimum(np.sqrt(value), np.arcsinh(value) + 1.0)
    for _ in range(_ROOT_STEPS):
        x = x - (x * np.sinh(x) - value) / (np.sinh(x) + x * np.cosh(x))
    return np.asarray(x)

"""Risk of two-layer networks in the proportional limit: n, d, h → ∞ with d/n → γ₁ and h/n → γ₂.

Data x ~ N(0, I_d), y = ⟨x, θ*⟩ + ε with ‖θ*‖ = r and Var ε = σ². What is trained, by the square loss and
without regularization, has population risk R = r² B + σ² V above the noise: B is the bias, of what it
learns from labels without noise, and V the variance, of what it learns from noise.

Every function takes arrays of one shape, or that broadcast, and gives `Terms` of their common shape. At a
pole, where a matrix that is inverted becomes singular (γ₂ = 1, or γ₁ = 1 where rows of data are), a term
is infinite.

Source:
    Ba, Erdogdu, Suzuki, Wu & Zhang 2020, "Generalization of two-layer neural networks: an asymptotic
    viewpoint" (ICLR); Hastie, Montanari, Rosset & Tibshirani 2022 for ridge regression.
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.theory.proportional.moments import moments

NumberOrArray = float | Array


class Terms(NamedTuple):
    """B and V of a risk r² B + σ² V."""

    bias: Array
    variance: Array


def discriminant(gamma: NumberOrArray, ridge: NumberOrArray) -> Array:
    """D(γ, l) = √((1 − γ + l)² + 4 γ l), for γ > 0 and l ≥ 0; D(γ, 0) = |1 − γ|.

    Args:
        gamma: ratio of parameters to samples γ > 0, any shape.
        ridge: l ≥ 0, of a shape that broadcasts with γ.
    Returns:
        Shape of both together, ≥ 0.
    """
    return np.sqrt((1 - np.asarray(gamma) + ridge) ** 2 + 4 * np.asarray(gamma) * ridge)


def ridge_bias(gamma: NumberOrArray, ridge: NumberOrArray) -> Array:
    """Bias of ridge regression, [((1−γ)² + l (1+γ)) / D − (1−γ)] / 2γ.

    Args:
        gamma: dimensions a sample, > 0.
        ridge: l ≥ 0 in θ̂ = (XᵀX/n + l I)⁻¹ Xᵀy/n; from 0 (no pole: max(0, 1 − 1/γ)) to 1 as l → ∞.
    """
    g, ridge = np.broadcast_arrays(np.asarray(gamma, float), np.asarray(ridge, float))
    size = discriminant(g, ridge)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = ((1 - g) ** 2 + ridge * (1 + g)) / size
    return np.where(size == 0, 0.0, (share - (1 - g)) / (2 * g))


def ridge_variance(gamma: NumberOrArray, ridge: NumberOrArray) -> Array:
    """Variance of ridge regression, [(1 + γ + l) / D − 1] / 2; a pole at γ = 1 where l = 0.

    Args:
        gamma: ratio of parameters to samples γ > 0, any shape.
        ridge: l ≥ 0, of a shape that broadcasts with γ.
    Returns:
        Shape of both together; infinite at the pole.
    """
    with np.errstate(divide="ignore"):
        return ((1 + np.asarray(gamma) + ridge) / discriminant(gamma, ridge) - 1) / 2


def resolvent(gamma: NumberOrArray, ridge: NumberOrArray) -> Array:
    """A(γ, l) = [D − (1 − γ + l)] / 2γ, in [0, 1): the limit of l tr (XᵀX/n + l I)⁻¹ / d.

    It solves γ A² + (1 − γ + l) A = l: 0 at l = 0 for γ ≤ 1, 1 − 1/γ there for γ ≥ 1, and 1 as l → ∞.

    Args:
        gamma: ratio of parameters to samples γ > 0, any shape.
        ridge: l ≥ 0, of a shape that broadcasts with γ.
    Returns:
        Shape of both together.
    """
    g = np.asarray(gamma)
    return (discriminant(g, ridge) - (1 - g + ridge)) / (2 * g)


def linear_second_layer(gamma_1: NumberOrArray, gamma_2: NumberOrArray) -> Terms:
    """Linear network, second layer trained from nothing: least squares in h random directions.

    | where | B | V |
    |---|---|---|
    | γ₂ < 1, γ₂ < γ₁ | (1 − γ₂/γ₁) / (1 − γ₂) | γ₂ / (1 − γ₂) |
    | γ₁ < 1, γ₂ ≥ γ₁ | 0 | γ₁ / (1 − γ₁) |
    | γ₁, γ₂ ≥ 1 | (1 − 1/γ₁) γ₂ / (γ₂ − 1) | 1/(γ₁ − 1) + 1/(γ₂ − 1) |

    Poles: γ₂ = 1 where γ₁ > 1, the double descent; γ₁ = 1 where γ₂ ≥ 1.

    Args:
        gamma_1: d/n, > 0.
        gamma_2: h/n, > 0.
    """
    g, h = np.broadcast_arrays(np.asarray(gamma_1, float), np.asarray(gamma_2, float))
    few, plain = (h < 1) & (h < g), (g < 1) & (h >= g)
    with np.errstate(divide="ignore", invalid="ignore"):
        bias = np.select(
            [few, plain], [(1 - h / g) / (1 - h), np.zeros_like(g)], (1 - 1 / g) * h / (h - 1)
        )
        variance = np.select(
            [few, plain], [h / (1 - h), g / (1 - g)], 1 / np.abs(g - 1) + 1 / np.abs(h - 1)
        )
    return Terms(bias, variance)


def linear_first_layer(gamma_1: NumberOrArray) -> Terms:
    """First layer trained from vanishing initialization: least squares of least norm, whatever γ₂.

    B = 0, V = γ₁/(1 − γ₁) for γ₁ < 1; B = 1 − 1/γ₁, V = 1/(γ₁ − 1) for γ₁ > 1; V has a pole at γ₁ = 1.
    True of linear networks, and of smooth φ with φ′(0) ≠ 0, which vanishing weights make linear.
    """
    return Terms(ridge_bias(gamma_1, 0.0), ridge_variance(gamma_1, 0.0))


def kernel_first_layer(
    gamma_1: NumberOrArray, *, activation: str, scale: NumberOrArray = 1.0
) -> Terms:
    """First layer trained from an initialization that does not vanish: ridge regression, whatever γ₂.

    The tangent kernel is b₀ XXᵀ/d + b₁ I, b₀ = (Eφ′)² and b₁ = Var φ′, so the ridge is l = γ₁ b₁/b₀:
    never a pole where b₁ > 0. As the scale vanishes so does b₁ of a smooth φ, which leaves
    `linear_first_layer`; ReLU's ratio is 1 at every scale.

    Args:
        gamma_1: d/n.
        activation: one of `moments.MOMENT_ACTIVATIONS`.
        scale: standard deviation of the pre-activations at initialization.
    """
    of = moments(activation, scale)
    ridge = np.asarray(gamma_1) * of.slope_variance / of.slope**2
    return Terms(ridge_bias(gamma_1, ridge), ridge_variance(gamma_1, ridge))


def random_features(
    gamma_1: NumberOrArray, gamma_2: NumberOrArray, *, activation: str, scale: NumberOrArray = 1.0
) -> Terms:
    """Second layer trained on h random features φ(⟨w, x⟩), least norm.

    With k = μ*²/μ₁², what of φ is not linear over what is:

    | where | B | V |
    |---|---|---|
    | γ₂ < 1 | A(γ₁/γ₂, k γ₁/γ₂) / (1 − γ₂) | γ₂ / (1 − γ₂) |
    | γ₂ > 1 | ridge B(γ₁, k γ₁) + A(γ₁, k γ₁) / (γ₂ − 1) | ridge V(γ₁, k γ₁) + 1 / (γ₂ − 1) |

    A pole at γ₂ = 1; ridge regression, the kernel's, as γ₂ → ∞. Not of the linear network, whose k = 0
    lets features depend on each other: that is `linear_second_layer`.

    Args:
        gamma_1: d/n.
        gamma_2: h/n.
        activation: one of `moments.MOMENT_ACTIVATIONS` that is not linear.
        scale: standard deviation of the pre-activations.
    """
    g, h = np.broadcast_arrays(np.asarray(gamma_1, float), np.asarray(gamma_2, float))
    of = moments(activation, scale)
    k = of.rest / of.linear**2
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = 1 / np.abs(1 - h)
        few = Terms(resolvent(g / h, k * g / h) * spread, h * spread)
        bias = ridge_bias(g, k * g) + resolvent(g, k * g) * spread
        variance = ridge_variance(g, k * g) + spread
    return Terms(np.where(h < 1, few.bias, bias), np.where(h < 1, few.variance, variance))

"""Training of either layer of f(x) = Σ a_i φ(⟨w_i, x⟩) by the square loss, with or without a ridge.

| layer, φ | how | bias and variance |
|---|---|---|
| second, any | pseudo-inverse: least norm; or with the ridge | exact given x and w: traces |
| first, linear | gradient descent in closed form, mode by mode of x | exact given x |
| first, any other | gradient descent, `bocnn.models.proportional.descent` | from noise +ε and −ε |

The first layer is trained as f(x) = h^(−q) Σ ±φ(⟨w_i, x⟩) less its value at the start, which symmetric
pairs of neurons would do as well. Expectations are over x = √s ∘ z with z ~ N(0, I), so that filters and
teacher are seen as w ∘ √s and θ* ∘ √s.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from bocnn.arrays import Array
from bocnn.models.proportional.descent import DescentOptions, descend
from bocnn.models.proportional.draws import TrainingProblem
from bocnn.models.proportional.population import (
    activate,
    nonlinear_power,
    second_moment,
    target_moment,
)


class Fit(NamedTuple):
    """Result of a training; grad_norm is the last ‖∇‖², over samples and with the noise.

    nonlinear is E (f − ⟨x, E f x⟩)² of the learned function f.
    """

    bias: float
    variance: float
    nonlinear: float
    train_loss: float
    grad_norm: float
    steps_run: int


def train_second(
    problem: TrainingProblem, activation: str, sigma: float, *, ridge: float = 0.0
) -> Fit:
    """The second layer a = (ΦᵀΦ + n λ I)⁻¹ Φᵀ y with Φ = φ(XWᵀ), of least norm without a ridge.

    Args:
        problem: what was drawn.
        activation: φ.
        sigma: σ; the variance is that over all noise of this scale, not over the noise drawn.
        ridge: λ.
    """
    features = activate(activation, problem.x @ problem.filters.T)
    inverse = pseudo_inverse(features, ridge=ridge)
    clean = problem.x @ problem.target
    weights = inverse @ clean
    filters, target = problem.filters * problem.scales, problem.target * problem.scales
    second = second_moment(activation, filters)
    with_target = target_moment(activation, filters, target)
    bias = weights @ second @ weights - 2 * weights @ with_target + target @ target
    variance = sigma**2 * np.sum(inverse * (second @ inverse))
    labels = clean + problem.noise
    learned = inverse @ labels
    left = labels - features @ learned
    slope = features.T @ left / len(left) - ridge * learned
    return Fit(
        max(float(bias), 0.0),
        float(variance),
        nonlinear_power(activation, filters, learned, second),
        _loss(left),
        float(slope @ slope),
        0,
    )


def pseudo_inverse(matrix: Array, *, ridge: float = 0.0) -> Array:
    """The Moore–Penrose inverse, or (MᵀM + n λ I)⁻¹ Mᵀ, by the smaller Gram matrix.

    By Cholesky's factor where that shows full rank; else by eigenvectors, those below the rounding of the
    largest eigenvalue left out, as exact null directions come out.

    Args:
        matrix: M, shape (n, h).
        ridge: λ ≥ 0.
    Returns:
        Shape (h, n).
    """
    wide = matrix.shape[0] < matrix.shape[1]
    gram = matrix @ matrix.T if wide else matrix.T @ matrix
    gram[np.diag_indices_from(gram)] += len(matrix) * ridge
    core = _inverse(gram)
    if core is None:
        values, vectors = np.linalg.eigh(gram)
        kept = values > max(matrix.shape) * np.finfo(np.float64).eps * values[-1]
        vectors = vectors[:, kept]
        core = (vectors / values[kept]) @ vectors.T
    return matrix.T @ core if wide else core @ matrix.T


FULL_RANK = 1e-8
"""Least ratio of Cholesky's squared pivots, smallest to largest, that counts as full rank."""


def _inverse(gram: Array) -> Array | None:
    """The inverse of a positive definite matrix; None where it may have null directions."""
    factor, failed = lapack.dpotrf(gram, lower=1)
    pivots = np.diag(factor) ** 2
    if failed or pivots.min() < FULL_RANK * pivots.max():
        return None
    lower: Array = lapack.dpotri(factor, lower=1)[0]
    return np.tril(lower) + np.tril(lower, -1).T


def train_first_linear(problem: TrainingProblem, sigma: float, options: DescentOptions) -> Fit:
    """A linear network's first layer: every mode of the inputs shrinks by 1 − η s²/n a step.

    Args:
        problem: what was drawn.
        sigma: σ; the variance is that over all noise of this scale.
        options: step size, steps and tolerance.
    """
    left, scales, right = np.linalg.svd(problem.x, full_matrices=False)
    n = len(problem.x)
    factors = 1 - options.eta * scales**2 / n - options.eta * options.ridge
    labels = problem.x @ problem.target + problem.noise
    along = left.T @ labels
    steps = _steps_until(factors, (along * scales / n) ** 2, options)
    decayed = factors**steps
    kept_back = 1 - 1 / (1 + options.ridge * n / scales**2)
    remaining = decayed + kept_back * (1 - decayed)
    learned = 1 - remaining
    residual = labels - left @ (learned * along)
    power = 1.0 if _isotropic(problem) else right**2 @ problem.scales**2
    return Fit(
        max(_linear_bias(problem, right, remaining), 0.0),
        float(sigma**2 * np.sum((learned / scales) ** 2 * power)),
        0.0,
        _loss(residual),
        float(decayed**2 @ (along * scales / n) ** 2),
        steps,
    )


def _isotropic(problem: TrainingProblem) -> bool:
    return bool((problem.scales == 1).all())


def _linear_bias(problem: TrainingProblem, right: Array, remaining: Array) -> float:
    """‖θ* − θ‖² in the inputs' covariance, of which a share of each mode, a row of `right`, remains."""
    along = right @ problem.target
    if _isotropic(problem):
        shares = along**2
        return float(problem.target @ problem.target - shares.sum() + remaining**2 @ shares)
    missed = (problem.target - ((1 - remaining) * along) @ right) * problem.scales
    return float(missed @ missed)


def _steps_until(factors: Array, gradient: Array, options: DescentOptions) -> int:
    """The first step at which Σ factors²ᵏ gradient ≤ the tolerance, or the last."""
    if not options.grad_tol > 0 or (np.abs(factors) >= 1).any():
        return options.steps
    low, high = 0, options.steps
    while low < high:
        middle = (low + high) // 2
        reached = factors ** (2 * middle) @ gradient <= options.grad_tol
        low, high = (low, middle) if reached else (middle + 1, high)
    return low


def train_first(problem: TrainingProblem, activation: str, options: DescentOptions) -> Fit:
    """The first layer by gradient descent, twice: with the noise drawn and with its opposite.

    Half their sum is the bias's function and half their difference the variance's: exact where what is
    trained is linear in the labels, and risk = bias + variance in any case. So what the labels' noise
    does in second order counts as bias.

    Args:
        problem: what was drawn; without noise it is trained once and has no variance.
        activation: φ.
        options: step size, steps and tolerance.
    """
    clean = problem.x @ problem.target
    plus = descend(problem, clean + problem.noise, activation, options)
    noisy = problem.noise.any()
    minus = descend(problem, clean - problem.noise, activation, options) if noisy else plus
    filters = np.concatenate([plus.filters, minus.filters, problem.filters]) * problem.scales
    target = problem.target * problem.scales
    second = second_moment(activation, filters)
    with_target = target_moment(activation, filters, target)
    a = problem.signs / np.sqrt(len(problem.signs)) / options.spread
    mean, half = np.concatenate([a / 2, a / 2, -a]), np.concatenate([a / 2, -a / 2, 0 * a])
    bias = mean @ second @ mean - 2 * mean @ with_target + target @ target
    variance = half @ second @ half if noisy else 0.0
    return Fit(
        max(float(bias), 0.0),
        float(variance),
        nonlinear_power(activation, filters, mean + half, second),
        _loss(plus.residual),
        max(plus.grad_norm, minus.grad_norm),
        max(plus.steps, minus.steps),
    )


def _loss(residual: Array) -> float:
    return float(residual @ residual / (2 * len(residual)))

"""Training of either layer of f(x) = Σ a_i φ(⟨w_i, x⟩) by the square loss, without regularization.

| layer, φ | how | bias and variance |
|---|---|---|
| second, any | pseudo-inverse: least norm | exact given x and w: traces |
| first, linear | gradient descent in closed form, mode by mode of x | exact given x |
| first, relu or erf | gradient descent, `bocnn.models.proportional.descent` | from noise +ε and −ε |

The first layer is trained as f(x) = h^(−1/2) Σ ±φ(⟨w_i, x⟩) less its value at the start, which symmetric
pairs of neurons would do as well.
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


def train_second(problem: TrainingProblem, activation: str, sigma: float) -> Fit:
    """The second layer of least norm, a = φ(XWᵀ)⁺ y.

    Args:
        problem: what was drawn.
        activation: φ.
        sigma: σ; the variance is that over all noise of this scale, not over the noise drawn.
    """
    features = activate(activation, problem.x @ problem.filters.T)
    inverse = pseudo_inverse(features)
    clean = problem.x @ problem.target
    weights = inverse @ clean
    second = second_moment(activation, problem.filters)
    with_target = target_moment(activation, problem.filters, problem.target)
    bias = weights @ second @ weights - 2 * weights @ with_target + problem.target @ problem.target
    variance = sigma**2 * np.sum(inverse * (second @ inverse))
    labels = clean + problem.noise
    learned = inverse @ labels
    left = labels - features @ learned
    slope = features.T @ left / len(left)
    return Fit(
        max(float(bias), 0.0),
        float(variance),
        nonlinear_power(activation, problem.filters, learned, second),
        _loss(left),
        float(slope @ slope),
        0,
    )


def pseudo_inverse(matrix: Array) -> Array:
    """The Moore–Penrose inverse, by the smaller Gram matrix.

    By Cholesky's factor where that shows full rank; else by eigenvectors, those below the rounding of the
    largest eigenvalue left out, as exact null directions come out.
    """
    wide = matrix.shape[0] < matrix.shape[1]
    gram = matrix @ matrix.T if wide else matrix.T @ matrix
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
    factors = 1 - options.eta * scales**2 / n
    labels = problem.x @ problem.target + problem.noise
    along = left.T @ labels
    steps = _steps_until(factors, (along * scales / n) ** 2, options)
    remaining = factors**steps
    learned = 1 - remaining
    shares = (right @ problem.target) ** 2
    bias = problem.target @ problem.target - shares.sum() + remaining**2 @ shares
    residual = labels - left @ (learned * along)
    return Fit(
        max(float(bias), 0.0),
        float(sigma**2 * np.sum((learned / scales) ** 2)),
        0.0,
        _loss(residual),
        float(remaining**2 @ (along * scales / n) ** 2),
        steps,
    )


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
    filters = np.concatenate([plus.filters, minus.filters, problem.filters])
    second = second_moment(activation, filters)
    with_target = target_moment(activation, filters, problem.target)
    a = problem.signs / np.sqrt(len(problem.signs))
    mean, half = np.concatenate([a / 2, a / 2, -a]), np.concatenate([a / 2, -a / 2, 0 * a])
    bias = mean @ second @ mean - 2 * mean @ with_target + problem.target @ problem.target
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

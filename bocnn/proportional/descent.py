"""Gradient descent on the first layer, on the Gram matrix of the inputs.

The filters move only in the span of the inputs, w_i = w_i(0) + Σ_j B[i, j] x_j, so with G = XXᵀ, A = WXᵀ
and the loss L = Σ (f − y)² / 2n

    U[i, j] = h^(−1/2) ± φ′(A[i, j]) (f_j − y_j) / n,    B ← B − η U,    A ← A − η U G

is exactly gradient descent, and ‖∇‖² = Σ U ∘ (U G). It is the step of `bocnn.gram` for one patch a
sample, the square loss and fixed output weights; with hundreds of filters and samples and no d below n,
LAPACK's matrix products are the faster way to take it.
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.proportional.draws import Sample
from bocnn.proportional.population import activate, differentiate


class Recipe(NamedTuple):
    """How long and how fast: at most `steps` steps, until ‖∇‖² ≤ grad_tol (0: never)."""

    eta: float
    steps: int
    grad_tol: float


class Trained(NamedTuple):
    """What came of it: filters (h, d), residual y − f (n,), the last ‖∇‖², and steps taken."""

    filters: Array
    residual: Array
    grad_norm: float
    steps: int


def descend(sample: Sample, labels: Array, activation: str, recipe: Recipe) -> Trained:
    """Train the first layer on labels, shape (n,); it ends early where it leaves the finite numbers."""
    gram = sample.x @ sample.x.T
    signs = sample.signs / np.sqrt(len(sample.signs))
    a = sample.filters @ sample.x.T
    moved = np.zeros_like(a)
    start = signs @ activate(activation, a)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(recipe.steps + 1):
            residual = labels - (signs @ activate(activation, a) - start)
            update = differentiate(activation, a)
            update *= signs[:, None] * (residual / -len(labels))
            product = update @ gram
            grad_norm = float(np.vdot(update, product))
            if step == recipe.steps or not recipe.grad_tol < grad_norm < np.inf:
                break
            a -= recipe.eta * product
            moved -= recipe.eta * update
    return Trained(sample.filters + moved @ sample.x, residual, grad_norm, step)

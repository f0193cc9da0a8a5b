"""Gradient descent on the first layer, in the span of the inputs.

The filters move only in that span, so d counts no more than n: with more dimensions than samples, inputs
and filters are written in an orthonormal basis of it. With A = WXᵀ and the loss L = Σ (f − y)² / 2n

    ∇ = ± h^(−1/2) φ′(A) diag(f − y) X / n,    W ← W − η ∇

is the step of `bocnn.dynamics.gram_step` for one patch a sample, the square loss and fixed output weights;
with hundreds of filters and samples LAPACK's matrix products are the faster way to take it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.models.proportional.draws import Sample
from bocnn.models.proportional.population import activate, differentiate


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


class Watch(NamedTuple):
    """Who looks on, at these steps and at the end: `look(step, residual (n,), W − W(0) in the span)`."""

    steps: frozenset[int]
    look: Callable[[int, Array, Array], None]


def descend(
    sample: Sample, labels: Array, activation: str, recipe: Recipe, *, watch: Watch | None = None
) -> Trained:
    """Train the first layer on labels, shape (n,); it ends early where it leaves the finite numbers."""
    span = _span(sample.x)
    x, start = (
        (sample.x, sample.filters) if span is None else (sample.x @ span, sample.filters @ span)
    )
    across, filters = np.ascontiguousarray(x.T), start.copy()
    signs = sample.signs / np.sqrt(len(sample.signs))
    a = filters @ across
    values, slopes = np.empty_like(a), np.empty_like(a)
    aim = labels + signs @ activate(activation, a)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(recipe.steps + 1):
            residual = aim - signs @ activate(activation, a, out=values)
            pull = x * (residual / -len(labels))[:, None]
            gradient = signs[:, None] * (differentiate(activation, a, out=slopes) @ pull)
            grad_norm = float(np.vdot(gradient, gradient))
            over = step == recipe.steps or not recipe.grad_tol < grad_norm < np.inf
            if watch is not None and (over or step in watch.steps):
                watch.look(step, residual, filters - start)
            if over:
                break
            filters -= recipe.eta * gradient
            np.dot(filters, across, out=a)
    moved = filters - start
    moved = moved if span is None else moved @ span.T
    return Trained(sample.filters + moved, residual, grad_norm, step)


def _span(x: Array) -> Array | None:
    """An orthonormal basis of the inputs' span, (d, n); none where it is all of the space."""
    return np.linalg.qr(x.T)[0] if x.shape[1] > x.shape[0] else None

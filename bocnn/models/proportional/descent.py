"""Gradient descent on the first layer, in the span of the inputs.

The filters move only in that span, so d counts no more than n: with more dimensions than samples, inputs
and filters are written in an orthonormal basis of it. With A = WXᵀ and the loss L = Σ (f − y)² / 2n

    ∇ = ± h^(−1/2) φ′(A) diag(f − y) X / n,    W ← W − η ∇

is the step of `bocnn.dynamics.gram_step` for one patch a sample, the square loss and fixed output weights;
with hundreds of filters and samples LAPACK's matrix products are the faster way to take it.

A network h^−q Σ ±φ(⟨w, x⟩) is trained in u with W = W(0) + h^(q − 1/2) u: its gradient is that above plus
λ u for a penalty λ‖u‖²/2, so that its function moves at the same rate for every q, and its filters move the
further the larger q is. In W these are steps η h^(2q − 1) on the loss and the penalty λ h^(1 − 2q) ‖W −
W(0)‖²/2: for q = 1 the mean field's.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.models.proportional.draws import TrainingProblem
from bocnn.models.proportional.population import activate, differentiate


class DescentOptions(NamedTuple):
    """How long and how fast: at most `steps` steps, until ‖∇‖² ≤ grad_tol (0: never).

    ridge: the penalty λ. spread: h^(q − 1/2), how much further filters move than in the kernel regime.
    """

    eta: float
    steps: int
    grad_tol: float
    ridge: float = 0.0
    spread: float = 1.0


class DescentResult(NamedTuple):
    """The trained network: filters (h, d), residual y − f (n,), the last ‖∇‖², and steps taken."""

    filters: Array
    residual: Array
    grad_norm: float
    steps: int


class Observer(NamedTuple):
    """A callback at these steps and at the end: `look(step, residual (n,), W − W(0) in the span)`."""

    steps: frozenset[int]
    look: Callable[[int, Array, Array], None]


def descend(
    problem: TrainingProblem,
    labels: Array,
    activation: str,
    options: DescentOptions,
    *,
    observer: Observer | None = None,
) -> DescentResult:
    """Train the first layer; it ends early where it leaves the finite numbers.

    Args:
        problem: inputs, filters at the start and signs.
        labels: y, shape (n,).
        activation: φ.
        options: step size, steps and tolerance.
        observer: called along the training.
    """
    span = _span(problem.x)
    x, start = (
        (problem.x, problem.filters) if span is None else (problem.x @ span, problem.filters @ span)
    )
    across, filters = np.ascontiguousarray(x.T), start.copy()
    signs = problem.signs / np.sqrt(len(problem.signs))
    outputs, rate = signs / options.spread, options.eta * options.spread
    a = filters @ across
    values, slopes = np.empty_like(a), np.empty_like(a)
    target = labels + outputs @ activate(activation, a)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(options.steps + 1):
            residual = target - outputs @ activate(activation, a, out=values)
            weighted = x * (residual / -len(labels))[:, None]
            gradient = signs[:, None] * (differentiate(activation, a, out=slopes) @ weighted)
            if options.ridge:
                gradient += options.ridge / options.spread * (filters - start)
            grad_norm = float(np.vdot(gradient, gradient))
            last = step == options.steps or not options.grad_tol < grad_norm < np.inf
            if observer is not None and (last or step in observer.steps):
                observer.look(step, residual, filters - start)
            if last:
                break
            filters -= rate * gradient
            np.dot(filters, across, out=a)
    moved = filters - start
    moved = moved if span is None else moved @ span.T
    return DescentResult(problem.filters + moved, residual, grad_norm, step)


def _span(x: Array) -> Array | None:
    """An orthonormal basis of the inputs' span, (d, n); none where it is all of the space."""
    return np.linalg.qr(x.T)[0] if x.shape[1] > x.shape[0] else None

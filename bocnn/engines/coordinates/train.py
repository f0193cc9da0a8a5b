"""Training in d coordinates: forward, slopes, a step of the optimizer, until the loss is small enough."""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.dynamics.activation import activate, differentiate
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.dynamics.losses import loss_slopes, loss_value
from bocnn.engines.coordinates.products import move_filters, write_inner
from bocnn.engines.coordinates.rules import Rule, move, row_step
from bocnn.engines.coordinates.state import Filters, Inner, OutputLayer, Patches, TrainingOptions
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.compiler.stages import Stage, run


class StoppedAt(NamedTuple):
    """Where training ended: steps taken, the loss, and whether it is at most `loss_tol`."""

    steps: int
    loss: float
    reached: bool


class CoordinatesTraining(NamedTuple):
    """A run in training, and room to train in.

    patches: the training set. filters, output: changed. rule: the optimizer. options: step sizes and when
    to stop. inner, f: products and outputs, (n,), those at the end afterwards. slopes, change, phi, slope,
    of_output: room; as `inner`, (2m, 2n) twice, (n,), (2, 2m). ended: the loss, and 1 where it is at most
    `loss_tol`; written.
    """

    patches: Patches
    filters: Filters
    output: OutputLayer
    rule: Rule
    options: TrainingOptions
    inner: Inner
    f: Array
    slopes: Inner
    change: Array
    phi: Array
    slope: Array
    of_output: Array
    ended: Array


def new_training(
    drawn: tuple[Patches, Filters, OutputLayer], rule: Rule, options: TrainingOptions
) -> CoordinatesTraining:
    """A run before its first step.

    Args:
        drawn: the training set, and the layers at the start.
        rule: the optimizer.
        options: step sizes and when to stop.
    """
    patches, filters, output = drawn
    real, n, count = filters.weights.dtype, patches.observed.size, output.signs.size
    inner, slopes = (
        Inner(
            np.zeros((len(filters.weights), n), real),
            np.zeros((patches.directions, len(filters.weights)), real),
        )
        for _ in range(2)
    )
    change, phi = (np.empty((count, 2 * n), real) for _ in range(2))
    room = slopes, change, phi, np.empty(n, real), np.empty((2, count), real), np.empty(2)
    return CoordinatesTraining(
        patches, filters, output, rule, options, inner, np.empty(n, real), *room
    )


def train(training: CoordinatesTraining) -> StoppedAt:
    """Train in place, without Python's lock.

    Args:
        training: a run before its first step.
    """
    code, table = TRAIN_COORDINATES.prepare(training)
    steps = run(code, table)
    return StoppedAt(steps, float(training.ended[0]), bool(training.ended[1]))


@compiled(_nrt=False)
def _train_coordinates(training: CoordinatesTraining, table: object) -> int:
    """Train, and return the steps taken."""
    patches, filters, output = training.patches, training.filters, training.output
    rule, descent, f = training.rule, training.options, training.f
    now, slopes, ended = training.inner, training.slopes, training.ended
    change, phi = training.change, training.phi
    slope, of_output = training.slope, training.of_output
    real, n = f.dtype.type, f.size
    write_inner(patches, filters, filters.sums, now)
    for t in range(descent.steps + 1):
        _forward(patches, output, descent, now, (change, phi, f))
        loss = loss_value(descent.loss, patches.observed, f)
        reached = loss <= descent.loss_tol
        ended[0], ended[1] = loss, reached
        if reached or t == descent.steps or not math.isfinite(loss):
            return t
        loss_slopes(descent.loss, patches.observed, f, slope)
        for i in range(n):
            slope[i] /= real(n)
        _slopes_of_output(output, slope, phi, of_output)
        if descent.eta != 0.0:
            a, p = change.reshape(-1), phi.reshape(-1)
            differentiate(descent.activation, descent.leak, a, p, a)
            _slopes_of_products(patches, output, slope, change, slopes)
            step = row_step(rule, descent.eta, t + 1, real)
            move_filters(patches, filters, rule, step, (slopes, now))
        if descent.eta_output != 0.0:
            step = row_step(rule, descent.eta_output, t + 1, real)
            moments = output.mean.reshape(-1), output.square.reshape(-1)
            move(rule, step, output.weights.reshape(-1), of_output.reshape(-1), moments)
    return 0  # not reached: the last step returns


TRAIN_COORDINATES = Stage(_train_coordinates, 0)
"""Of a `CoordinatesTraining`."""


@compiled(fastmath=FAST_MATH, _nrt=False)
def _forward(  # type: ignore[no-untyped-def]
    patches: Patches, output: OutputLayer, descent: TrainingOptions, inner: Inner, out
) -> None:
    """Write pre-activations and φ of signal and noise patches, (2m, 2n) each, and the outputs, (n,)."""
    before, phi, f = out
    n = f.size
    for k in range(before.shape[0]):
        for i in range(n):
            before[k, i] = patches.signal[i] * inner.signal[patches.direction[i], k]
            before[k, n + i] = inner.noise[k, i]
    activate(descent.activation, descent.leak, before.reshape(-1), phi.reshape(-1))
    f[:] = 0
    for k in range(before.shape[0]):
        v1, v2 = output.signs[k] * output.weights[0, k], output.signs[k] * output.weights[1, k]
        for i in range(n):
            f[i] += v1 * phi[k, i] + v2 * phi[k, n + i]


@compiled(fastmath=FAST_MATH, _nrt=False)
def _slopes_of_output(output: OutputLayer, slope: Array, phi: Array, out: Array) -> None:
    """Write ∂L/∂v, (2, 2m)."""
    n = slope.size
    for k in range(phi.shape[0]):
        for p in range(2):
            total, row = slope[0] * 0, phi[k, p * n : (p + 1) * n]
            for i in range(n):
                total += slope[i] * row[i]
            out[p, k] = output.signs[k] * total


@compiled(fastmath=FAST_MATH, _nrt=False)
def _slopes_of_products(
    patches: Patches, output: OutputLayer, slope: Array, derivative: Array, out: Inner
) -> None:
    """Write the gradients by the products of filters with noise patches and with signal directions."""
    n = slope.size
    out.signal[:] = 0
    for k in range(derivative.shape[0]):
        v1, v2 = output.signs[k] * output.weights[0, k], output.signs[k] * output.weights[1, k]
        for i in range(n):
            out.noise[k, i] = v2 * slope[i] * derivative[k, n + i]
            out.signal[patches.direction[i], k] += (
                v1 * slope[i] * derivative[k, i] * patches.signal[i]
            )

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


class StoppedAt(NamedTuple):
    """Where training ended: steps taken, the loss, and whether it is at most `loss_tol`."""

    steps: int
    loss: float
    reached: bool


@compiled(nogil=True)  # threads train beside each other
def train(  # type: ignore[no-untyped-def]
    patches: Patches,
    filters: Filters,
    output: OutputLayer,
    rule: Rule,
    descent: TrainingOptions,
    inner,
    f,
) -> StoppedAt:
    """Train in place.

    Args:
        patches: the training set.
        filters: at the start.
        output: at the start.
        rule: the optimizer.
        descent: step sizes and when to stop.
        inner: two `Inner`; the first holds the products at the end.
        f: the outputs at the end, (n,); written.
    """
    real, (n, filters_count) = f.dtype.type, (f.size, output.signs.size)
    now, slopes = inner
    phi, change = (
        np.empty((filters_count, 2 * n), f.dtype),
        np.empty((filters_count, 2 * n), f.dtype),
    )
    slope, of_output = np.empty(n, f.dtype), np.empty((2, filters_count), f.dtype)
    write_inner(patches, filters, filters.sums, now)
    for t in range(descent.steps + 1):
        _forward(patches, output, descent, now, (change, phi, f))
        loss = loss_value(descent.loss, patches.observed, f)
        reached = loss <= descent.loss_tol
        if reached or t == descent.steps or not math.isfinite(loss):
            return StoppedAt(t, loss, reached)
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
    return StoppedAt(0, math.nan, False)  # not reached: the last step returns


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

"""Runs of the model `limit`: drawn, trained and measured in one compiled loop.

A run's random numbers are those of the Gram engine's run with the same key: its labels, its filters along
μ, the factor of its inner products and its test draws. So the two can be compared run by run as d grows.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.draws import FACTOR, SIGNAL, Seed, draw_labels, draw_normals, stream
from bocnn.data.records import EVERY, Classes, Flips
from bocnn.dynamics.activation import RELU
from bocnn.dynamics.losses import LOGISTIC
from bocnn.dynamics.state import StepType
from bocnn.engines.cpu.runs import DIVERGED, OK, UNCONVERGED
from bocnn.measure.fresh_output import FreshOutput, cholesky
from bocnn.measure.test_error import clean_error, zero_one_loss
from bocnn.models.limit.descent import (
    LimitStart,
    LimitState,
    LimitStep,
    LimitStop,
    descend,
    overlap,
    training_loss,
)
from bocnn.models.limit.waking import descend_hidden, new_awake
from bocnn.rng.normals import fill_normals
from bocnn.simd.arena import Arena, allocate, clear, new_arena, reset
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.compiler.stages import Stage, run
from bocnn.simd.products import add_product, full_spans, padded_zeros
from bocnn.simd.random_words import WORD_LANES

_MANY_STEPS = 0.2
"""Step size h up to which steps are so many that `descend_hidden` is faster than `descend`."""


class LimitRuns(NamedTuple):
    """Parameters of many runs, one array of shape (runs,) each; `loss_tol` is negative for never.

    output_rate: β, 0 where the hidden layer alone is trained.
    """

    key0: Ints
    key1: Ints
    replicate: Ints
    n: Ints
    m: Ints
    signal: Array
    step_size: Array
    output_rate: Array
    n_over_d: Array
    kappa: Array
    p_flip: Array
    steps: Ints
    loss_tol: Array
    n_test: Ints


class LimitMeasures(NamedTuple):
    """The measured columns of a run, in the dataset's order; all float64."""

    train_loss: float
    train_error: float
    test_error: float
    test_error_clean: float
    test_error_se: float
    active: float
    active_in_two: float
    max_u: float
    mean_signal: float
    steps_run: float


class LimitBatch(NamedTuple):
    """Runs, memory to work in, and their status and measures, which are written."""

    runs: LimitRuns
    arena: Arena
    status: Ints
    measured: Array


def new_batch(runs: LimitRuns) -> LimitBatch:
    """Runs before they are drawn, at least one, and memory for each of them."""
    size = int(np.max(workspace_bytes(runs.n, runs.m, runs.n_test)))
    measured = np.full((runs.n.size, len(LimitMeasures._fields)), math.nan)
    return LimitBatch(runs, new_arena(1, size), np.empty(runs.n.size, np.int8), measured)


def run_limits(runs: LimitRuns) -> tuple[Ints, Array]:
    """Train and measure runs.

    Args:
        runs: their parameters.
    Returns:
        Status, int8, shape (runs,), and measures, float64, shape (runs, len(LimitMeasures._fields)), NaN
        where a run diverged.
    """
    if not runs.n.size:
        return np.empty(0, np.int8), np.empty((0, len(LimitMeasures._fields)))
    batch = new_batch(runs)
    run(*RUN_LIMITS.prepare(batch))
    return batch.status, batch.measured


def workspace_bytes(n: Any, m: Any, n_test: Any) -> Array:
    """Memory that a run works in, in bytes, shape (runs,)."""
    points, filters = n + 16, 2 * m + 16
    drawn = (points + filters) ** 2 // 2 + points * points + 7 * points * filters
    measured = filters * (3 * filters + points + 128) + n_test
    return np.asarray(8.0 * (drawn + measured + 26 * (points + 2 * filters)) + 64 * 100)


@compiled(_nrt=False)
def _run_limits(batch: LimitBatch, table: object) -> int:
    """Train and measure runs one after the other."""
    runs, arena, status, measured = batch
    for r in range(runs.n.size):
        reset(arena)
        seed = Seed(runs.key0[r], runs.key1[r], runs.replicate[r])
        start = draw_start(seed, (runs.n[r], runs.m[r]), runs.kappa[r], runs.p_flip[r], arena)
        state = new_state(start, arena)
        stop = LimitStop(runs.steps[r], runs.loss_tol[r])
        if runs.output_rate[r] == 0.0 and runs.step_size[r] <= _MANY_STEPS:
            awake = new_awake(start, state, arena)
            steps = descend_hidden(start, state, awake, runs.step_size[r], stop)
        else:
            steps = descend(start, state, _step_of(runs, r), stop)
        row = _measure(runs, r, (start, state), float(steps), arena)
        finite, ended = (
            0.0,
            training_loss(start, state) <= runs.loss_tol[r] or runs.loss_tol[r] < 0.0,
        )
        for number in row[:4]:
            finite += number
        status[r] = DIVERGED
        if math.isfinite(finite):
            status[r] = OK if ended else UNCONVERGED
            for c in range(len(row)):
                measured[r, c] = row[c]
    return 0


RUN_LIMITS = Stage(_run_limits, 0)
"""Of a `LimitBatch`."""


@compiled(_nrt=False)
def _step_of(runs: LimitRuns, r: int) -> LimitStep:
    """Sizes of run r's steps."""
    size, n = runs.step_size[r], runs.n[r]
    signal_scale = math.sqrt(runs.signal[r] * runs.n_over_d[r]) / n
    return LimitStep(size, size * runs.output_rate[r], signal_scale)


@compiled()
def draw_start(
    seed: Seed, sizes: tuple[int, int], kappa: float, p_flip: float, arena: Arena
) -> LimitStart:
    """Draw what a run starts from.

    Args:
        seed: the run's.
        sizes: n and m.
        kappa: scale κ of the start.
        p_flip: label-flip probability.
        arena: for what is returned.
    """
    n, filters = sizes[0], 2 * sizes[1]
    true, observed = draw_labels(
        seed, n, Classes(0.5, False), Flips(p_flip, p_flip, False, EVERY), arena
    )
    rows = n + filters
    below = allocate(arena, (rows * (rows - 1) // 2,), np.float64)
    drawn = allocate(arena, (4, WORD_LANES), np.float32)
    fill_normals(below, drawn, 0, stream(seed, FACTOR))
    g, z = padded_zeros(n, n, arena), padded_zeros(filters, n, arena)
    _write_products(below, (n, filters), kappa * math.sqrt(n), (g, z))
    along = draw_normals(seed, SIGNAL, (filters, 1), arena).reshape(-1)
    return LimitStart(true, observed, g, z, along)


@compiled(_nrt=False)
def _write_products(
    below: Array, sizes: tuple[int, int], scale: float, out: tuple[Array, Array]
) -> None:
    """Write g and z⁰ of n samples and 2m filters from a factor's rows below its diagonal."""
    (n, filters), (g, z) = sizes, out
    first = 0
    for i in range(n):
        for j in range(i):
            g[i, j], g[j, i] = below[first + j], below[first + j]
        first += i
    for k in range(filters):
        for i in range(n):
            z[k, i] = scale * below[first + i]
        first += n + k


@compiled()
def new_state(start: LimitStart, arena: Arena) -> LimitState:
    """A run before its first step; it trains in the start's own z."""
    n, filters = start.true.size, start.along.size
    u, move = padded_zeros(filters, n, arena), padded_zeros(filters, n, arena)
    rows, signal = padded_zeros(2, n, arena), allocate(arena, (filters,), np.float64)
    output = allocate(arena, (2, 2, filters), np.float64)
    clear(signal)
    output[:] = 1.0
    spans = full_spans(filters, n, arena)
    return LimitState(u, start.z, signal, output[0], output[1], rows[0], rows[1], move, spans)


@compiled()
def _measure(
    runs: LimitRuns, r: int, trained: tuple[LimitStart, LimitState], steps: float, arena: Arena
) -> LimitMeasures:
    """The measures of run r at its present step."""
    start, state = trained
    n, m, seed = runs.n[r], runs.m[r], Seed(runs.key0[r], runs.key1[r], runs.replicate[r])
    fresh = _fresh_output(start, state, runs.signal[r], runs.kappa[r], arena)
    step_type = StepType(RELU, 0.0, LOGISTIC, False)
    clean, error = clean_error(fresh, step_type, runs.n_test[r], seed, arena)
    wrong, largest, signal = 0.0, 0.0, 0.0
    for i in range(n):
        wrong += zero_one_loss(state.margin[i])
    for k in range(2 * m):
        signal += abs(state.signal[k])
        for i in range(n):
            largest = max(largest, state.u[k, i])
    single, double = overlap(start, state.u)
    p_flip = runs.p_flip[r]
    return LimitMeasures(
        training_loss(start, state),
        wrong / n,
        p_flip + (1.0 - 2.0 * p_flip) * clean,
        clean,
        (1.0 - 2.0 * p_flip) * error,
        single,
        double,
        largest,
        signal / (2 * m * n),
        steps,
    )


@compiled()
def _fresh_output(
    start: LimitStart, state: LimitState, signal: float, kappa: float, arena: Arena
) -> FreshOutput:
    """Distribution of the outputs on fresh samples, in units of σ_p² √(n / d) / m; `signal` is C."""
    filters, n = state.signal.size, start.true.size
    fresh = FreshOutput(
        allocate(arena, (2,), np.float64),
        allocate(arena, (2,), np.float64),
        allocate(arena, (filters,), np.float64),
        padded_zeros(filters, filters, arena),
        allocate(arena, (filters,), np.float64),
        allocate(arena, (0, filters), np.float64),
    )
    rows, columns = padded_zeros(filters, n, arena), padded_zeros(n, filters, arena)
    for k in range(filters):
        for i in range(n):
            rows[k, i] = state.u[k, i] / n
            columns[i, k] = state.u[k, i]
    add_product(rows, columns, fresh.root, full_spans(filters, n, arena))
    _write_centres(state, math.sqrt(signal) / n, fresh)
    for k in range(filters):
        fresh.root[k, k] += kappa * kappa
    cholesky(fresh.root, allocate(arena, (fresh.root.shape[0],), np.float64))
    return fresh


@compiled(_nrt=False)
def _write_centres(state: LimitState, scale: float, fresh: FreshOutput) -> None:
    """Write what the signal adds to an output of either class, means and weights."""
    filters = state.signal.size
    fresh.centres[0], fresh.centres[1] = 0.0, 0.0
    fresh.centre_weights[0], fresh.centre_weights[1] = 1.0, 1.0
    for k in range(filters):
        sign = 1.0 if 2 * k < filters else -1.0
        fresh.mean[k], fresh.weights[k] = 0.0, sign * state.output[1, k]
        to = sign * scale * state.output[0, k]
        fresh.centres[0] += to * max(state.signal[k], 0.0)
        fresh.centres[1] += to * max(-state.signal[k], 0.0)

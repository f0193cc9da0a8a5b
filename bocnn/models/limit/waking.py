"""Gradient descent at d = ∞ with the hidden layer trained, from one waking of a filter to the next.

The equations are those of `bocnn.models.limit.descent` with V = V′ = 1. There a filter k that is active on
a sample i of its own class stays so, and its U_ki grows by hℓᵢ in each step; one that wakes on a sample of
the other class gets a single push, to U_ki = −hℓᵢ, and is never active on it again. So z_ki matters only
until k wakes on i, and with Pᵢ = Σ ℓᵢ over the steps so far, B_ki = Pᵢ when k woke, and cᵢ the number of
filters that are awake on i,

    U_ki = h (Pᵢ − B_ki),    yᵢfᵢ = (h/m) (cᵢ Pᵢ − Σ_k B_ki).

A step is n exponentials, without the 2m n² multiplications of U g. Which filters wake is found exactly.
Until filter k wakes on another sample, its z_ki grows by h Σ_j g_ij ΔP_j over the samples j of its class
that it is awake on, at most by h ΔD Σ_j max(g_ij, 0) with D = Σ max ℓ over the steps. So z_ki is computed
when it can have become positive, and no earlier.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.models.limit.descent import LOG_2, LimitStart, LimitState, LimitStop, training_loss
from bocnn.simd.arena import Arena, allocate
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.exponential import exponential
from bocnn.simd.lanes import as_vectors, select
from bocnn.simd.products import TILE, padded_zeros

_CAUTION = 1.0 - 1e-9
"""Of what is left until z is due: it is rounded."""
_NEVER = 1e300
_NO_GROWTH = 1e-30
"""Of z a unit of D, of a filter that is awake on nothing."""


class Awake(NamedTuple):
    """Which filters are awake, and when others can be; padded with zeros (`bocnn.simd.products`).

    on: 1 where filter k is awake on sample i of its class, (2m, n). since: B, (2m, n). up: Σ_j max(g_ij, 0)
    over the j that k is awake on, (2m, n). due: D from which on z can be positive, (2m, n). next_due: the
    least of a filter, (2m,). samples: rows c, Σ_k B_ki, P, ℓ, 1 for a sample, and what ℓ adds to S of
    filters on the side of true label +1 and of −1, (7, n). filters: rows S, what has its signs while it is
    0, and j, (3, 2m). row: U of a filter, and 1 where it wakes, (2, n). sums: buffer of a vector.
    """

    on: Array
    since: Array
    up: Array
    due: Array
    next_due: Array
    samples: Array
    filters: Array
    row: Array
    sums: Array


@compiled()
def new_awake(start: LimitStart, state: LimitState, arena: Arena) -> Awake:
    """All filters asleep, and every row due.

    Args:
        start: what the run starts from.
        state: before its first step; its `move` is used for B.
        arena: for what is returned.
    """
    n, filters = start.true.size, start.along.size
    on, samples = padded_zeros(filters, n, arena), padded_zeros(7, n, arena)
    of_filters, row = padded_zeros(3, filters, arena), padded_zeros(2, n, arena)
    up, due = padded_zeros(filters, n, arena), padded_zeros(filters, n, arena)
    up[:] = _NO_GROWTH
    next_due = allocate(arena, (filters,), np.float64)
    next_due[:] = 0.0
    for i in range(n):
        samples[4, i] = 1.0
        samples[5 if start.true[i] > 0.0 else 6, i] = start.observed[i] * start.true[i]
    for k in range(filters):
        of_filters[1, k] = start.along[k]
        of_filters[2, k] = 1.0 if 2 * k < filters else -1.0
    sums = allocate(arena, (1, TILE), np.float64)
    return Awake(on, state.move, up, due, next_due, samples, of_filters, row, sums)


@compiled(_nrt=False)
def descend_hidden(
    start: LimitStart, state: LimitState, awake: Awake, size: float, stop: LimitStop
) -> int:
    """Train the hidden layer of a run: `descend` with an output size of 0, equal to rounding.

    Args:
        start: what it starts from; its `z` is kept.
        state: U, S, margins and pulls are written at the end.
        awake: from `new_awake`.
        size: h.
        stop: when training ends.
    Returns:
        Steps that were taken.
    """
    step, moved, next_due = 0, 0.0, 0.0
    while True:
        _write_margins(state, awake, size)
        least, steepest = _write_slopes(start, state, awake)
        if step == stop.steps:
            break
        if least <= stop.loss_tol and training_loss(start, state) <= stop.loss_tol:
            break
        _move_signal(awake, size)
        if moved >= next_due:
            next_due = _wake_rows(start, state, awake, (size, moved))
        _add_slopes(awake)
        moved += steepest
        step += 1
    _write_end(start, state, awake, size)
    return step


@compiled(_nrt=False)
def _write_margins(state: LimitState, awake: Awake, size: float) -> None:
    """Write yᵢfᵢ = (h/m) (cᵢ Pᵢ − Σ_k B_ki)."""
    samples = as_vectors(awake.samples.reshape((8, awake.on.shape[1] // TILE, TILE)), TILE)
    margin = as_vectors(state.margin.reshape((samples.shape[1], TILE)), TILE)
    share = 2.0 * size / state.signal.size
    for v in range(samples.shape[1]):
        margin[v] = share * (samples[0, v] * samples[2, v] - samples[1, v])


@compiled(error_model="numpy", _nrt=False)
def _write_slopes(start: LimitStart, state: LimitState, awake: Awake) -> tuple[float, float]:
    """Write ℓ; a lower bound of the mean loss, as log(1 + e) ≥ e log 2 on [0, 1], and the largest ℓ.

    No margin is negative: filters of the other class have U ≤ 0.
    """
    small, slope = state.pull, awake.samples[3]
    for i in range(small.size):
        small[i] = exponential(-state.margin[i])
    for i in range(small.size):
        slope[i] = small[i] / (1.0 + small[i])
    vectors = small.size // TILE
    samples = as_vectors(awake.samples.reshape((8, vectors, TILE)), TILE)
    smalls = as_vectors(small.reshape((vectors, TILE)), TILE)
    total = samples[4, 0] * 0.0
    most = total
    for v in range(vectors):
        samples[3, v] = samples[3, v] * samples[4, v]
        total = total + smalls[v] * samples[4, v]
        most = select(samples[3, v] - most, samples[3, v], most)
    sums, largest = as_vectors(awake.sums, TILE), 0.0
    sums[0] = most
    for lane in range(TILE):
        largest = max(largest, awake.sums[0, lane])
    sums[0] = total
    return LOG_2 * _sum_lanes(awake.sums) / start.true.size, largest


@compiled(_nrt=False)
def _sum_lanes(sums: Array) -> float:
    """Sum over the lanes of a vector, (1, TILE)."""
    total = 0.0
    for lane in range(TILE):
        total += sums[0, lane]
    return total


@compiled(_nrt=False)
def _move_signal(awake: Awake, size: float) -> None:
    """A step of S: a filter sees the samples whose signal patch it is active on."""
    vectors, tiles = awake.on.shape[1] // TILE, awake.filters.shape[1] // TILE
    samples = as_vectors(awake.samples.reshape((8, vectors, TILE)), TILE)
    filters = as_vectors(awake.filters.reshape((8, tiles, TILE)), TILE)
    sums = as_vectors(awake.sums, TILE)
    plus = samples[3, 0] * 0.0
    minus = plus
    for v in range(vectors):
        plus = plus + samples[3, v] * samples[5, v]
        minus = minus + samples[3, v] * samples[6, v]
    sums[0] = plus
    to_plus = size * _sum_lanes(awake.sums)
    sums[0] = minus
    to_minus = size * _sum_lanes(awake.sums)
    for t in range(tiles):
        s = filters[0, t]
        none = s * 0.0
        sign = select(s, s, select(none - s, s, filters[1, t]))
        filters[0, t] = s + filters[2, t] * select(sign, none + to_plus, none + to_minus)


@compiled(_nrt=False)
def _add_slopes(awake: Awake) -> None:
    """P ← P + ℓ."""
    samples = as_vectors(awake.samples.reshape((8, awake.on.shape[1] // TILE, TILE)), TILE)
    for v in range(samples.shape[1]):
        samples[2, v] = samples[2, v] + samples[3, v]


@compiled(error_model="numpy", _nrt=False)
def _wake_rows(
    start: LimitStart, state: LimitState, awake: Awake, at: tuple[float, float]
) -> float:
    """Wake filters where their z is positive; `at` is h and D. Returns D at which the next z is due."""
    next_due = math.inf
    for k in range(awake.next_due.size):
        if at[1] >= awake.next_due[k] and _write_due(start, state, awake, k, at) > 0:
            _wake_row(start, state, awake, k, at)
        next_due = min(next_due, awake.next_due[k])
    return next_due


@compiled(error_model="numpy", _nrt=False)
def _write_due(
    start: LimitStart, state: LimitState, awake: Awake, k: int, at: tuple[float, float]
) -> int:
    """Compute the z of filter k that are due, and mark those that are positive; how many are."""
    (size, moved), n, vectors = at, start.true.size, awake.on.shape[1] // TILE
    row, found, least = awake.row, 0, _NEVER
    for i in range(n):
        grown = awake.samples[2, i] - awake.since[k, i]
        row[0, i], row[1, i] = state.u[k, i] + awake.on[k, i] * (size * grown), 0.0
    u = as_vectors(row.reshape((row.shape[0], vectors, TILE)), TILE)
    g = as_vectors(start.g.reshape((start.g.shape[0], vectors, TILE)), TILE)
    sums = as_vectors(awake.sums, TILE)
    for i in range(n):
        if awake.due[k, i] <= moved:
            z = start.z[k, i]
            if moved > 0.0:
                total = u[0, 0] * g[i, 0]
                for v in range(1, vectors):
                    total = total + u[0, v] * g[i, v]
                sums[0] = total
                z += _sum_lanes(awake.sums)
            awake.due[k, i] = moved + _CAUTION * (-z / (size * awake.up[k, i]))
            if z > 0.0:
                row[1, i] = 1.0
                found += 1
        least = min(least, awake.due[k, i])
    awake.next_due[k] = least
    return found


@compiled(error_model="numpy", _nrt=False)
def _wake_row(
    start: LimitStart, state: LimitState, awake: Awake, k: int, at: tuple[float, float]
) -> None:
    """Wake filter k on the samples that are marked; its other z are due earlier for it."""
    (size, moved), n, samples = at, start.true.size, awake.samples
    due, up = awake.due[k], awake.up[k]
    for i in range(n):
        if awake.row[1, i] > 0.0:
            due[i] = _NEVER
            push, gain = -size * samples[3, i], 0.0
            if awake.filters[2, k] * start.observed[i] > 0.0:
                awake.on[k, i], awake.since[k, i] = 1.0, samples[2, i]
                samples[0, i] += 1.0
                samples[1, i] += samples[2, i]
                push, gain = 0.0, 1.0
            state.u[k, i] = push
            for j in range(n):
                g = start.g[i, j]
                left = (due[j] - moved) * up[j] - max(push * g, 0.0) / size
                up[j] += gain * max(g, 0.0)
                due[j] = moved + _CAUTION * left / up[j]
    least = _NEVER
    for i in range(n):
        least = min(least, due[i])
    awake.next_due[k] = least


@compiled(_nrt=False)
def _write_end(start: LimitStart, state: LimitState, awake: Awake, size: float) -> None:
    """Write U, S and ℓy as `descend` leaves them; P loses what is below its rounding, U does not."""
    n, samples = start.true.size, awake.samples
    for k in range(awake.next_due.size):
        state.signal[k] = awake.filters[0, k]
        for i in range(n):
            if awake.on[k, i] > 0.0:
                grown = samples[2, i] - awake.since[k, i]
                state.u[k, i] = size * max(grown, samples[3, i])
    for i in range(n):
        state.pull[i] = start.observed[i] * samples[3, i]

"""Training with a run's state in global memory, a tile of samples at a time: for larger n.

One program a run, all its steps; barriers stand where one thread reads what another wrote.
"""

from typing import Any, NamedTuple

import triton
import triton.language as tl

from bocnn.engines.gpu.kernels.state import (
    CentreState,
    head_coordinate,
    initial_on_centres,
    initial_output,
    signs_of,
    store_end,
    store_state,
)
from bocnn.engines.gpu.kernels.step import (
    OutputWeights,
    any_infinite,
    descent_direction,
    infinite,
    losses,
    on_centres,
    output_gradients,
    outputs,
    phi,
    signal_coordinates,
    slope_of,
    step_parameters,
    to_centres,
)
from bocnn.engines.gpu.records import CENTRES


class HeadMove(NamedTuple):
    """A step's change of the filters beside the noise patches' part.

    first, second, constant: along the signal directions and the bias, (K,) each. faded: by how much the
    start shrinks.
    """

    first: Any
    second: Any
    constant: Any
    faded: Any


@triton.jit
def _first_direction(
    runs, drawn, trained, second, n, P: tl.constexpr, K: tl.constexpr, TILE: tl.constexpr
):
    """Write the gradient of B; returns Σ of g over the samples of a centre, and that of v's second row."""
    r = tl.program_id(0).to(tl.int64)
    rule = step_parameters(runs, r)
    k = tl.arange(0, K)
    gc, turn = tl.zeros((CENTRES,), tl.float32), tl.zeros((K,), tl.float32)
    for first in range(0, P, TILE):
        i = first + tl.arange(0, TILE)
        block = r * K * P + k[:, None] * P + i[None, :]
        y, at = tl.load(drawn.observed + r * P + i), tl.load(drawn.centre + r * P + i)
        g = output_gradients(tl.load(trained.margin + r * P + i), y, n, rule.square)
        a = tl.load(trained.activations + block)
        gc += to_centres(g, at)
        turn += tl.sum(g[None, :] * phi(a, rule.leak), axis=1)
        d = second[:, None] * g[None, :] * slope_of(a, rule.leak)
        tl.store(trained.direction + block, d)
    return gc, turn


@triton.jit
def _move_coefficients(
    runs,
    drawn,
    trained,
    sizes,
    P: tl.constexpr,
    K: tl.constexpr,
    TILE: tl.constexpr,
    MOVING: tl.constexpr,
):
    """B ← B − η D; `direction` holds η D after it. Returns Σ_i η D along each head coordinate."""
    r = tl.program_id(0).to(tl.int64)
    rule = step_parameters(runs, r)
    k = tl.arange(0, K)
    z0, z1 = tl.zeros((K,), tl.float32), tl.zeros((K,), tl.float32)
    z2 = tl.zeros((K,), tl.float32)
    for first in range(0, P, TILE):
        i = first + tl.arange(0, TILE)
        block = r * K * P + k[:, None] * P + i[None, :]
        d, b = tl.load(trained.direction + block), tl.load(trained.coefficients + block)
        if MOVING:
            d, velocity = descent_direction(d, b, tl.load(trained.velocity + block), rule)
            tl.store(trained.velocity + block, velocity)
        d *= rule.eta
        tl.store(trained.direction + block, d)
        tl.store(trained.coefficients + block, b - d)
        z0 += tl.sum(d * head_coordinate(drawn, sizes, 0, i, i < sizes.n)[None, :], axis=1)
        z1 += tl.sum(d * head_coordinate(drawn, sizes, 1, i, i < sizes.n)[None, :], axis=1)
        z2 += tl.sum(d * head_coordinate(drawn, sizes, 2, i, i < sizes.n)[None, :], axis=1)
    return z0, z1, z2


@triton.jit
def _move_activations(
    drawn,
    trained,
    sizes,
    move,
    P: tl.constexpr,
    K: tl.constexpr,
    TILE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """A ← A − η D G − what the centres and the fading of the start add to it."""
    r = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, K)
    inner = drawn.inner + r * sizes.rows * P
    for first in range(0, P, TILE):
        i = first + tl.arange(0, TILE)
        total = tl.zeros((K, TILE), tl.float32)
        for other in range(0, sizes.n, TILE):
            j = other + tl.arange(0, TILE)
            left = tl.load(trained.direction + r * K * P + k[:, None] * P + j[None, :])
            right_at = inner + j[:, None] * P + i[None, :]
            right = tl.load(right_at, mask=j[:, None] < sizes.n, other=0.0)
            total = tl.dot(left, right, acc=total, input_precision=PRECISION)
        total += move.first[:, None] * head_coordinate(drawn, sizes, 0, i, i < sizes.n)[None, :]
        total += move.second[:, None] * head_coordinate(drawn, sizes, 1, i, i < sizes.n)[None, :]
        total += move.constant[:, None] * head_coordinate(drawn, sizes, 2, i, i < sizes.n)[None, :]
        if move.faded != 0.0:
            start_at = inner + (sizes.n + k)[:, None] * P + i[None, :]
            total += move.faded * tl.load(start_at, mask=k[:, None] < sizes.filters, other=0.0)
        block = r * K * P + k[:, None] * P + i[None, :]
        tl.store(trained.activations + block, tl.load(trained.activations + block) - total)


@triton.jit
def _forward(
    runs,
    drawn,
    trained,
    weights,
    of_centres,
    P: tl.constexpr,
    K: tl.constexpr,
    TILE: tl.constexpr,
    STOPPING: tl.constexpr,
):
    """Write f of every sample; returns the sum of their losses, and how many are not finite."""
    r = tl.program_id(0).to(tl.int64)
    rule = step_parameters(runs, r)
    k = tl.arange(0, K)
    wrong, loss = tl.zeros((TILE,), tl.int32), tl.zeros((TILE,), tl.float64)
    for first in range(0, P, TILE):
        i = first + tl.arange(0, TILE)
        y, at = tl.load(drawn.observed + r * P + i), tl.load(drawn.centre + r * P + i)
        a = tl.load(trained.activations + r * K * P + k[:, None] * P + i[None, :])
        f = outputs(a, of_centres, weights, rule.leak, at)
        tl.store(trained.margin + r * P + i, f)
        wrong += infinite(f)
        if STOPPING:
            loss += losses(f, y, rule.square)
    return tl.sum(loss, axis=0), tl.sum(wrong, axis=0)


@triton.jit
def _start(
    drawn,
    trained,
    sizes,
    P: tl.constexpr,
    K: tl.constexpr,
    TILE: tl.constexpr,
    MOVING: tl.constexpr,
):
    """A as drawn, and nothing moved yet."""
    r = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, K)
    for first in range(0, P, TILE):
        i = first + tl.arange(0, TILE)
        block = r * K * P + k[:, None] * P + i[None, :]
        start_at = drawn.inner + (r * sizes.rows + sizes.n + k)[:, None] * P + i[None, :]
        start = tl.load(start_at, mask=k[:, None] < sizes.filters, other=0.0)
        tl.store(trained.activations + block, start)
        tl.store(trained.coefficients + block, tl.zeros((K, TILE), tl.float32))
        if MOVING:
            tl.store(trained.velocity + block, tl.zeros((K, TILE), tl.float32))


@triton.jit
def _count_infinite(trained, P: tl.constexpr, K: tl.constexpr, TILE: tl.constexpr):
    """How many numbers of A and B are not finite."""
    r = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, K)
    wrong = 0
    for first in range(0, P, TILE):
        block = r * K * P + k[:, None] * P + (first + tl.arange(0, TILE))[None, :]
        wrong += any_infinite(tl.load(trained.activations + block))
        wrong += any_infinite(tl.load(trained.coefficients + block))
    return wrong


@triton.jit
def train_tiled(
    runs,
    drawn,
    trained,
    sizes,
    P: tl.constexpr,
    K: tl.constexpr,
    TILE: tl.constexpr,
    MOVING: tl.constexpr,
    STOPPING: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Train one run; as `train_resident`, with TILE samples at a time.

    Longer than other functions are: a loop's state cannot leave the kernel.
    """
    r, n = tl.program_id(0).to(tl.int64), sizes.n
    rule = step_parameters(runs, r)
    eta, leak, mu = rule.eta, rule.leak, rule.mu
    sign = signs_of(sizes, K)
    start_centres = initial_on_centres(drawn, sizes, mu, K)
    ac, bc = start_centres, tl.zeros((K, CENTRES), tl.float32)
    start_output = initial_output(drawn, K)
    v1, v2 = start_output.signal, start_output.noise
    scale, faded = 1.0 + 0.0 * eta, 0.0 * eta
    velocity_s, velocity_c = 0.0 * eta, tl.zeros((K, CENTRES), tl.float32)
    velocity_1, velocity_2 = tl.zeros((K,), tl.float32), tl.zeros((K,), tl.float32)
    _start(drawn, trained, sizes, P, K, TILE, MOVING)
    tl.debug_barrier()
    weights = OutputWeights(sign * v1, sign * v2)
    loss, bad = _forward(runs, drawn, trained, weights, ac, P, K, TILE, STOPPING)
    step, reached = 0, 0
    if STOPPING:
        reached = (loss / n <= rule.loss_tol).to(tl.int32)
    while (step < rule.steps) & (reached == 0):
        tl.debug_barrier()
        gc, turn_2 = _first_direction(runs, drawn, trained, sign * v2, n, P, K, TILE)
        turn_1, turn_2 = sign * tl.sum(gc[None, :] * phi(ac, leak), axis=1), sign * turn_2
        dc = (sign * v1)[:, None] * gc[None, :] * slope_of(ac, leak)
        if MOVING:
            turn_1, velocity_1 = descent_direction(turn_1, v1, velocity_1, rule)
            turn_2, velocity_2 = descent_direction(turn_2, v2, velocity_2, rule)
            dc, velocity_c = descent_direction(dc, bc, velocity_c, rule)
            ds, velocity_s = descent_direction(0.0 * eta, scale, velocity_s, rule)
            faded = eta * ds
            scale -= faded
            ac -= faded * start_centres
        v1 -= rule.eta_output * turn_1
        v2 -= rule.eta_output * turn_2
        dc *= eta
        bc -= dc
        tl.debug_barrier()
        z0, z1, z2 = _move_coefficients(runs, drawn, trained, sizes, P, K, TILE, MOVING)
        p0, p1 = signal_coordinates(dc, mu)
        p2 = rule.bias * tl.sum(dc, axis=1)
        tl.debug_barrier()
        move = HeadMove(p0, p1, p2, faded)
        _move_activations(drawn, trained, sizes, move, P, K, TILE, PRECISION)
        ac -= on_centres(p0 + z0, p1 + z1, p2 + z2, mu)
        tl.debug_barrier()
        weights = OutputWeights(sign * v1, sign * v2)
        loss, wrong = _forward(runs, drawn, trained, weights, ac, P, K, TILE, STOPPING)
        bad += wrong
        step += 1
        if STOPPING:
            reached = (loss / n <= rule.loss_tol).to(tl.int32)
    bad += store_state(trained, CentreState(ac, bc), OutputWeights(v1, v2), scale, K)
    bad += _count_infinite(trained, P, K, TILE)
    store_end(trained, bad, reached, step, STOPPING)

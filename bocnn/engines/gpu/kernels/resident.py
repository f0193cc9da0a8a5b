"""Training with a run's whole state in registers: n up to 128. One program a run, all its steps.

Pre-activations, coefficients and the Gram matrix are loaded once; a step touches no global memory.
"""

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


@triton.jit
def train_resident(
    runs,
    drawn,
    trained,
    sizes,
    P: tl.constexpr,
    K: tl.constexpr,
    COUPLED: tl.constexpr,
    MOVING: tl.constexpr,
    STOPPING: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Train one run.

    Longer than other functions are: a loop's state cannot leave the kernel, and stays in registers.

    Args:
        runs, drawn, trained, sizes: records of buffers; `trained` is written.
        P, K: samples and filters, rounded up.
        COUPLED: noise patches have a component along the centres or a bias.
        MOVING: momentum or decay.
        STOPPING: a loss_tol to stop at.
        PRECISION: of the products, "ieee" or "tf32x3".
    """
    r = tl.program_id(0).to(tl.int64)
    n, filters, rows = sizes.n, sizes.filters, sizes.rows
    rule = step_parameters(runs, r)
    eta, leak, square, mu = rule.eta, rule.leak, rule.square, rule.mu
    i, k = tl.arange(0, P), tl.arange(0, K)
    y, at = tl.load(drawn.observed + r * P + i), tl.load(drawn.centre + r * P + i)
    sign = signs_of(sizes, K)
    inner = drawn.inner + r * rows * P
    gram = tl.load(inner + i[:, None] * P + i[None, :], mask=i[:, None] < n, other=0.0)
    start_at = inner + (n + k)[:, None] * P + i[None, :]
    a = tl.load(start_at, mask=k[:, None] < filters, other=0.0)
    h0 = head_coordinate(drawn, sizes, 0, i, i < n)
    h1 = head_coordinate(drawn, sizes, 1, i, i < n)
    h2 = head_coordinate(drawn, sizes, 2, i, i < n)
    start_centres = initial_on_centres(drawn, sizes, mu, K)
    ac = start_centres
    start_output = initial_output(drawn, K)
    v1, v2 = start_output.signal, start_output.noise
    b, bc = tl.zeros((K, P), tl.float32), tl.zeros((K, CENTRES), tl.float32)
    scale = 1.0 + 0.0 * eta
    if MOVING:
        velocity, velocity_c = tl.zeros((K, P), tl.float32), tl.zeros((K, CENTRES), tl.float32)
        velocity_1, velocity_2 = tl.zeros((K,), tl.float32), tl.zeros((K,), tl.float32)
        velocity_s = 0.0 * eta
    f = outputs(a, ac, OutputWeights(sign * v1, sign * v2), leak, at)
    bad = infinite(f)
    step, reached = 0, 0
    if STOPPING:
        reached = (tl.sum(losses(f, y, square), axis=0) / n <= rule.loss_tol).to(tl.int32)
    while (step < rule.steps) & (reached == 0):
        g = output_gradients(f, y, n, square)
        gc = to_centres(g, at)
        turn_1 = sign * tl.sum(gc[None, :] * phi(ac, leak), axis=1)
        turn_2 = sign * tl.sum(g[None, :] * phi(a, leak), axis=1)
        d = (sign * v2)[:, None] * g[None, :] * slope_of(a, leak)
        dc = (sign * v1)[:, None] * gc[None, :] * slope_of(ac, leak)
        if MOVING:
            turn_1, velocity_1 = descent_direction(turn_1, v1, velocity_1, rule)
            turn_2, velocity_2 = descent_direction(turn_2, v2, velocity_2, rule)
            d, velocity = descent_direction(d, b, velocity, rule)
            dc, velocity_c = descent_direction(dc, bc, velocity_c, rule)
            ds, velocity_s = descent_direction(0.0 * eta, scale, velocity_s, rule)
            # The start fades: it is read again, so that no register holds it.
            start = tl.load(start_at, mask=k[:, None] < filters, other=0.0)
            scale -= eta * ds
            a -= eta * ds * start
            ac -= eta * ds * start_centres
        v1 -= rule.eta_output * turn_1
        v2 -= rule.eta_output * turn_2
        d *= eta
        dc *= eta
        b -= d
        bc -= dc
        a -= tl.dot(d, gram, input_precision=PRECISION)
        p0, p1 = signal_coordinates(dc, mu)
        p2 = tl.zeros((K,), tl.float32)
        if COUPLED:
            p2 = rule.bias * tl.sum(dc, axis=1)
            a -= p0[:, None] * h0[None, :] + p1[:, None] * h1[None, :] + p2[:, None] * h2[None, :]
            p0 += tl.sum(d * h0[None, :], axis=1)
            p1 += tl.sum(d * h1[None, :], axis=1)
            p2 += tl.sum(d * h2[None, :], axis=1)
        ac -= on_centres(p0, p1, p2, mu)
        f = outputs(a, ac, OutputWeights(sign * v1, sign * v2), leak, at)
        bad |= infinite(f)
        step += 1
        if STOPPING:
            reached = (tl.sum(losses(f, y, square), axis=0) / n <= rule.loss_tol).to(tl.int32)
    block = r * K * P + k[:, None] * P + i[None, :]
    tl.store(trained.activations + block, a)
    tl.store(trained.coefficients + block, b)
    tl.store(trained.margin + r * P + i, f)
    wrong = store_state(trained, CentreState(ac, bc), OutputWeights(v1, v2), scale, K)
    wrong += tl.sum(bad, axis=0) + any_infinite(a) + any_infinite(b)
    store_end(trained, wrong, reached, step, STOPPING)

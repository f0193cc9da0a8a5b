"""Training with a run's whole state in registers: n up to 128. One program a run, all its steps.

Pre-activations, coefficients and the Gram matrix are loaded once; a step touches no global memory.
"""

import triton
import triton.language as tl

from bocnn.gpu.records import CENTRES
from bocnn.gpu.step import (
    along,
    any_infinite,
    direct,
    infinite,
    losses,
    on_centres,
    outputs,
    phi,
    pulls,
    rule_of,
    slope_of,
    to_centres,
)


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
    stepping, moving, shape, stop = rule_of(runs, r)
    mu, bias = shape
    steps, loss_tol = stop
    eta, eta_output, leak, square = stepping
    i, k, c = tl.arange(0, P), tl.arange(0, K), tl.arange(0, CENTRES)
    y, at = tl.load(drawn.observed + r * P + i), tl.load(drawn.at + r * P + i)
    sign = tl.where(k < filters, tl.where(k < filters // 2, 1.0, -1.0), 0.0)
    inner = drawn.inner + r * rows * P
    gram = tl.load(inner + i[:, None] * P + i[None, :], mask=i[:, None] < n, other=0.0)
    start_at = inner + (n + k)[:, None] * P + i[None, :]
    a = tl.load(start_at, mask=k[:, None] < filters, other=0.0)
    head = drawn.head + r * 3 * rows
    h0 = tl.load(head + i, mask=i < n, other=0.0)
    h1 = tl.load(head + rows + i, mask=i < n, other=0.0)
    h2 = tl.load(head + 2 * rows + i, mask=i < n, other=0.0)
    w0 = tl.load(head + n + k, mask=k < filters, other=0.0)
    w1 = tl.load(head + rows + n + k, mask=k < filters, other=0.0)
    w2 = tl.load(head + 2 * rows + n + k, mask=k < filters, other=0.0)
    start_centres = on_centres(w0, w1, w2, mu)
    ac = start_centres
    v1 = tl.load(drawn.output + r * 2 * K + k)
    v2 = tl.load(drawn.output + (r * 2 + 1) * K + k)
    b, bc = tl.zeros((K, P), tl.float32), tl.zeros((K, CENTRES), tl.float32)
    scale = 1.0 + 0.0 * eta
    if MOVING:
        velocity, velocity_c = tl.zeros((K, P), tl.float32), tl.zeros((K, CENTRES), tl.float32)
        velocity_1, velocity_2 = tl.zeros((K,), tl.float32), tl.zeros((K,), tl.float32)
        velocity_s = 0.0 * eta
    f = outputs(a, ac, (sign * v1, sign * v2, leak), at)
    bad = infinite(f)
    step, reached = 0, 0
    if STOPPING:
        reached = (tl.sum(losses(f, y, square), axis=0) / n <= loss_tol).to(tl.int32)
    while (step < steps) & (reached == 0):
        g = pulls(f, y, n, square)
        gc = to_centres(g, at)
        turn_1 = sign * tl.sum(gc[None, :] * phi(ac, leak), axis=1)
        turn_2 = sign * tl.sum(g[None, :] * phi(a, leak), axis=1)
        d = (sign * v2)[:, None] * g[None, :] * slope_of(a, leak)
        dc = (sign * v1)[:, None] * gc[None, :] * slope_of(ac, leak)
        if MOVING:
            turn_1, velocity_1 = direct(turn_1, v1, velocity_1, moving)
            turn_2, velocity_2 = direct(turn_2, v2, velocity_2, moving)
            d, velocity = direct(d, b, velocity, moving)
            dc, velocity_c = direct(dc, bc, velocity_c, moving)
            ds, velocity_s = direct(0.0 * eta, scale, velocity_s, moving)
            # The start fades: it is read again, so that no register holds it.
            start = tl.load(start_at, mask=k[:, None] < filters, other=0.0)
            scale -= eta * ds
            a -= eta * ds * start
            ac -= eta * ds * start_centres
        v1 -= eta_output * turn_1
        v2 -= eta_output * turn_2
        d *= eta
        dc *= eta
        b -= d
        bc -= dc
        a -= tl.dot(d, gram, input_precision=PRECISION)
        p0, p1 = along(dc, mu)
        p2 = tl.zeros((K,), tl.float32)
        if COUPLED:
            p2 = bias * tl.sum(dc, axis=1)
            a -= p0[:, None] * h0[None, :] + p1[:, None] * h1[None, :] + p2[:, None] * h2[None, :]
            p0 += tl.sum(d * h0[None, :], axis=1)
            p1 += tl.sum(d * h1[None, :], axis=1)
            p2 += tl.sum(d * h2[None, :], axis=1)
        ac -= on_centres(p0, p1, p2, mu)
        f = outputs(a, ac, (sign * v1, sign * v2, leak), at)
        bad |= infinite(f)
        step += 1
        if STOPPING:
            reached = (tl.sum(losses(f, y, square), axis=0) / n <= loss_tol).to(tl.int32)
    block = r * K * P + k[:, None] * P + i[None, :]
    tl.store(trained.activations + block, a)
    tl.store(trained.coefficients + block, b)
    small = r * 2 * K * CENTRES + k[:, None] * CENTRES + c[None, :]
    tl.store(trained.centres + small, ac)
    tl.store(trained.centres + small + K * CENTRES, bc)
    tl.store(trained.output + r * 2 * K + k, v1)
    tl.store(trained.output + (r * 2 + 1) * K + k, v2)
    tl.store(trained.scale + r, scale)
    tl.store(trained.margin + r * P + i, f)
    wrong = tl.sum(bad, axis=0) + any_infinite(a) + any_infinite(b)
    wrong += tl.sum(infinite(v1) + infinite(v2), axis=0) + any_infinite(ac) + any_infinite(bc)
    status = tl.where(wrong > 0, 2, STOPPING * (1 - reached))
    tl.store(trained.ended + 2 * r, status)
    tl.store(trained.ended + 2 * r + 1, step)

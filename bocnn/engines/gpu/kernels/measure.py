"""Measures of trained runs on the GPU: filters, the noise's covariance, fit, learning, memorization.

The test error is in `bocnn.engines.gpu.kernels.risk`. What is small is float64, as on the CPU.

Source:
    bocnn.measure.measures and bocnn.measure.test_error.
"""

import triton
import triton.language as tl

from bocnn.engines.gpu.kernels.step import losses
from bocnn.engines.gpu.records import (
    BIAS,
    CENTRES,
    FLOAT_COUNT,
    INT_COUNT,
    ISOTROPIC,
    MU,
    SIGMA_0,
    SIGMA_P,
    SQUARE,
    XOR,
)
from bocnn.engines.gpu.table import (
    MAX_V1,
    MAX_V2,
    MAX_W_MU,
    MAX_W_XI,
    MEASURE_COUNT,
    SIGNAL_TO_NOISE,
    STEPS_RUN,
    TRAIN_ERROR,
    TRAIN_LOSS,
    V_NORM,
    W_NORM,
)


@triton.jit
def zero_one_loss(margin):
    """1 for a negative margin, 0 for a positive one, 1/2 for none."""
    return tl.where(margin < 0, 1.0, tl.where(margin > 0, 0.0, 0.5)).to(tl.float64)


@triton.jit
def trained_filters(
    runs,
    drawn,
    trained,
    measured,
    sizes,
    P: tl.constexpr,
    K: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Noise coordinates α W(0) + B Z of the filters, BLOCK of them a program, stored (S, K).

    Args:
        runs: parameters.
        drawn: factor.
        trained: coefficients and scale.
        measured: `filters` is written.
        sizes: of every run.
        P: samples, rounded up.
        K: filters, rounded up.
        BLOCK: coordinates of a program.
    """
    r = tl.program_id(0).to(tl.int64)
    rows, n = sizes.rows, sizes.n
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    k = tl.arange(0, K)
    floats, factor = runs.floats + r * FLOAT_COUNT, drawn.factor + r * rows * rows
    sigma_p = tl.load(floats + SIGMA_P).to(tl.float32)
    sigma_0 = tl.load(floats + SIGMA_0).to(tl.float32)
    total = tl.zeros((BLOCK, K), tl.float32)
    for first in range(0, n, BLOCK):
        i = first + tl.arange(0, BLOCK)
        here = (i[None, :] < n) & (j[:, None] < rows)
        points = tl.load(factor + i[None, :] * rows + j[:, None], mask=here, other=0.0)
        weight_at = trained.coefficients + r * K * P + k[None, :] * P + i[:, None]
        weights = tl.load(weight_at, mask=i[:, None] < n, other=0.0)
        total = tl.dot(points, weights, acc=total, input_precision="ieee")
    here = (k[None, :] < sizes.filters) & (j[:, None] < rows)
    start = tl.load(factor + (n + k)[None, :] * rows + j[:, None], mask=here, other=0.0)
    total = sigma_p * total + tl.load(trained.scale + r) * sigma_0 * start
    out = measured.filters + r * rows * K + j[:, None] * K + k[None, :]
    tl.store(out, total, mask=j[:, None] < rows)


@triton.jit
def trained_head(
    runs, drawn, trained, measured, sizes, P: tl.constexpr, K: tl.constexpr, TILE: tl.constexpr
):
    """The filters' coordinates along the signal directions and the bias, stored (3, K).

    Args:
        runs: parameters.
        drawn: head.
        trained: coefficients and scale.
        measured: `head` is written.
        sizes: of every run.
        P: samples, rounded up.
        K: filters, rounded up.
        TILE: samples at a time.
    """
    r = tl.program_id(0).to(tl.int64)
    k, c = tl.arange(0, K), tl.arange(0, CENTRES)
    mu = tl.load(runs.floats + r * FLOAT_COUNT + MU)
    bias = tl.load(runs.ints + r * INT_COUNT + BIAS).to(tl.float64)
    scale = tl.load(trained.scale + r).to(tl.float64)
    centres_at = trained.centres + (r * 2 + 1) * K * CENTRES
    of_centres = tl.load(centres_at + k[:, None] * CENTRES + c[None, :]).to(tl.float64)
    sign = 1.0 - 2.0 * (c % 2).to(tl.float64)
    for a in tl.static_range(3):
        head = drawn.head + (r * 3 + a) * sizes.rows
        start = tl.load(head + sizes.n + k, mask=k < sizes.filters, other=0.0).to(tl.float64)
        coordinate = tl.where(c // 2 == a, mu * sign, 0.0) if a < 2 else bias + 0.0 * sign
        total = scale * start + tl.sum(of_centres * coordinate[None, :], axis=1)
        for first in range(0, P, TILE):
            i = first + tl.arange(0, TILE)
            b = tl.load(trained.coefficients + r * K * P + k[:, None] * P + i[None, :])
            point = tl.load(head + i, mask=i < sizes.n, other=0.0)
            total += tl.sum(b.to(tl.float64) * point.to(tl.float64)[None, :], axis=1)
        tl.store(measured.head + (r * 3 + a) * K + k, total)


@triton.jit
def noise_root(runs, measured, sizes, K: tl.constexpr):
    """Lower Cholesky factor of the noise's covariance, its columns as rows; and the filters' norm."""
    r = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, K)
    sigma_p = tl.load(runs.floats + r * FLOAT_COUNT + SIGMA_P)
    isotropic = tl.load(runs.ints + r * INT_COUNT + ISOTROPIC).to(tl.float64)
    gram, squares = tl.zeros((K, K), tl.float64), tl.zeros((K,), tl.float64)
    for a in range(3):
        w = tl.load(measured.head + (r * 3 + a) * K + k)
        squares += w * w
        gram += tl.where(a < 2, isotropic, 0.0) * w[:, None] * w[None, :]
    for j in range(sizes.rows):
        w = tl.load(measured.filters + (r * sizes.rows + j) * K + k).to(tl.float64)
        squares += w * w
        gram += w[:, None] * w[None, :]
    tl.store(measured.rows + r * MEASURE_COUNT + W_NORM, tl.sqrt(tl.sum(squares, axis=0)))
    rest = sigma_p * sigma_p * gram
    variance = tl.sum(tl.where(k[:, None] == k[None, :], rest, 0.0), axis=1)
    for p in range(sizes.filters):
        column = tl.sum(tl.where(k[None, :] == p, rest, 0.0), axis=1)
        pivot = tl.sum(tl.where(k == p, column, 0.0), axis=0)
        least = sizes.filters * 2.3e-16 * tl.sum(tl.where(k == p, variance, 0.0), axis=0)
        # A pivot that is zero up to rounding gives a zero column: a rank below 2m is no error.
        shrink = tl.where(pivot > least, 1.0 / tl.sqrt(tl.where(pivot > least, pivot, 1.0)), 0.0)
        column = tl.where(k >= p, shrink * column, 0.0)
        tl.store(measured.root + (r * K + p) * K + k, column)
        rest -= column[:, None] * column[None, :]


@triton.jit
def fit(
    runs, drawn, trained, measured, sizes, P: tl.constexpr, K: tl.constexpr, TILE: tl.constexpr
):
    """Training loss and error, memorization, learning, sizes of the weights, steps.

    Args:
        runs: parameters.
        drawn: labels.
        trained: state and margins.
        measured: `head` is read, `rows` is written.
        sizes: of every run.
        P: samples, rounded up.
        K: filters, rounded up.
        TILE: samples at a time.
    """
    r = tl.program_id(0).to(tl.int64)
    n, filters = sizes.n, sizes.filters
    row = measured.rows + r * MEASURE_COUNT
    k = tl.arange(0, K)
    square = tl.load(runs.ints + r * INT_COUNT + SQUARE) != 0
    inside, plus = k < filters, k < filters // 2
    bias = tl.load(measured.head + (r * 3 + 2) * K + k)
    loss, errors = tl.zeros((TILE,), tl.float64), tl.zeros((TILE,), tl.float64)
    memorized = tl.full((TILE,), float("-inf"), tl.float64)
    for first in range(0, P, TILE):
        i = first + tl.arange(0, TILE)
        y, f = tl.load(drawn.observed + r * P + i), tl.load(trained.margin + r * P + i)
        loss += losses(f, y, square)
        errors += tl.where(y == 0.0, 0.0, zero_one_loss(y * f))
        a = tl.load(trained.activations + r * K * P + k[:, None] * P + i[None, :]).to(tl.float64)
        own = inside[:, None] & (y != 0.0)[None, :] & (plus[:, None] == (y > 0.0)[None, :])
        a = tl.where(own, a - bias[:, None], float("-inf"))
        memorized = tl.maximum(memorized, tl.max(a, axis=0))
    tl.store(row + TRAIN_LOSS, tl.sum(loss, axis=0) / n)
    tl.store(row + TRAIN_ERROR, tl.sum(errors, axis=0) / n)
    noise, signal = tl.max(memorized, axis=0), _learning(runs, measured, filters, K)
    tl.store(row + MAX_W_XI, noise)
    tl.store(row + MAX_W_MU, signal)
    ratio = tl.where(noise > 0.0, signal / tl.where(noise > 0.0, noise, 1.0), float("nan"))
    tl.store(row + SIGNAL_TO_NOISE, ratio)
    v1 = tl.load(trained.output + r * 2 * K + k).to(tl.float64)
    v2 = tl.load(trained.output + (r * 2 + 1) * K + k).to(tl.float64)
    tl.store(row + MAX_V1, tl.max(tl.where(inside, v1, float("-inf")), axis=0))
    tl.store(row + MAX_V2, tl.max(tl.where(inside, v2, float("-inf")), axis=0))
    tl.store(row + V_NORM, tl.sqrt(tl.sum(v1 * v1 + v2 * v2, axis=0)))
    tl.store(row + STEPS_RUN, tl.load(trained.ended + 2 * r + 1).to(tl.float64))


@triton.jit
def _learning(runs, measured, filters, K: tl.constexpr):
    """max over classes j, filters r of class j and centres μ_c of class j of ⟨w_{j,r}, μ_c⟩."""
    r = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, K)
    mu = tl.load(runs.floats + r * FLOAT_COUNT + MU)
    xor = tl.load(runs.ints + r * INT_COUNT + XOR) != 0
    plus = k < filters // 2
    first, second = (
        tl.load(measured.head + r * 3 * K + k),
        tl.load(measured.head + r * 3 * K + K + k),
    )
    crossed = tl.abs(tl.where(plus, first, second))
    learned = mu * tl.where(xor, crossed, tl.where(plus, first, -first))
    return tl.max(tl.where(k < filters, learned, float("-inf")), axis=0)

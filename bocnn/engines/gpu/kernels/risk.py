"""The test error on the GPU: directions of fresh noise, 128 at a time, with the CPU's counters.

Source:
    bocnn.measure.test_error, which states the mathematics.
"""

import triton
import triton.language as tl

from bocnn.engines.gpu.kernels.draws import normal_pair, words
from bocnn.engines.gpu.kernels.measure import zero_one_loss
from bocnn.engines.gpu.kernels.step import phi
from bocnn.engines.gpu.records import FLOAT_COUNT, INT_COUNT, LEAK, MU, N_TEST, P_FLIP, XOR
from bocnn.engines.gpu.table import MEASURE_COUNT, TEST, TEST_ERROR, TEST_ERROR_CLEAN, TEST_ERROR_SE

_BLOCKS = tl.constexpr(32)
_CHUNK_BLOCKS = tl.constexpr(16)


@triton.jit
def test_error(runs, trained, measured, sizes, K: tl.constexpr):
    """Write the test errors and their Monte Carlo standard error, NaN for a single pair of draws.

    A block of the generator gives component j of four vectors: 32 blocks, of two of the CPU's chunks, are
    drawn at once, and each of their 32 · 4 slots keeps mean and squares of its own vectors' errors. A
    vector and its mirror image are a pair; the last is without where the draws are odd.

    Args:
        runs: parameters.
        trained: output weights.
        measured: `head` and `root` are read, `rows` is written.
        sizes: of every run.
        K: filters, rounded up.
    """
    r = tl.program_id(0).to(tl.int64)
    k, b = tl.arange(0, K), tl.arange(0, _BLOCKS)
    draws = tl.load(runs.ints + r * INT_COUNT + N_TEST)
    leak = tl.load(runs.floats + r * FLOAT_COUNT + LEAK).to(tl.float32)
    mean_at = measured.head + (r * 3 + 2) * K + k
    bias = tl.load(mean_at)
    exact = tl.sum(tl.abs(bias), axis=0) == 0.0
    sign = tl.where(k < sizes.filters, tl.where(k < sizes.filters // 2, 1.0, -1.0), 0.0)
    weights = sign * tl.load(trained.output + (r * 2 + 1) * K + k)
    centres = _centre_outputs(runs, trained, measured, sign, K)
    mean, squares = tl.zeros((_BLOCKS, 4), tl.float64), tl.zeros((_BLOCKS, 4), tl.float64)
    count = tl.zeros((_BLOCKS, 4), tl.float64)
    start = tl.zeros((K, _BLOCKS), tl.float32)
    ahead = bias.to(tl.float32)[:, None]
    for chunk in range(0, tl.cdiv(draws, 128), 2):
        h0, h1, h2, h3 = start, start, start, start
        lengths = tl.zeros((_BLOCKS, 4), tl.float32)
        for j in range(sizes.filters):
            at = (chunk + b // _CHUNK_BLOCKS) * sizes.filters + j
            w0, w1, w2, w3 = words(
                runs, r, TEST, (at * _CHUNK_BLOCKS + b % _CHUNK_BLOCKS).to(tl.int32), 0
            )
            e0, e1 = normal_pair(w0, w1)
            e2, e3 = normal_pair(w2, w3)
            root = tl.load(measured.root + (r * K + j) * K + k).to(tl.float32)[:, None]
            h0 += root * e0[None, :]
            h1 += root * e1[None, :]
            h2 += root * e2[None, :]
            h3 += root * e3[None, :]
            e = _four(e0, e1, e2, e3)
            lengths += e * e
        above = _outputs(weights, (ahead + h0, ahead + h1, ahead + h2, ahead + h3), leak)
        below = _outputs(weights, (ahead - h0, ahead - h1, ahead - h2, ahead - h3), leak)
        if exact:
            shrink = 1.0 / tl.sqrt(lengths.to(tl.float64))
            straight = _mean_chance(centres, above * shrink, sizes.filters // 2)
            mirrored = _mean_chance(centres, below * shrink, sizes.filters // 2)
        else:
            straight, mirrored = _mean_error(centres, above), _mean_error(centres, below)
        number = (chunk + b // _CHUNK_BLOCKS) * 64 + b % _CHUNK_BLOCKS
        first = 2 * (number[:, None] + _CHUNK_BLOCKS * tl.arange(0, 4)[None, :])
        paired = first + 1 < draws
        error = tl.where(paired, 0.5 * (straight + mirrored), straight)
        weight = tl.where(paired, 1.0, tl.where(first < draws, 0.5, 0.0)).to(tl.float64)
        count += weight
        change = tl.where(weight > 0.0, error - mean, 0.0) * weight
        mean += change / tl.maximum(count, 0.5)
        squares += change * (error - mean)
    _write(runs, measured, draws, (count, mean, squares))


@triton.jit
def _outputs(weights, h, leak):
    """N of four vectors' pre-activations, as the columns of a matrix, float64."""
    h0, h1, h2, h3 = h
    return _four(
        tl.sum(weights[:, None] * phi(h0, leak), axis=0),
        tl.sum(weights[:, None] * phi(h1, leak), axis=0),
        tl.sum(weights[:, None] * phi(h2, leak), axis=0),
        tl.sum(weights[:, None] * phi(h3, leak), axis=0),
    ).to(tl.float64)


@triton.jit
def _four(x0, x1, x2, x3):
    """Four vectors as the columns of a matrix."""
    lane = tl.arange(0, 4)[None, :]
    low = tl.where(lane == 0, x0[:, None], x1[:, None])
    return tl.where(lane < 2, low, tl.where(lane == 2, x2[:, None], x3[:, None]))


@triton.jit
def _write(runs, measured, draws, moments):
    """Merge the means and squares of all slots, and write the columns."""
    r = tl.program_id(0).to(tl.int64)
    count, mean, squares = moments
    weight, more = 0.5 * draws.to(tl.float64), ((draws - 1) // 2).to(tl.float64)
    clean = tl.sum(tl.sum(count * mean, axis=1), axis=0) / weight
    apart = squares + count * (mean - clean) * (mean - clean)
    variance = tl.sum(tl.sum(apart, axis=1), axis=0) / (weight * tl.maximum(more, 1.0))
    error = tl.where(more > 0.0, tl.sqrt(variance), float("nan"))
    p_flip = tl.load(runs.floats + r * FLOAT_COUNT + P_FLIP)
    span = 1.0 - 2.0 * p_flip
    row = measured.rows + r * MEASURE_COUNT
    tl.store(row + TEST_ERROR, p_flip + span * clean)
    tl.store(row + TEST_ERROR_CLEAN, clean)
    tl.store(row + TEST_ERROR_SE, span * error)


@triton.jit
def _centre_outputs(runs, trained, measured, sign, K: tl.constexpr):
    """y·S of the centres with their classes y: (first, second) as they count, (y of each, pairs)."""
    r = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, K)
    mu = tl.load(runs.floats + r * FLOAT_COUNT + MU)
    leak = tl.load(runs.floats + r * FLOAT_COUNT + LEAK)
    weights = sign.to(tl.float64) * tl.load(trained.output + r * 2 * K + k).to(tl.float64)
    s0 = mu * tl.load(measured.head + r * 3 * K + k)
    s1 = mu * tl.load(measured.head + r * 3 * K + K + k)
    b = tl.load(measured.head + r * 3 * K + 2 * K + k)
    xor = tl.load(runs.ints + r * INT_COUNT + XOR)
    first = tl.sum(weights * phi(b + s0, leak), axis=0)
    second = tl.sum(weights * phi(b - s0, leak), axis=0)
    third = tl.sum(weights * phi(b + s1, leak), axis=0)
    fourth = tl.sum(weights * phi(b - s1, leak), axis=0)
    return first, second, third, fourth, xor


@triton.jit
def _mean_error(centres, noise):
    """Error of draws with the noise output N, mean over centres."""
    first, second, third, fourth, xor = centres
    if xor == 0:
        total = 0.5 * (zero_one_loss(first + noise) + zero_one_loss(-second - noise))
    else:
        plus = zero_one_loss(first + noise) + zero_one_loss(second + noise)
        total = 0.25 * (plus + zero_one_loss(-third - noise) + zero_one_loss(-fourth - noise))
    return total


@triton.jit
def _mean_chance(centres, slopes, half):
    """Chance of an error over the length of directions with the noise output N(u), mean over centres."""
    first, second, third, fourth, xor = centres
    if xor == 0:
        plus = chance_negative(first, slopes, half)
        total = 0.5 * (plus + chance_negative(-second, -slopes, half))
    else:
        plus = chance_negative(first, slopes, half) + chance_negative(second, slopes, half)
        minus = chance_negative(-third, -slopes, half) + chance_negative(-fourth, -slopes, half)
        total = 0.25 * (plus + minus)
    return total


@triton.jit
def chance_negative(constant, slopes, half):
    """P(constant + r·slope < 0), r chi with 2·half degrees of freedom; an output of 0 counts half.

    Args:
        constant: float64.
        slopes: float64, any shape.
        half: filters a class.
    Returns:
        float64, of the shape of slopes.
    """
    still = slopes == 0.0
    turn = tl.where(constant > 0.0, 1.0, tl.where(constant < 0.0, -1.0, constant))
    ratios = tl.where(still, 0.0 * turn, constant / tl.where(still, 1.0, slopes))
    tails = upper_gamma(half, 0.5 * ratios * ratios)
    crossing = tl.where(slopes < 0.0, tails, 1.0 - tails)
    sure = zero_one_loss(tl.where(still, constant + 0.0 * slopes, slopes))
    sure = tl.where(ratios != ratios, float("nan"), sure)
    return tl.where(ratios < 0.0, crossing, sure)


@triton.jit
def upper_gamma(a, x):
    """Regularized upper incomplete gamma Q(a, x) for whole 1 ≤ a ≤ 64: exp(−x) Σ_{j<a} xʲ/j!."""
    capped = tl.minimum(x, 700.0)
    total = tl.zeros_like(x) + 1.0
    for back in range(1, a):
        total = 1.0 + total * capped * (1.0 / (a - back).to(tl.float64))
    return tl.where(x < 700.0, total * tl.exp(-capped), 0.0)

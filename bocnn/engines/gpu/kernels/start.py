"""Draws on the GPU: labels, coordinates, output weights, the Bartlett factor and its inner products.

Source:
    bocnn.data.draws and bocnn.data.model.
"""

import triton
import triton.language as tl

from bocnn.engines.gpu.kernels.draws import chi, normals, uniforms
from bocnn.engines.gpu.records import (
    BIAS,
    FLOAT_COUNT,
    INT_COUNT,
    ISOTROPIC,
    OUTPUT_INIT,
    P_FLIP,
    SIGMA_0,
    SIGMA_P,
    V0,
    XOR,
    D,
)
from bocnn.engines.gpu.table import (
    CENTRE,
    CHI,
    CONSTANT,
    FACTOR,
    FILTER_BIAS,
    FLIP,
    LABEL,
    NOISE,
    NORMAL,
    OUTPUT_WEIGHTS,
    SIGNAL,
)


@triton.jit
def draw_vectors(runs, drawn, sizes, P: tl.constexpr, K: tl.constexpr, ROWS: tl.constexpr):
    """Everything of a run that is a vector: one program a run; ROWS ≥ n + 2m and P.

    Args:
        runs: parameters.
        drawn: written but for `factor` and `inner`.
        sizes: of every run.
        P: samples, rounded up.
        K: filters, rounded up.
        ROWS: a power of two, ≥ n + 2m and ≥ P.
    """
    r = tl.program_id(0).to(tl.int64)
    _draw_samples(runs, drawn, sizes, P, ROWS)
    _draw_output(runs, drawn, sizes, K)
    xor, isotropic, bias = _data_switches(runs, r)
    i = tl.arange(0, ROWS)
    is_sample, inside = i < sizes.n, i < sizes.rows
    filter_ = tl.maximum(i - sizes.n, 0)
    sample = tl.minimum(i, sizes.n)
    sigma_p = tl.load(runs.floats + r * FLOAT_COUNT + SIGMA_P)
    sigma_0 = tl.load(runs.floats + r * FLOAT_COUNT + SIGMA_0)
    signals = 1 + xor
    head = drawn.head + r * 3 * sizes.rows
    for a in range(2):
        of_sample = sigma_p * isotropic * normals(runs, r, NOISE, sample * signals + a)
        of_filter = sigma_0 * normals(runs, r, SIGNAL, filter_ * signals + a)
        along = tl.where(is_sample, of_sample, of_filter) * (a < signals)
        tl.store(head + a * sizes.rows + i, along.to(tl.float32), mask=inside)
    constant = tl.where(is_sample, 1.0, sigma_0 * normals(runs, r, FILTER_BIAS, filter_)) * bias
    tl.store(head + 2 * sizes.rows + i, constant.to(tl.float32), mask=inside)
    degrees = tl.load(runs.ints + r * INT_COUNT + D) - signals - i
    lengths = chi(runs, r, CHI, i, tl.where(inside, degrees, 0).to(tl.float64))
    tl.store(drawn.chi + r * sizes.rows + i, lengths, mask=inside)


@triton.jit
def _data_switches(runs, r):
    """Whether a run's data are xor, its noise isotropic, its filters biased: 0 or 1 each, int32."""
    ints = runs.ints + r * INT_COUNT
    xor, isotropic = tl.load(ints + XOR), tl.load(ints + ISOTROPIC)
    return xor.to(tl.int32), isotropic.to(tl.int32), tl.load(ints + BIAS).to(tl.int32)


@triton.jit
def _draw_samples(runs, drawn, sizes, P: tl.constexpr, ROWS: tl.constexpr):
    """Observed labels, 0 beyond n, and the centre of each sample."""
    r = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, ROWS)
    xor = tl.load(runs.ints + r * INT_COUNT + XOR).to(tl.int32)
    p_flip = tl.load(runs.floats + r * FLOAT_COUNT + P_FLIP)
    positive = uniforms(runs, r, LABEL, i) < 0.5
    flipped = uniforms(runs, r, FLIP, i).to(tl.float64) < p_flip
    observed = tl.where(positive != flipped, 1.0, -1.0)
    second = (uniforms(runs, r, CENTRE, i) >= 0.5).to(tl.int32)
    at = tl.where(positive, 0, 1 + xor) + xor * second
    tl.store(drawn.observed + r * P + i, tl.where(i < sizes.n, observed, 0.0), mask=i < P)
    tl.store(drawn.centre + r * P + i, at, mask=i < P)


@triton.jit
def _draw_output(runs, drawn, sizes, K: tl.constexpr):
    """Output weights, 0 beyond 2m: v0, v0 times normals, or v0 times random signs."""
    r = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, K)
    v0 = tl.load(runs.floats + r * FLOAT_COUNT + V0)
    kind = tl.load(runs.ints + r * INT_COUNT + OUTPUT_INIT)
    for p in range(2):
        z = normals(runs, r, OUTPUT_WEIGHTS, p * sizes.filters + k)
        sign = tl.where(z > 0, 1.0, tl.where(z < 0, -1.0, 0.0))
        weight = v0 * tl.where(kind == CONSTANT, 1.0, tl.where(kind == NORMAL, z, sign))
        weight = tl.where(k < sizes.filters, weight, 0.0)
        tl.store(drawn.output + (r * 2 + p) * K + k, weight.to(tl.float32))


@triton.jit
def draw_factor(runs, drawn, sizes, BLOCK: tl.constexpr):
    """The Bartlett factor, BLOCK entries a program; needs `chi`."""
    r = tl.program_id(0).to(tl.int64)
    flat = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    rows = sizes.rows
    inside = flat < rows * rows
    i, j = flat // rows, flat % rows
    dimension = tl.load(runs.ints + r * INT_COUNT + D) - 1
    dimension -= tl.load(runs.ints + r * INT_COUNT + XOR)
    rank = tl.minimum(dimension, rows).to(tl.int32)
    full = tl.minimum(i, rank)
    start = full * (full - 1) // 2 + (i - full) * rank
    entry = tl.where(j < full, normals(runs, r, FACTOR, start + tl.minimum(j, full)), 0.0)
    diagonal = inside & (i == j) & (i < rank)
    length = tl.load(drawn.chi + r * rows + i, mask=diagonal, other=0.0)
    entry = tl.where(diagonal, length.to(tl.float32), entry)
    tl.store(drawn.factor + r * rows * rows + flat, entry, mask=inside)


@triton.jit
def draw_inner(runs, drawn, sizes, P: tl.constexpr, BLOCK: tl.constexpr):
    """Inner products of samples and filters with the samples, BLOCK × BLOCK a program.

    Without what the centres add to training: `head` couples those.
    """
    r = tl.program_id(0).to(tl.int64)
    rows, n = sizes.rows, sizes.n
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    c = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    floats, factor = runs.floats + r * FLOAT_COUNT, drawn.factor + r * rows * rows
    sigma_p = tl.load(floats + SIGMA_P).to(tl.float32)
    sigma_0 = tl.load(floats + SIGMA_0).to(tl.float32)
    total = tl.zeros((BLOCK, BLOCK), tl.float32)
    # Row c of the factor ends at its diagonal, and c < n.
    for first in range(0, tl.minimum(n, (tl.program_id(2) + 1) * BLOCK), BLOCK):
        j = first + tl.arange(0, BLOCK)
        left_at = factor + i[:, None] * rows + j[None, :]
        right_at = factor + c[None, :] * rows + j[:, None]
        left = tl.load(left_at, mask=(i[:, None] < rows) & (j[None, :] < n), other=0.0)
        right = tl.load(right_at, mask=(c[None, :] < n) & (j[:, None] < n), other=0.0)
        total = tl.dot(left, right, acc=total, input_precision="ieee")
    total *= tl.where(i < n, sigma_p, sigma_0)[:, None] * sigma_p
    for a in range(3):
        head = drawn.head + (r * 3 + a) * rows
        left_head = tl.load(head + i, mask=i < rows, other=0.0)
        right_head = tl.load(head + c, mask=c < n, other=0.0)
        total += left_head[:, None] * right_head[None, :]
    inner = drawn.inner + r * rows * P + i[:, None] * P + c[None, :]
    tl.store(inner, total, mask=(i[:, None] < rows) & (c[None, :] < P))

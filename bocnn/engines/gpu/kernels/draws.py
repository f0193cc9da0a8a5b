"""Random numbers on the GPU: the CPU's counters, the CPU's polynomials, in Triton.

The same counter gives the same 32 bits, and normals that differ by a rounding or two. Which counter feeds
which quantity is in `bocnn.data.draws`.

Source:
    bocnn.rng.philox and bocnn.rng.normals, which name theirs.
"""

import triton
import triton.language as tl

from bocnn.engines.gpu.records import INT_COUNT, KEY, REPLICATE

LEAST_UNIFORM = tl.constexpr(1.0e-7)


@triton.jit
def words(runs, r, quantity, block, lane):
    """Four 32-bit words of counter (block, quantity, replicate, lane) for run r; block is int32.

    Args:
        runs: parameters.
        r: index of the run.
        quantity: counter of `bocnn.engines.gpu.table`.
        block: int32, any shape.
        lane: of the counter.
    Returns:
        Four words of the shape of block.
    """
    key = tl.load(runs.ints + r * INT_COUNT + KEY)
    replicate = tl.load(runs.ints + r * INT_COUNT + REPLICATE).to(tl.int32)
    zero = block * 0
    return tl.philox(key, block, zero + quantity, zero + replicate, zero + lane)


@triton.jit
def uniform(word):
    """Uniform float32 in [0, 1) from a word, folded at the sign bit."""
    signed = word.to(tl.int32, bitcast=True)
    return tl.where(signed < 0, -signed - 1, signed).to(tl.float32) * 4.6566127342e-10


@triton.jit
def uniforms(runs, r, quantity, index):
    """Uniforms number `index` of a quantity.

    Args:
        runs: parameters.
        r: index of the run.
        quantity: counter.
        index: whole, any shape.
    Returns:
        float32 in [0, 1), of the shape of index.
    """
    w0, w1, w2, w3 = words(runs, r, quantity, index // 4, 0)
    lane = index % 4
    return uniform(tl.where(lane < 2, tl.where(lane == 0, w0, w1), tl.where(lane == 2, w2, w3)))


@triton.jit
def logarithm(x):
    """log of a positive normal float32."""
    bits = x.to(tl.int32, bitcast=True)
    exponent = ((bits >> 23) - 127).to(tl.float32)
    mantissa = ((bits & 0x007FFFFF) | 0x3F800000).to(tl.float32, bitcast=True)
    above = mantissa > 1.41421356
    x = tl.where(above, 0.5 * mantissa, mantissa) - 1.0
    exponent = tl.where(above, exponent + 1.0, exponent)
    square = x * x
    p = 7.0376836292e-2 * x - 1.1514610310e-1
    p = p * x + 1.1676998740e-1
    p = p * x - 1.2420140846e-1
    p = p * x + 1.4249322787e-1
    p = p * x - 1.6668057665e-1
    p = p * x + 2.0000714765e-1
    p = p * x - 2.4999993993e-1
    p = p * x + 3.3333331174e-1
    tail = x * square * p + exponent * -2.12194440e-4 - 0.5 * square
    return x + tail + exponent * 0.693359375


@triton.jit
def normal_pair(word0, word1):
    """Two independent standard normals, float32, by Box–Muller: cosine and sine."""
    radius = tl.sqrt(-2.0 * logarithm(tl.maximum(uniform(word0), LEAST_UNIFORM)))
    turns = 4.0 * uniform(word1)
    quarter = (turns + 0.5).to(tl.int32)
    angle = (turns - quarter.to(tl.float32)) * 1.5707963267948966
    square = angle * angle
    s = (-1.9515295891e-4 * square + 8.3321608736e-3) * square - 1.6666654611e-1
    s = s * square * angle + angle
    c = (2.443315711809948e-5 * square - 1.388731625493765e-3) * square + 4.166664568298827e-2
    c = c * square * square - 0.5 * square + 1.0
    swapped = (quarter & 1) != 0
    x, y = tl.where(swapped, s, c), tl.where(swapped, c, s)
    cosine = tl.where(((quarter + 1) & 2) != 0, -x, x)
    sine = tl.where((quarter & 2) != 0, -y, y)
    return radius * cosine, radius * sine


@triton.jit
def normals(runs, r, quantity, index):
    """Standard normals number `index` of a quantity.

    Args:
        runs: parameters.
        r: index of the run.
        quantity: counter.
        index: whole, any shape.
    Returns:
        float32, of the shape of index.
    """
    w0, w1, w2, w3 = words(runs, r, quantity, index // 4, 0)
    lane = index % 4
    cosine, sine = normal_pair(tl.where(lane < 2, w0, w2), tl.where(lane < 2, w1, w3))
    return tl.where(lane % 2 == 0, cosine, sine)


@triton.jit
def chi(runs, r, quantity, index, degrees):
    """Chi variates number `index` with `degrees` ≥ 1 degrees of freedom, float64; 0 where degrees < 1.

    All are tried together until each was accepted: attempt `lane` of a draw reads its own counter, so
    a draw does not depend on how often another was rejected.

    Args:
        runs: parameters.
        r: index of the run.
        quantity: counter.
        index: int32, shape (K,).
        degrees: of freedom, float64, shape (K,).
    Returns:
        Shape (K,).
    """
    shape = 0.5 * tl.maximum(degrees, 1.0)
    small = shape < 1.0
    first = tl.maximum(uniform(words(runs, r, quantity, index, -1)[0]), LEAST_UNIFORM).to(
        tl.float64
    )
    boost = tl.where(small, first * first, 1.0)  # u ** (1 / shape), and the shape is then 1/2
    offset = tl.where(small, shape + 1.0, shape) - 1.0 / 3.0
    slope = 1.0 / tl.sqrt(9.0 * offset)
    pending = degrees >= 1.0
    found = tl.zeros_like(offset)
    lane = 0
    while tl.sum(pending.to(tl.int32), axis=0) > 0:
        w0, w1, w2, _ = words(runs, r, quantity, index, lane)
        normal = normal_pair(w0, w1)[0].to(tl.float64)
        root = 1.0 + slope * normal
        cube = root * root * root
        positive = cube > 0.0
        log_uniform = tl.log(tl.maximum(uniform(w2), LEAST_UNIFORM).to(tl.float64))
        room = offset * (1.0 - cube + tl.log(tl.where(positive, cube, 1.0)))
        taken = pending & positive & (log_uniform < 0.5 * normal * normal + room)
        found = tl.where(taken, tl.sqrt(2.0 * offset * cube * boost), found)
        pending = pending & ~taken
        lane += 1
    return found

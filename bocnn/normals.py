"""Vectors of standard normals from Philox, in loops that a compiler can vectorize.

The transform is Triton's Box–Muller in float32. Library logarithms and sines are calls, one number
at a time, and took most of a run's time; these are polynomials over a whole chunk, within 5e-7 of the
transform in float64.

Source:
    Box & Muller 1958; minimax polynomials of S. Moshier's Cephes library (logf, sinf, cosf).
"""

import math

import numpy as np

from bocnn.arrays import Array
from bocnn.compiled import compiled
from bocnn.philox import Stream, philox, uniform

CHUNK = 256
"""Blocks of four that are made at once: their scratch stays in the first-level cache."""

_F = np.float32
_SMALLEST = _F(1.0e-7)
_ROOT_2 = _F(1.41421356)
_HALF_PI = _F(1.5707963267948966)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_MANTISSA, _ONE_BITS = 0x007FFFFF, 0x3F800000
_LOG = tuple(
    _F(c)
    for c in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)
_SIN = (_F(-1.9515295891e-4), _F(8.3321608736e-3), _F(-1.6666654611e-1))
_COS = (_F(2.443315711809948e-5), _F(-1.388731625493765e-3), _F(4.166664568298827e-2))


@compiled()
def fill_normals(out: Array, first_block: int, stream: Stream) -> None:
    """Fill a vector with the stream's normals from block `first_block` on: four a block.

    Within a block, words 0 and 1 give the cosine and the sine normal, words 2 and 3 the next two.
    """
    blocks = (out.size + 3) // 4
    width = max(1, min(blocks, CHUNK))
    uniforms = np.empty((4, width), np.float32)
    normals = np.empty((4, width), np.float32)
    for start in range(0, blocks, width):
        end = min(width, blocks - start)
        _fill_uniforms(uniforms, end, first_block + start, stream)
        for p in (0, 2):
            u, v = uniforms[p, :end], uniforms[p + 1, :end]
            _box_muller(u, v, normals[p, :end], normals[p + 1, :end])
        whole = end if 4 * (start + end) <= out.size else end - 1
        for b in range(whole):
            for lane in range(4):
                out[4 * (start + b) + lane] = normals[lane, b]
        for lane in range(out.size - 4 * (start + whole) if whole < end else 0):
            out[4 * (start + whole) + lane] = normals[lane, whole]


@compiled()
def _fill_uniforms(out: Array, count: int, first_block: int, stream: Stream) -> None:
    """Uniforms of `count` consecutive blocks, into the first columns of (4, blocks)."""
    for b in range(count):
        words = philox(np.uint64(first_block + b), np.uint64(0), stream)
        for lane in range(4):
            out[lane, b] = uniform(words[lane])


@compiled(fastmath={"contract"})
def _box_muller(u0: Array, u1: Array, cosine: Array, sine: Array) -> None:
    """√(−2 log u0) times cos and sin of 2π u1; u0 is overwritten."""
    bits = u0.view(np.int32)
    for b in range(u0.size):
        u0[b] = max(u0[b], _SMALLEST)
    for b in range(u0.size):
        cosine[b] = _F((bits[b] >> 23) - 127)
        bits[b] = (bits[b] & _MANTISSA) | _ONE_BITS
    for b in range(u0.size):
        u0[b] = math.sqrt(_F(-2) * _log(u0[b], cosine[b]))
    for b in range(u0.size):
        turns = _F(4) * u1[b]
        quarter = np.int32(turns + _F(0.5))
        angle = (turns - _F(quarter)) * _HALF_PI
        square = angle * angle
        s = ((_SIN[0] * square + _SIN[1]) * square + _SIN[2]) * square * angle + angle
        c = ((_COS[0] * square + _COS[1]) * square + _COS[2]) * square * square
        c = c - _F(0.5) * square + _F(1)
        swapped = (quarter & 1) != 0
        x, y = (s if swapped else c), (c if swapped else s)
        cosine[b] = u0[b] * (-x if ((quarter + 1) & 2) != 0 else x)
        sine[b] = u0[b] * (-y if (quarter & 2) != 0 else y)


@compiled(fastmath={"contract"}, inline="always")
def _log(mantissa, exponent):  # type: ignore[no-untyped-def]
    """log(mantissa · 2^exponent) for a mantissa in [1, 2)."""
    above = mantissa > _ROOT_2
    x = (_F(0.5) * mantissa if above else mantissa) - _F(1)
    exponent = exponent + _F(1) if above else exponent
    square = x * x
    polynomial = _LOG[0]
    for k in range(1, 9):
        polynomial = polynomial * x + _LOG[k]
    tail = x * square * polynomial + exponent * _LN2_LOW - _F(0.5) * square
    return x + tail + exponent * _LN2_HIGH

"""Uniforms and standard normals from Philox, 64 at a time in vectors.

The transform is Triton's Box–Muller in float32. Library logarithms and sines are calls, one number at a
time; these are polynomials, within 5e-7 of the transform in float64.

Source:
    Box & Muller 1958; minimax polynomials of S. Moshier's Cephes library (logf, sinf, cosf).
"""

from typing import Any

import numpy as np

from bocnn.arrays import Array
from bocnn.rng.philox import UNIFORM_SCALE, Stream, philox
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_vectors, select
from bocnn.simd.random_words import (
    WORD_LANES,
    as_floats,
    consecutive,
    float_bits,
    float_of_bits,
    low_bits,
    select_nonzero,
    square_root,
    truncate,
)

CHUNK_NORMALS = 4 * WORD_LANES
"""Normals of the blocks that are made at once, one block in each lane of the vectors."""

_F, _I = np.float32, np.int32
_LEAST_UNIFORM = _F(1.0e-7)
_ROOT_2 = _F(1.41421356)
_HALF_PI = _F(1.5707963267948966)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_LOG_TERMS = tuple(
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
_SIN_TERMS = (_F(-1.9515295891e-4), _F(8.3321608736e-3), _F(-1.6666654611e-1))
_COS_TERMS = (_F(2.443315711809948e-5), _F(-1.388731625493765e-3), _F(4.166664568298827e-2))


@compiled(_nrt=False)
def fill_uniforms(out: Array, drawn: Array, first_block: int, stream: Stream) -> None:
    """Fill a vector with the stream's uniforms from block `first_block` on: four a block.

    Args:
        out: written.
        drawn: room for the numbers of 16 blocks, (4, WORD_LANES), float32, where vectors can be loaded.
        first_block: of the stream.
        stream: where the numbers come from.
    """
    vectors = as_vectors(drawn, WORD_LANES)
    for start in range(0, out.size, CHUNK_NORMALS):
        words = philox(consecutive(np.uint64(first_block + start // 4)), np.uint64(0), stream)
        vectors[0], vectors[1] = uniform_vector(words[0]), uniform_vector(words[1])
        vectors[2], vectors[3] = uniform_vector(words[2]), uniform_vector(words[3])
        _spread(drawn, out[start : start + CHUNK_NORMALS])


@compiled(_nrt=False)
def fill_normals(out: Array, drawn: Array, first_block: int, stream: Stream) -> None:
    """Fill a vector with the stream's normals from block `first_block` on: four a block.

    Within a block, words 0 and 1 give the cosine and the sine normal, words 2 and 3 the next two.

    Args:
        out: written.
        drawn: room for the numbers of 16 blocks, (4, WORD_LANES), float32, where vectors can be loaded.
        first_block: of the stream.
        stream: where the numbers come from.
    """
    for start in range(0, out.size, CHUNK_NORMALS):
        draw_chunk(as_vectors(drawn, WORD_LANES), first_block + start // 4, stream)
        _spread(drawn, out[start : start + CHUNK_NORMALS])


@compiled(_nrt=False)
def _spread(drawn: Array, out: Array) -> None:
    """Put the numbers of 16 blocks, (4, WORD_LANES), in the order of the blocks."""
    for b in range(out.size // 4):
        for lane in range(4):
            out[4 * b + lane] = drawn[lane, b]
    for i in range(out.size // 4 * 4, out.size):
        out[i] = drawn[i & 3, i >> 2]


@compiled(_nrt=False)
def draw_chunk(out: Array, first_block: int, stream: Stream) -> None:
    """Write the normals of 16 blocks as four vectors, shape (4,): vector j holds number j of each block.

    Args:
        out: vectors of WORD_LANES floats, (4,); written.
        first_block: of the stream.
        stream: where the numbers come from.
    """
    blocks = consecutive(np.uint64(first_block))
    word0, word1, word2, word3 = philox(blocks, np.uint64(0), stream)
    out[0], out[1] = normal_vectors(word0, word1)
    out[2], out[3] = normal_vectors(word2, word3)


@compiled(inline="always")
def normal_vectors(word0, word1):  # type: ignore[no-untyped-def]
    """√(−2 log u0) times cos and sin of 2π u1, for vectors of words.

    Args:
        word0: a vector of 32-bit words, for the radius.
        word1: another, for the angle.
    Returns:
        Two vectors of float32.
    """
    u = uniform_vector(word0)
    radius = square_root(_F(-2) * _log(select(u - _LEAST_UNIFORM, u, _LEAST_UNIFORM)))
    turns = _F(4) * uniform_vector(word1)
    quarter = truncate(turns + _F(0.5))
    angle = (turns - as_floats(quarter)) * _HALF_PI
    square = angle * angle
    s = ((_SIN_TERMS[0] * square + _SIN_TERMS[1]) * square + _SIN_TERMS[2]) * square * angle + angle
    c = ((_COS_TERMS[0] * square + _COS_TERMS[1]) * square + _COS_TERMS[2]) * square * square
    c = c - _F(0.5) * square + _F(1)
    swapped = quarter & _I(1)
    cosine, sine = select_nonzero(swapped, s, c), select_nonzero(swapped, c, s)
    cosine = _negate(cosine, quarter + _I(1))
    return radius * cosine, radius * _negate(sine, quarter)


@compiled(inline="always")
def uniform_vector(word):  # type: ignore[no-untyped-def]
    """Uniforms in [0, 1) of a vector of words: `bocnn.rng.philox.uniform` of each."""
    bits = low_bits(word)
    return as_floats(bits ^ (bits >> _I(31))) * UNIFORM_SCALE


@compiled(inline="always")
def _negate(numbers, quarter):  # type: ignore[no-untyped-def]
    """Change signs in the third and fourth quarters, where the second bit is set."""
    return float_of_bits(float_bits(numbers) ^ ((quarter & _I(2)) << _I(30)))


@compiled(inline="always")
def _log(number: Any) -> Any:
    """log of positive normal numbers."""
    bits = float_bits(number)
    exponent = as_floats((bits >> _I(23)) - _I(127))
    mantissa = float_of_bits((bits & _I(0x007FFFFF)) | _I(0x3F800000))
    above = mantissa - _ROOT_2
    x = select(above, _F(0.5) * mantissa, mantissa) - _F(1)
    exponent = select(above, exponent + _F(1), exponent)
    square = x * x
    polynomial = _LOG_TERMS[0] * x + _LOG_TERMS[1]
    for k in range(2, 9):
        polynomial = polynomial * x + _LOG_TERMS[k]
    tail = x * square * polynomial + exponent * _LN2_LOW - _F(0.5) * square
    return x + tail + exponent * _LN2_HIGH

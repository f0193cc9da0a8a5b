"""Counter-based random numbers: Philox 4x32-10, uniforms and single normals as Triton defines them.

A draw is a pure function of (key, counter): no state, no order, the same bits on every machine up to
the rounding of log, sin and cos. Which counter feeds which quantity stands in `bocnn.draws`; vectors of
normals are made in `bocnn.normals`.

Source:
    Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; triton.language.random.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.compiled import compiled

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)
_HALF = np.uint64(0x80000000)
_SCALE = np.float32(4.6566127342e-10)
_SMALLEST = 1.0e-7
_TWO_PI = 6.283185307179586


class Stream(NamedTuple):
    """Where a run's numbers for one quantity come from: words of the Philox key and counter.

    Word 0 of the counter is the block index and is not part of the stream.
    """

    key0: np.uint64
    key1: np.uint64
    quantity: np.uint64
    replicate: np.uint64


@compiled(inline="always")
def philox(block, lane, stream):  # type: ignore[no-untyped-def]
    """Four 32-bit words, each held in a uint64, for counter (block, quantity, replicate, lane)."""
    c0, c1, c2, c3 = block, stream.quantity, stream.replicate, lane
    k0, k1 = stream.key0, stream.key1
    for _ in range(10):
        product0 = _MULTIPLIER_0 * c0
        product1 = _MULTIPLIER_1 * c2
        c0 = (product1 >> _WORD) ^ c1 ^ k0
        c1 = product1 & _LOW
        c2 = (product0 >> _WORD) ^ c3 ^ k1
        c3 = product0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@compiled(inline="always")
def uniform(word):  # type: ignore[no-untyped-def]
    """Uniform float32 in [0, 1) from a 32-bit word, folded at the sign bit as Triton does."""
    folded = word if word < _HALF else _LOW - word
    return np.float32(folded) * _SCALE


@compiled(inline="always")
def normal_pair(word0, word1):  # type: ignore[no-untyped-def]
    """Two independent standard normals (float32) from two 32-bit words, by Box–Muller."""
    radius = math.sqrt(np.float32(-2.0) * math.log(max(np.float32(_SMALLEST), uniform(word0))))
    angle = np.float32(_TWO_PI) * uniform(word1)
    return radius * math.cos(angle), radius * math.sin(angle)


@compiled()
def fill_uniforms(out: Array, first_block: int, stream: Stream) -> None:
    """Fill a vector with the stream's uniforms from block `first_block` on: four a block."""
    words = np.empty(4, dtype=np.uint64)
    for start in range(0, out.size, 4):
        block = np.uint64(first_block + start // 4)
        words[0], words[1], words[2], words[3] = philox(block, np.uint64(0), stream)
        for lane in range(min(4, out.size - start)):
            out[start + lane] = uniform(words[lane])


@compiled()
def chi(degrees: float, index: int, stream: Stream) -> float:
    """Chi variate with `degrees` ≥ 1 degrees of freedom: the stream's draw number `index`.

    χ² = 2 Γ(degrees/2), by rejection; attempt number `lane` reads its own counter, so a draw never
    depends on how often another was rejected.

    Source:
        Marsaglia & Tsang 2000, "A simple method for generating gamma variables".
    """
    shape = 0.5 * degrees
    boost = 1.0
    if shape < 1.0:
        word0, _, _, _ = philox(np.uint64(index), _LOW, stream)
        boost = max(_SMALLEST, float(uniform(word0))) ** (1.0 / shape)
        shape += 1.0
    offset = shape - 1.0 / 3.0
    slope = 1.0 / math.sqrt(9.0 * offset)
    lane = 0
    while True:
        word0, word1, word2, _ = philox(np.uint64(index), np.uint64(lane), stream)
        lane += 1
        normal = float(normal_pair(word0, word1)[0])
        cube = (1.0 + slope * normal) ** 3
        if cube <= 0.0:
            continue
        log_uniform = math.log(max(_SMALLEST, float(uniform(word2))))
        if log_uniform < 0.5 * normal**2 + offset * (1.0 - cube + math.log(cube)):
            return math.sqrt(2.0 * offset * cube * boost)


@compiled()
def fold(key0, key1, value_bits, tag):  # type: ignore[no-untyped-def]
    """Fold a tagged 64-bit value into a key: the first two words of one Philox block."""
    stream = Stream(key0, key1, value_bits >> _WORD, tag)
    word0, word1, _, _ = philox(value_bits & _LOW, np.uint64(0), stream)
    return word0, word1

"""Counter-based random numbers: Philox 4x32-10, and uniforms as Triton defines them.

A draw is a pure function of (key, counter): no state, no order, the same bits on every machine up to the
rounding of log, sin and cos. Which counter feeds which quantity is listed in `bocnn.data.draws`; vectors of
uniforms and normals are made in `bocnn.rng.normals`.

Source:
    Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; triton.language.random.
"""

from typing import NamedTuple

import numpy as np

from bocnn.simd.compiler.compiled import compiled

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)
_HALF = np.uint64(0x80000000)
UNIFORM_SCALE = np.float32(4.6566127342e-10)
"""A 31-bit number times this is below 1."""


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
    """Four 32-bit words, each in a uint64, for counter (block, quantity, replicate, lane).

    Blocks may be a vector of them (`bocnn.simd.random_words`): then so are the words.

    Args:
        block: word 0 of the counter.
        lane: word 3 of the counter.
        stream: the key, and words 1 and 2 of the counter.
    Returns:
        Four words.
    """
    c0, c1, c2, c3 = block, stream.quantity, stream.replicate, lane
    k0, k1 = stream.key0, stream.key1
    for _ in range(10):
        product0 = _MULTIPLIER_0 * c0
        product1 = _MULTIPLIER_1 * c2
        # Cut after the key and not within it: then a factor is seen to have 32 bits where it is used.
        c0 = ((product1 >> _WORD) ^ c1 ^ k0) & _LOW
        c1 = product1 & _LOW
        c2 = ((product0 >> _WORD) ^ c3 ^ k1) & _LOW
        c3 = product0 & _LOW
        k0 = k0 + _WEYL_0
        k1 = k1 + _WEYL_1
    return c0, c1, c2, c3


@compiled(inline="always")
def uniform(word):  # type: ignore[no-untyped-def]
    """Uniform float32 in [0, 1) from a 32-bit word, folded at the sign bit as Triton does."""
    folded = word if word < _HALF else _LOW - word
    return np.float32(folded) * UNIFORM_SCALE


@compiled()
def fold(key0, key1, value_bits, tag):  # type: ignore[no-untyped-def]
    """Fold a tagged 64-bit value into a key: the first two words of one Philox block.

    Args:
        key0: first word of the key.
        key1: second word of the key.
        value_bits: 64 bits to fold in.
        tag: 32 bits that tell what the value is of.
    Returns:
        The two words of the new key.
    """
    stream = Stream(key0, key1, value_bits >> _WORD, tag)
    word0, word1, _, _ = philox(value_bits & _LOW, np.uint64(0), stream)
    return word0, word1

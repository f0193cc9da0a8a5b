"""Lengths of normal vectors: chi variates by Marsaglia & Tsang's rejection, on the counters of Philox.

Source:
    Marsaglia & Tsang 2000, "A simple method for generating gamma variables".
"""

import math

import numpy as np

from bocnn.arrays import Array
from bocnn.rng.normals import normal_vectors, uniform_vector
from bocnn.rng.philox import Stream, philox, uniform
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_vectors
from bocnn.simd.random_words import WORD_LANES, consecutive

_ALL_BITS = np.uint64(0xFFFFFFFF)
_LEAST = 1.0e-7
_TWO_PI = 6.283185307179586
_SQUEEZE = 0.0331


@compiled(error_model="numpy", _nrt=False)
def fill_chis(out: Array, drawn: Array, degrees: int, stream: Stream) -> None:
    """Write chi variates with falling degrees of freedom: degrees, degrees − 1, …, at least 1.

    Draw i is the stream's draw number i, as `chi` gives it up to rounding: nearly all first attempts are
    below the rejection's squeeze, and are made here in vectors; the others are left to `chi`.

    Args:
        out: written.
        drawn: room as for `bocnn.rng.normals.fill_normals`.
        degrees: of the first.
        stream: where the numbers come from.
    """
    vectors = as_vectors(drawn, WORD_LANES)
    for first in range(0, out.size, WORD_LANES):
        word0, word1, word2, _ = philox(consecutive(np.uint64(first)), np.uint64(0), stream)
        vectors[0] = normal_vectors(word0, word1)[0]
        vectors[1] = uniform_vector(word2)
        left = out.size - first
        for b in range(left if left < WORD_LANES else WORD_LANES):
            i, normal, u = first + b, np.float64(drawn[0, b]), np.float64(drawn[1, b])
            offset = 0.5 * (degrees - i) - 1.0 / 3.0
            cube, square = _cube(1.0 + normal / math.sqrt(9.0 * offset)), normal * normal
            inside = offset > 0.5 and cube > 0.0 and u < 1.0 - _SQUEEZE * (square * square)
            out[i] = math.sqrt(2.0 * offset * cube) if inside else chi(degrees - i, i, stream)


@compiled(error_model="numpy", _nrt=False)
def chi(degrees: float, index: int, stream: Stream) -> float:
    """Chi variate with `degrees` ≥ 1 degrees of freedom: the stream's draw number `index`.

    χ² = 2 Γ(degrees/2), by rejection; attempt number `lane` reads its own counter, so a draw never
    depends on how often another was rejected.

    Args:
        degrees: of freedom, ≥ 1.
        index: of the draw.
        stream: where the numbers come from.
    Returns:
        The length, ≥ 0, float64.
    """
    shape = 0.5 * degrees
    boost = 1.0
    if shape < 1.0:
        word0, _, _, _ = philox(np.uint64(index), _ALL_BITS, stream)
        boost = max(_LEAST, float(uniform(word0))) ** (1.0 / shape)
        shape += 1.0
    offset = shape - 1.0 / 3.0
    slope = 1.0 / math.sqrt(9.0 * offset)
    lane = 0
    while True:
        word0, word1, word2, _ = philox(np.uint64(index), np.uint64(lane), stream)
        lane += 1
        normal = float(_normal(word0, word1))
        cube = _cube(1.0 + slope * normal)
        if cube <= 0.0:
            continue
        log_uniform = math.log(max(_LEAST, float(uniform(word2))))
        if log_uniform < 0.5 * (normal * normal) + offset * (1.0 - cube + math.log(cube)):
            return math.sqrt(2.0 * offset * cube * boost)


@compiled(error_model="numpy", _nrt=False)
def _cube(x: float) -> float:
    """The third power."""
    return x * (x * x)


@compiled(inline="always")
def _normal(word0, word1):  # type: ignore[no-untyped-def]
    """A standard normal (float32) from two words: the cosine of Box and Muller."""
    radius = math.sqrt(np.float32(-2.0) * math.log(max(np.float32(_LEAST), uniform(word0))))
    return radius * math.cos(np.float32(_TWO_PI) * uniform(word1))

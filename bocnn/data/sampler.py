"""Random numbers of one quantity of one run as arrays, for draws outside compiled code."""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.data.draws import Seed, draw_normals, draw_uniforms
from bocnn.simd.arena import new_arena

PATCH, FRESH_PATCH, FILTER = (np.uint64(quantity) for quantity in range(11, 14))
"""Counters of noise patches, fresh noise patches and filters in d dimensions, vector by vector."""

_SPARE_BYTES = 2**13
"""Beside the numbers: padding, and the words of 16 blocks."""


class QuantitySampler(NamedTuple):
    """The numbers of one quantity; each call begins at its first counter."""

    seed: Seed
    quantity: np.uint64

    def normals(self, shape: tuple[int, int]) -> Array:
        """Standard normals, row by row, float64."""
        arena = new_arena(1, 8 * shape[0] * shape[1] + _SPARE_BYTES)
        return draw_normals(self.seed, self.quantity, shape, arena).copy()

    def uniforms(self, shape: tuple[int, int]) -> Array:
        """Uniforms in [0, 1), row by row, float64."""
        size = shape[0] * shape[1]
        arena = new_arena(1, 8 * size + _SPARE_BYTES)
        return draw_uniforms(self.seed, self.quantity, size, arena).reshape(shape).copy()

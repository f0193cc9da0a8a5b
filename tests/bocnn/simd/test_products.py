"""Products of small padded matrices."""

import numpy as np
import pytest

from bocnn.simd.products import TILE, add_product
from tests.bocnn.arenas import padded_zeros
from tests.tolerance import assert_near


@pytest.mark.parametrize("sizes", [(1, 1, 1), (8, 8, 8), (9, 20, 17), (40, 3, 5)])
def test_a_product_is_added_within_its_spans(sizes: tuple[int, int, int]) -> None:
    rows, depth, columns = sizes
    generator = np.random.default_rng(0)
    left, right, out = (
        padded_zeros(depth, rows),
        padded_zeros(depth, columns),
        padded_zeros(rows, columns),
    )
    left[:depth, :rows] = generator.standard_normal((depth, rows))
    right[:depth, :columns] = generator.standard_normal((depth, columns))
    out[:rows, :columns] = generator.standard_normal((rows, columns))
    spans = np.array([(tile % 2, depth - tile % 3) for tile in range(out.shape[0] // TILE)])
    kept = np.zeros(left.shape)
    for tile, (first, last) in enumerate(spans):
        part = slice(TILE * tile, TILE * (tile + 1))
        kept[first:last, part] = left[first:last, part]
    expected = out + kept.T @ right
    add_product(left.T, right, out, spans)
    assert_near(out, expected)
    assert not out[rows:].any()
    assert not out[:, columns:].any()

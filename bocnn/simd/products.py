"""Products of small matrices in double precision, in vectors of eight numbers of one row.

Plain loops, not BLAS: its sums depend on how many threads it has. Matrices are padded with zeros to
multiples of eight (`padded`), so that no loop has a remainder.
"""

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.simd.arena import Arena, allocate, clear
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars, as_vectors

TILE = 8
"""Numbers of float64 in a vector."""


@compiled()
def round_up(size: int) -> int:
    """The next multiple of eight."""
    return (size + TILE - 1) // TILE * TILE


@compiled(_nrt=True)
def padded_zeros(rows: int, columns: int, arena: Arena) -> Array:
    """A matrix of zeros whose sizes are padded, float64.

    Args:
        rows: at least so many.
        columns: at least so many.
        arena: the matrix is allocated there.
    Returns:
        Shape (round_up(rows), round_up(columns)).
    """
    out = allocate(arena, (round_up(rows), round_up(columns)), np.float64)
    clear(as_scalars(out))
    return out


@compiled(_nrt=True)
def full_spans(rows: int, columns: int, arena: Arena) -> Ints:
    """Spans for `add_product` that take every column of a left matrix.

    Args:
        rows: of the left matrix's transpose, before padding.
        columns: that are taken.
        arena: the spans are allocated there.
    Returns:
        Shape (tiles, 2).
    """
    spans = allocate(arena, (round_up(rows) // TILE, 2), np.int64)
    for tile in range(spans.shape[0]):
        spans[tile, 0], spans[tile, 1] = 0, columns
    return spans


@compiled(_nrt=False)
def add_product(left: Array, right: Array, out: Array, spans: Ints) -> None:
    """out ← out + left @ right, eight rows at a time, over the columns of left that are not zero.

    Args:
        left: any matrix with as many rows as out; a transposed view is as good.
        right: from `padded_zeros`.
        out: from `padded_zeros`.
        spans: first and last column + 1 of each eight rows of left that are taken, (rows / 8, 2).
    """
    vectors = right.shape[1] // TILE
    b = as_vectors(right.reshape((right.shape[0], vectors, TILE)), TILE)
    c = as_vectors(out.reshape((out.shape[0], vectors, TILE)), TILE)
    for tile in range(spans.shape[0]):
        rows, sums = left[TILE * tile : TILE * (tile + 1)], c[TILE * tile : TILE * (tile + 1)]
        for v in range(vectors):
            c0, c1, c2, c3 = sums[0, v], sums[1, v], sums[2, v], sums[3, v]
            c4, c5, c6, c7 = sums[4, v], sums[5, v], sums[6, v], sums[7, v]
            for j in range(spans[tile, 0], spans[tile, 1]):
                x, a = b[j, v], rows[:, j]
                c0, c1, c2, c3 = c0 + a[0] * x, c1 + a[1] * x, c2 + a[2] * x, c3 + a[3] * x
                c4, c5, c6, c7 = c4 + a[4] * x, c5 + a[5] * x, c6 + a[6] * x, c7 + a[7] * x
            sums[0, v], sums[1, v], sums[2, v], sums[3, v] = c0, c1, c2, c3
            sums[4, v], sums[5, v], sums[6, v], sums[7, v] = c4, c5, c6, c7


@compiled(_nrt=False)
def copy_scaled_rows(rows: Array, scale: float, out: Array) -> None:
    """Write rows, scaled, as the first rows of a matrix: what both have."""
    height = rows.shape[0] if rows.shape[0] < out.shape[0] else out.shape[0]
    width = rows.shape[1] if rows.shape[1] < out.shape[1] else out.shape[1]
    for j in range(height):
        for i in range(width):
            out[j, i] = scale * rows[j, i]


@compiled(_nrt=False)
def copy_scaled_columns(out: Array, scale: float, rows: Array) -> None:
    """Write rows, scaled, as the first columns of a matrix."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[j, i] = scale * rows[i, j]

"""The product of a step: A ← A − η D G, four filters at a time."""

from bocnn.arrays import Array
from bocnn.dynamics.state import TrainingSet
from bocnn.simd.compiler.compiled import compiled

FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}
"""Allowed in compiled loops: fused and reordered sums. Not nnan or ninf: divergence must be seen."""


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def add_products(training_set: TrainingSet, left: Array, out: Array) -> None:
    """out ← out + left @ G for four rows.

    Args:
        training_set: G and its diagonal blocks.
        left: −η D of four filters, (4, P).
        out: A of the four filters, (4, P); changed in place.
    """
    for b in range(training_set.blocks.size - 1):
        first, last = training_set.blocks[b], training_set.blocks[b + 1]
        _add_product(left, training_set.gram, out, first, last)


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _add_product(left: Array, gram: Array, out: Array, first: int, last: int) -> None:
    """out ← out + left @ gram of four rows within a diagonal block, four columns of `left` at a time.

    Sixteen weights and four rows stay in registers while the inner loop runs along contiguous rows.
    """
    size = last - first
    if size <= 4:  # the centres: too few for the loops below to begin
        square = gram[first:last, first:last]
        for k in range(4):
            row, change = out[k, first:last], left[k, first:last]
            for i in range(size):
                for c in range(size):
                    row[c] += change[i] * square[i, c]
        return
    # Slices, so that indices are seen to begin at 0: what may be negative is not vectorized.
    l0, l1 = left[0, first:last], left[1, first:last]
    l2, l3 = left[2, first:last], left[3, first:last]
    o0, o1 = out[0, first:last], out[1, first:last]
    o2, o3 = out[2, first:last], out[3, first:last]
    for i in range(0, size - size % 4, 4):
        g0, g1 = gram[first + i, first:last], gram[first + i + 1, first:last]
        g2, g3 = gram[first + i + 2, first:last], gram[first + i + 3, first:last]
        a0, a1, a2, a3 = l0[i], l0[i + 1], l0[i + 2], l0[i + 3]
        b0, b1, b2, b3 = l1[i], l1[i + 1], l1[i + 2], l1[i + 3]
        c0, c1, c2, c3 = l2[i], l2[i + 1], l2[i + 2], l2[i + 3]
        d0, d1, d2, d3 = l3[i], l3[i + 1], l3[i + 2], l3[i + 3]
        for c in range(size):
            x0, x1, x2, x3 = g0[c], g1[c], g2[c], g3[c]
            o0[c] = o0[c] + a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
            o1[c] = o1[c] + b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
            o2[c] = o2[c] + c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
            o3[c] = o3[c] + d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
    for i in range(size - size % 4, size):
        a0, b0, c0, d0 = l0[i], l1[i], l2[i], l3[i]
        g0 = gram[first + i, first:last]
        for c in range(size):
            x0 = g0[c]
            o0[c] += a0 * x0
            o1[c] += b0 * x0
            o2[c] += c0 * x0
            o3[c] += d0 * x0

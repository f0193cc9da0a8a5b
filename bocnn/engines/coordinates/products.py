"""Gradients and pre-activations of filters in d coordinates, a block of coordinates at a time.

A step reads and writes each weight once: while a block of patches and of four filters is in the
first-level cache, its gradient is made, the filters are moved, and what they now give on the patches is
added up. The order of the sums depends on n, m and d alone.
"""

import math

import numpy as np

from bocnn.arrays import Array
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.engines.coordinates.rules import RowStep, Rule, move
from bocnn.engines.coordinates.state import Filters, Inner, Patches
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_vectors

COORDINATES = 512
"""Coordinates that are worked on at once."""


@compiled(_nrt=False)
def move_filters(
    patches: Patches, filters: Filters, rule: Rule, step: RowStep, products: tuple[Inner, Inner]
) -> None:
    """Move all filters by one step, and write their products with the patches.

    Args:
        patches: of the training set.
        filters: changed in place.
        rule: the optimizer.
        step: its numbers.
        products: gradients of the loss by the products of filters and patches; and these, written.
    """
    slopes, out = products
    _clear(filters.sums, out)
    for first in range(0, patches.dimension, COORDINATES):
        last = min(first + COORDINATES, patches.dimension)
        for k in range(0, filters.weights.shape[0], 4):
            _write_gradient(slopes.noise[k : k + 4], patches.noise, first, filters.gradient)
            _add_signal(patches, slopes.signal[:, k : k + 4], (first, last), filters.gradient)
            for row in range(4):
                gradient = filters.gradient[row, : last - first]
                b, s = filters.mean[k + row, first:last], filters.square[k + row, first:last]
                move(rule, step, filters.weights[k + row, first:last], gradient, (b, s))
            _add_inner(patches, filters, k, first, filters.sums)
            _add_along(patches, filters.weights[k : k + 4], k, first, out)
    _finish(patches, filters.sums, out)


@compiled(_nrt=False)
def write_inner(patches: Patches, filters: Filters, sums: Array, out: Inner) -> None:
    """Write the products of filters and patches.

    Args:
        patches: any.
        filters: unchanged.
        sums: room, (K, n, numbers in a vector).
        out: written.
    """
    _clear(sums, out)
    for first in range(0, patches.noise.shape[1], COORDINATES):
        for k in range(0, filters.weights.shape[0], 4):
            _add_inner(patches, filters, k, first, sums)
            _add_along(patches, filters.weights[k : k + 4], k, first, out)
    _finish(patches, sums, out)


@compiled(_nrt=False)
def _clear(sums: Array, out: Inner) -> None:
    """Write zeros."""
    sums[:] = 0
    out.signal[:] = 0


@compiled(_nrt=False)
def _finish(patches: Patches, sums: Array, out: Inner) -> None:
    """Add up the numbers of each vector, and turn sums over a signal direction into products with it."""
    for k in range(sums.shape[0]):
        for i in range(sums.shape[1]):
            total = sums[k, i, 0]
            for lane in range(1, sums.shape[2]):
                total += sums[k, i, lane]
            out.noise[k, i] = total
    scale = out.signal.dtype.type(1.0 / math.sqrt(patches.support))
    for s in range(out.signal.shape[0]):
        for k in range(out.signal.shape[1]):
            out.signal[s, k] *= scale


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _write_gradient(left: Array, right: Array, first: int, out: Array) -> None:
    """out = left @ right for four rows, from a column of `right` on, four columns of `left` at a time."""
    n, last = right.shape[0], min(first + COORDINATES, right.shape[1])
    size = last - first
    out[:] = 0
    # Slices of one row: what may have gaps between its numbers is not vectorized.
    o0, o1, o2, o3 = out[0, :size], out[1, :size], out[2, :size], out[3, :size]
    for i in range(0, n - n % 4, 4):
        g0, g1 = right[i, first:last], right[i + 1, first:last]
        g2, g3 = right[i + 2, first:last], right[i + 3, first:last]
        a0, a1, a2, a3 = left[0, i], left[0, i + 1], left[0, i + 2], left[0, i + 3]
        b0, b1, b2, b3 = left[1, i], left[1, i + 1], left[1, i + 2], left[1, i + 3]
        c0, c1, c2, c3 = left[2, i], left[2, i + 1], left[2, i + 2], left[2, i + 3]
        d0, d1, d2, d3 = left[3, i], left[3, i + 1], left[3, i + 2], left[3, i + 3]
        for c in range(o0.size):
            x0, x1, x2, x3 = g0[c], g1[c], g2[c], g3[c]
            o0[c] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
            o1[c] += b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
            o2[c] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
            o3[c] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
    for i in range(n - n % 4, n):
        g0 = right[i, first:last]
        for row in range(4):
            o0 = out[row, :size]
            for c in range(size):
                o0[c] += left[row, i] * g0[c]


@compiled(_nrt=False)
def _add_signal(patches: Patches, slopes: Array, block: tuple[int, int], out: Array) -> None:
    """Add the gradient of four filters along the signal directions, by their products with these."""
    first, last = block
    scale = out.dtype.type(1.0 / math.sqrt(patches.support))
    for s in range(slopes.shape[0]):
        low = max(s * patches.support - first, 0)
        high = min((s + 1) * patches.support, last) - first
        for row in range(4):
            for c in range(low, high):
                out[row, c] += scale * slopes[s, row]


@compiled(_nrt=False, forceinline=True)
def _add_inner(patches: Patches, filters: Filters, k: int, first: int, out: Array) -> None:
    """Add what a block of coordinates of four filters, from the k-th on, adds to their products.

    In vectors, whose numbers are added up at the end: a block is too short for that.
    """
    lanes, width = out.shape[2], patches.noise.shape[1]
    vectors, low, high = width // lanes, first // lanes, min(first + COORDINATES, width) // lanes
    rows = filters.weights.shape[0]
    x = as_vectors(patches.noise.reshape((out.shape[1], vectors, lanes)), lanes)
    w = as_vectors(filters.weights.reshape((rows, vectors, lanes)), lanes)
    sums = as_vectors(out, lanes)
    w0, w1, w2, w3 = w[k], w[k + 1], w[k + 2], w[k + 3]
    for i in range(out.shape[1]):
        row = x[i]
        s0, s1, s2, s3 = sums[k, i], sums[k + 1, i], sums[k + 2, i], sums[k + 3, i]
        for v in range(low, high):
            s0, s1 = s0 + w0[v] * row[v], s1 + w1[v] * row[v]
            s2, s3 = s2 + w2[v] * row[v], s3 + w3[v] * row[v]
        sums[k, i], sums[k + 1, i], sums[k + 2, i], sums[k + 3, i] = s0, s1, s2, s3


@compiled(fastmath=FAST_MATH, _nrt=False)
def _add_along(patches: Patches, weights: Array, k: int, first: int, out: Inner) -> None:
    """Add what a block of coordinates of four filters adds to their sums over the signal directions."""
    last = min(first + COORDINATES, weights.shape[1])
    for s in range(out.signal.shape[0]):
        low = max(s * patches.support, first)
        high = min((s + 1) * patches.support, last)
        for row in range(4):
            total = out.signal[s, k + row]
            for c in range(low, high):
                total += weights[row, c]
            out.signal[s, k + row] = total


@compiled(fastmath=FAST_MATH, _nrt=False)
def write_filter_products(weights: Array, out: Array) -> None:
    """Write the inner products of filters, summed over blocks in float64.

    Args:
        weights: (K, d).
        out: (K, K) or larger, float64; the first K rows and columns are written.
    """
    for k in range(weights.shape[0]):
        for j in range(k, weights.shape[0]):
            total = 0.0
            for first in range(0, weights.shape[1], COORDINATES):
                x, y = (
                    weights[k, first : first + COORDINATES],
                    weights[j, first : first + COORDINATES],
                )
                part = x[0] * 0
                for c in range(x.size):
                    part += x[c] * y[c]
                total += np.float64(part)
            out[k, j] = out[j, k] = total


@compiled(_nrt=False)
def project(patches: Patches, weights: Array, along: Array, out: Array) -> None:
    """Take the parts along the signal directions out of inner products of filters.

    Args:
        patches: their signal directions.
        weights: (K, d).
        along: room, (K,), float64.
        out: from `write_filter_products`.
    """
    for s in range(patches.directions):
        for k in range(along.size):
            along[k] = 0.0
            for c in range(s * patches.support, (s + 1) * patches.support):
                along[k] += np.float64(weights[k, c])
        for k in range(along.size):
            for j in range(along.size):
                out[k, j] -= along[k] * along[j] / patches.support

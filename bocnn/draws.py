"""What a run starts from, drawn without anything of size d: labels, flips, Gram matrix, filters.

The table of counters. A quantity's numbers come from Philox with key = the cell's key and counter
(block, quantity, replicate, lane); changing this table or the arithmetic raises the numerics version.

| quantity | what | lane |
|---|---|---|
| 0 `LABEL` | true labels, +1 where the uniform is below 1/2 | 0 |
| 1 `FLIP` | one uniform per sample, flipped where it is below p | 0 |
| 2 `SIGNAL` | filters along the signal direction | 0 |
| 3 `FACTOR` | normals of the Bartlett factor, row i from block i · ⌈(n + 2m)/4⌉ | 0 |
| 4 `CHI` | diagonal of the Bartlett factor, row i from block i | attempt |
| 5 `TEST` | fresh test noise, draw t from block t · ⌈2m/4⌉ | 0 |
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from bocnn.arrays import Array
from bocnn.philox import Stream, chi, fill_normals, fill_uniforms

LABEL, FLIP, SIGNAL, FACTOR, CHI, TEST = (np.uint64(q) for q in range(6))


class Seed(NamedTuple):
    """The identity of a run's randomness: the cell's key and the replicate."""

    key0: np.uint64
    key1: np.uint64
    replicate: np.uint64


@njit(cache=True)
def stream(seed: Seed, quantity: np.uint64) -> Stream:
    """The stream of one quantity of one run."""
    return Stream(seed.key0, seed.key1, quantity, seed.replicate)


@njit(cache=True)
def draw_labels(seed: Seed, n: int, p_flip: float) -> tuple[Array, Array]:
    """True labels ŷ and observed labels y (float64, ±1), shape (n,) each.

    Runs that differ only in `p_flip` share ŷ and the uniforms, so the flipped set grows with p.
    """
    true = np.empty(n)
    observed = np.empty(n)
    fill_uniforms(true, stream(seed, LABEL))
    fill_uniforms(observed, stream(seed, FLIP))
    for i in range(n):
        true[i] = 1.0 if true[i] < 0.5 else -1.0
        observed[i] = -true[i] if observed[i] < p_flip else true[i]
    return true, observed


@njit(cache=True)
def draw_signal(seed: Seed, filters: int) -> Array:
    """Standard normal components of the filters along μ/‖μ‖, shape (filters,)."""
    out = np.empty(filters)
    fill_normals(out, 0, stream(seed, SIGNAL))
    return out


@njit(cache=True)
def draw_factor(seed: Seed, rows: int, dimension: int) -> Array:
    """Standard normal vectors in `dimension` dimensions, in a basis that spans them.

    The rows of a rows × dimension standard normal matrix, expressed in the orthonormal basis that
    Gram–Schmidt makes of them, are lower triangular: normals below the diagonal, χ with falling
    degrees of freedom on it, and nothing beyond column `dimension`. So the inner products have
    exactly the law of the drawn vectors', for every dimension ≥ 1, below or above `rows`.

    Returns:
        Shape (rows, min(rows, dimension)), float64.
    Source:
        Bartlett 1933; Odell & Feiveson 1966.
    """
    rank = min(rows, dimension)
    factor = np.zeros((rows, rank))
    blocks = (rows + 3) // 4
    for i in range(rows):
        fill_normals(factor[i, : min(i, rank)], i * blocks, stream(seed, FACTOR))
        if i < rank:
            factor[i, i] = chi(float(dimension - i), i, stream(seed, CHI))
    return factor


@njit(cache=True, fastmath={"contract", "reassoc"})
def inner_products(left: Array, right: Array) -> Array:
    """Inner products of the rows of two matrices, shape (rows of left, rows of right).

    Plain loops, not BLAS: its sums depend on how many threads it has.
    """
    out = np.empty((left.shape[0], right.shape[0]))
    for i in range(left.shape[0]):
        for k in range(right.shape[0]):
            total = 0.0
            for j in range(left.shape[1]):
                total += left[i, j] * right[k, j]
            out[i, k] = total
    return out

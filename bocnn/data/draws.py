"""Random draws of a run, without anything of size d: labels, vectors, weights, batches.

The table of counters. A quantity's numbers come from Philox with key = the cell's key and counter
(block, quantity, replicate, lane); changing this table or the arithmetic raises the numerics version.

| quantity | what | lane |
|---|---|---|
| 0 `LABEL` | one uniform per sample, +1 where it is below the class's share, or among the smallest | 0 |
| 1 `FLIP` | one uniform per sample, flipped where it is below p, or among the smallest | 0 |
| 2 `SIGNAL` | filters along the signal directions, filter by filter | 0 |
| 3 `FACTOR` | Bartlett factor below its diagonal, row by row without gaps | 0 |
| 4 `CHI` | diagonal of the Bartlett factor, row i from block i | attempt |
| 5 `TEST` | directions of fresh test noise, 64 at a time, component by component | 0 |
| 6 `CENTRE` | which of a class's two centres a sample has, + where below 1/2 | 0 |
| 7 `NOISE` | noise patches along the signal directions, sample by sample | 0 |
| 8 `BIAS` | biases of the filters | 0 |
| 9 `OUTPUT` | output weights, patch by patch | 0 |
| 10 `BATCH` | order of the samples in epoch e, from block e · ⌈n/4⌉ | 0 |
| 11–13 | patches and filters in d dimensions (`bocnn.data.sampler`) | 0 |
| 14 `RELABEL` | one uniform per sample at step t, from block t · ⌈n/4⌉ | 0 |
| 15 `STRENGTH` | one uniform per sample, whose signal is weak where it is below 1/2 | 0 |
| 16 `RADIUS` | one uniform per sample, whose noise is strong where it is below 1/2 | 0 |

Block b of a covariance with several blocks of equal eigenvalues takes FACTOR + 256 b and CHI + 256 b.
A block of counters gives four numbers, one after the other; of `TEST`, draw 16 j + b of the 64 is number j
of block b.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.records import EVERY, WEAK_SIGNAL, Classes, Flips
from bocnn.rng.chi import fill_chis
from bocnn.rng.normals import fill_normals, fill_uniforms
from bocnn.rng.philox import Stream, philox, uniform
from bocnn.simd.arena import Arena, allocate, clear
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars
from bocnn.simd.random_words import WORD_LANES

LABEL, FLIP, SIGNAL, FACTOR, CHI, TEST, CENTRE, NOISE, BIAS, OUTPUT, BATCH = (
    np.uint64(quantity) for quantity in range(11)
)
RELABEL, STRENGTH, RADIUS = (np.uint64(quantity) for quantity in range(14, 17))
_NO_WORD = np.uint64(0)


class Seed(NamedTuple):
    """The identity of a run's randomness: the cell's key and the replicate."""

    key0: np.uint64
    key1: np.uint64
    replicate: np.uint64


@compiled(_nrt=False)
def stream(seed: Seed, quantity: np.uint64) -> Stream:
    """The stream of one quantity of one run.

    Args:
        seed: the run's.
        quantity: its number in the table of counters.
    """
    return Stream(seed.key0, seed.key1, quantity, seed.replicate)


@compiled(_nrt=True)
def draw_uniforms(seed: Seed, quantity: np.uint64, size: int, arena: Arena) -> Array:
    """Uniforms in [0, 1) of one quantity, shape (size,).

    Args:
        seed: the run's.
        quantity: its number in the table of counters.
        size: how many.
        arena: they are allocated there.
    Returns:
        Shape (size,), float64.
    """
    out, drawn = allocate(arena, (size,), np.float64), allocate(arena, (4, WORD_LANES), np.float32)
    fill_uniforms(out, drawn, 0, stream(seed, quantity))
    return out


@compiled(_nrt=True)
def draw_normals(seed: Seed, quantity: np.uint64, shape: tuple[int, int], arena: Arena) -> Array:
    """Standard normals of one quantity, of the given shape, row by row.

    Args:
        seed: the run's.
        quantity: its number in the table of counters.
        shape: rows and columns.
        arena: they are allocated there.
    Returns:
        Of that shape, float64.
    """
    out, drawn = allocate(arena, shape, np.float64), allocate(arena, (4, WORD_LANES), np.float32)
    fill_normals(out.reshape(-1), drawn, 0, stream(seed, quantity))
    return out


@compiled()
def draw_labels(
    seed: Seed, n: int, classes: Classes, flips: Flips, arena: Arena
) -> tuple[Array, Array]:
    """True labels ŷ and observed labels y (float64, ±1), shape (n,) each.

    Runs of one key share ŷ and the uniforms, so the flipped set grows with p.

    Args:
        seed: the run's.
        n: samples.
        classes: their sizes.
        flips: how labels are flipped.
        arena: they are allocated there.
    Returns:
        ŷ and y, shape (n,) each.
    """
    true = draw_uniforms(seed, LABEL, n, arena)
    observed = draw_uniforms(seed, FLIP, n, arena)
    if classes.counted:
        _keep_smallest(
            math.floor(classes.positive * n + 0.5), true, allocate(arena, (n,), np.int64)
        )
    for i in range(n):
        true[i] = 1.0 if true[i] < classes.positive else -1.0
    chances = _flip_chances(seed, true, flips, arena)
    if flips.counted:
        total = 0.0
        for i in range(n):
            total += chances[i]
        _keep_smallest(math.floor(total + 0.5), observed, allocate(arena, (n,), np.int64))
    for i in range(n):
        observed[i] = -true[i] if observed[i] < chances[i] else true[i]
    return true, observed


@compiled(_nrt=True)
def _flip_chances(seed: Seed, true: Array, flips: Flips, arena: Arena) -> Array:
    """The probability that each label is flipped, shape (n,)."""
    n = true.size
    chances = allocate(arena, (n,), np.float64)
    for i in range(n):
        chances[i] = flips.positive if true[i] > 0.0 else flips.negative
    if flips.hard != EVERY:
        quantity = STRENGTH if flips.hard == WEAK_SIGNAL else RADIUS
        coins = draw_uniforms(seed, quantity, n, arena)
        for i in range(n):
            chances[i] = 2.0 * chances[i] if coins[i] < 0.5 else 0.0
    return chances


@compiled(_nrt=False)
def _keep_smallest(count: int, uniforms: Array, ranks: Ints) -> None:
    """Put so many uniforms to 0, the smallest of them, and the others to 1."""
    for i in range(uniforms.size):
        ranks[i] = 0
        for k in range(uniforms.size):
            below = uniforms[k] < uniforms[i] or (uniforms[k] == uniforms[i] and k < i)
            ranks[i] += 1 if below else 0
    for i in range(uniforms.size):
        uniforms[i] = 0.0 if ranks[i] < count else 1.0


@compiled(_nrt=True)
def draw_factor(seed: Seed, rows: int, dimension: int, block: int, arena: Arena) -> Array:
    """Standard normal vectors in `dimension` dimensions, in a basis that spans them, as columns.

    The rows of a rows × dimension standard normal matrix, expressed in the orthonormal basis that
    Gram–Schmidt makes of them, are lower triangular: normals below the diagonal, χ with falling
    degrees of freedom on it, and nothing beyond column `dimension`. So the inner products have
    exactly the law of the drawn vectors', for every dimension ≥ 1, below or above `rows`.

    Args:
        seed: the run's.
        rows: number of vectors, ≥ 1.
        dimension: theirs, ≥ 1.
        block: number of the covariance's block, from 0, whose random numbers are its own.
        arena: the factor is allocated there.
    Returns:
        Shape (min(rows, dimension), rows), float64: the transpose, upper triangular.
    Source:
        Bartlett 1933; Odell & Feiveson 1966.
    """
    rank, apart = rows if rows < dimension else dimension, np.uint64(256 * block)
    drawn = allocate(arena, (4, WORD_LANES), np.float32)
    below = allocate(arena, (rank * (rank - 1) // 2 + (rows - rank) * rank,), np.float64)
    fill_normals(below, drawn, 0, stream(seed, FACTOR + apart))
    lengths = allocate(arena, (rank,), np.float64)
    fill_chis(lengths, drawn, dimension, stream(seed, CHI + apart))
    factor = allocate(arena, (rank, rows), np.float64)
    clear(as_scalars(factor))
    _write_factor(below, lengths, factor)
    return factor


@compiled(_nrt=False)
def _write_factor(below: Array, lengths: Array, factor: Array) -> None:
    """Write the numbers of a factor where they belong."""
    rank, rows = factor.shape
    start = 0
    for i in range(rows):
        width = i if i < rank else rank
        for j in range(width):
            factor[j, i] = below[start + j]
        start += width
        if i < rank:
            factor[i, i] = lengths[i]


@compiled(_nrt=False)
def draw_order(seed: Seed, epoch: int, order: Ints) -> None:
    """Write the order of the samples in one epoch: a uniform permutation by Fisher–Yates.

    Args:
        seed: the run's.
        epoch: counted from 0.
        order: written, (n,).
    """
    n = order.size
    for i in range(n):
        order[i] = i
    first, words = epoch * ((n + 3) // 4), (_NO_WORD, _NO_WORD, _NO_WORD, _NO_WORD)
    for i in range(n - 1, 0, -1):
        if i == n - 1 or i % 4 == 3:
            words = philox(np.uint64(first + i // 4), np.uint64(0), stream(seed, BATCH))
        j: Any = np.int64(np.float64(uniform(words[i % 4])) * (i + 1))
        j = j if j < i else i
        order[i], order[j] = order[j], order[i]


@compiled(_nrt=False)
def draw_step_uniforms(seed: Seed, step: int, out: Array) -> None:
    """Write uniforms in [0, 1), one per sample, of one step.

    Args:
        seed: the run's.
        step: counted from 0.
        out: written, (n,).
    """
    first, words = step * ((out.size + 3) // 4), (_NO_WORD, _NO_WORD, _NO_WORD, _NO_WORD)
    for i in range(out.size):
        if i % 4 == 0:
            words = philox(np.uint64(first + i // 4), np.uint64(0), stream(seed, RELABEL))
        out[i] = uniform(words[i % 4])

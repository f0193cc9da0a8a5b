"""The noise's covariance: eigenvalues in blocks of equal ones, orthogonal to the signal directions.

Of the D directions orthogonal to the signal, number c = 1 … D has the variance σ_p² λ_c,

    λ_c = c^−a      a `spectrum_decay`,      and λ_1 times `spike`.

With a > 0 the eigenvalues of an octave, c = L … R with L = 1, 2, 4, … and R = min(2L − 1, D), are equal,
(L R)^−a/2: their geometric middle. With a = 0 there is one block, or two if there is a spike. In a block
the vectors' parts are Gaussian with equal variances, so that a Bartlett factor draws them: of n patches
times σ_p √λ_b, and of 2m filters, isotropic, times σ_0. In these coordinates, block after block, inner
products are those of all d, and a fresh patch has the variance σ_p² λ_b in each, so that its pre-
activations are N(0, σ_p² Σ_b λ_b W_b W_bᵀ), W_b the trained filters' part in block b. It is exact at every
d.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.data.records import Spectrum
from bocnn.simd.compiler.compiled import compiled

_MOST_BLOCKS = 64
"""More octaves than any dimension has."""


@compiled(_nrt=False)
def is_flat(spectrum: Spectrum) -> bool:
    """Whether all eigenvalues are 1."""
    return spectrum.decay == 0.0 and spectrum.spike == 1.0


@compiled(error_model="numpy", _nrt=False)
def block_after(spectrum: Spectrum, dimension: int, first: int) -> tuple[int, float]:
    """Size and eigenvalue λ of the block that follows the first eigenvalues.

    Args:
        spectrum: the eigenvalues.
        dimension: how many there are.
        first: how many come before, < dimension.
    """
    left = dimension - first
    size = left
    if spectrum.decay > 0.0:
        size = first + 1
    elif first == 0 and spectrum.spike != 1.0:
        size = 1
    size = size if size < left else left
    middle = np.float64(first + 1) * np.float64(first + size)
    value = middle ** (-0.5 * spectrum.decay)
    return size, value * spectrum.spike if first == 0 else value


@compiled(_nrt=False)
def spectrum_rank(spectrum: Spectrum, dimension: int, vectors: int) -> int:
    """Coordinates of so many vectors, block by block.

    Args:
        spectrum: the eigenvalues.
        dimension: how many there are.
        vectors: that are drawn.
    """
    first: Any = np.int64(0)  # 0 would be a type of its own, for which all below is compiled again
    rank = first
    while first < dimension:
        size, _ = block_after(spectrum, dimension, first)
        rank += size if size < vectors else vectors
        first += size
    return rank


def spectrum_blocks(dimension: Array, decay: Array, spike: Array) -> tuple[Array, Array]:
    """Sizes and eigenvalues of the blocks of many spectra.

    Args:
        dimension: eigenvalues, shape (runs,).
        decay: a, shape (runs,).
        spike: by which the first is multiplied, shape (runs,).
    Returns:
        Shape (blocks, runs) each, float64; size 0 where a spectrum has no more blocks.
    """
    dimension = np.asarray(dimension, np.float64)
    first, sizes, values = np.zeros_like(dimension), [], []
    for number in range(_MOST_BLOCKS):
        left = dimension - first
        if not (left > 0).any():
            break
        alone = (spike != 1) & (number == 0)
        size = np.minimum(np.where(decay > 0, first + 1, np.where(alone, 1.0, left)), left)
        middle = np.maximum((first + 1) * (first + size), 1.0)
        sizes.append(size)
        values.append(middle ** (-decay / 2) * (spike if number == 0 else 1.0))
        first = first + size
    return np.array(sizes), np.array(values)


def coordinates(columns: Mapping[str, Any]) -> NDArray[np.int64]:
    """Coordinates in which a run's noise patches and filters are drawn, shape (runs,), or a few more.

    Args:
        columns: sizes and spectrum of runs, shape (runs,) each.
    """
    vectors = columns["n"] * columns["noise_patches"] + 2 * columns["m"]
    d = columns["d"]
    rank = np.minimum(vectors, d).astype(np.int64)
    bent = (columns["spectrum_decay"] > 0) | (columns["spike"] != 1)
    if bent.any():
        sizes, _ = spectrum_blocks(
            *(columns[name][bent] for name in ("d", "spectrum_decay", "spike"))
        )
        rank[bent] = np.minimum(sizes, vectors[bent]).sum(axis=0)
    return rank

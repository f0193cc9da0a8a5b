"""Noise of any covariance Σ as noise of equal eigenvalues: two traces decide the boundary.

Noise enters training and test through inner products of patches alone. With ‖ξ‖² ≈ σ_p² tr Σ, margins grow
at the rate that σ_p² d gives for Σ = I. After training w = Σ_i ρ_i ξ_i / ‖ξ_i‖² + …, and fresh noise has
along it the variance σ_p² wᵀΣw = Σ_i ρ_i² σ_p² ξ_iᵀΣξ_i / ‖ξ_i‖⁴ ≈ Σ_i ρ_i² tr Σ² / (tr Σ)², for Σ = I Σ
ρ_i² / d. So

    d → (tr Σ)² / tr Σ²,      σ_p² → σ_p² tr Σ² / tr Σ

keep both, σ_p² d = σ_p² tr Σ and σ_p⁴ d = σ_p⁴ tr Σ², and with them ⟨ξ_i, ξ_j⟩/‖ξ‖² ~ d^−½, what the start
adds to margins and to fresh outputs, and the boundary n‖μ‖⁴ = C σ_p⁴ tr Σ². The traces stand for what they
are the means of: it takes that no few directions have most of tr Σ².

Source:
    Derived here.
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array


class EqualNoise(NamedTuple):
    """Noise of equal eigenvalues: its scale σ_p, and dimension d, not whole; shape (runs,) each."""

    sigma_p: Array
    d: Array


def traces(sizes: Array, values: Array, power: int) -> Array:
    """tr Σ^power of spectra in blocks, shape (runs,).

    Args:
        sizes: eigenvalues of each block, shape (blocks, runs).
        values: each of them λ, shape (blocks, runs).
        power: of Σ.
    """
    return np.asarray(np.sum(sizes * values**power, axis=0))


def equal_noise(sigma_p: Array, sizes: Array, values: Array) -> EqualNoise:
    """Noise of equal eigenvalues with the same σ_p² tr Σ and σ_p⁴ tr Σ².

    Args:
        sigma_p: scale σ_p, shape (runs,).
        sizes: eigenvalues of each block, shape (blocks, runs).
        values: each of them λ, shape (blocks, runs).
    """
    first, second = traces(sizes, values, 1), traces(sizes, values, 2)
    return EqualNoise(sigma_p * np.sqrt(second / first), first**2 / second)


def directions_of_noise(sizes: Array, values: Array) -> Array:
    """(tr Σ²)² / tr Σ⁴, the number of directions that most of tr Σ² lies in, shape (runs,).

    Args:
        sizes: eigenvalues of each block, shape (blocks, runs).
        values: each of them λ, shape (blocks, runs).
    """
    return np.asarray(traces(sizes, values, 2) ** 2 / traces(sizes, values, 4))

"""The test error with q noise patches in a sample, the hidden layer trained: noise of q patches adds up.

The gradient of a sample's output is the same for all of its patches: each has learned 1/q of the margin,
and the signal, in a ratio of ‖μ‖²/(σ_p² d) to one patch, 1/q of what it has with q = 1. Along a filter, nq
patches of weight 1/q give fresh noise a standard deviation of q^−½ of that for q = 1, and q fresh patches
add up. So, with D = ψ(Z₋) − ψ(Z₊) of one patch (`bocnn.theory.critical_ratio`),

    error = P(q^−½ Σ_p D_p > R),      R = √C / (2q):

‖μ‖ ∝ q^½ but for the law of the sum, which falls from a few patches' to a normal one.

Source:
    Derived here.
"""

from functools import lru_cache
from typing import Final

import numpy as np

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import Overlap, clean_errors

_POINTS: Final = 2**14
_KNOWN: Final = 801
_ROUNDING: Final = 1e-13
"""Errors below are lost in the transform's rounding."""


def summed_errors(
    ratios: Array, overlap: Overlap, *, other: Overlap, patches: int, most: float
) -> Array:
    """The clean test error at ratios R of signal to noise, of several noise patches.

    Args:
        ratios: R ≥ 0, shape (ratios,).
        overlap: shares of active samples, of the filters of the fresh sample's class.
        other: of the other class.
        patches: q.
        most: R beyond which one patch has no error to speak of.
    Returns:
        Probabilities, shape (ratios,).
    """
    if patches == 1:
        return clean_errors(ratios, overlap, other=other)
    at = _known_ratios(most)
    above = _errors_of_one(overlap, other, most)
    below = _errors_of_one(other, overlap, most)
    width = 1.5 * np.sqrt(patches) * most
    edges = width * np.linspace(-1.0, 1.0, _POINTS + 1)
    survival = np.interp(
        edges, np.concatenate([-at[:0:-1], at]), np.concatenate([1 - below[:0:-1], above])
    )
    survival[edges < -most], survival[edges > most] = 1.0, 0.0
    one = np.fft.fft(np.fft.ifftshift(-np.diff(survival)))
    middles = (edges[1:] + edges[:-1]) / 2
    # Each patch is counted half a step low, from the middle of its bin to that at 0.
    shift = (patches - 1) * (middles[_POINTS // 2])
    density = np.fft.fftshift(np.fft.ifft(one**patches).real)
    beyond = np.cumsum(density[::-1])[::-1] - density / 2
    found = np.interp(np.sqrt(patches) * ratios - shift, middles, beyond)
    return np.asarray(np.maximum(found, _ROUNDING))


def _known_ratios(most: float) -> Array:
    """R at which errors of one patch are computed, shape (801,)."""
    return np.asarray(most * np.linspace(0.0, 1.0, _KNOWN) ** 2)


@lru_cache(maxsize=64)
def _errors_of_one(overlap: Overlap, other: Overlap, most: float) -> Array:
    """The errors of one patch at these R, for any number of them, and exchanged for the other class."""
    return clean_errors(_known_ratios(most), overlap, other=other)

"""Data models: the training patches and the filters, in coordinates that no longer depend on d.

Every vector of a run, patch or filter, is written in one orthonormal basis of what the run spans:

    signal directions (1 or 2) | the constant of a bias (0 or 1) | basis of the noise and the filters

A data model is its centres: the signal patches, each with its class. `signal` has ±μ, of class
±1; `xor` has ±u of class +1 and ±v of class −1, both of norm ‖μ‖, at a right angle or another. A sample's
patches are a centre of its true label and a noise patch, N(0, σ_p² I) (`isotropic`) or its part orthogonal
to the centres (`orthogonal`); both are scaled where samples differ in strength (`bocnn.data.strengths`).
With a bias every patch, of training or test, gains a constant 1. Where `summed`, a sample is one vector,
the sum of its two patches (`bocnn.data.one_vector`).

Source:
    Kou et al. 2023 (arXiv 2303.04145); Meng et al. 2023 (arXiv 2310.01975).
"""

from typing import NamedTuple

from bocnn.arrays import Array, Ints
from bocnn.data.records import (
    EVEN_CLASSES,
    EVEN_STRENGTHS,
    FLAT_SPECTRUM,
    Classes,
    Flips,
    Spectrum,
    Strengths,
)
from bocnn.simd.compiler.compiled import compiled

DATA_MODELS = ("signal", "xor")
SIGNAL_NOISE, XOR = range(2)
OUTPUT_INITS = ("constant", "normal", "sign")
CONSTANT, NORMAL, SIGN = range(3)


class DataParameters(NamedTuple):
    """Sizes and scales of a run's data and network; codes index DATA_MODELS and OUTPUT_INITS."""

    data: int
    n: int
    d: int
    m: int
    mu_norm: float
    sigma_p: float
    sigma_0: float
    v0: float
    flips: Flips
    isotropic: bool
    bias: bool
    output_init: int
    spectrum: Spectrum = FLAT_SPECTRUM
    noise_patches: int = 1
    classes: Classes = EVEN_CLASSES
    strengths: Strengths = EVEN_STRENGTHS
    xor_cosine: float = 0.0
    summed: bool = False


class Geometry(NamedTuple):
    """Coordinates of a run's vectors, a vector a column, padded with zeros (`bocnn.simd.products`).

    points: (D, P), centres first, then noise patches, the first of every sample before the second, or
    samples of one vector. filters: (D, 2m) at the start. widths: (P,), a point is zero from that coordinate
    on. labels: (C,), the classes of the centres, +1 first. signals: signal directions. m: filters a class.
    variances: (D,), of fresh noise in each coordinate, over σ_p².
    """

    points: Array
    filters: Array
    widths: Ints
    labels: Array
    signals: int
    m: int
    variances: Array


@compiled(_nrt=False)
def signal_directions(parameters: DataParameters) -> int:
    """Signal directions; there are two centres along each."""
    return 2 if parameters.data == XOR else 1

"""How classes and labels are drawn, and the noise's covariance: records for compiled code."""

from typing import NamedTuple


class Flips(NamedTuple):
    """How labels are flipped: with which probability in class +1 and −1.

    counted: whether the mean of the samples' probabilities, times n and rounded, is the number of flips.
    """

    positive: float
    negative: float
    counted: bool


class Classes(NamedTuple):
    """Sizes of the classes: the share of class +1, and whether a training set has exactly so many."""

    positive: float
    counted: bool


class Spectrum(NamedTuple):
    """Eigenvalues of the noise's covariance over σ_p²: c^−decay, the first times spike."""

    decay: float
    spike: float


EVEN_CLASSES = Classes(0.5, False)
FLAT_SPECTRUM = Spectrum(0.0, 1.0)

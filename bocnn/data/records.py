"""How classes, labels and strengths are drawn, and the noise's covariance: records for compiled code."""

from typing import NamedTuple

EVERY, WEAK_SIGNAL, STRONG_NOISE = range(3)


class Flips(NamedTuple):
    """How labels are flipped: with which probability in class +1 and −1.

    counted: whether the mean of the samples' probabilities, times n and rounded, is the number of flips.
    hard: which samples are flipped: any, or with twice the probability those alone whose signal is weak, or
    whose noise is strong (`bocnn.data.strengths`).
    """

    positive: float
    negative: float
    counted: bool
    hard: int = EVERY


class Strengths(NamedTuple):
    """Spreads of the samples' strengths, of signal and of noise patches; and q of φ(c a) = c^q φ(a)."""

    signal: float
    noise: float
    power: int


class Classes(NamedTuple):
    """Sizes of the classes: the share of class +1, and whether a training set has exactly so many."""

    positive: float
    counted: bool


class Spectrum(NamedTuple):
    """Eigenvalues of the noise's covariance over σ_p²: c^−decay, the first times spike."""

    decay: float
    spike: float


EVEN_CLASSES = Classes(0.5, False)
EVEN_STRENGTHS = Strengths(0.0, 0.0, 1)
FLAT_SPECTRUM = Spectrum(0.0, 1.0)

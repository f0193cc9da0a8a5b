"""How many samples of each class there are, and how many of them are flipped, in a training set of n.

True labels are drawn, and flips too, so that a training set has n/2 samples of a class, and p of them
flipped, in the mean alone. Of class +1 let a samples keep their label and b be flipped, and of the other c
be flipped and e keep theirs: a multinomial draw. What the error depends on is, in units of n/2,

    q₊ = a − b, the pull of the class's signal,    s₊ = a + c, the samples that its filters memorize,

and q₋ = e − c, s₋ = 2 − s₊. Both have a variance of order 1/n, which shifts a mean error by order 1/n.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.special import gammaln, ndtri, xlog1py, xlogy

from bocnn.arrays import Array

_MOST_COUNTED: Final = 200
"""Samples up to which all counts are summed over; beyond, so many normal quantiles of q, at s = 1."""
_RAREST: Final = 1e-6
_DRAWS: Final = 600
"""Training sets that a median is taken over where flips are drawn."""


class ClassCounts(NamedTuple):
    """Possible q and s of a class, and their probabilities; shape (counts,) each."""

    kept: Array
    memorized: Array
    probability: Array


class TrainingSets(NamedTuple):
    """Possible q and s of both classes, shape (2, sets) each, and their probabilities, shape (sets,)."""

    kept: Array
    memorized: Array
    probability: Array


ErrorOfClass = Callable[[float, float], Array]
"""The clean test error of runs, shape (runs,), on a class of given q and s."""
OverCounts = Callable[[int, float, ErrorOfClass], Array]
"""Mean or median of runs of n samples and a flip probability."""


class KeptLabels(NamedTuple):
    """Possible q of a class of n/2 samples, and their probabilities; shape (counts,) each."""

    kept: Array
    probability: Array


@lru_cache(maxsize=256)
def kept_labels(n: int, p_flip: float) -> KeptLabels:
    """q = 1 − 4k/n of a class of n/2 samples, k flips: where the size of classes is left out.

    Args:
        n: samples of both classes.
        p_flip: label-flip probability.
    """
    size = max(n // 2, 1)
    if p_flip == 0:
        return KeptLabels(np.ones(1), np.ones(1))
    if size <= _MOST_COUNTED:
        flipped = np.arange(size + 1.0)
        kept = size - flipped
        ways = gammaln(size + 1.0) - gammaln(flipped + 1) - gammaln(kept + 1)
        probability = np.exp(ways + xlogy(flipped, p_flip) + xlog1py(kept, -p_flip))
    else:
        middle = (np.arange(_MOST_COUNTED) + 0.5) / _MOST_COUNTED
        flipped = size * p_flip + np.sqrt(size * p_flip * (1 - p_flip)) * ndtri(middle)
        probability = np.full(_MOST_COUNTED, 1 / _MOST_COUNTED)
    return KeptLabels(1 - 2 * flipped / size, probability)


@lru_cache(maxsize=256)
def class_counts(n: int, p_flip: float) -> ClassCounts:
    """q and s of a class.

    Args:
        n: samples of both classes.
        p_flip: label-flip probability.
    """
    if n > _MOST_COUNTED:
        middle = (np.arange(_MOST_COUNTED) + 0.5) / _MOST_COUNTED
        spread = np.sqrt((2 - (1 - 2 * p_flip) ** 2) / n)
        kept = 1 - 2 * p_flip + spread * ndtri(middle)
        return ClassCounts(kept, np.ones(kept.size), np.full(kept.size, 1 / kept.size))
    # Row a − b + n and column a + c, sample by sample.
    chance = np.zeros((2 * n + 1, n + 1))
    chance[n, 0] = 1.0
    for _ in range(n):
        moved = np.zeros_like(chance)
        moved[1:, 1:] = (1 - p_flip) * chance[:-1, :-1]
        moved[:-1] += p_flip * chance[1:]
        moved[:, 1:] += p_flip * chance[:, :-1]
        chance = (moved + (1 - p_flip) * chance) / 2
    row, column = np.nonzero(chance > _RAREST)
    probability = chance[row, column]
    return ClassCounts((row - n) * 2 / n, column * 2 / n, probability / probability.sum())


def mean_over_sizes(n: int, share: float, counted: bool, error_of: ErrorOfClass) -> Array:
    """The mean error on a class of a share, without flips: over its binomial size, or at the counted one.

    Args:
        n: samples of both classes.
        share: of the class.
        counted: whether the class has ⌊share · n + ½⌋ samples, else as many as are drawn.
        error_of: the error on a class.
    Returns:
        Shape (runs,).
    """
    if counted:
        sizes, chances = np.array([np.floor(share * n + 0.5)]), np.ones(1)
    else:
        sizes = np.arange(n + 1.0)
        ways = gammaln(n + 1.0) - gammaln(sizes + 1) - gammaln(n - sizes + 1)
        chances = np.exp(ways + sizes * np.log(share) + (n - sizes) * np.log1p(-share))
        sizes, chances = sizes[chances > _RAREST], chances[chances > _RAREST]
    found = [p * error_of(2 * k / n, 2 * k / n) for k, p in zip(sizes, chances, strict=True)]
    return np.asarray(np.sum(found, axis=0) / chances.sum())


@lru_cache(maxsize=256)
def training_sets(n: int, p_flip: float) -> TrainingSets:
    """q and s of both classes together: all where no label is flipped, else so many draws.

    Args:
        n: samples of both classes.
        p_flip: label-flip probability.
    """
    if p_flip == 0 and n <= _MOST_COUNTED:
        of = class_counts(n, 0.0)
        both = np.stack([of.kept, 2 - of.kept])
        return TrainingSets(both, both, of.probability)
    chances = np.array([1 - p_flip, p_flip, p_flip, 1 - p_flip]) / 2
    a, b, c, e = np.random.default_rng(0).multinomial(n, chances, _DRAWS).T * 2 / n
    return TrainingSets(
        np.stack([a - b, e - c]), np.stack([a + c, b + e]), np.full(_DRAWS, 1 / _DRAWS)
    )


def mean_over_counts(n: int, p_flip: float, error_of: ErrorOfClass) -> Array:
    """The mean error over training sets.

    Args:
        n: samples.
        p_flip: label-flip probability.
        error_of: the error on a class.
    Returns:
        Shape (runs,).
    """
    parts = zip(*class_counts(n, p_flip), strict=True)
    found = [probability * error_of(kept, memorized) for kept, memorized, probability in parts]
    return np.asarray(np.sum(found, axis=0))


def median_over_counts(n: int, p_flip: float, error_of: ErrorOfClass) -> Array:
    """The median over training sets of their error, which is the mean of both classes'.

    Each set stands at the middle of its probability, and between sets the error is interpolated: other
    things than counts, which theory does not follow, blur the steps.

    Args:
        n: samples.
        p_flip: label-flip probability.
        error_of: the error on a class.
    Returns:
        Shape (runs,).
    """
    sets = training_sets(n, p_flip)
    pairs = np.stack([sets.kept.ravel(), sets.memorized.ravel()])
    distinct, at = np.unique(pairs, axis=1, return_inverse=True)
    errors = np.stack([error_of(float(q), float(s)) for q, s in distinct.T])
    of_sets = errors[at.ravel()].reshape(2, sets.probability.size, -1).mean(axis=0)
    order = np.argsort(of_sets, axis=0)
    weights = sets.probability[order]
    middle = np.cumsum(weights, axis=0) - weights / 2
    ordered = np.take_along_axis(of_sets, order, axis=0)
    return np.array([np.interp(0.5, middle[:, r], ordered[:, r]) for r in range(middle.shape[1])])

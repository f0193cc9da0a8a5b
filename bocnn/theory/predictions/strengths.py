"""The predicted clean test error of runs whose samples differ in strength, which flips may follow."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import GRADIENT_FLOW
from bocnn.theory.predictions.error import FEWEST, error_at
from bocnn.theory.predictions.regime import SMALL_START, SMALL_STEP, is_plain, regime_of
from bocnn.theory.strengths import Kinds, Teaching, kinds_of_samples, taught

Columns = Mapping[str, NDArray[Any]]

_DRAWS: Final = 400
"""Training sets that a mean is taken over."""
_OF_A_KIND: Final = ("n", "signal_spread", "noise_spread", "p_flip", "label_process", "loss_tol")
_ANY: Final = ("signal_spread", "noise_spread", "label_process")
_PROCESSES: Final = ("flip", "margin", "noise_aligned")


def strengths_error(columns: Columns) -> Array:
    """The clean test error in the gradient flow, over the counts of kinds and flips.

    Args:
        columns: every parameter of the model, shape (runs,) each.
    Returns:
        Shape (runs,), NaN where all samples are alike, and outside of the regime.
    """
    error, regime = np.full(columns["n"].size, np.nan), regime_of(columns)
    uneven = (columns["signal_spread"] > 0) | (columns["noise_spread"] > 0)
    largest = np.square(1 + columns["noise_spread"])
    runs = uneven & is_plain(columns, free=_ANY) & (columns["train"] == "hidden")
    runs &= (regime.step * largest <= SMALL_STEP) & (regime.start <= SMALL_START)
    runs &= np.isin(columns["label_process"].astype(str), _PROCESSES)
    runs &= columns["loss_tol"] < np.log(2)  # not null
    root = np.sqrt(columns["n"] / columns["d"]) * (columns["mu_norm"] / columns["sigma_p"]) ** 2
    names = np.array([repr(x) for x in zip(*(columns[x] for x in _OF_A_KIND), strict=True)])
    for name in np.unique(names[runs]):
        alike = runs & (names == name)
        n, signal, noise, p_flip, process, loss = (
            columns[x][np.flatnonzero(alike)[0]] for x in _OF_A_KIND
        )
        kinds = kinds_of_samples(float(signal), float(noise), float(p_flip), str(process))
        error[alike] = mean_over_kinds(int(n), kinds, taught(kinds, float(loss)), root[alike])
    return error


def mean_over_kinds(n: int, kinds: Kinds, teaching: Teaching, root: Array) -> Array:
    """The mean error over training sets and kinds of fresh samples.

    Args:
        n: samples of a training set.
        kinds: of samples, of equal chances.
        teaching: what they teach.
        root: √C, shape (runs,).
    Returns:
        Shape (runs,).
    """
    chances = np.stack([1 - kinds.flipped, kinds.flipped]) / (2 * kinds.flipped.size)
    drawn = np.random.default_rng(0).multinomial(n, np.tile(chances.ravel(), 2), _DRAWS) * 2 / n
    own, other = drawn.reshape(_DRAWS, 2, 2, -1).swapaxes(0, 1)
    kept = (own[:, 0] - own[:, 1]) @ teaching.signal
    memorized = np.clip((own[:, 0] + other[:, 1]) @ teaching.noise, FEWEST, 2 - FEWEST)
    at = kinds.signal / kinds.noise
    ratio = kept[:, None, None] * at[:, None] * root / 2
    found = error_at(ratio, GRADIENT_FLOW, memorized=memorized[:, None, None])
    return np.asarray(found.mean(axis=(0, 1)))

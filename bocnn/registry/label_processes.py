"""How observed labels follow from true ones, by the words of the column `label_process`."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from bocnn.arrays import Array


class LabelProcess(NamedTuple):
    """How labels are flipped.

    chances: from true labels ŷ = ±1, (n,), `p_flip`, and the columns that `options` names, by their names:
    the chance of each that it is observed as −ŷ, (n,); they are those of a fresh sample. counted: whether
    the mean chance of a training set, times n and rounded, is the number of its labels that are flipped,
    those with the smallest uniforms; else each is flipped by itself.
    """

    chances: Callable[..., Array]
    options: tuple[str, ...] = ()
    counted: bool = False

    def flipped(self, true: Array, uniforms: Array, p_flip: float, **options: float) -> Array:
        """Which labels of a training set are flipped.

        Args:
            true: ŷ, shape (n,).
            uniforms: a uniform of each sample, shape (n,).
            p_flip: label-flip probability.
            options: those that the process names.
        Returns:
            Shape (n,), bool.
        """
        chances = self.chances(true, p_flip, **options)
        if not self.counted:
            return np.asarray(uniforms < chances)
        rank = np.argsort(np.argsort(uniforms, kind="stable"), kind="stable")
        return np.asarray(rank < np.floor(true.size * chances.mean() + 0.5))


def flip(true: Array, p_flip: float) -> Array:
    """Either class is flipped with probability p.

    Args:
        true: true labels ±1, shape (n,).
        p_flip: probability p, in [0, 0.5].
    Returns:
        Probability that each label is flipped, shape (n,).
    """
    return np.full(true.shape, p_flip)


def asymmetric(true: Array, p_flip: float, *, p_flip_negative: float) -> Array:
    """Each class is flipped with a probability of its own.

    Args:
        true: true labels ±1, shape (n,).
        p_flip: probability of class +1, in [0, 0.5].
        p_flip_negative: probability of class −1, in [0, 0.5].
    Returns:
        Probability that each label is flipped, shape (n,).
    """
    return np.where(true > 0, p_flip, p_flip_negative)


LABEL_PROCESSES: Final[dict[str, LabelProcess]] = {
    "flip": LabelProcess(flip),
    "asymmetric": LabelProcess(asymmetric, options=("p_flip_negative",)),
    "count": LabelProcess(flip, counted=True),
}

BY_STRENGTH: Final = ("margin", "noise_aligned")
"""Processes that flip hard samples alone, those with weak signal or with strong noise: in compiled code."""

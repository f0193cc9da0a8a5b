"""How observed labels follow from true ones, by the words of the column `label_process`.

The dataset has no such column while there is one process: what is not given is `flip`.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from bocnn.arrays import Array

LabelProcess: TypeAlias = Callable[[Array, float], Array]
"""From true labels ŷ = ±1, (n,), and `p_flip`: the chance of each that it is observed as −ŷ, (n,)."""


def flip(true: Array, p_flip: float) -> Array:
    """Either class is flipped with probability p.

    Args:
        true: true labels ±1, shape (n,).
        p_flip: probability p, in [0, 0.5).
    Returns:
        Probability that each label is flipped, shape (n,).
    """
    return np.full(true.shape, p_flip)


LABEL_PROCESSES: Final[dict[str, LabelProcess]] = {"flip": flip}

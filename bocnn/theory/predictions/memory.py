"""Runs with momentum, as those of gradient descent to which the closed forms apply."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.theory.predictions.regime import regime_of

Columns = Mapping[str, NDArray[Any]]

LARGEST_STEP: Final = 2.0
"""Largest whole step in units of the noise margin. By steps of 1.6 and a memory of 40 the measured boundary
is 9 % below that of a memory of 1.25, sweep `momentum`: long memories bring back that of small steps."""


def with_whole_steps(columns: Columns) -> Columns:
    """The columns with the steps η/(1 − β) that gradients move the weights by in the end, and no momentum.

    By heavy ball and by Nesterov's rule alike a gradient moves the weights by η (1 + β + β² + …).

    Args:
        columns: every parameter of the model, shape (runs,) each.
    Returns:
        The same columns, but for the runs with momentum whose whole steps are not large; of the others with
        momentum theory says nothing.
    """
    momentum = columns["momentum"]
    if not (momentum > 0).any():
        return columns
    whole = {name: columns[name] / (1 - momentum) for name in ("eta", "eta_output")}
    whole["momentum"] = np.zeros_like(momentum)
    small = regime_of(dict(columns) | whole).step <= LARGEST_STEP
    return dict(columns) | {n: np.where(small, new, columns[n]) for n, new in whole.items()}

"""The clean test error of runs of the model `deep` in the gradient flow (`bocnn.theory.depth`).

Flips pull the signal back as they do in `bocnn.theory.predictions.error`: q ‖μ‖ takes the place of ‖μ‖.
Classes have n/2 samples each here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import GRADIENT_FLOW, Overlap
from bocnn.theory.depth import depth_ratio
from bocnn.theory.predictions.counts import kept_labels
from bocnn.theory.predictions.error import error_at
from bocnn.theory.predictions.regime import SMALL_START
from bocnn.theory.training_time import Sizes, stop_margin

Columns = Mapping[str, NDArray[Any]]

_LARGEST_RATE = 0.1
_SOLVED = {"activation": "relu", "skip": "none", "residual": "none", "normalization": "none"}


def flow_error(columns: Columns, overlap: Overlap = GRADIENT_FLOW) -> Array:
    """The clean test error of runs in the gradient flow's range.

    Args:
        columns: every parameter of the model, shape (runs,) each.
        overlap: shares of active samples.
    Returns:
        Shape (runs,), NaN outside of the regime.
    """
    margin = stop_margin(np.where(np.isfinite(columns["loss_tol"]), columns["loss_tol"], 1.0))
    weights = (columns["m"] * columns["v0"]) ** (columns["depth"] - 1.0)
    kappa = columns["sigma_0"] * columns["sigma_p"] * columns["d"] / np.sqrt(columns["n"])
    known = np.isnan(columns["eta"]) & (columns["flow_rate"] <= _LARGEST_RATE)
    known &= (columns["steps"] > 0) & (columns["mu_norm"] > 0) & (margin > 0)
    known &= kappa * weights <= SMALL_START
    for name, word in _SOLVED.items():
        known &= columns[name] == word
    error, given = np.full(known.size, np.nan), {**columns, "margin": margin}
    names = ("n", "m", "p_flip", "depth")
    alike, group = np.unique(
        np.stack([columns[name].astype(np.float64) for name in names]), axis=1, return_inverse=True
    )
    for number, (n, _, p_flip, _) in enumerate(alike.T):
        runs = np.flatnonzero(known & (group.ravel() == number))
        some = {name: column[runs] for name, column in given.items()}
        labels = kept_labels(int(n), p_flip)
        parts = [_error(some, kept, overlap) for kept in labels.kept]
        error[runs] = labels.probability @ np.array(parts).reshape(len(parts), -1)
    return error


def _error(columns: Columns, kept: float, overlap: Overlap) -> Array:
    """The error of a class with a share q of labels kept less those flipped, runs of one n, m and L."""
    if columns["n"].size == 0 or kept == 0:
        return np.full(columns["n"].size, 0.5)
    sizes = Sizes(*(columns[name].astype(np.float64) for name in Sizes._fields))
    mu_norm, depth = columns["mu_norm"], int(columns["depth"][0])
    root = np.square(mu_norm / sizes.sigma_p) * np.sqrt(sizes.n / sizes.d)
    signal = (abs(kept) * mu_norm, columns["v0"])
    own = depth_ratio(depth, signal, sizes, margin=columns["margin"], overlap=overlap)
    alike = (columns["upper"] == "shared") | (columns["train"] == "hidden")
    return error_at(np.where(alike, kept * root / 2, own / kept), overlap)


OF_DEEP: Final[Mapping[str, Callable[[Columns], Array]]] = {"gradient_flow": flow_error}
"""The clean test error from every parameter of runs of the model `deep`, by the prediction's name."""

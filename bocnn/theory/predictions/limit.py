"""The clean test error at d = ∞ in closed form: the whole kink of the boundary, of either training.

At d = ∞ with v₀ = x ṽ, ṽ = m^−½ (n/(σ_p² d))^¼ (`bocnn.models.limit.descent`), the equations of
`bocnn.theory.boundary.both_layers_boundary` lose all but x, C and Λ. A sample's margin is of noise
alone, so that training stops where sinh 2λτ = S. With m v₀² 2λ = √(2α) x² and ‖μ‖/(2λ) = r/√(2α),
r⁴ = C n/d,

    S = 2Λ / (√(2α) x²),    y = ‖μ‖τ = r arsinh S / √(2α),    R = (√C/2) · (arsinh S / S) · (sinh y / y).

For n/d = 0 y is 0, and the boundary is C = 4 R_c² (S / arsinh S)². The hidden layer alone is S = 0. Flips
pull the signal back as they do in `bocnn.theory.predictions.error`: q ‖μ‖ takes the place of ‖μ‖.

Source:
    Derived here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import GRADIENT_FLOW, Overlap
from bocnn.theory.predictions.counts import (
    ErrorOfClass,
    OverCounts,
    mean_over_counts,
    median_over_counts,
)
from bocnn.theory.predictions.error import FEWEST, error_at
from bocnn.theory.predictions.regime import SMALL_START, SMALL_STEP
from bocnn.theory.predictions.steps import Scheduled, mean_field_error
from bocnn.theory.training_time import stop_margin

Columns = Mapping[str, NDArray[Any]]

_HIDDEN = 1e-6
"""S of the hidden layer alone: small."""
_ANY_LOSS = 0.05
"""Stands for the loss of the hidden layer alone, whose ratio R does not depend on it."""


def kink_strength(v0_over_kink: Array | float, margin: Array | float, active: float) -> Array:
    """S = 2Λ / (√(2α) x²): sinh 2λτ where training stops; of order 1 at the kink.

    Args:
        v0_over_kink: x > 0, any shape.
        margin: Λ at which training stops, > 0.
        active: share α of active samples.
    """
    return np.asarray(2 * np.asarray(margin) / (np.sqrt(2 * active) * np.square(v0_over_kink)))


def kink_factor(strength: Array | float) -> Array:
    """(S / arsinh S)²: by how much the boundary's C is above the hidden layer's, n/d = 0.

    Args:
        strength: S > 0, any shape.
    Returns:
        Shape of S, from 1 at the hidden layer's side.
    """
    return np.asarray(np.square(strength / np.arcsinh(strength)))


def gradient_flow_error(
    columns: Columns, overlap: Overlap = GRADIENT_FLOW, over: OverCounts = mean_over_counts
) -> Array:
    """The clean test error of runs of the model `limit`, where steps and start are small.

    Args:
        columns: every parameter of the model, shape (runs,) each.
        overlap: shares of active samples.
        over: counts of classes and flips, the mean error or the median.
    Returns:
        Shape (runs,), NaN outside of the regime, and where both layers train without a loss to stop at.
    """
    both = columns["train"] == "both"
    margin = stop_margin(np.where(both, columns["loss_tol"], _ANY_LOSS))
    strength = kink_strength(columns["v0_over_kink"], margin, overlap.active)
    half_root = np.sqrt(columns["signal"]) / 2
    rate = (columns["signal"] * columns["n_over_d"]) ** 0.25 / np.sqrt(2 * overlap.active)
    signal = np.stack([half_root, np.where(both, strength, _HIDDEN), np.where(both, rate, 0.0)])
    known = (columns["step_size"] <= SMALL_STEP) & (columns["kappa"] <= SMALL_START)
    known &= (columns["steps"] > 0) & np.isfinite(strength) & (margin > 0)
    return np.where(known, _over_counts(columns, signal, overlap, over), np.nan)


def _mean_field(columns: Columns, over: OverCounts) -> Array:
    """The error of the mean field, where the hidden layer alone is trained."""
    runs = (columns["train"] == "hidden") & (columns["steps"] > 0)
    error = np.full(runs.size, np.nan)
    given = {
        **columns,
        "step": columns["step_size"],
        "start": columns["kappa"],
        "n_over_d": np.zeros(runs.size),
        "along": np.zeros(runs.size),
    }
    some = (given[name][runs].astype(np.float64) for name in Scheduled._fields)
    error[runs] = mean_field_error(Scheduled(*some), over)
    return error


def _over_counts(columns: Columns, signal: Array, overlap: Overlap, over: OverCounts) -> Array:
    """The clean test error over counts; `signal` is √C/2, S and r/√(2α), shape (3, runs)."""
    error = np.zeros(signal.shape[1])
    pairs = np.stack([columns["n"], columns["p_flip"]]).astype(np.float64)
    alike, group = np.unique(pairs, axis=1, return_inverse=True)
    for number, (n, p_flip) in enumerate(alike.T):
        runs = group.ravel() == number
        error[runs] = over(int(n), float(p_flip), _error_of_class(signal[:, runs], overlap))
    return error


def _error_of_class(signal: Array, overlap: Overlap) -> ErrorOfClass:
    """The clean test error of runs, by q and s of the class: sinh 2λ√s τ = S √s where training stops."""
    half_root, strength, rate = signal

    def error(kept: float, memorized: float) -> Array:
        """Of runs, on a class of q and s."""
        root = np.sqrt(max(memorized, FEWEST))
        time = np.arcsinh(strength * root) / root
        y = abs(kept) * rate * time
        grown = np.where(y > 0, np.sinh(y) / np.where(y > 0, y, 1.0), 1.0)
        ratio = half_root * time / strength
        return error_at(kept * ratio * grown, overlap, memorized=memorized)

    return error


OF_LIMIT: Final[Mapping[str, Callable[[Columns], Array]]] = {
    "gradient_flow": gradient_flow_error,
    "mean_field": lambda columns: _mean_field(columns, mean_over_counts),
    "gradient_flow_median": lambda columns: gradient_flow_error(columns, over=median_over_counts),
    "mean_field_median": lambda columns: _mean_field(columns, median_over_counts),
}
"""The clean test error from every parameter of runs of the model `limit`, by the prediction's name."""

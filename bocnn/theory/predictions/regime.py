"""The regime of runs: what the closed forms are derived for, and sizes of steps and start."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array

Columns = Mapping[str, NDArray[Any]]

_PLAIN: Final = {
    "data": "signal",
    "input": "patches",
    "noise": "orthogonal",
    "label_process": "flip",
    "noise_patches": 1,
    "minority_share": 0.5,
    "class_process": "drawn",
    "signal_spread": 0.0,
    "noise_spread": 0.0,
    "output_init": "constant",
    "bias": "none",
    "activation": "relu",
    "loss": "logistic",
    "momentum": 0.0,
    "weight_decay": 0.0,
    "batch": 0,
    "gradient": "plain",
    "sam_radius": 0.0,
    "label_noise": 0.0,
    "optimizer": "sgd",
}
"""Values of parameters for which the closed forms are derived."""


SMALL_STEP: Final = 1.0
SMALL_START: Final = 0.5
"""Up to here the boundary at d = ∞ (error 0.2, n = 60, m = 20) is within 9 % in ‖μ‖ of `gradient_flow`."""


class Regime(NamedTuple):
    """Sizes of steps and start, shape (runs,) each.

    Attributes:
        step: what a margin gains in the first step at most, h = η m v₀² σ_p² d / n.
        start: noise of the start in the output of a fresh sample over that of memorized samples at a margin
            of 1, κ m v₀ with κ = σ₀ σ_p d / √n.
        output_change: relative change of an output weight in the first step, η² σ_p² d / n.
        output_growth: relative change of an output weight by the time that margins are 1, (ṽ/v₀)⁴ with ṽ of
            `bocnn.models.limit.descent`.
    """

    step: Array
    start: Array
    output_change: Array
    output_growth: Array


def regime_of(columns: Columns) -> Regime:
    """Step and start of runs, as ratios to what is learned.

    Args:
        columns: every parameter of the model, shape (runs,) each.
    """
    eta, gain = columns["eta"], columns["sigma_p"] ** 2 * columns["d"] / columns["n"]
    weights = columns["m"] * np.abs(columns["v0"])
    kappa = columns["sigma_0"] * columns["sigma_p"] * columns["d"] / np.sqrt(columns["n"])
    growth = 1 / (gain * np.square(weights * columns["v0"]))
    step = eta * gain * weights * np.abs(columns["v0"]) * columns["noise_patches"]
    return Regime(step, kappa * weights, eta**2 * gain, growth)


def is_plain(columns: Columns, *, free: tuple[str, ...] = (), **instead: str) -> NDArray[np.bool_]:
    """The runs for which the closed forms are derived: other values `instead`, any of those free."""
    runs = (columns["v0"] > 0) & (columns["mu_norm"] > 0) & (columns["steps"] > 0)
    same = columns["eta_output"]
    runs &= np.isnan(same) | (same == columns["eta"])
    runs &= np.isnan(columns["error_tol"])
    for name, value in (_PLAIN | instead).items():
        runs &= (name in free) | (columns[name] == value)
    return np.asarray(runs, dtype=bool)

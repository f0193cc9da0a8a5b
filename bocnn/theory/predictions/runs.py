"""The predicted clean test error of runs; each prediction is silent outside of its regime."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import FROZEN, GRADIENT_FLOW, Overlap
from bocnn.theory.predictions.error import (
    TrainedUntil,
    both_layers_error,
    hidden_layer_error,
    kept_labels,
)
from bocnn.theory.predictions.steps import Scheduled, mean_field_error
from bocnn.theory.training_time import Descent, Sizes

Columns = Mapping[str, NDArray[Any]]

_PLAIN: Final = {
    "data": "signal",
    "label_process": "flip",
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


_NUMBERS: Final = (*Sizes._fields, *Descent._fields, *TrainedUntil._fields, "p_flip")

SMALL_STEP: Final = 1.0
SMALL_START: Final = 0.5
"""Up to here the boundary at d = ∞ (error 0.2, n = 60, m = 20) is within 9 % in ‖μ‖ of `gradient_flow`."""
LARGE_STEP: Final = 10.0
"""From here on the boundary at d = ∞ is within 1 % in ‖μ‖ of that of one large step."""

LARGEST_RATIO: Final = 0.25
"""n/d up to which its first order is taken."""


class Regime(NamedTuple):
    """Sizes of steps and start, shape (runs,) each.

    Attributes:
        step: what a margin gains in the first step at most, h = η m v₀² σ_p² d / n.
        start: noise of the start in the output of a fresh sample over that of memorized samples at a margin
            of 1, κ m v₀ with κ = σ₀ σ_p d / √n.
        output_change: relative change of an output weight in the first step, η² σ_p² d / n.
    """

    step: Array
    start: Array
    output_change: Array


def _small_steps(overlap: Overlap) -> Callable[[Columns], Array]:
    """The clean test error where steps and start are small, by which layers are trained."""

    def of_runs(columns: Columns) -> Array:
        """The clean test error, NaN outside of the regime."""
        error = np.full(columns["n"].size, np.nan)
        regime = regime_of(columns)
        small = _plain(columns) & (regime.step <= SMALL_STEP) & (regime.start <= SMALL_START)
        for train in ("hidden", "both"):
            runs = small & (columns["train"] == train)
            if runs.any():
                some = {name: columns[name][runs].astype(np.float64) for name in _NUMBERS}
                error[runs] = _mean_over_flips(some, train, overlap)
        return error

    return of_runs


def _mean_over_flips(columns: Columns, train: str, overlap: Overlap) -> Array:
    """The clean test error of runs that train the same layers, over the counts of flipped labels."""
    error = np.zeros(columns["n"].size)
    alike, group = np.unique(
        np.stack([columns["n"], columns["p_flip"]]), axis=1, return_inverse=True
    )
    for number, (n, p_flip) in enumerate(alike.T):
        runs = group.ravel() == number
        some = {name: column[runs] for name, column in columns.items()}
        for kept, probability in zip(*kept_labels(int(n), p_flip), strict=True):
            found = 0.5 if kept == 0 else _trained(some, train, kept=kept, overlap=overlap)
            error[runs] += probability * found
    return error


def _trained(columns: Columns, train: str, *, kept: float, overlap: Overlap) -> Array:
    """The clean test error of runs that train the same layers and keep the same labels."""
    sizes = Sizes(*(columns[name] for name in Sizes._fields))
    if train == "hidden":
        return hidden_layer_error(columns["mu_norm"], sizes, kept=kept, overlap=overlap)
    descent = Descent(*(columns[name] for name in Descent._fields))
    until = TrainedUntil(*(columns[name] for name in TrainedUntil._fields))
    return both_layers_error(descent, sizes, until, kept=kept, overlap=overlap)


def _one_large_step(columns: Columns) -> Array:
    """Φ(−q √C), over the counts of flipped labels."""
    regime = regime_of(columns)
    runs = _plain(columns) & (columns["train"] != "output") & (regime.step >= LARGE_STEP)
    runs &= regime.start <= SMALL_START * regime.step
    runs &= (columns["train"] == "hidden") | (regime.output_change <= SMALL_START)
    error = np.full(columns["n"].size, np.nan)
    some = {name: columns[name][runs].astype(np.float64) for name in _NUMBERS}
    root = np.sqrt(some["n"] / some["d"]) * (some["mu_norm"] / some["sigma_p"]) ** 2
    pairs = [kept_labels(int(n), p) for n, p in zip(some["n"], some["p_flip"], strict=True)]
    error[runs] = [
        np.sum(labels.probability * ndtr(-labels.kept * one))
        for labels, one in zip(pairs, root, strict=True)
    ]
    return error


def _mean_field(columns: Columns) -> Array:
    """The error of the mean field, where it has the equations of the run."""
    regime, ratio = regime_of(columns), columns["n"] / columns["d"]
    runs = _plain(columns) & (columns["train"] == "hidden") & (ratio <= LARGEST_RATIO)
    error = np.full(columns["n"].size, np.nan)
    given = {name: columns[name].astype(np.float64) for name in _NUMBERS} | {
        "step": regime.step,
        "start": regime.start,
        "n_over_d": ratio,
        "signal": ratio * (columns["mu_norm"] / columns["sigma_p"]) ** 4,
    }
    error[runs] = mean_field_error(Scheduled(*(given[name][runs] for name in Scheduled._fields)))
    return error


def regime_of(columns: Columns) -> Regime:
    """Step and start of runs, as ratios to what is learned.

    Args:
        columns: every parameter of the model, shape (runs,) each.
    """
    eta, gain = columns["eta"], columns["sigma_p"] ** 2 * columns["d"] / columns["n"]
    weights = columns["m"] * np.abs(columns["v0"])
    kappa = columns["sigma_0"] * columns["sigma_p"] * columns["d"] / np.sqrt(columns["n"])
    return Regime(eta * gain * weights * np.abs(columns["v0"]), kappa * weights, eta**2 * gain)


def _plain(columns: Columns) -> NDArray[np.bool_]:
    """The runs for which the closed forms are derived, shape (runs,)."""
    runs = (columns["v0"] > 0) & (columns["mu_norm"] > 0) & (columns["steps"] > 0)
    same = columns["eta_output"]
    runs &= np.isnan(same) | (same == columns["eta"])
    for name, value in _PLAIN.items():
        runs &= columns[name] == value
    return np.asarray(runs, dtype=bool)


OF_RUNS: Final[Mapping[str, Callable[[Columns], Array]]] = {
    "gradient_flow": _small_steps(GRADIENT_FLOW),
    "frozen_activations": _small_steps(FROZEN),
    "mean_field": _mean_field,
    "one_large_step": _one_large_step,
}
"""The clean test error from every parameter of runs, shape (runs,) each, by the prediction's name."""

"""The predictions of the clean test error that a sweep of the model `bocnn` can name."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.theory.boundary import one_step_error
from bocnn.theory.critical_ratio import FROZEN, GRADIENT_FLOW, Overlap
from bocnn.theory.predicted_error import TrainedUntil, both_layers_error, hidden_layer_error
from bocnn.theory.training_time import Descent, Sizes

Columns = Mapping[str, NDArray[Any]]

_PLAIN: Final = {
    "data": "signal",
    "output_init": "constant",
    "bias": "none",
    "activation": "relu",
    "loss": "logistic",
    "momentum": 0.0,
    "weight_decay": 0.0,
    "batch": 0,
}
"""Values of parameters for which the closed forms are derived."""


class Prediction(NamedTuple):
    """What theory says of a measure.

    Attributes:
        name: as sweeps name it.
        measure: the predicted measure.
        meaning: what is assumed.
        source: where it is from.
        of_runs: the measure from a run's parameters, shape (runs,) each; NaN where theory says nothing.
    """

    name: str
    measure: str
    meaning: str
    source: str
    of_runs: Callable[[Columns], Array]


def _small_steps(overlap: Overlap) -> Callable[[Columns], Array]:
    """The clean test error in the gradient flow, by which layers are trained."""

    def of_runs(columns: Columns) -> Array:
        error = np.full(columns["n"].size, np.nan)
        for train in ("hidden", "both"):
            runs = _plain(columns) & (columns["train"] == train)
            if runs.any():
                some = {name: column[runs] for name, column in columns.items()}
                error[runs] = _trained(some, train, overlap)
        return error

    return of_runs


def _trained(columns: Columns, train: str, overlap: Overlap) -> Array:
    """The clean test error of runs that all train the same layers."""
    numbers = {name: columns[name].astype(np.float64) for name in _NUMBERS}
    sizes = Sizes(*(numbers[name] for name in Sizes._fields))
    p_flip = numbers["p_flip"]
    if train == "hidden":
        return hidden_layer_error(numbers["mu_norm"], sizes, p_flip, overlap)
    descent = Descent(*(numbers[name] for name in Descent._fields))
    until = TrainedUntil(*(numbers[name] for name in TrainedUntil._fields))
    return both_layers_error(descent, sizes, until, p_flip=p_flip, overlap=overlap)


_NUMBERS: Final = (*Sizes._fields, *Descent._fields, *TrainedUntil._fields, "p_flip")


def _one_large_step(columns: Columns) -> Array:
    """Φ(−(1 − 2p) √C) where the hidden layer alone is trained."""
    mu = columns["mu_norm"] / columns["sigma_p"]
    signal = columns["n"] * mu**4 / columns["d"] * (1 - 2 * columns["p_flip"]) ** 2
    runs = _plain(columns) & (columns["train"] == "hidden")
    return np.where(runs, one_step_error(signal), np.nan)


def _plain(columns: Columns) -> NDArray[np.bool_]:
    """The runs for which the closed forms are derived, shape (runs,)."""
    runs = (columns["v0"] > 0) & (columns["mu_norm"] > 0) & (columns["steps"] > 0)
    same = columns["eta_output"]
    runs &= np.isnan(same) | (same == columns["eta"])
    for name, value in _PLAIN.items():
        runs &= columns[name] == value
    return np.asarray(runs, dtype=bool)


PREDICTIONS: Final = (
    Prediction(
        "gradient_flow",
        "test_error_clean",
        "small steps from a small start, n → ∞ at finite d; active shares of the limit d = ∞",
        "bocnn.theory.predicted_error",
        _small_steps(GRADIENT_FLOW),
    ),
    Prediction(
        "frozen_activations",
        "test_error_clean",
        "small steps from a small start, n → ∞ at finite d; activations as at the start",
        "bocnn.theory.predicted_error",
        _small_steps(FROZEN),
    ),
    Prediction(
        "one_large_step",
        "test_error_clean",
        "the hidden layer after one step that is large beside the start, n, m → ∞",
        "bocnn.theory.boundary",
        _one_large_step,
    ),
)
"""The predictions, by which sweeps name them."""


def predict(name: str, columns: Columns) -> Array:
    """The predicted measure of runs.

    Args:
        name: of one of `PREDICTIONS`.
        columns: every parameter of the model, shape (runs,) each; NaN is null.
    Returns:
        Shape (runs,), NaN where theory says nothing.
    Raises:
        ValueError: no such prediction.
    """
    for one in PREDICTIONS:
        if one.name == name:
            return one.of_runs(columns)
    known = ", ".join(one.name for one in PREDICTIONS)
    raise ValueError(f"received the prediction {name!r}; expected one of {known}")

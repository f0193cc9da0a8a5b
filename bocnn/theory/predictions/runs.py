"""The predicted clean test error of runs; each prediction is silent outside of its regime."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import ndtr, ndtri

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import FROZEN, GRADIENT_FLOW, Overlap
from bocnn.theory.leaky import leaky_errors
from bocnn.theory.predictions.counts import (
    ErrorOfClass,
    OverCounts,
    class_counts,
    mean_over_counts,
    mean_over_sizes,
    median_over_counts,
)
from bocnn.theory.predictions.error import (
    TrainedUntil,
    both_layers_error,
    hidden_layer_error,
)
from bocnn.theory.predictions.regime import SMALL_START, SMALL_STEP, is_plain, regime_of
from bocnn.theory.predictions.steps import Scheduled, mean_field_error
from bocnn.theory.predictions.strengths import strengths_error
from bocnn.theory.training_time import Descent, Sizes

Columns = Mapping[str, NDArray[Any]]

_NUMBERS: Final = (
    *Sizes._fields,
    *Descent._fields,
    *TrainedUntil._fields,
    "p_flip",
    "noise_patches",
)

LARGE_STEP: Final = 10.0
"""From here on the boundary at d = ∞ is within 1 % in ‖μ‖ of that of one large step."""

SMALL_GROWTH: Final = 0.02
"""(ṽ/v₀)⁴ up to which output weights of both layers' training are taken to be as at the start."""

_LEAKY_NODES: Final = 41

LARGEST_RATIO: Final = 0.25
"""n/d up to which its first order is taken."""


def _small_steps(overlap: Overlap, over: OverCounts) -> Callable[[Columns], Array]:
    """The clean test error where steps and start are small, by which layers are trained."""

    def of_runs(columns: Columns) -> Array:
        """The clean test error, NaN outside of the regime."""
        error = np.full(columns["n"].size, np.nan)
        regime = regime_of(columns)
        small = is_plain(columns, free=("noise_patches",)) & (regime.step <= SMALL_STEP)
        small &= regime.start <= SMALL_START
        for train in ("hidden", "both"):
            runs = small & (columns["train"] == train)
            runs &= (train == "hidden") | (columns["noise_patches"] == 1)
            if runs.any():
                some = {name: columns[name][runs].astype(np.float64) for name in _NUMBERS}
                error[runs] = _over_counts(some, train, overlap, over)
        return error

    return of_runs


def _gradient_flow(columns: Columns) -> Array:
    """With active shares at d = ∞, of samples that are alike or differ in strength."""
    alike = _small_steps(GRADIENT_FLOW, mean_over_counts)(columns)
    return np.where(np.isnan(alike), strengths_error(columns), alike)


def _over_counts(columns: Columns, train: str, overlap: Overlap, over: OverCounts) -> Array:
    """The clean test error of runs that train the same layers, over their counts."""
    error = np.zeros(columns["n"].size)
    alike, group = np.unique(
        np.stack([columns["n"], columns["p_flip"], columns["noise_patches"]]),
        axis=1,
        return_inverse=True,
    )
    for number, (n, p_flip, _) in enumerate(alike.T):
        runs = group.ravel() == number
        some = {name: column[runs] for name, column in columns.items()}
        error[runs] = over(int(n), float(p_flip), _error_of_class(some, train, overlap))
    return error


def _error_of_class(columns: Columns, train: str, overlap: Overlap) -> ErrorOfClass:
    """The clean test error of runs with the same layers and noise patches, by q and s of the class."""
    patches = int(columns["noise_patches"][0])
    sizes = Sizes(*(columns[name] for name in Sizes._fields))
    descent = Descent(*(columns[name] for name in Descent._fields))
    until = TrainedUntil(*(columns[name] for name in TrainedUntil._fields))

    def error(kept: float, memorized: float) -> Array:
        """Of runs, on a class of q and s."""
        if train == "both":
            return both_layers_error(
                descent, sizes, until, counts=(kept, memorized), overlap=overlap
            )
        return hidden_layer_error(
            columns["mu_norm"],
            sizes,
            counts=(kept, memorized),
            overlap=overlap,
            patches=patches,
        )

    return error


def _of_class(negative: bool) -> Callable[[Columns], Array]:
    """The clean test error of a class of any share, labels as they are, the hidden layer trained."""

    def of_runs(columns: Columns) -> Array:
        """The clean test error, NaN outside of the regime."""
        error, regime = np.full(columns["n"].size, np.nan), regime_of(columns)
        sizes = ("noise_patches", "minority_share", "class_process")
        runs = is_plain(columns, free=sizes) & (columns["train"] == "hidden")
        runs &= (columns["p_flip"] == 0) & (regime.step <= SMALL_STEP)
        runs &= regime.start <= SMALL_START
        kinds = np.array(
            [repr(kind) for kind in zip(*(columns[x] for x in ("n", *sizes)), strict=True)]
        )
        for kind in np.unique(kinds[runs]):
            alike = runs & (kinds == kind)
            first, minority = np.flatnonzero(alike)[0], columns["minority_share"][alike][0]
            some = {name: columns[name][alike].astype(np.float64) for name in _NUMBERS}
            error[alike] = mean_over_sizes(
                int(columns["n"][first]),
                float(minority if negative else 1 - minority),
                columns["class_process"][first] == "count",
                _error_of_class(some, "hidden", GRADIENT_FLOW),
            )
        return error

    return of_runs


def _one_large_step(columns: Columns) -> Array:
    """Φ(−q √C), over the counts of flipped labels."""
    regime = regime_of(columns)
    runs = is_plain(columns) & (columns["train"] != "output") & (regime.step >= LARGE_STEP)
    runs &= regime.start <= SMALL_START * regime.step
    runs &= (columns["train"] == "hidden") | (regime.output_change <= SMALL_START)
    error = np.full(columns["n"].size, np.nan)
    some = {name: columns[name][runs].astype(np.float64) for name in _NUMBERS}
    root = np.sqrt(some["n"] / some["d"]) * (some["mu_norm"] / some["sigma_p"]) ** 2
    pairs = [class_counts(int(n), p) for n, p in zip(some["n"], some["p_flip"], strict=True)]
    error[runs] = [
        np.sum(labels.probability * ndtr(-labels.kept * one))
        for labels, one in zip(pairs, root, strict=True)
    ]
    return error


def _mean_field(over: OverCounts) -> Callable[[Columns], Array]:
    """The error of the mean field, where it has the equations of the run."""

    def of_runs(columns: Columns) -> Array:
        """The clean test error, NaN outside of the regime."""
        regime, ratio = regime_of(columns), columns["n"] / columns["d"]
        along = columns["noise"] == "isotropic"
        runs = is_plain(columns) | is_plain(columns, noise="isotropic")
        runs &= ratio <= LARGEST_RATIO
        runs &= (columns["train"] == "hidden") | (
            (columns["train"] == "both") & (regime.output_growth <= SMALL_GROWTH)
        )
        error = np.full(columns["n"].size, np.nan)
        given = {name: columns[name].astype(np.float64) for name in _NUMBERS} | {
            "step": regime.step,
            "start": regime.start,
            "n_over_d": ratio,
            "along": along.astype(np.float64),
            "signal": ratio * (columns["mu_norm"] / columns["sigma_p"]) ** 4,
        }
        some = Scheduled(*(given[name][runs] for name in Scheduled._fields))
        error[runs] = mean_field_error(some, over)
        return error

    return of_runs


def _leaky(columns: Columns) -> Array:
    """The error with a leak, labels as they are: by q of a class, the pull of the other is 2 − q."""
    regime = regime_of(columns)
    runs = is_plain(columns, activation="leaky_relu") & (columns["train"] == "hidden")
    runs &= (regime.step <= SMALL_STEP) & (regime.start <= SMALL_START)
    runs &= (columns["p_flip"] == 0) & (columns["leak"] > 0) & (columns["leak"] <= 1)
    error = np.full(columns["n"].size, np.nan)
    root = np.sqrt(columns["n"] / columns["d"]) * (columns["mu_norm"] / columns["sigma_p"]) ** 2
    pairs = np.stack([columns["n"], columns["leak"]])
    for n, leak in np.unique(pairs[:, runs].astype(np.float64), axis=1).T:
        some = runs & (columns["n"] == n) & (columns["leak"] == leak)
        error[some] = mean_over_counts(int(n), 0.0, leaky_error_of_class(root[some], float(leak)))
    return error


def leaky_error_of_class(root: Array, leak: float) -> ErrorOfClass:
    """The clean test error of leaky ReLU networks, by q and s of the class; s is q without flips.

    A centre has the output (q + β q′) + β (q′ + β q), q′ = 2 − q the other class's, in place of (1 + β)².

    Args:
        root: √C, shape (runs,).
        leak: β.
    """
    nodes = np.linspace(0.0, max(float(root.max(initial=0.0)), 1.0) ** 0.5, _LEAKY_NODES)

    def error(kept: float, memorized: float) -> Array:
        """Of runs, on a class of q and s."""
        signal = ((1 + leak**2) * kept + 2 * leak * (2 - kept)) / (1 + leak) ** 2
        found = leaky_errors(np.sqrt(signal) * nodes, leak, memorized=memorized)
        return ndtr(CubicSpline(nodes, ndtri(found))(np.sqrt(root)))

    return error


OF_RUNS: Final[Mapping[str, Callable[[Columns], Array]]] = {
    "gradient_flow": _gradient_flow,
    "frozen_activations": _small_steps(FROZEN, mean_over_counts),
    "gradient_flow_positive": _of_class(False),
    "gradient_flow_negative": _of_class(True),
    "mean_field": _mean_field(mean_over_counts),
    "one_large_step": _one_large_step,
    "leaky_gradient_flow": _leaky,
    "gradient_flow_median": _small_steps(GRADIENT_FLOW, median_over_counts),
    "mean_field_median": _mean_field(median_over_counts),
}
"""The clean test error from every parameter of runs, shape (runs,) each, by the prediction's name."""

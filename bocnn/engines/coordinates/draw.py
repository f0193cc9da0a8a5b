"""A run in d coordinates before training, drawn by the table of counters (`bocnn.data.draws`)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.data.data_model import DataModel, data_model_of
from bocnn.data.draws import OUTPUT, Seed
from bocnn.data.model import OUTPUT_INITS
from bocnn.data.sampler import FILTER, QuantitySampler
from bocnn.engines.coordinates.products import COORDINATES
from bocnn.engines.coordinates.rules import OPTIMIZER_WORDS, Rule
from bocnn.engines.coordinates.state import Filters, OutputLayer, Patches, TrainingOptions
from bocnn.engines.cpu.runs import WORDS
from bocnn.simd.lanes import aligned, lane_count

Row = Mapping[str, Any]
"""Canonical parameters of one run by name."""


class DrawnRun(NamedTuple):
    """A run before training."""

    model: DataModel
    patches: Patches
    filters: Filters
    output: OutputLayer


def draw_run(row: Row, seed: Seed, real: Any) -> DrawnRun:
    """Draw a run.

    Args:
        row: its parameters.
        seed: its.
        real: dtype of its patches and weights.
    """
    model = data_model_of(row)
    return DrawnRun(
        model, _patches(model, row, seed, real), _filters(row, seed, real), _output(row, seed, real)
    )


def draw_output_weights(row: Row, seed: Seed) -> Array:
    """Output weights: v0, or v0 times normals or their signs.

    Args:
        row: parameters of the run.
        seed: of the run.
    Returns:
        Shape (2, 2m), float64.
    """
    shape = (2, 2 * int(row["m"]))
    if row["output_init"] == OUTPUT_INITS[0]:
        return np.full(shape, float(row["v0"]))
    normals = QuantitySampler(seed, OUTPUT).normals(shape)
    return float(row["v0"]) * (normals if row["output_init"] == "normal" else np.sign(normals))


def rule_of(row: Row) -> Rule:
    """The run's optimizer."""
    options = (
        float(row[name]) for name in ("momentum", "weight_decay", "beta1", "beta2", "epsilon")
    )
    return Rule(
        OPTIMIZER_WORDS.index(row["optimizer"]), row["momentum_rule"] == "nesterov", *options
    )


def descent_of(row: Row) -> TrainingOptions:
    """How a run is trained."""
    eta = float(row["eta"])
    eta_output = eta if np.isnan(row["eta_output"]) else float(row["eta_output"])
    return TrainingOptions(
        WORDS["activation"].index(row["activation"]),
        float(row["leak"]),
        WORDS["loss"].index(row["loss"]),
        eta,
        0.0 if row["train"] == "hidden" else eta_output,
        int(row["steps"]),
        -1.0 if np.isnan(row["loss_tol"]) else float(row["loss_tol"]),
    )


def _patches(model: DataModel, row: Row, seed: Seed, real: Any) -> Patches:
    """The training set."""
    labels = model.draw_labels(row, seed)
    centres = np.array([(k, sign) for _, k, sign in model.signals.centres])[labels.centre]
    return Patches(
        padded(model.draw(row, seed), real),
        labels.observed.astype(real),
        centres[:, 0].copy(),
        (float(row["mu_norm"]) * centres[:, 1]).astype(real),
        model.signals.directions,
        int(row["mu_support"]),
        int(row["d"]),
    )


def padded(vectors: Array, real: Any, count: int = 0) -> Array:
    """Vectors in a dtype, with zeros up to whole SIMD vectors, and up to a number of them.

    Args:
        vectors: (rows, d).
        real: dtype.
        count: rows at least.
    Returns:
        Shape (rows or more, d or more).
    """
    rows, d = vectors.shape
    lanes = lane_count(real)
    found = aligned((max(rows, count), (d + lanes - 1) // lanes * lanes), real)
    found[:rows, :d] = vectors
    return found


def _filters(row: Row, seed: Seed, real: Any) -> Filters:
    """Filters at the start, and a memory of zeros."""
    drawn, d = 2 * int(row["m"]), int(row["d"])
    normals = QuantitySampler(seed, FILTER).normals((drawn, d))
    weights = padded(row["sigma_0"] * normals, real, (drawn + 3) // 4 * 4)
    mean, square = (aligned(weights.shape, real) for _ in range(2))
    sums = aligned((len(weights), int(row["n"]), lane_count(real)), real)
    return Filters(weights, mean, square, aligned((4, COORDINATES), real), sums)


def _output(row: Row, seed: Seed, real: Any) -> OutputLayer:
    """Output weights at the start, and a memory of zeros."""
    weights = draw_output_weights(row, seed).astype(real)
    m = int(row["m"])
    return OutputLayer(
        weights, np.zeros_like(weights), np.zeros_like(weights), np.repeat([1, -1], m).astype(real)
    )

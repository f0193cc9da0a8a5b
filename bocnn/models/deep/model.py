"""The model `deep` as a sweep sees it: patch CNNs of L layers, exact at any d."""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.models.base import OVERHEAD, Columns, Row, RowModel, sizes
from bocnn.models.deep.columns import (
    DEEP_IDLE,
    DEEP_MEASURES,
    DEEP_PARAMETERS,
    DEEP_WORDS,
    NORMALIZATIONS,
)
from bocnn.models.deep.descent import DESCEND_DEEP, DeepSchedule, DeepTraining
from bocnn.models.deep.measuring import TrainedDeep, measure
from bocnn.models.deep.network import Architecture
from bocnn.models.deep.start import DeepVectors, draw_vectors, new_state, points_of
from bocnn.simd.compiler.stages import run
from bocnn.theory.predictions.named import MeasurePrediction, check_known

_DEEP_STEPS_TO_FIT = 400.0
"""Steps to a loss in the gradient flow's range at a rate of 0.05: what such a run is taken to cost."""


class Deep(RowModel):
    """Patch CNNs of two and more layers, trained by gradient descent on the Gram matrix."""

    name = "deep"
    numerics_version = 1
    parameters = DEEP_PARAMETERS
    measures = DEEP_MEASURES
    words = DEEP_WORDS
    idle_rules = DEEP_IDLE
    engine = "deep-cpu"
    shape_columns = ("n", "m", "depth")
    predictions = (
        MeasurePrediction(
            "gradient_flow",
            "test_error_clean",
            "small steps and start, many samples and filters, finite d; active shares at d = ∞",
            "bocnn.theory.depth",
        ),
    )

    def predict(self, name: str, columns: Columns) -> Array:
        """What theory predicts of a measure, shape (runs,); NaN where it says nothing.

        Args:
            name: one of `predictions`.
            columns: every parameter, shape (runs,) each; NaN is null.
        Raises:
            ValueError: no such prediction.
        """
        check_known(name, self.predictions)
        # A worker that trains needs no theory.
        from bocnn.theory.predictions.deep import OF_DEEP

        return OF_DEEP[name](self.canonical(columns))

    def check_runs(self, columns: Columns, recorded: bool) -> None:
        """Refuse runs whose normalization leaves nothing to train.

        Args:
            columns: every parameter, shape (runs,) each.
            recorded: whether the runs are to be recorded; the model records none.
        Raises:
            ValueError: says which parameters, and what is expected.
        """
        words = columns["normalization"]
        if ((words == "layer") & (columns["m"] == 1)).any():
            raise ValueError(
                "received normalization: layer with m: 1; expected two filters a class or more: "
                "the only one less its mean is 0"
            )
        if ((words == "weight") & (columns["sigma_0"] == 0)).any():
            raise ValueError(
                "received normalization: weight with sigma_0: 0; expected sigma_0 above 0: "
                "a filter of length 0 has no direction"
            )

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """As `RowModel.run`; what `check_runs` refuses is an error here too."""
        self.check_runs(columns, False)
        return super().run(columns)

    def _start(self, columns: Columns) -> None:
        """Measure the first run before training: others call the same compiled functions."""
        first = {name: column[:1] for name, column in columns.items()}
        self.run(first | {"steps": np.zeros_like(first["steps"])})

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,); with `loss_tol` an estimate."""
        n, m, steps, n_test, depth = sizes(columns, "n", "m", "steps", "n_test", "depth")
        flow = np.isnan(columns["eta"]) & ~np.isnan(columns["loss_tol"])
        rate = np.where(flow, columns["flow_rate"], 0.05)
        steps = np.where(flow, np.minimum(steps, _DEEP_STEPS_TO_FIT * 0.05 / rate), steps)
        upper = 12 * (depth - 2) * (n + 2) * m**2
        step = 4 * m * (n + 2) ** 2 + upper + 200 * m * n
        test = n_test * (4 * m**2 + 4 * (depth - 2) * m**2 + 60 * m)
        return np.asarray(OVERHEAD + 20 * (n + 2 * m) ** 2 + steps * step + test)

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        n, m, n_test, depth = sizes(columns, "n", "m", "n_test", "depth")
        upper = depth * (6 * m**2 + (n + n_test) * 4 * m)
        return np.asarray(8 * (8 * (n + 2 * m + 16) ** 2 + 2 * upper + 8 * n_test * m))

    def measure(self, row: Row) -> Row:
        """The measures of one run."""
        run, steps = train_vectors(row, draw_vectors(row))
        if not all(np.isfinite(part).all() for part in (*run.state.weights, run.state.f[0])):
            return {"status": "diverged"}
        found = measure(run, steps)
        if not math.isfinite(found["train_loss"] + found["test_error"] + found["w_norm"]):
            return {"status": "diverged"}
        never = math.isnan(row["loss_tol"])
        reached = never or found["train_loss"] <= row["loss_tol"]
        return {"status": "ok" if reached else "unconverged", **found}

    def llvm_codes(self, columns: Columns) -> dict[tuple[str, str], bytes]:
        """LLVM code from numba of what trains runs, by the stage's name and its layout.

        Args:
            columns: of one run.
        """
        row = {name: values[0] for name, values in self.keyed_runs(columns).items()}
        return dict([DESCEND_DEEP.llvm_code(new_training(row, draw_vectors(row)))])


def train_vectors(row: Row, vectors: DeepVectors) -> tuple[TrainedDeep, int]:
    """Train a run from its vectors.

    Args:
        row: canonical parameters of the run.
        vectors: its patches, filters and labels.
    Returns:
        The trained run, and the steps taken.
    """
    training = new_training(row, vectors)
    steps = run(*DESCEND_DEEP.prepare(training))
    architecture, points, _, state = training
    return TrainedDeep(row, vectors, points, architecture, state), steps


def new_training(row: Row, vectors: DeepVectors) -> DeepTraining:
    """A run before its first step.

    Args:
        row: canonical parameters of the run.
        vectors: its patches, filters and labels.
    """
    points = points_of(vectors, skip=row["skip"] == "linear")
    patches = 1 if row["upper"] == "shared" else 2
    state = new_state(points, (int(row["depth"]), int(row["m"]), patches), float(row["v0"]))
    return DeepTraining(architecture_of(row), points, schedule_of(row), state)


def architecture_of(row: Row) -> Architecture:
    """A run's architecture."""
    return Architecture(
        float(row["leak"]) if row["activation"] == "leaky_relu" else 0.0,
        row["residual"] == "identity",
        NORMALIZATIONS.index(row["normalization"]),
        float(row["norm_epsilon"]),
    )


def schedule_of(row: Row) -> DeepSchedule:
    """How a run is trained."""
    return DeepSchedule(
        -1.0 if math.isnan(row["eta"]) else float(row["eta"]),
        float(row["flow_rate"]),
        int(row["steps"]),
        -1.0 if math.isnan(row["loss_tol"]) else float(row["loss_tol"]),
        row["train"] == "hidden",
    )


MODEL: Final = Deep()

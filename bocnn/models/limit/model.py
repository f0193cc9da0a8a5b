"""The model `limit` as a sweep sees it: training at d = ∞ (`bocnn.models.limit.descent`)."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bocnn.arrays import Array
from bocnn.engines.cpu.runs import DIVERGED
from bocnn.models.base import OVERHEAD, Columns, KeyedModel, sizes
from bocnn.models.limit.columns import (
    LIMIT_IDLE,
    LIMIT_MEASURES,
    LIMIT_PARAMETERS,
    LIMIT_STATUSES,
    LIMIT_WORDS,
)
from bocnn.models.limit.run import (
    RUN_LIMITS,
    LimitMeasures,
    LimitRuns,
    new_batch,
    run_limits,
    workspace_bytes,
)
from bocnn.theory.predictions.named import MEDIANS, MeasurePrediction, check_known

_STEPS_TO_FIT = 60.0
"""Steps to a loss of 0.05 at h = 0.4, about: what a run with a loss to stop at is taken to cost."""


class Limit(KeyedModel):
    """Two-layer CNNs in infinite dimension, hidden or both layers trained by gradient descent."""

    name = "limit"
    numerics_version = 2
    parameters = LIMIT_PARAMETERS
    measures = LIMIT_MEASURES
    words = LIMIT_WORDS
    idle_rules = LIMIT_IDLE
    engine = "limit-cpu"
    shape_columns = ("n", "m")
    predictions = (
        MeasurePrediction(
            "gradient_flow",
            "test_error_clean",
            "small steps from a small start, many samples and filters; active shares measured",
            "bocnn.theory.predictions.limit",
        ),
        MeasurePrediction(
            "mean_field",
            "test_error_clean",
            "steps and start of any size, hidden layer alone, many samples and filters",
            "bocnn.theory.mean_field",
        ),
        *MEDIANS,
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
        from bocnn.theory.predictions.limit import OF_LIMIT

        return OF_LIMIT[name](self.canonical(columns))

    def _start(self, columns: Columns) -> None:
        """Measure the first run before training: others call the same compiled functions."""
        first = {name: column[:1] for name, column in columns.items()}
        self.run(first | {"steps": np.zeros_like(first["steps"])})

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,); with `loss_tol` an estimate."""
        n, m, steps, n_test = sizes(columns, "n", "m", "steps", "n_test")
        both = 2.0 / np.square(columns["v0_over_kink"])
        rate = columns["step_size"] * (1.0 + np.where(columns["train"] == "both", both, 0.0))
        fitted = np.minimum(steps, _STEPS_TO_FIT / (np.minimum(rate, 0.4) / 0.4))
        steps = np.where(np.isnan(columns["loss_tol"]), steps, fitted)
        step = m * n * (n + 20.0) + 200.0 * n
        test = n_test * (8.0 * m**2 + 80.0 * m + 1000.0)
        return np.asarray(OVERHEAD / 10 + 10.0 * (n + 2 * m) ** 2 + steps * step + test)

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        return workspace_bytes(*sizes(columns, "n", "m", "n_test"))

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Train and measure runs.

        Args:
            columns: `seed`, `replicate` and every parameter, shape (runs,) each; NaN is null.
        Returns:
            Every measured column, shape (runs,) each; NaN is null. A run that left the finite
            numbers has status `diverged` and nulls.
        """
        given, runs = self._runs(columns)
        status, measured = run_limits(runs)
        named = dict(zip(LimitMeasures._fields, measured.T, strict=True))
        linear = ndtr(-np.sqrt(given["signal"]))
        named["linear_error"] = np.where(status == DIVERGED, np.nan, linear)
        return {"status": np.array(LIMIT_STATUSES, dtype=object)[status], **named}

    def llvm_codes(self, columns: Columns) -> dict[tuple[str, str], bytes]:
        """LLVM code from numba of what trains and measures runs, by the stage's name and its layout.

        Args:
            columns: of one run.
        """
        runs = self._runs(columns)[1]
        return dict([RUN_LIMITS.llvm_code(new_batch(runs))])

    def _runs(self, columns: Columns) -> tuple[dict[str, NDArray[Any]], LimitRuns]:
        """Runs as columns with their keys, and as compiled code takes them."""
        given = self.keyed_runs(columns)
        never = np.isnan(given["loss_tol"])
        beta = given["v0_over_kink"] ** -4.0
        given |= {
            "replicate": given["replicate"].astype(np.uint64),
            "output_rate": np.where(given["train"] == "both", beta, 0.0),
            "loss_tol": np.where(never, -1.0, given["loss_tol"]),
        }
        return given, LimitRuns._make(
            np.ascontiguousarray(given[name]) for name in LimitRuns._fields
        )


MODEL: Final = Limit()

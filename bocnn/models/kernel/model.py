"""The model `kernel` as a sweep sees it: its columns, the cost of a run, and `run`.

f(x) = m^(−1/2) Σ ±ReLU(⟨w_r, x⟩), less its value at the start, as symmetric pairs of neurons would have
it; gradient descent on w alone, with the loss ½ Σ (y − f)².
"""

from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.models.base import OVERHEAD, Columns, Row, each, sizes, stacked
from bocnn.models.images.reading import ReadsImages
from bocnn.models.kernel.columns import (
    KERNEL_IDLE,
    KERNEL_MEASURES,
    KERNEL_PARAMETERS,
    KERNEL_TRAJECTORY,
    KERNEL_WORDS,
)
from bocnn.models.kernel.draws import UnitSamples, draw_data, draw_network, worst_labels
from bocnn.models.proportional.descent import DescentOptions, DescentResult, Observer, descend
from bocnn.models.proportional.draws import TrainingProblem
from bocnn.theory import kernel as theory


class Kernel(ReadsImages):
    """Two-layer ReLU networks on unit vectors, first layer trained, beside what their kernel predicts."""

    name = "kernel"
    numerics_version = 3
    parameters = KERNEL_PARAMETERS
    measures = KERNEL_MEASURES
    words = KERNEL_WORDS
    idle_rules = KERNEL_IDLE
    trajectory_measures: Final = KERNEL_TRAJECTORY

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,)."""
        n, d, m, steps, tested = sizes(columns, "n", "d", "m", "steps", "n_test")
        step = 4 * m * n * np.minimum(n, d) + 20 * m * n
        return OVERHEAD + 15 * n**3 + 20 * m * d + steps * step + 4 * m * (n + tested) * d

    def trajectory_flops(self, columns: Columns, steps: Ints) -> Array:
        """Cost of each run where it is recorded at `steps`.

        Args:
            columns: every parameter, shape (runs,) each.
            steps: at which runs are recorded.
        Returns:
            Floating-point operations, shape (runs,).
        """
        n, d, m = sizes(columns, "n", "d", "m")
        return self.flops(columns) + len(steps) * (4 * n**2 + 4 * m * d)

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        n, d, m, tested = sizes(columns, "n", "d", "m", "n_test")
        return 8 * (3 * m * n + 6 * m * d + 4 * n**2 + 2 * tested * (m + d))

    def measure(self, row: Row) -> Row:
        """The measures of one run."""
        return self._train(row, frozenset())[0]

    def record(
        self, columns: Columns, steps: Ints
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Results of `run`, bit for bit, and the trajectory of each run.

        Args:
            columns: as for `run`.
            steps: whole numbers ≥ 0, rising; a run is recorded at those that it reaches, and at its end.
        Returns:
            Measured columns; and recorded ones in order of runs and steps, with `run`, its index.
        """
        pairs = each(
            self.keyed_runs(columns), partial(self._train, recorded=frozenset(steps.tolist()))
        )
        traced = [record | {"run": k} for k, (_, records) in enumerate(pairs) for record in records]
        run = np.array([record["run"] for record in traced], dtype=np.int64)
        measured = stacked([row for row, _ in pairs], KERNEL_MEASURES)
        return measured, {"run": run} | stacked(traced, KERNEL_TRAJECTORY)

    def _train(self, row: Row, recorded: frozenset[int]) -> tuple[Row, list[Row]]:
        """The measures of one run, and its records at the given steps and at its end."""
        data = draw_data(row, int(row["n"]), images=self._images)
        gram = theory.limit_gram(data.x)
        labels = worst_labels(gram) if row["labels"] == "worst" else data.labels
        prediction = _predict(gram, labels, row["eta"])
        filters, signs = draw_network(row, data.x.shape[1])
        start = TrainingProblem(data.x, np.zeros(0), np.zeros(0), filters, signs, np.ones(1))
        # The descent's loss is a mean over the samples, this one's a sum.
        options = DescentOptions(row["eta"] * len(labels), int(row["steps"]), 0.0)
        records: list[Row] = []
        observer = Observer(
            recorded, lambda *seen: records.append(_trajectory_point(prediction, *seen))
        )
        with np.errstate(over="ignore", invalid="ignore"):
            trained = descend(start, labels, "relu", options, observer=observer)
        if not (np.isfinite(trained.grad_norm) and "residual" in records[-1]):
            return {"status": "diverged"}, records
        bounds = {"lambda_min": float(prediction.values[0])} | _complexity(gram, labels)
        tested = {} if row["labels"] == "worst" else self._test(row, trained, start)
        room = {"bound_room": bounds["bound"] - tested["test_l1"]} if tested else {}
        return {"status": "ok"} | records[-1] | bounds | tested | room, records

    def _test(self, row: Row, trained: DescentResult, start: TrainingProblem) -> Row:
        """Loss and error on fresh samples of the training's distribution; the worst labels have none."""
        fresh: UnitSamples = draw_data(row, int(row["n_test"]), test=True, images=self._images)
        active = (np.maximum(fresh.x @ w.T, 0.0) for w in (trained.filters, start.filters))
        after, before = (part @ start.signs for part in active)
        output = (after - before) / np.sqrt(len(start.signs))
        loss = float(np.minimum(np.abs(fresh.labels - output), 1.0).mean())
        wrong = float(np.mean(np.sign(output) != np.sign(fresh.taught)))
        return {"test_l1": loss, "test_error": wrong}


class _Prediction(NamedTuple):
    """Prediction of a training by H∞: its eigenvalues and vectors, the labels along them, and η."""

    values: Array
    vectors: Array
    along: Array
    eta: float


def _predict(gram: Array, labels: Array, eta: float) -> _Prediction:
    """The prediction for one training set."""
    values, vectors = np.linalg.eigh(gram)
    return _Prediction(values, vectors, vectors.T @ labels, eta)


def _trajectory_point(prediction: _Prediction, step: int, residual: Array, moved: Array) -> Row:
    """A recorded step, measured and predicted; the step alone where the state is not finite."""
    if not np.isfinite(_norm(residual) + _norm(moved)):
        return {"step": step}
    remaining = (1 - prediction.eta * prediction.values) ** step * prediction.along
    left = prediction.vectors @ remaining
    return {
        "step": step,
        "residual": _norm(residual),
        "predicted_residual": _norm(left),
        "residual_gap": _norm(residual - left) / _norm(prediction.along),
        "distance": _norm(moved),
    }


def _complexity(gram: Array, labels: Array) -> Row:
    """Bounds on the labels by H∞: bounds of distance and loss, NaN where it is singular."""
    bounds = {
        "distance_bound": theory.distance_bound(gram, labels),
        "bound": theory.generalization_bound(gram, labels),
    }
    return {name: bound if np.isfinite(bound) else np.nan for name, bound in bounds.items()}


def _norm(values: Array) -> float:
    return float(np.linalg.norm(values))


MODEL: Final = Kernel()

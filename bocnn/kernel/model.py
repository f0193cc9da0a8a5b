"""The model `kernel` as a sweep sees it: its columns, the cost of a run, and `run`.

f(x) = m^(−1/2) Σ ±ReLU(⟨w_r, x⟩), less its value at the start, as symmetric pairs of neurons would have
it; gradient descent on w alone, with the loss ½ Σ (y − f)². Every run is trained for itself, in float64
and by one thread, so a row does not depend on where it is trained.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bocnn.arrays import Array
from bocnn.columns import Column
from bocnn.kernel.columns import MEASURES, PARAMETERS
from bocnn.kernel.draws import Data, draw_data, draw_network, worst_labels
from bocnn.proportional.descent import Recipe, Trained, descend
from bocnn.proportional.draws import Sample
from bocnn.theory import kernel as theory

Columns = Mapping[str, NDArray[Any]]
Row = dict[str, Any]

_OVERHEAD = 1e6


class Kernel:
    """Two-layer ReLU networks on unit vectors, first layer trained, beside what their kernel predicts."""

    name: Final = "kernel"
    numerics_version: Final = 1
    engine: Final = "blas"
    parameters: Final[tuple[Column, ...]] = PARAMETERS
    measures: Final[tuple[Column, ...]] = MEASURES
    shape_columns: Final = ("n",)

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,)."""
        n, d, m, steps, tested = (
            columns[name].astype(np.float64) for name in ("n", "d", "m", "steps", "n_test")
        )
        step = 2 * m * n**2 + 20 * m * n
        return _OVERHEAD + 15 * n**3 + 20 * m * d + steps * step + 4 * m * (n + tested) * d

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        n, d, m, tested = (columns[name].astype(np.float64) for name in ("n", "d", "m", "n_test"))
        return 8 * (6 * m * n + 3 * m * d + 4 * n**2 + 2 * tested * (m + d))

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Train and measure runs.

        Args:
            columns: `seed`, `replicate` and every parameter, shape (runs,) each.
        Returns:
            Every measured column, shape (runs,) each; NaN is null. A run that left the finite
            numbers has status `diverged` and nulls.
        """
        names = list(columns)
        rows = zip(*(columns[name].tolist() for name in names), strict=True)
        with threadpool_limits(1):
            measured = [_measure(dict(zip(names, row, strict=True))) for row in rows]
        return {
            column.name: np.array(
                [row[column.name] for row in measured],
                dtype=object if column.type == "string" else np.float64,
            )
            for column in MEASURES
        }


def _measure(row: Row) -> Row:
    """The measures of one run."""
    data = draw_data(row, int(row["n"]))
    gram = theory.limit_gram(data.x)
    labels = worst_labels(gram) if row["labels"] == "worst" else data.labels
    filters, signs = draw_network(row, data.x.shape[1])
    start = Sample(data.x, np.zeros(data.x.shape[1]), np.zeros(len(labels)), filters, signs)
    # The descent's loss is a mean over the samples, this one's a sum.
    recipe = Recipe(row["eta"] * len(labels), int(row["steps"]), 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        trained = descend(start, labels, "relu", recipe)
        if trained.steps < recipe.steps or not np.isfinite(trained.filters).all():
            return {column.name: np.nan for column in MEASURES} | {"status": "diverged"}
    fit = _held_against_theory(trained, gram, labels, row)
    moved = _norm(trained.filters - filters)
    return {"status": "ok", "distance": moved} | fit | _tested(row, trained, start, fit["bound"])


def _held_against_theory(trained: Trained, gram: Array, labels: Array, row: Row) -> Row:
    """The training curve's end and the complexity of the labels, measured and predicted."""
    values, vectors = np.linalg.eigh(gram)
    with np.errstate(over="ignore"):
        left = vectors @ ((1 - row["eta"] * values) ** row["steps"] * (vectors.T @ labels))
    predicted: dict[str, float] = {
        "predicted_residual": _norm(left),
        "residual_gap": _norm(trained.residual - left) / _norm(labels),
        "distance_bound": theory.distance_bound(gram, labels),
        "bound": theory.generalization_bound(gram, labels),
    }
    finite = {name: v if np.isfinite(v) else np.nan for name, v in predicted.items()}
    return {
        "residual": _norm(trained.residual),
        "lambda_min": float(values[0]),
        **finite,
    }


def _tested(row: Row, trained: Trained, start: Sample, bound: float) -> Row:
    """Loss and error on fresh samples of the training's law; null for labels that have no law."""
    if row["labels"] == "worst":
        return dict.fromkeys(("test_l1", "test_error", "bound_room"), np.nan)
    fresh: Data = draw_data(row, int(row["n_test"]), test=True)
    active = (np.maximum(fresh.x @ w.T, 0.0) for w in (trained.filters, start.filters))
    after, before = (part @ start.signs for part in active)
    output = (after - before) / np.sqrt(len(start.signs))
    loss = float(np.minimum(np.abs(fresh.labels - output), 1.0).mean())
    wrong = float(np.mean(np.sign(output) != np.sign(fresh.taught)))
    return {"test_l1": loss, "test_error": wrong, "bound_room": bound - loss}


def _norm(values: Array) -> float:
    return float(np.linalg.norm(values))


MODEL: Final = Kernel()

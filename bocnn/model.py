"""The model `bocnn` as a sweep sees it: its columns, the cost of a run, and `run`.

It satisfies the model protocol of the scheduler without importing it.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.columns import MEASURES, PARAMETERS, STATUSES, Column
from bocnn.engine import Runs, run_all
from bocnn.keys import cell_keys
from bocnn.measures import Measures

Columns = Mapping[str, NDArray[Any]]

_OVERHEAD = 1e5


class Bocnn:
    """Two-layer CNNs on signal-plus-noise data, trained by the gram engine on the CPU."""

    name: Final = "bocnn"
    numerics_version: Final = 1
    engine: Final = "gram-cpu"
    parameters: Final[tuple[Column, ...]] = PARAMETERS
    measures: Final[tuple[Column, ...]] = MEASURES
    shape_columns: Final = ("n", "m", "precision")

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,); a normal counts as ten.

        With `loss_tol` it is an upper bound: the run may stop earlier.
        """
        points, filters, rank = _sizes(columns)
        draw = (points + filters) * rank * (5 + points / 3 + 2 * filters)
        step = 2 * filters * points**2 + 20 * filters * points
        test = 2 * filters**2 + 40 * filters + 1000
        return np.asarray(_OVERHEAD + draw + columns["steps"] * step + columns["n_test"] * test)

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        points, filters, rank = _sizes(columns)
        real = np.where(columns["precision"] == "float64", 8, 4)
        vectors = 8 * (points + filters) * (2 * rank + 8) + 8 * (rank**2 / 2 + filters**2)
        return np.asarray(vectors + (8 + real) * points**2 + 7 * real * points * (filters + 4))

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Train and measure runs.

        Args:
            columns: `seed`, `replicate` and every parameter, shape (runs,) each; NaN is null.
        Returns:
            Every measured column, shape (runs,) each; NaN is null. A run that left the finite
            numbers has status `diverged` and nulls.
        """
        size = columns["n"].size
        status = np.zeros(size, dtype=np.int8)
        measured = np.empty((size, len(Measures._fields)))
        for precision in ("float32", "float64"):
            rows = np.flatnonzero(columns["precision"] == precision)
            if rows.size:
                status[rows], measured[rows] = _run_rows(columns, rows, np.dtype(precision).type)
        named = dict(zip(Measures._fields, measured.T, strict=True))
        return {"status": np.array(STATUSES, dtype=object)[status], **named}


def _run_rows(
    columns: Columns, rows: NDArray[np.intp], real: type
) -> tuple[NDArray[np.int8], Array]:
    """Status codes and measures, shape (rows, measures), of the runs at `rows`."""
    status = np.empty(rows.size, dtype=np.int8)
    measured = np.empty((rows.size, len(Measures._fields)))
    run_all(_pack({name: column[rows] for name, column in columns.items()}), real, status, measured)
    return status, measured


def _pack(columns: Columns) -> Runs:
    """The columns as the compiled loop takes them: words as codes, step sizes 0 for a kept layer."""
    key0, key1 = cell_keys(columns)
    eta = columns["eta"]
    eta_output = np.where(np.isnan(columns["eta_output"]), eta, columns["eta_output"])
    loss_tol = columns["loss_tol"]
    coded = {
        "key0": key0,
        "key1": key1,
        "replicate": columns["replicate"].astype(np.uint64),
        "isotropic": _codes(columns, "noise"),
        "nesterov": _codes(columns, "momentum_rule"),
        "eta": np.where(columns["train"] == "output", 0.0, eta),
        "eta_output": np.where(columns["train"] == "hidden", 0.0, eta_output),
        "loss_tol": np.where(np.isnan(loss_tol), -1.0, loss_tol),
    }
    for name in ("data", "bias", "output_init", "activation", "loss"):
        coded[name] = _codes(columns, name)
    return Runs(**{name: coded.get(name, columns.get(name)) for name in Runs._fields})  # type: ignore[arg-type]


def _codes(columns: Columns, name: str) -> Ints:
    """A column of words as their places among the column's choices."""
    choices = next(column.choices for column in PARAMETERS if column.name == name)
    return np.array([choices.index(word) for word in columns[name].tolist()])


def _sizes(columns: Columns) -> tuple[Array, Array, Array]:
    """Points, filters, and dimensions that they span, of each run."""
    points, filters = columns["n"] + 4.0, 2.0 * columns["m"]
    return points, filters, np.minimum(points + filters, columns["d"])


MODEL: Final = Bocnn()

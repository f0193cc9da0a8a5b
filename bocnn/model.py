"""The model `bocnn` as a sweep sees it: its columns, the cost of a run, and `run`.

It satisfies the model protocol of the scheduler without importing it.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.columns import MEASURES, PARAMETERS, STATUSES, Column
from bocnn.engine import Runs, run_all
from bocnn.keys import cell_keys
from bocnn.measures import Measures

Columns = Mapping[str, NDArray[Any]]

_NORMAL_FLOPS = 150.0
_OVERHEAD_FLOPS = 1e5


class Bocnn:
    """Two-layer ReLU CNNs on signal-plus-noise data, trained by the gram engine on the CPU."""

    name: Final = "bocnn"
    numerics_version: Final = 1
    engine: Final = "gram-cpu"
    parameters: Final[tuple[Column, ...]] = PARAMETERS
    measures: Final[tuple[Column, ...]] = MEASURES
    shape_columns: Final = ("n", "m", "precision")

    def flops(self, columns: Columns) -> Array:
        """Cost of each run in floating-point operations, shape (runs,); a normal counts as 150.

        With `loss_tol` it is an upper bound: the run may stop earlier.
        """
        n, filters = columns["n"].astype(float), 2.0 * columns["m"]
        rank = np.minimum(n + filters, columns["d"])
        draw = _NORMAL_FLOPS / 2 * (n + filters) * rank + 2 * (n + filters) ** 2 * rank
        step = 2 * filters * n**2 + 12 * filters * n + 40 * n
        test = filters**2 + _NORMAL_FLOPS * filters
        return np.asarray(
            _OVERHEAD_FLOPS + draw + columns["steps"] * step + columns["n_test"] * test
        )

    def memory_bytes(self, columns: Columns) -> Array:
        """Working memory of each run in bytes, shape (runs,)."""
        n, filters = columns["n"].astype(float), 2.0 * columns["m"]
        rank = np.minimum(n + filters, columns["d"])
        return np.asarray(8 * ((n + filters) * 2 * rank + 2 * n**2 + 4 * n * filters))

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
    """The columns as the compiled loop takes them."""
    key0, key1 = cell_keys(columns)
    loss_tol = columns["loss_tol"].astype(np.float64)
    numbers = {name: columns[name] for name in Runs._fields if name in columns}
    return Runs(
        **numbers
        | {
            "key0": key0,
            "key1": key1,
            "replicate": columns["replicate"].astype(np.uint64),
            "loss_tol": np.where(np.isnan(loss_tol), -1.0, loss_tol),
            "hidden": (columns["train"] != "output").astype(np.int64),
            "output": (columns["train"] != "hidden").astype(np.int64),
        }
    )


MODEL: Final = Bocnn()

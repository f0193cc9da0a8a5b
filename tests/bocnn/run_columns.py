"""Columns of runs for the tests: every parameter, the ones given instead of plain ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn import MODEL

PLAIN = {
    "n": 20,
    "d": 200,
    "m": 5,
    "mu_norm": 2.0,
    "sigma_0": 0.01,
    "v0": 0.2,
    "eta": 0.05,
    "steps": 60,
    "seed": 3,
}
DTYPES: dict[str, Any] = {"int64": np.int64, "float64": np.float64, "string": object}


def columns(runs: int, **given: Any) -> dict[str, NDArray[Any]]:
    """Every column that `MODEL.run` takes, for `runs` replicates of one cell."""
    defaults = {column.name: column.default for column in MODEL.parameters}
    types = {column.name: column.type for column in MODEL.parameters} | {"seed": "int64"}
    values = {
        name: np.full(runs, np.nan if value is None else value, dtype=DTYPES[types[name]])
        for name, value in (defaults | PLAIN | given).items()
    }
    return values | {"replicate": np.arange(runs, dtype=np.int32)}

"""What benchmarks train: shapes, scales, the columns of a cell's replicates, and how time is taken."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bocnn import MODEL


class Shape(NamedTuple):
    """Sizes of one benchmark; d matters to the dense ways alone."""

    n: int
    m: int
    steps: int
    d: int = 1000


SHAPES = [
    Shape(20, 10, 100, 500),
    Shape(20, 10, 200, 500),
    Shape(100, 10, 200, 10_000),
    Shape(400, 20, 200),
]
SCALES = {"mu_norm": 2.0, "sigma_p": 1.0, "sigma_0": 1e-3, "v0": 0.1, "p_flip": 0.1, "eta": 0.01}
N_TEST = 500


def best_seconds(call: Callable[[], object], repeats: int = 5) -> float:
    """Least wall time of `call` after one call that warms up."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def columns(runs: int, given: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Every column that the model takes, for replicates of one cell."""
    filled = {"replicate": np.arange(runs), "seed": np.zeros(runs, np.int64)}
    dtypes = {"int64": np.int64, "float64": np.float64, "string": object}
    for column in MODEL.parameters:
        value = given.get(column.name, column.default)
        value = np.nan if value is None else value
        # Repeated, as a plan does it: runs of one cell share the word, which np.full would copy.
        filled[column.name] = np.array([value], dtype=dtypes[column.type]).repeat(runs)
    return filled

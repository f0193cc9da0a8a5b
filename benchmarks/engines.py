"""Seconds per run of the gram engine beside a training loop over the dense network, one table.

    python -m benchmarks.engines

The dense loop follows the usual protocol: one model at a time, d-dimensional tensors, autograd, 1,000
fresh test points. All figures come from one process with one thread, one after the other, and the
median over repeats is shown, so their ratios mean more than they do.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from bocnn import MODEL, dense


class Shape(NamedTuple):
    """Sizes of one benchmark: the dimension matters to the dense loop alone."""

    n: int
    m: int
    steps: int
    d: int


SHAPES = [
    Shape(20, 10, 100, 1000),
    Shape(20, 10, 200, 2000),
    Shape(100, 10, 200, 2000),
    Shape(400, 20, 200, 2000),
]
SCALES = {"mu_norm": 2.0, "sigma_p": 1.0, "sigma_0": 1e-3, "v0": 0.1, "p_flip": 0.1, "eta": 0.01}


def gram_seconds(shape: Shape, runs: int, **replaced: int) -> float:
    """Seconds per run of the gram engine, draws and test included."""
    defaults = {column.name: column.default for column in MODEL.parameters}
    given = defaults | SCALES | shape._asdict() | {"n_test": 500, "seed": 0} | replaced
    columns = {name: np.full(runs, np.nan if v is None else v) for name, v in given.items()}
    columns |= {name: columns[name].astype(object) for name in ("train", "noise", "precision")}
    for name in ("n", "d", "m", "steps", "n_test", "seed"):
        columns[name] = columns[name].astype(np.int64)
    columns["replicate"] = np.arange(runs)
    return median_seconds(lambda: MODEL.run(columns)) / runs


def dense_seconds(shape: Shape, runs: int) -> float:
    """Seconds per run of the dense loop, draws and test included."""
    generator = torch.Generator().manual_seed(0)
    mu = torch.zeros(shape.d)
    mu[0] = SCALES["mu_norm"]

    def one() -> None:
        data = dense.draw_data(generator, shape.n, mu, SCALES["sigma_p"], SCALES["p_flip"])
        network = dense.initialize(generator, (shape.m, shape.d), SCALES["sigma_0"], SCALES["v0"])
        dense.train(network.float(), data, SCALES["eta"], shape.steps)
        test = dense.draw_data(generator, 1000, mu, SCALES["sigma_p"], SCALES["p_flip"])
        dense.error(network, test.patches, test.observed)

    return median_seconds(one, repeats=runs)


def median_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Median wall time of `work` after one call that warms up."""
    work()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    table = Table("n", "m", "T", "d", "gram, ms", "of it draws and test, ms", "dense, ms", "ratio")
    for shape in SHAPES:
        runs = max(4, 20_000_000 // (shape.steps * shape.n**2 * shape.m))
        gram, rest = gram_seconds(shape, runs), gram_seconds(shape, runs, steps=0)
        slow = dense_seconds(shape, 3)
        figures = (
            f"{1e3 * gram:.3f}",
            f"{1e3 * rest:.3f}",
            f"{1e3 * slow:.0f}",
            f"{slow / gram:,.0f}",
        )
        table.add_row(*map(str, shape), *figures)
    Console().print(table)


if __name__ == "__main__":
    main()

"""The model `limit` beside the Gram engine at finite d, on the same random numbers: tables in Markdown.

    python -m benchmarks.limit

Of each point the mean clean test error at d = ∞, and what the Gram engine's differs from it run by run:
mean and standard error of the differences, and the median of their sizes. Then the rate of both on one
core: µs of processor time a run.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.cpu.engine import Runs, run_all
from bocnn.engines.gram_cpu import new_results
from bocnn.measure.measures import Measures
from bocnn.models.limit.run import LimitMeasures, LimitRuns, run_limits


class Point(NamedTuple):
    """Parameters of a run of the model `limit`."""

    n: int = 20
    m: int = 10
    signal: float = 0.3
    step_size: float = 0.4
    kappa: float = 0.1
    p_flip: float = 0.0
    loss_tol: float = 0.05
    steps: int = 5000
    n_test: int = 500


KEY0, KEY1 = 12345, 678


def limit_rows(point: Point, runs: int) -> tuple[Ints, dict[str, Array]]:
    """Status and measures of replicates at d = ∞."""
    given = {name: np.full(runs, value) for name, value in point._asdict().items()}
    status, measured = run_limits(LimitRuns(**_identities(runs), **given))
    return status, dict(zip(LimitMeasures._fields, measured.T, strict=True))


def gram_rows(point: Point, d: float, runs: int) -> tuple[Ints, dict[str, Array]]:
    """Status and measures of the same replicates by the Gram engine in float64."""
    given = dict.fromkeys(Runs._fields, 0.0) | point._asdict() | {"d": int(d), "sigma_p": 1.0}
    given |= {
        "mu_norm": (point.signal * d / point.n) ** 0.25,
        "sigma_0": point.kappa * math.sqrt(point.n) / d,
        "v0": 1.0 / point.m,
        "eta": point.step_size * point.n * point.m / d,
    }
    real = ("mu_norm", "sigma_p", "sigma_0", "v0", "p_flip", "leak", "eta", "eta_output")
    real += ("momentum", "weight_decay", "loss_tol")
    columns = {
        name: np.full(runs, given[name], dtype=np.float64 if name in real else np.int64)
        for name in Runs._fields
    }
    results = new_results(runs, 0)
    no_steps = np.empty(0, np.int64)
    run_all(Runs(**(columns | _identities(runs))), np.float64, None, no_steps, results)
    return results.status, dict(zip(Measures._fields, results.measured.T, strict=True))


POINTS = [
    *(Point(n=n, m=m) for n, m in ((10, 5), (10, 40), (20, 2), (20, 10), (20, 50), (60, 10))),
    *(Point(step_size=h) for h in (0.05, 1.0, 3.0)),
    *(Point(kappa=kappa) for kappa in (0.01, 1.0, 10.0)),
    *(Point(p_flip=p, signal=0.6) for p in (0.1, 0.2, 0.3, 0.4)),
    *(Point(signal=signal) for signal in (0.01, 0.1, 1.0)),
    Point(n=60, m=10, step_size=1.0, kappa=1.0, p_flip=0.1, signal=0.5),
]
RUNS = 200
DIMENSIONS = (1e4, 1e6, 1e8, 1e10, 1e12)


def point_row(point: Point) -> str:
    """A row of the first table."""
    status, rows = limit_rows(point, RUNS)
    cells = [f"{point.n}", f"{point.m}", f"{point.signal:g}", f"{point.step_size:g}"]
    cells += [f"{point.kappa:g}", f"{point.p_flip:g}", f"{rows['test_error_clean'].mean():.4f}"]
    for d in DIMENSIONS:
        found, finite = gram_rows(point, d, RUNS)
        apart = (finite["test_error_clean"] - rows["test_error_clean"])[found == status]
        spread = apart.std(ddof=1) / math.sqrt(apart.size)
        middle = np.median(np.abs(apart))
        cells.append(f"{apart.mean():+.1e} ± {spread:.0e} ({middle:.0e})")
    return f"| {' | '.join(cells)} |"


def processor_time(work: Callable[[], object], runs: int) -> float:
    """Least µs of processor time a run, of three repetitions after a warm-up."""
    work()
    took = []
    for _ in range(3):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return 1e6 * min(took) / runs


def main() -> None:
    """Print both tables."""
    dimensions = [f"d = {d:.0e}: mean difference (median size)" for d in DIMENSIONS]
    names = ["n", "m", "C", "h", "κ", "p", "error at d = ∞", *dimensions]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for point in POINTS:
        print(point_row(point), flush=True)
    print("\n| n | m | steps | limit, µs | gram, float64, one by one, µs |\n|---|---|---|---|---|")
    for point in (Point(), Point(n=60), Point(step_size=1e3, steps=1)):
        steps = limit_rows(point, RUNS)[1]["steps_run"].mean()
        ours = processor_time(lambda point=point: limit_rows(point, RUNS), RUNS)
        theirs = processor_time(lambda point=point: gram_rows(point, 1e10, RUNS), RUNS)
        print(f"| {point.n} | {point.m} | {steps:.0f} | {ours:.0f} | {theirs:.0f} |", flush=True)


def _identities(runs: int) -> dict[str, Ints]:
    """Keys and replicates."""
    keys = {"key0": KEY0, "key1": KEY1}
    found = {name: np.full(runs, key, dtype=np.uint64) for name, key in keys.items()}
    return found | {"replicate": np.arange(runs, dtype=np.uint64)}


if __name__ == "__main__":
    main()

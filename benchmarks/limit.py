"""The model `limit` beside the Gram engine at finite d, on the same random numbers: tables in Markdown.

    python -m benchmarks.limit [hidden] [both] [cost]

Of each point the mean clean test error at d = ∞, and what the Gram engine's differs from it run by run, in
units of 10⁻⁴: mean and standard error of the differences, and the median of their sizes. Where both layers
are trained, in two rows: from d = ∞, and from the limit at the ratio of rates of that d. Then the rate of
both on one core: µs of processor time a run.
"""

import math
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.engines.cpu.engine import new_results
from bocnn.engines.cpu.stages import Runs, run_all
from bocnn.measure.measures import Measures
from bocnn.models.limit.run import LimitMeasures, LimitRuns, run_limits


class Point(NamedTuple):
    """Parameters of a run of the model `limit`; `v0_over_kink` is 0 for the hidden layer alone."""

    n: int = 20
    m: int = 10
    signal: float = 0.3
    step_size: float = 0.4
    kappa: float = 0.1
    p_flip: float = 0.0
    loss_tol: float = 0.05
    steps: int = 5000
    n_test: int = 500
    v0_over_kink: float = 0.0


KEY0, KEY1 = 12345, 678


def limit_rows(point: Point, runs: int, *, d: float = math.inf) -> tuple[Ints, dict[str, Array]]:
    """Status and measures of replicates at d = ∞; with d, at the ratio of rates that it gives."""
    given = point._asdict() | {"n_over_d": point.n / d}
    x = given.pop("v0_over_kink")
    given["output_rate"] = x**-4 if x else 0.0
    columns = {name: np.full(runs, value) for name, value in given.items()}
    status, measured = run_limits(LimitRuns(**_identities(runs), **columns))
    return status, dict(zip(LimitMeasures._fields, measured.T, strict=True))


def output_start(point: Point, d: float) -> float:
    """v₀ of a network at finite d, σ_p = 1."""
    if not point.v0_over_kink:
        return 1.0 / point.m
    return point.v0_over_kink / math.sqrt(point.m) * (point.n / d) ** 0.25


def gram_rows(point: Point, d: float, runs: int) -> tuple[Ints, dict[str, Array]]:
    """Status and measures of the same replicates by the Gram engine in float64."""
    given = dict.fromkeys(Runs._fields, 0.0) | point._asdict() | {"d": int(d), "sigma_p": 1.0}
    v0 = output_start(point, d)
    eta = point.step_size * point.n / (point.m * v0**2 * d)
    given |= {
        "mu_norm": (point.signal * d / point.n) ** 0.25,
        "sigma_0": point.kappa * math.sqrt(point.n) / d / (point.m * v0),
        "v0": v0,
        "eta": eta,
        "eta_output": eta if point.v0_over_kink else 0.0,
        "p_flip_negative": point.p_flip,
        "spike": 1.0,
        "noise_patches": 1,
        "minority_share": 0.5,
        "error_tol": -1.0,
    }
    real = ("mu_norm", "sigma_p", "sigma_0", "v0", "p_flip", "leak", "eta", "eta_output")
    real += ("momentum", "weight_decay", "loss_tol", "p_flip_negative", "sam_radius", "label_noise")
    real += ("spectrum_decay", "spike", "minority_share")
    real += ("signal_spread", "noise_spread", "xor_cosine", "error_tol")
    columns = {
        name: np.full(runs, given[name], dtype=np.float64 if name in real else np.int64)
        for name in Runs._fields
    }
    results = new_results(runs, 0)
    no_steps = np.empty(0, np.int64)
    run_all(Runs(**(columns | _identities(runs))), np.float64, None, no_steps, results)
    return results.status, dict(zip(Measures._fields, results.measured.T, strict=True))


HIDDEN = [
    *(Point(n=n, m=m) for n, m in ((10, 5), (10, 40), (20, 2), (20, 10), (20, 50), (60, 10))),
    *(Point(step_size=h) for h in (0.05, 1.0, 3.0)),
    *(Point(kappa=kappa) for kappa in (0.01, 1.0, 10.0)),
    *(Point(p_flip=p, signal=0.6) for p in (0.1, 0.2, 0.3, 0.4)),
    *(Point(signal=signal) for signal in (0.01, 0.1, 1.0)),
    Point(n=60, m=10, step_size=1.0, kappa=1.0, p_flip=0.1, signal=0.5),
]
_FLOW = Point(step_size=0.05, v0_over_kink=1.0)
_SMALL = Point(step_size=0.01, v0_over_kink=0.4, kappa=0.03, signal=20.0)
BOTH = [
    _FLOW._replace(v0_over_kink=10.0),
    _FLOW._replace(v0_over_kink=3.0),
    *(_FLOW._replace(signal=signal) for signal in (0.3, 1.0, 3.0)),
    _FLOW._replace(n=60, m=10, signal=1.0),
    _FLOW._replace(n=10, m=40, signal=1.0),
    _FLOW._replace(signal=2.0, p_flip=0.1),
    _FLOW._replace(signal=1.0, step_size=1.0),
    _FLOW._replace(signal=1.0, kappa=1.0),
    _SMALL,
    _SMALL._replace(v0_over_kink=0.15, step_size=0.001, kappa=0.01, signal=500.0),
]
RUNS = 200
DIMENSIONS = (1e4, 1e6, 1e8, 1e10, 1e12)


def point_rows(point: Point) -> list[str]:
    """Rows of a point in the table of differences."""
    _, rows = limit_rows(point, RUNS)
    names = ("n", "m", "signal", "step_size", "kappa", "p_flip", "v0_over_kink")
    cells = [f"{getattr(point, name):g}" for name in names]
    cells.append(f"{rows['test_error_clean'].mean():.4f}")
    found = [gram_rows(point, d, RUNS) for d in DIMENSIONS]
    apart = [difference(one, limit_rows(point, RUNS)) for one in found]
    table = [f"| {' | '.join(cells + apart)} |"]
    if point.v0_over_kink:
        ratios = [limit_rows(point, RUNS, d=d) for d in DIMENSIONS]
        apart = [difference(one, other) for one, other in zip(found, ratios, strict=True)]
        table.append(f"| {' | '.join([''] * (len(cells) - 1) + ['at the ratio', *apart])} |")
    return table


def difference(found: tuple[Ints, dict[str, Array]], limit: tuple[Ints, dict[str, Array]]) -> str:
    """Mean difference of the clean errors, its standard error and the median size, in units of 10⁻⁴."""
    both = found[0] == limit[0]
    apart = 1e4 * (found[1]["test_error_clean"] - limit[1]["test_error_clean"])[both]
    spread = apart.std(ddof=1) / math.sqrt(apart.size)
    return f"{apart.mean():+.2g} ± {spread:.1g} ({np.median(np.abs(apart)):.0e})"


def processor_time(work: Callable[[], object], runs: int) -> float:
    """Least µs of processor time a run, of three repetitions after a warm-up."""
    work()
    took = []
    for _ in range(3):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return 1e6 * min(took) / runs


def print_differences(points: list[Point]) -> None:
    """Print the table of some points."""
    dimensions = [f"d = {d:.0e}" for d in DIMENSIONS]
    names = ["n", "m", "C", "h", "κ", "p", "v₀/kink", "error at d = ∞", *dimensions]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for point in points:
        print("\n".join(point_rows(point)), flush=True)


def print_cost() -> None:
    """Print the rates of both."""
    print("| n | m | steps | limit, µs | gram, float64, one by one, µs |\n|---|---|---|---|---|")
    for point in (Point(), Point(n=60), Point(step_size=1e3, steps=1), _FLOW):
        steps = limit_rows(point, RUNS)[1]["steps_run"].mean()
        ours = processor_time(lambda point=point: limit_rows(point, RUNS), RUNS)
        theirs = processor_time(lambda point=point: gram_rows(point, 1e10, RUNS), RUNS)
        print(f"| {point.n} | {point.m} | {steps:.0f} | {ours:.0f} | {theirs:.0f} |", flush=True)


TABLES: dict[str, Callable[[], None]] = {
    "hidden": lambda: print_differences(HIDDEN),
    "both": lambda: print_differences(BOTH),
    "cost": print_cost,
}


def print_tables(names: list[str], tables: dict[str, Callable[[], None]]) -> None:
    """Print the tables that are named, all where none is."""
    if unknown := set(names) - set(tables):
        raise SystemExit(f"received {', '.join(sorted(unknown))}; expected {', '.join(tables)}")
    for name in names or tables:
        tables[name]()
        print()


def _identities(runs: int) -> dict[str, Ints]:
    """Keys and replicates."""
    keys = {"key0": KEY0, "key1": KEY1}
    found = {name: np.full(runs, key, dtype=np.uint64) for name, key in keys.items()}
    return found | {"replicate": np.arange(runs, dtype=np.uint64)}


if __name__ == "__main__":
    print_tables(sys.argv[1:], TABLES)

"""Where the model `limit` crosses an error level, over v₀ and at finite d: tables in Markdown.

    python -m benchmarks.limit_crossings [kink] [coefficient] [steps]

`kink`: C at an error of 0.2 with both layers trained, over the hidden layer's alone, beside the closed
form. `coefficient`: c of C(d) = C(∞) (1 + c √(n/d)) with the hidden layer trained, from the difference of
the clean errors of the Gram engine and the limit, run by run at C(∞), over the slope of the error in log C.
`steps`: C with the hidden layer trained, over step and start, beside the mean field's.
"""

import math
import sys
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from benchmarks.limit import Point, gram_rows, limit_rows, print_tables
from bocnn.arrays import Array
from bocnn.theory.critical_ratio import GRADIENT_FLOW, Overlap, critical_ratio
from bocnn.theory.mean_field import MeanField, Schedule, train_mean_field
from bocnn.theory.predictions.limit import kink_factor, kink_strength
from bocnn.theory.training_time import stop_margin

RUNS_OF_KINK = 200
LEVEL_OF_KINK = 0.2
RUNS_OF_CROSSING = 400
STARTS = (10.0, 3.0, 2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05)
STEPS = (0.4, 1.0, 3.0, 10.0, 100.0)
STARTS_OF_STEPS = (0.1, 1.0, 3.0)
SEEDS = 8
DIMENSIONS = (1e3, 1e4, 1e5, 1e6)
HALF_STEP = 0.1
"""Of log C, over which the slope of the error is taken."""
NORMAL = 1.96
"""Standard errors on either side of a 95 % interval."""


class Crossing(NamedTuple):
    """C at a level, its relative standard error, and the slope of the error in log C there."""

    signal: float
    error: float
    slope: float


def crossing(point: Point, level: float, runs: int) -> Crossing:
    """Where the mean clean error of replicates is the level, all at the same random numbers."""

    def errors(log_signal: float) -> Array:
        moved = point._replace(signal=math.exp(log_signal))
        return limit_rows(moved, runs)[1]["test_error_clean"]

    middle = math.log(point.signal)
    at = brentq(lambda u: errors(u).mean() - level, middle - 1.5, middle + 3.0, xtol=1e-4)
    slope = (errors(at + HALF_STEP).mean() - errors(at - HALF_STEP).mean()) / (2 * HALF_STEP)
    spread = errors(at).std(ddof=1) / math.sqrt(runs)
    return Crossing(math.exp(at), spread / abs(slope), slope)


def print_kink() -> None:
    """Print C over v₀."""
    names = ["v₀/kink", "C", "over the hidden layer's", "closed form", "ratio", "α", "α₂"]
    names += ["R_c, fitted", "R_c(α, α₂)"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    margin, point = stop_margin(0.05), Point(n=40, step_size=0.05, steps=10**6)
    hidden = crossing(point, LEVEL_OF_KINK, RUNS_OF_KINK).signal
    print(f"| hidden layer alone | {hidden:.4g} | 1 | 1 | 1 | | | {math.sqrt(hidden) / 2:.3f} | |")
    for x in STARTS:
        factor = float(kink_factor(kink_strength(x, margin, GRADIENT_FLOW.active)))
        small = min(1.0, x)
        both = point._replace(
            v0_over_kink=x,
            step_size=0.05 * small**2,
            kappa=0.1 * small,
            signal=0.33 * factor,
        )
        found = crossing(both, LEVEL_OF_KINK, RUNS_OF_KINK)
        shares = limit_rows(both, RUNS_OF_KINK)[1]
        cells = [f"{x:g}", f"{found.signal:.4g} ± {found.signal * found.error:.2g}"]
        cells += [f"{found.signal / hidden:.4g}", f"{factor:.4g}"]
        cells.append(f"{found.signal / hidden / factor:.3f}")
        overlap = Overlap(*(float(shares[name].mean()) for name in ("active", "active_in_two")))
        cells += [f"{share:.3f}" for share in overlap]
        cells.append(fitted_ratio(found, factor))
        cells.append(f"{critical_ratio(LEVEL_OF_KINK, overlap):.3f}")
        print(f"| {' | '.join(cells)} |", flush=True)


def fitted_ratio(found: Crossing, factor: float) -> str:
    """R_c that fits a measured C = 4 R_c² (S/arsinh S)², with its 95 % interval."""
    value = math.sqrt(found.signal / factor) / 2
    half = value * NORMAL * found.error / 2
    return f"{value:.3f} [{value - half:.3f}, {value + half:.3f}]"


def mean_field_strength(field: MeanField, level: float) -> float:
    """C at which a trained mean field has an error level."""
    return critical_ratio(level, field.noise, correlation=field.correlation) ** 2


def print_steps() -> None:
    """Print C over step and start, n = 60 and m = 20, and the mean field's over seeds."""
    print("| κ | h | error | C | mean field | ratio | α | mean field |\n|" + 8 * "---|")
    for kappa, step in product(STARTS_OF_STEPS, STEPS):
        point = Point(n=60, m=20, step_size=step, kappa=kappa)
        schedule = Schedule(step, kappa, loss_tol=point.loss_tol)
        fields = [train_mean_field(schedule, seed=seed) for seed in range(SEEDS)]
        shares = limit_rows(point, RUNS_OF_KINK)[1]["active"].mean()
        for level in (0.2, 0.05):
            strengths = np.array([mean_field_strength(field, level) for field in fields])
            found = crossing(point._replace(signal=strengths.mean()), level, RUNS_OF_KINK)
            spread = strengths.std(ddof=1) / math.sqrt(SEEDS)
            cells = [f"{kappa:g}", f"{step:g}", f"{level:g}"]
            cells.append(f"{found.signal:.4f} ± {found.signal * found.error:.4f}")
            cells += [
                f"{strengths.mean():.4f} ± {spread:.4f}",
                f"{found.signal / strengths.mean():.3f}",
            ]
            active = np.mean([field.overlap.active for field in fields])
            cells += [f"{shares:.3f}", f"{active:.3f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


class Setting(NamedTuple):
    """A point, a level of the error, and replicates: fewer where a run takes many steps."""

    point: Point
    level: float
    runs: int


COEFFICIENT_SETTINGS = (
    *(Setting(Point(step_size=h), 0.2, 4000) for h in (0.4, 1.0, 3.0)),
    *(Setting(Point(), level, 4000) for level in (0.1, 0.05)),
    *(Setting(Point(n=n), 0.2, 2000) for n in (10, 60)),
    Setting(Point(m=40), 0.2, 1000),
    *(Setting(Point(kappa=kappa), 0.2, 4000) for kappa in (0.3, 1.0, 3.0, 10.0)),
    *(Setting(Point(step_size=h, steps=10**6), 0.2, 1000) for h in (0.1, 0.025, 0.00625)),
)


def print_coefficients() -> None:
    """Print c by d."""
    dimensions = [f"c at d = {d:.0e}" for d in DIMENSIONS]
    names = ["n", "m", "h", "κ", "level", "C(∞)", *dimensions]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for point, level, runs in COEFFICIENT_SETTINGS:
        found = crossing(point, level, min(runs, RUNS_OF_CROSSING))
        at = point._replace(signal=found.signal)
        limit = limit_rows(at, runs)
        cells = [f"{value:.4g}" for value in (at.n, at.m, at.step_size, at.kappa, level, at.signal)]
        for d in DIMENSIONS:
            gram = gram_rows(at, d, runs)
            apart = (gram[1]["test_error_clean"] - limit[1]["test_error_clean"])[
                gram[0] == limit[0]
            ]
            scaled = -apart / found.slope * math.sqrt(d / at.n)
            spread = scaled.std(ddof=1) / math.sqrt(scaled.size)
            cells.append(f"{scaled.mean():+.3f} ± {spread:.3f}")
        print(f"| {' | '.join(cells)} |", flush=True)


TABLES: dict[str, Callable[[], None]] = {
    "kink": print_kink,
    "coefficient": print_coefficients,
    "steps": print_steps,
}


if __name__ == "__main__":
    print_tables(sys.argv[1:], TABLES)

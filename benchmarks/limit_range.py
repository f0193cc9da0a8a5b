"""The closed forms at d = ∞ on both sides of their range of step and start: tables in Markdown.

    python -m benchmarks.limit_range [shares] [range]

`shares`: active shares α and α₂ with the hidden layer trained, over step and start, and C of an error level
that the closed form makes of them beside the measured one. `range`: C of an error level beside the
prediction `gradient_flow`, of the hidden layer alone and of both layers at the kink. Brackets are 95 %
intervals over replicates.
"""

import math
import sys
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from benchmarks.limit import Point, limit_rows, print_tables
from benchmarks.limit_crossings import NORMAL, crossing
from bocnn.arrays import Array
from bocnn.theory.boundary import hidden_layer_constant
from bocnn.theory.critical_ratio import Overlap
from bocnn.theory.predictions.limit import gradient_flow_error

RUNS = 200
RUNS_OF_RANGE = 400
LEVELS = (0.2, 0.05)
STEPS = (0.05, 0.2, 0.4, 1.0, 3.0, 10.0, 100.0)
STARTS = (0.1, 0.3, 1.0, 3.0)
STEPS_OF_RANGE = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 4.0, 10.0)
STARTS_OF_RANGE = (0.03, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 4.0)
_HALF_WIDTH = 0.005
"""Of a share, over which log C is differentiated."""


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        """The number with its 95 % interval."""
        low, high = (self.value + sign * NORMAL * self.error for sign in (-1, 1))
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}]"


def closed_form(active: Array, shared: Array, level: float) -> Estimate:
    """4 R_c² of mean shares, with the standard error that they give it; shape (runs,) each."""
    means = np.array([active.mean(), shared.mean()])

    def log_constant(shares: Array) -> float:
        return math.log(hidden_layer_constant(level, Overlap(*shares)))

    steps = _HALF_WIDTH * np.eye(2)
    slopes = np.array([log_constant(means + s) - log_constant(means - s) for s in steps])
    slopes /= 2 * _HALF_WIDTH
    spread = math.sqrt(slopes @ np.cov(active, shared) @ slopes / active.size)
    value = math.exp(log_constant(means))
    return Estimate(value, value * spread)


def ratio(measured: Estimate, predicted: Estimate) -> Estimate:
    """Measured over predicted, as if their errors were independent."""
    value = measured.value / predicted.value
    relative = math.hypot(measured.error / measured.value, predicted.error / predicted.value)
    return Estimate(value, value * relative)


def measured_constant(point: Point, level: float, runs: int) -> Estimate:
    """C at which the mean clean error of replicates is the level."""
    found = crossing(point, level, runs)
    return Estimate(found.signal, found.signal * found.error)


def print_shares() -> None:
    """Print shares and constants over step and start, n = 60 and m = 20."""
    names = ["κ", "h", "α", "α₂", "error", "C, closed form", "measured", "ratio"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for kappa, step in product(STARTS, STEPS):
        point = Point(n=60, m=20, step_size=step, kappa=kappa)
        rows = limit_rows(point, RUNS)[1]
        active, shared = rows["active"], rows["active_in_two"]
        shares = [
            str(Estimate(of.mean(), of.std(ddof=1) / math.sqrt(RUNS))) for of in (active, shared)
        ]
        for level in LEVELS:
            predicted = closed_form(active, shared, level)
            measured = measured_constant(point._replace(signal=predicted.value), level, RUNS)
            cells = [f"{kappa:g}", f"{step:g}", *shares, f"{level:g}"]
            cells += [str(predicted), str(measured), str(ratio(measured, predicted))]
            print(f"| {' | '.join(cells)} |", flush=True)


def predicted_constant(point: Point, level: float) -> float:
    """C of the prediction `gradient_flow`, as at a small step and start, on which it does not depend."""

    def error(log_signal: float) -> float:
        given: dict[str, float | str] = point._asdict() | {
            "signal": math.exp(log_signal),
            "step_size": 0.0,
            "kappa": 0.0,
            "n_over_d": 0.0,
            "train": "both" if point.v0_over_kink else "hidden",
            "v0_over_kink": point.v0_over_kink or 1.0,
        }
        columns = {name: np.array([value]) for name, value in given.items()}
        return float(gradient_flow_error(columns)[0])

    return math.exp(brentq(lambda u: error(u) - level, -6.0, 4.0))


def print_range() -> None:
    """Print C over step and over start beside the prediction, n = 20 and m = 10."""
    names = ["trained", "h", "κ", "error", "C, predicted", "measured", "ratio in ‖μ‖"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    at = [(step, 0.1) for step in STEPS_OF_RANGE] + [(0.05, kappa) for kappa in STARTS_OF_RANGE]
    for x, level in product((0.0, 1.0), LEVELS):
        predicted = predicted_constant(Point(v0_over_kink=x), level)
        for step, kappa in at:
            point = Point(
                step_size=step, kappa=kappa, v0_over_kink=x, signal=predicted, steps=10**5
            )
            measured = measured_constant(point, level, RUNS_OF_RANGE)
            factor = (measured.value / predicted) ** 0.25
            moved = Estimate(factor, factor * measured.error / measured.value / 4)
            cells = ["both, x = 1" if x else "hidden", f"{step:g}", f"{kappa:g}", f"{level:g}"]
            cells += [f"{predicted:.4g}", str(measured), str(moved)]
            print(f"| {' | '.join(cells)} |", flush=True)


TABLES: dict[str, Callable[[], None]] = {"shares": print_shares, "range": print_range}


if __name__ == "__main__":
    print_tables(sys.argv[1:], TABLES)

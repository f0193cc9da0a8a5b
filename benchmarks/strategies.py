"""Ways to choose runs, at equal numbers of runs: `python -m benchmarks.strategies --adaptive PYTHON`.

Boundaries are planted in the unit square, of which y is SPAN wide in log y, and a run is a formula. Each
way spends the same number of runs: the strategies of this package, the triangulation of `adaptive` (its
LearnerND, with ten runs a point, from the Python of an environment that has it), and a grid. What is drawn
from them is the same for all: a Gaussian process through their means says on which side of the level each
cell is. Error is the length in log y on the wrong side, mean over the columns, with its standard error over
sweeps: of a column that crosses once, how far off its crossing is.
"""

import argparse
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from analysis.dataset.plane import Floats
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.lattice import Lattice
from sweeps.sampling.sampler import AdaptiveSampler
from sweeps.sampling.surface import Points, surface_at

LEVEL, STEEPNESS, NOISE, SPAN = 0.25, 5.0, 0.4, 3.7
COLUMNS, ROWS, DENSE_ROWS = 12, 241, 31
RUNS_PER_POINT = 10
X, U = np.geomspace(1.0, 300.0, COLUMNS), np.linspace(0.0, SPAN, ROWS)
ACROSS, ALONG = np.linspace(0, 1, COLUMNS), np.linspace(0, 1, ROWS)
PLACES = np.stack([part.ravel() for part in np.meshgrid(ACROSS, ALONG, indexing="ij")], axis=1)
LEARNER = """
import json, sys
from adaptive import LearnerND
learner = LearnerND(None, [(0, 1), (0, 1)])
for line in sys.stdin:
    for point, value in json.loads(line):
        learner.tell(tuple(point), value)
    print(json.dumps([list(map(float, point)) for point in learner.ask(1)[0]]), flush=True)
"""

Inside = Callable[[Floats], Floats]


class Measured(NamedTuple):
    """Runs: where, in the unit square, (runs, 2), and their errors, (runs,)."""

    at: Floats
    error: Floats


def straight(at: Floats) -> Floats:
    """A power law."""
    return at[..., 1] - 0.3 - 0.4 * at[..., 0]


def kink(at: Floats) -> Floats:
    """A power law that changes its exponent in the middle."""
    return np.asarray(at[..., 1] - 0.25 - 0.9 * np.minimum(at[..., 0], 0.5))


def turning(at: Floats) -> Floats:
    """A boundary that turns back: columns cross it twice, and the first ones never."""
    return np.asarray(at[..., 0] - 0.2 - 3 * (at[..., 1] - 0.5) ** 2)


def ring(at: Floats) -> Floats:
    """A closed boundary."""
    return np.asarray(0.3 - np.hypot(at[..., 0] - 0.5, at[..., 1] - 0.5))


BOUNDARIES: dict[str, Inside] = {
    "straight": straight,
    "kink": kink,
    "turning": turning,
    "closed": ring,
}


def trained(inside: Inside, at: Floats, rng: np.random.Generator) -> Measured:
    """Runs at some places: errors fall from 0.5 to 0 through the level at the boundary."""
    own = SPAN * inside(at) + NOISE * rng.standard_normal(len(at))
    return Measured(at, 0.5 / (1 + np.exp(STEEPNESS * own)))


def by_strategy(strategy: str, inside: Inside, budget: int, rng: np.random.Generator) -> Measured:
    """Runs that a strategy of this package asks for."""
    numbers = np.arange(COLUMNS * ROWS).reshape(COLUMNS, ROWS)
    setting = np.zeros(COLUMNS, dtype=np.int64)
    lattice = Lattice(numbers, U, np.exp(U), X, setting, replicates=1000, log=True)
    spec = SamplingSpec("boundary", 1e-6, budget, strategy=strategy)  # type: ignore[arg-type]
    sampler, found = AdaptiveSampler(spec, lattice, (LEVEL,)), []
    while (runs := sampler.ask()).cells.size:
        found.append(trained(inside, PLACES[runs.cells], rng))
        sampler.tell(found[-1].error)
    return Measured(*(np.concatenate(part) for part in zip(*found, strict=True)))


def by_grid(inside: Inside, budget: int, rng: np.random.Generator) -> Measured:
    """The same runs in every cell of a grid, as many as the budget allows."""
    along = np.linspace(0, 1, DENSE_ROWS)
    grid = np.stack([part.ravel() for part in np.meshgrid(ACROSS, along, indexing="ij")], axis=1)
    return trained(inside, np.repeat(grid, max(budget // len(grid), 1), axis=0), rng)


def by_triangles(python: str, inside: Inside, budget: int, rng: np.random.Generator) -> Measured:
    """Points of adaptive's LearnerND, each the mean of ten runs."""
    command, found = [python, "-c", LEARNER], []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        told: list[tuple[list[float], float]] = []
        for _ in range(budget // RUNS_PER_POINT):
            print(json.dumps(told), file=child.stdin, flush=True)
            (point,) = json.loads(child.stdout.readline())
            at = np.tile(np.asarray(point), (RUNS_PER_POINT, 1))
            found.append(trained(inside, at, rng))
            told = [(point, float(found[-1].error.mean()))]
        child.stdin.close()
    return Measured(*(np.concatenate(part) for part in zip(*found, strict=True)))


def wrong(measured: Measured, inside: Inside) -> float:
    """Length in log y on the wrong side of the level, mean over the columns."""
    at, where, count = np.unique(measured.at, axis=0, return_inverse=True, return_counts=True)
    mean = np.bincount(where, measured.error) / count
    squares = np.bincount(where, (measured.error - mean[where]) ** 2)
    noise = squares.sum() / max(float(np.sum(count - 1)), 1.0)
    surface = surface_at(PLACES, Points(at, mean, noise / count))
    return float(np.mean((surface.mean < LEVEL) != (inside(PLACES) > 0))) * SPAN


def ways(python: str | None) -> Iterator[tuple[str, Callable[..., Measured]]]:
    """The ways by name."""
    yield "columns", partial(by_strategy, "columns")
    yield "straddle", partial(by_strategy, "straddle")
    if python:
        yield "LearnerND", partial(by_triangles, python)
    yield "grid", by_grid


def main() -> None:
    """Prints the table, a row as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=10)
    parser.add_argument("--runs", type=int, nargs="+", default=[744, 2976])
    parser.add_argument("--adaptive", help="the Python of an environment with adaptive")
    options = parser.parse_args()
    names = [name for name, _ in ways(options.adaptive)]
    print(f"| boundary | runs | {' | '.join(names)} |\n|{'---|' * (2 + len(names))}", flush=True)
    for name, inside in BOUNDARIES.items():
        for budget in options.runs:
            cells = []
            for _, way in ways(options.adaptive):
                seeds = range(options.sweeps)
                errors = [
                    wrong(way(inside, budget, np.random.default_rng([seed, budget])), inside)
                    for seed in seeds
                ]
                cells.append(f"{np.mean(errors):.3f} ± {np.std(errors) / len(errors) ** 0.5:.3f}")
            print(f"| {name} | {budget:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

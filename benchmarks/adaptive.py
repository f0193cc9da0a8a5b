"""Adaptive sampling on simulated sweeps: `python -m benchmarks.adaptive`.

Every row plants a boundary, lets a target's rounds choose the runs, and counts how often the analysis'
own 95 % intervals hold what was planted. A run is a formula, so nothing is trained. `dense` is how many
runs a grid of 31 rows with equal replicates needs for intervals of the same width: those of ten
replicates, scaled by the root of the runs.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats
from analysis.scaling.broken_power_law import fit_broken_power_law
from analysis.scaling.paired_shift import boundary_shift
from analysis.scaling.power_law import Estimate, fit_power_law
from analysis.statistics.bootstrap import Resampling
from benchmarks import planted
from benchmarks.coverage import DRAWS, Tally, quantities_of, tally_of
from benchmarks.kept_rows import rows_of
from benchmarks.planted import Scenario, X
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.lattice import Lattice
from sweeps.sampling.sampler import AdaptiveSampler

ROWS, SPAN, REPLICATES, AT_MOST, ROUND = 241, 3.7, 1000, 60_000, 400
DENSE_ROWS, DENSE_REPLICATES, DENSE_SWEEPS = 31, 10, 20
HEADER = (
    *(
        "boundary",
        "noise",
        "target",
        "sweeps",
        "runs",
        "rounds",
        "interval / target",
        "dense / runs",
    ),
    *("covered, %", "bias, stated error"),
)


@dataclass(frozen=True)
class Family:
    """What is planted, and what is to be found how precisely."""

    scenario: Scenario
    target: str
    half_width: float


class Sampled(NamedTuple):
    """One sweep: its cells and planted crossings, its runs and rounds."""

    cells: Cells
    truth: Floats
    runs: int
    rounds: int


def families() -> Iterator[Family]:
    """All rows of the table."""
    for noise in (0.1, 0.4, 0.8):
        yield Family(Scenario("power", noise, 0), "boundary", max(0.02, noise / 8))
        yield Family(Scenario("power", noise, 0), "exponent", max(0.005, noise / 50))
    for kind in ("kink", "vertical", "outside"):
        yield Family(Scenario(kind, 0.4, 0), "boundary", 0.05)
    yield Family(Scenario("outside", 0.4, 0), "exponent", 0.02)
    yield Family(Scenario("kink", 0.4, 0), "kink", 0.2)
    yield Family(Scenario("power", 0.4, 0, factor=1.2), "shift", 0.04)
    for scatter in ("t", "growing", "zeros"):
        yield Family(Scenario("power", 0.3, 0, scatter=scatter), "boundary", 0.04)
        yield Family(Scenario("power", 0.3, 0, scatter=scatter), "exponent", 0.01)


def grid(family: Family, rows: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Coordinates of y, shifted at random, and the planted boundary, shape (settings, x)."""
    shape, factor = planted.boundary(family.scenario), family.scenario.factor
    middle = (shape.min() + shape.max()) / 2 + rng.uniform(-0.2, 0.2)
    first = middle - SPAN / 2 - (SPAN / 2 if family.scenario.kind == "outside" else 0.0)
    shifts = [0.0] if factor == 1 else [0.0, np.log(factor)]
    return first + np.linspace(0, SPAN, rows), shape + np.array(shifts)[:, None]


def adaptive(family: Family, seed: int) -> Sampled:
    """One adaptive sweep."""
    rng = np.random.default_rng([seed, 41])
    u, truth = grid(family, ROWS, rng)
    settings, shape = len(truth), (truth.size, ROWS)
    numbers, setting = np.arange(truth.size * ROWS).reshape(shape), np.arange(settings)
    lattice = Lattice(
        cells=numbers,
        u=u,
        y=np.exp(u),
        x=np.tile(X, settings),
        setting=np.repeat(setting, len(X)),
        replicates=REPLICATES,
        log=True,
    )
    spec = SamplingSpec(family.target, family.half_width, AT_MOST, ROUND)  # type: ignore[arg-type]
    sampler = AdaptiveSampler(spec, lattice, (family.scenario.level,))
    rounds = []
    while (runs := sampler.ask()).cells.size:
        columns, rows = np.divmod(runs.cells, ROWS)
        noise = planted.noise_of(family.scenario, columns % len(X), rng)
        distance = u[rows] - truth.ravel()[columns] + noise
        errors = planted.errors_of(family.scenario, distance, rng)
        rounds.append((runs.cells, runs.replicates, errors))
        sampler.tell(errors)
    cells, replicates, errors = (np.concatenate(part) for part in zip(*rounds, strict=True))
    values = np.full((truth.size * ROWS, int(replicates.max()) + 1), np.nan)
    values[cells, replicates] = errors
    found = planted.cells_of(values.reshape(settings, len(X), ROWS, -1), u)
    return Sampled(found, truth, sampler.runs, sampler.rounds)


def dense(family: Family, seed: int) -> Sampled:
    """One sweep with equal replicates."""
    rng = np.random.default_rng([seed, 42])
    u, truth = grid(family, DENSE_ROWS, rng)
    shape = (len(truth), len(X), DENSE_ROWS, DENSE_REPLICATES)
    columns = np.broadcast_to(np.arange(len(X))[:, None, None], shape)
    distance = (u - truth[..., None])[..., None] + planted.noise_of(family.scenario, columns, rng)
    cells = planted.cells_of(planted.errors_of(family.scenario, distance, rng), u)
    return Sampled(cells, truth, int(np.prod(shape)), 1)


def width(family: Family, boundary: Boundary, truth: Floats) -> float:
    """Half width of the target's interval; of several crossings, the root mean square.

    A kink's is in log x, and a factor's in its logarithm.
    """
    if family.target != "boundary":
        law, log = estimate_of(family.target, boundary), family.target != "exponent"
        if law is None:
            return np.nan
        return float(np.log(law.high / law.low) if log else law.high - law.low) / 2
    u = boundary.plane.y.coordinates
    half = (boundary.high - boundary.low)[(truth > u[0]) & (truth < u[-1])] / 2
    return float(np.sqrt(np.mean(half[np.isfinite(half)] ** 2)))


def estimate_of(target: str, boundary: Boundary) -> Estimate | None:
    """What a target is, by the report's own fit."""
    if target == "kink":
        return fit_broken_power_law(boundary, 0).break_x
    if target == "shift":
        return boundary_shift(boundary, 1).mean
    return fit_power_law(boundary, 0).slope


class Row(NamedTuple):
    """What many sweeps of a family show."""

    tallies: dict[str, Tally]
    runs: float
    rounds: float
    width: float
    dense_runs: float


def row_of(family: Family, sweeps: int) -> Row:
    """The row of a family, from so many adaptive sweeps."""
    errors: dict[str, list[Floats]] = {}
    counts, widths = [], []
    for seed in range(sweeps):
        found = adaptive(family, seed)
        boundary = find_boundary(
            found.cells, family.scenario.level, resampling=Resampling(DRAWS, seed=seed)
        )
        for name, one in quantities_of(family.scenario, boundary, found.truth):
            errors.setdefault(name, []).append(one)
        counts.append((found.runs, found.rounds))
        widths.append(width(family, boundary, found.truth))
    runs, rounds = np.mean(counts, axis=0)
    wide = float(np.nanmedian(widths))
    others = []
    for seed in range(DENSE_SWEEPS):
        one = dense(family, seed)
        boundary = find_boundary(
            one.cells, family.scenario.level, resampling=Resampling(DRAWS, seed=seed)
        )
        others.append(width(family, boundary, one.truth))
    needed = one.runs * (float(np.nanmedian(others)) / wide) ** 2
    tallies = {name: tally_of(np.concatenate(part), 1.0) for name, part in errors.items()}
    return Row(tallies, float(runs), float(rounds), wide, needed)


def line(family: Family, row: Row, *, sweeps: int) -> str:
    """One line of the table."""
    held = ", ".join(f"{name} {100 * one.share:.1f}" for name, one in row.tallies.items())
    told = (f"{k} {one.diagnosis}" for k, one in row.tallies.items() if not np.isnan(one.bias))
    cells = [
        family.scenario.name,
        f"{family.scenario.noise:g}",
        f"{family.target} ± {family.half_width:g}",
        f"{sweeps:,}",
        f"{row.runs:,.0f}",
        f"{row.rounds:.0f}",
        f"{row.width / family.half_width:.2f}",
        f"{row.dense_runs / row.runs:.1f}",
        held,
        ", ".join(told),
    ]
    return f"| {' | '.join(cells)} |"


def written(family: Family, sweeps: int) -> str:
    """The line of a family, from so many adaptive sweeps."""
    return line(family, row_of(family, sweeps), sweeps=sweeps)


def main() -> None:
    """Prints the table, a row as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--half-widths", type=float, default=1.0, help="a factor of all targets")
    parser.add_argument("--kept", type=Path, help="a file of rows, which are not simulated again")
    options = parser.parse_args()
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}", flush=True)
    todo = [replace(f, half_width=f.half_width * options.half_widths) for f in families()]
    kept, workers = options.kept, options.workers
    for _, row in rows_of(todo, written, sweeps=options.sweeps, kept=kept, workers=workers):
        print(row, flush=True)


if __name__ == "__main__":
    main()

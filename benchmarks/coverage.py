"""How often stated 95 % intervals hold what was planted: `python -m benchmarks.coverage`.

Every row simulates sweeps with one planted boundary and counts. `--write` puts the table into
docs/coverage.md.
"""

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from analysis.aggregate import Cells, transposed
from analysis.benign import find_benign_boundary
from analysis.bootstrap import Resampling
from analysis.boundary import Boundary, find_boundary
from analysis.kink import fit_kink
from analysis.laws import Estimate, fit_law
from analysis.plane import Floats
from analysis.shift import paired_shift
from benchmarks import planted
from benchmarks.planted import LEVEL, Scenario

DRAWS = 300
NONE, LIGHT, MEDIUM, HEAVY = 0.0, 0.1, 0.4, 0.8
KINDS = ("power", "line", "kink", "vertical", "outside")
PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
MARK = "<!-- table -->\n"


def scenarios() -> Iterator[tuple[Scenario, bool]]:
    """What is planted, and whether the boundary is the one where half of the runs are benign."""
    sizes = (3, 10, 30)
    for kind in KINDS:
        yield from ((Scenario(kind, noise, r), False) for noise in (LIGHT, HEAVY) for r in sizes)
        yield Scenario(kind, NONE, 3), False
    yield from ((Scenario("power", MEDIUM, r), False) for r in sizes)
    yield from ((Scenario("power", MEDIUM, r, shared=0.5), False) for r in sizes)
    yield from ((Scenario("power", MEDIUM, r, factor=1.2), False) for r in sizes)
    yield from ((Scenario("power", noise, r), True) for noise in (LIGHT, HEAVY) for r in sizes)
    yield from ((Scenario("power", MEDIUM, r, shared=0.5), True) for r in sizes)


def coverage(job: tuple[Scenario, bool], sweeps: int) -> tuple[dict[str, float], float]:
    """Share of sweeps whose interval holds, by quantity, and CPU seconds spent."""
    scenario, benign = job
    start = time.process_time()
    held: dict[str, list[float]] = {}
    for seed in range(sweeps):
        cells, truth = planted.simulate(scenario, seed)
        boundary = _found(scenario, cells, benign=benign, seed=seed)
        for name, one in _quantities(scenario, boundary, truth):
            held.setdefault(name, []).append(one)
    shares = {name: float(np.mean(part)) for name, part in held.items()}
    return shares, time.process_time() - start


def _found(scenario: Scenario, cells: Cells, *, benign: bool, seed: int) -> Boundary:
    find = find_benign_boundary if benign else find_boundary
    if scenario.kind == "vertical":
        # Planted upright: scanned along x, which is what transposing does.
        cells = transposed(upright(cells))
    return find(cells, LEVEL, resampling=Resampling(draws=DRAWS, seed=seed))


def upright(cells: Cells) -> Cells:
    """The plane turned, so that a level boundary stands upright and no column crosses it."""
    return transposed(cells)


def _quantities(
    scenario: Scenario, boundary: Boundary, truth: Floats
) -> Iterator[tuple[str, float]]:
    u = boundary.plane.y.coordinates
    inside = (truth >= u[0]) & (truth <= u[-1])
    holds = (boundary.low <= truth) & (truth <= boundary.high)
    yield "crossing", holds[inside].mean()
    if not inside.all():
        yield "censored", holds[~inside].mean()
    if scenario.kind == "kink":
        kink = fit_kink(boundary, 0)
        yield from _holds("slope below", kink.below, planted.BELOW)
        yield from _holds("slope above", kink.above, planted.ABOVE)
        yield from _holds("kink", kink.at, planted.KINK)
    elif scenario.kind == "line":
        law = fit_law(boundary, 0, kind="line")
        yield from _holds("slope", law.slope, planted.SLOPE)
        yield from _holds("intercept", law.intercept, planted.INTERCEPT)
    else:
        exponent = 0.0 if scenario.kind == "vertical" else planted.EXPONENT
        yield from _holds("exponent", fit_law(boundary, 0).slope, exponent)
    if scenario.factor != 1:
        yield from _holds("shift", paired_shift(boundary, 1).mean, scenario.factor)


def _holds(name: str, estimate: Estimate | None, truth: float) -> Iterator[tuple[str, float]]:
    """Whether an interval holds the truth; nothing where it could not be stated."""
    if estimate is not None and not np.isnan(estimate.low + estimate.high):
        yield name, float(estimate.low <= truth <= estimate.high)


def row(job: tuple[Scenario, bool], shares: dict[str, float], *, sweeps: int) -> str:
    """One line of the table."""
    scenario, benign = job
    cells = [
        scenario.kind,
        "half benign" if benign else "mean",
        f"{scenario.noise:g}",
        str(scenario.replicates),
        f"{scenario.shared:g}",
        f"{sweeps:,}",
        ", ".join(f"{name} {100 * share:.1f}" for name, share in shares.items()),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table, a row as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = [
        "| boundary | definition | noise | replicates | shared | sweeps | intervals that hold, % |"
    ]
    rows.append("|---|---|---|---|---|---|---|")
    print("\n".join(rows), flush=True)
    jobs, spent = list(scenarios()), 0.0
    # One thread each: small matrices gain nothing from two, and lose much on a busy machine.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with ProcessPoolExecutor(options.workers) as pool:
        for job, (shares, seconds) in zip(
            jobs, pool.map(partial(coverage, sweeps=options.sweeps), jobs), strict=True
        ):
            rows.append(row(job, shares, sweeps=options.sweeps))
            spent += seconds
            print(rows[-1], flush=True)
    print(f"\n{options.sweeps} sweeps a row, {spent:.0f} s of processor time in all")
    if options.write:
        before, after = PAGE.read_text(encoding="utf-8").split(MARK)
        rest = after[after.index("\n## ") :]
        PAGE.write_text(before + MARK + "\n".join(rows) + "\n" + rest, encoding="utf-8")


if __name__ == "__main__":
    main()

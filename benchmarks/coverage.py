"""How often stated 95 % intervals hold what was planted: `python -m benchmarks.coverage`.

Every row simulates sweeps with one planted boundary and counts. `--write` puts the table into
docs/explanation/coverage.md. `--table scatter` is the one of noise that is not normal or not equal.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.boundary.mean_crossing import MEAN, MEDIAN, Boundary, find_boundary
from analysis.boundary.median_crossing import find_median_boundary
from analysis.cells.cells import Cells, transposed
from analysis.dataset.plane import Floats
from analysis.scaling.broken_power_law import fit_broken_power_law
from analysis.scaling.data_collapse import collapse
from analysis.scaling.paired_shift import boundary_shift
from analysis.scaling.power_law import Estimate, fit_power_law
from analysis.statistics.bootstrap import Resampling, t_inflation
from benchmarks import planted
from benchmarks.kept_rows import rows_of
from benchmarks.planted import Scenario

DRAWS = 200
NONE, LIGHT, MODERATE, MEDIUM, HEAVY = 0.0, 0.1, 0.3, 0.4, 0.8
COLLAPSE = "collapse"
NORMAL = 1.959964
# Fewer intervals that end tell no spread.
FEWEST = 30
HEADER = (
    "boundary",
    "definition",
    "noise",
    "replicates",
    "shared",
    "sweeps",
    "covered, %",
    "bias, stated error",
)
KINDS = ("power", "line", "kink", "vertical", "outside")
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "coverage.md"


class Job(NamedTuple):
    """One row: what is planted, and what is looked for."""

    scenario: Scenario
    what: str = MEAN


class Tally(NamedTuple):
    """What sweeps show of one quantity: the share of intervals that cover the truth, and why.

    `bias` is that of the estimates, and `stated` half the interval over 1.96 and over the t inflation,
    both over the estimates' spread and of the intervals that end.
    """

    share: float
    bias: float
    stated: float

    @property
    def diagnosis(self) -> str:
        """Bias and stated error in words."""
        return f"{self.bias:+.2f} {self.stated:.2f}"


def jobs() -> Iterator[Job]:
    """All rows of the table."""
    sizes = (3, 10, 30)
    for kind in KINDS:
        yield from (Job(Scenario(kind, noise, r)) for noise in (LIGHT, HEAVY) for r in sizes)
        yield Job(Scenario(kind, NONE, 3))
    yield from (Job(Scenario("power", MEDIUM, r)) for r in sizes)
    yield from (Job(Scenario("power", MEDIUM, r, shared=0.5)) for r in sizes)
    yield from (Job(Scenario("power", MEDIUM, r, factor=1.2)) for r in sizes)
    for what in (MEDIAN, COLLAPSE):
        yield from (
            Job(Scenario("power", noise, r), what) for noise in (LIGHT, HEAVY) for r in sizes
        )
        yield from (Job(Scenario("power", MEDIUM, r, shared=0.5), what) for r in sizes)


def scatter_jobs() -> Iterator[Job]:
    """All rows of the table of ways to scatter."""
    sizes = (5, 10, 30)
    for kind in ("power", "kink", "vertical", "outside"):
        yield from (Job(Scenario(kind, MODERATE, r)) for r in sizes)
    for scatter in ("t", "growing", "zeros"):
        yield from (Job(Scenario("power", MODERATE, r, scatter=scatter)) for r in sizes)


TABLES = {"planted": (jobs, "<!-- table -->\n"), "scatter": (scatter_jobs, "<!-- scatter -->\n")}
"""Tables by name: their rows, and the mark before them in the page."""


def coverage(job: Job, sweeps: int) -> tuple[dict[str, Tally], float]:
    """The tally of each quantity, and CPU seconds spent."""
    start = time.process_time()
    errors: dict[str, list[Floats]] = {}
    for seed in range(sweeps):
        for name, one in _quantities(job, seed):
            errors.setdefault(name, []).append(one)
    stretch = t_inflation(0.95, job.scenario.replicates - 1)
    tallies = {name: tally_of(np.concatenate(part), stretch) for name, part in errors.items()}
    return tallies, time.process_time() - start


def tally_of(errors: Floats, t_inflation: float) -> Tally:
    """The tally of one quantity.

    Args:
        errors: rows (estimate, low, high), each less the truth.
        t_inflation: by how much Student's t has widened the intervals.
    """
    value, low, high = errors[~np.isnan(errors).any(axis=1)].T
    share = float(np.mean((low <= 0) & (high >= 0)))
    closed = np.isfinite(low) & np.isfinite(high) & np.isfinite(value)
    if closed.sum() < FEWEST:
        return Tally(share, np.nan, np.nan)
    spread = float(value[closed].std())
    half = np.sqrt(np.mean((high - low)[closed] ** 2)) / 2
    return Tally(share, float(value[closed].mean()) / spread, half / NORMAL / t_inflation / spread)


def _quantities(job: Job, seed: int) -> Iterator[tuple[str, Floats]]:
    """Each quantity's (estimate, low, high) less the truth, one row each."""
    scenario, how = job.scenario, Resampling(draws=DRAWS, seed=seed)
    cells, truth = planted.simulate(scenario, seed)
    if job.what == COLLAPSE:
        order = cells.plane.y.values / cells.plane.x.values[:, None] ** planted.EXPONENT
        collapsed = collapse(cells, 0, order, name="q", resampling=how)
        yield "exponent", _row(collapsed.best, planted.EXPONENT)
        return
    if scenario.kind == "vertical":
        # Planted upright: scanned along x, which is what transposing does.
        cells = transposed(upright(cells))
    find = find_median_boundary if job.what == MEDIAN else find_boundary
    yield from quantities_of(scenario, find(cells, scenario.level, resampling=how), truth)


def upright(cells: Cells) -> Cells:
    """The plane turned, so that a level boundary is upright and no column crosses it."""
    return transposed(cells)


def quantities_of(
    scenario: Scenario, boundary: Boundary, truth: Floats
) -> Iterator[tuple[str, Floats]]:
    """What is looked for in a boundary, each (estimate, low, high) less the truth, one row each.

    Args:
        scenario: what was planted.
        boundary: what was found.
        truth: planted crossings, (settings, x).
    """
    u = boundary.plane.y.coordinates
    inside = (truth >= u[0]) & (truth <= u[-1])
    ends = np.stack([boundary.estimate, boundary.low, boundary.high], axis=-1) - truth[..., None]
    yield "crossing", ends[inside]
    if not inside.all():
        yield "censored", ends[~inside]
    if scenario.kind == "kink":
        kink = fit_broken_power_law(boundary, 0)
        yield "slope below", _row(kink.below, planted.BELOW)
        yield "slope above", _row(kink.above, planted.ABOVE)
        yield "kink", np.log(_row(kink.break_x, 0.0) / planted.KINK)
    elif scenario.kind == "line":
        law = fit_power_law(boundary, 0, kind="line")
        yield "slope", _row(law.slope, planted.SLOPE)
        yield "intercept", _row(law.intercept, planted.INTERCEPT)
    else:
        exponent = 0.0 if scenario.kind == "vertical" else planted.EXPONENT
        yield "exponent", _row(fit_power_law(boundary, 0).slope, exponent)
    if scenario.factor != 1:
        yield "shift", _row(boundary_shift(boundary, 1).mean, scenario.factor)


def _row(estimate: Estimate | None, truth: float) -> Floats:
    """An estimate and its interval less the truth, (1, 3); NaN where it could not be stated."""
    if estimate is None:
        return np.full((1, 3), np.nan)
    return np.array([[estimate.value, estimate.low, estimate.high]]) - truth


def row(job: Job, tallies: dict[str, Tally], *, sweeps: int) -> str:
    """One line of the table."""
    scenario = job.scenario
    # Without noise there is no spread to hold anything against.
    diagnosed = {} if scenario.noise == NONE else tallies
    cells = [
        scenario.name,
        job.what,
        f"{scenario.noise:g}",
        str(scenario.replicates),
        f"{scenario.shared:g}",
        f"{sweeps:,}",
        ", ".join(f"{name} {100 * one.share:.1f}" for name, one in tallies.items()),
        ", ".join(f"{name} {t.diagnosis}" for name, t in diagnosed.items() if not np.isnan(t.bias)),
    ]
    return f"| {' | '.join(cells)} |"


def written(job: Job, sweeps: int) -> tuple[str, float]:
    """The line of a job, and CPU seconds spent."""
    tallies, seconds = coverage(job, sweeps)
    return row(job, tallies, sweeps=sweeps), seconds


def main() -> None:
    """Prints the table, a row as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kept", type=Path, help="a file of rows, which are not simulated again")
    parser.add_argument("--table", choices=sorted(TABLES), default="planted")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    todo, mark = TABLES[options.table]
    rows = [f"| {' | '.join(HEADER)} |", "|" + "---|" * len(HEADER)]
    print("\n".join(rows), flush=True)
    spent, kept, workers = 0.0, options.kept, options.workers
    for _, (line, seconds) in rows_of(
        list(todo()), written, sweeps=options.sweeps, kept=kept, workers=workers
    ):
        rows.append(line)
        spent += seconds
        print(line, flush=True)
    print(f"\n{options.sweeps} sweeps a row, {spent:.0f} s of processor time in all")
    if options.write:
        before, after = PAGE.read_text(encoding="utf-8").split(mark)
        rest = after[after.index("\n\n") + 1 :]
        PAGE.write_text(before + mark + "\n".join(rows) + "\n" + rest, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Ten thousand damaged datasets and hostile names through every command, in a table of what became of them.

    python -m benchmarks.hostile --cases 10000 --seed 1

A small trained dataset and a recorded one are copied, damaged (`benchmarks.damage`) and given to `status`,
`run`, `compact` and `report`, each in a fork of this process; names and texts go through whole reports
(`benchmarks.hostile_names`), and a few processes meet odd environments (`benchmarks.hostile_environments`).

| column | |
|---|---|
| errors | ended in a message to the user |
| fine | the same answer as from the undamaged dataset |
| changed | another answer without a word |
| lost | a file of somebody else, or outside the folder, is gone or another |
| warnings | a Python warning was shown |
| tracebacks | any other exception |
| hangs | no end within the limit |

Below the table are the first inputs of each fault. Exit status 1 where there is any.
"""

import multiprocessing
import random
import re
import shutil
import tempfile
import time
import traceback
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.table import Table

from analysis.errors import AnalysisError
from analysis.report.results import ReportOptions, analyse
from analysis.statistics.bootstrap import Resampling
from benchmarks.damage import DAMAGES
from benchmarks.hostile_environments import try_environments
from benchmarks.hostile_names import try_names
from sweeps import driver
from sweeps.declare.terminal import WordConsole
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.small import resolved, train, train_here
from tests.toy import TOY, RecordingToy

FORK = multiprocessing.get_context("fork")
LIMIT_S = 60
SHARD = re.compile(r"shard-[0-9a-f]{32}\.parquet")
OUTCOMES = ("errors", "fine", "changed", "lost", "warnings", "tracebacks", "hangs")
FAULTS = OUTCOMES[2:]
SHOWN = 12
SWEEP = """\
name: hostile
model: toy
replicates: 3
axes: {x: [1.0, 2.0, 4.0], y: {log: [0.3, 5, 5]}}
settings: {p_flip: [0, 0.1]}
analysis: {x: x, y: y, measure: error, levels: [0.25], theory: [{name: law, exponent: 0.5}]}
"""
RECORDED = f"{SWEEP}trajectory: [1, 2, 4]\n"
FEW = ReportOptions(resampling=Resampling(draws=100))


class Found(NamedTuple):
    """What became of a case: its outcome, and of a fault what to look for."""

    outcome: str
    what: str = ""


def status(folder: Path) -> Any:
    """What `status` says of a dataset; a file that it names as damaged is an error that it reports."""
    state = datasets.read_status(DatasetFolder(str(folder)), lambda name: TOY)
    if named := [*state.damaged, *state.conflicts, *state.unverified]:
        raise SweepError(named[0])
    return state.planned, state.published, dict(state.by_status)


def run(folder: Path) -> Any:
    """The rows after `run`."""
    dataset = DatasetFolder(str(folder))
    plan = driver.plan_sweep(resolved(SWEEP), dataset)
    job = driver.prepare(plan, dataset, ShardSize(runs=30))
    if driver.execute(job, dataset, train_here).missing:
        raise SweepError("runs are not published")
    return published(folder)


def published(folder: Path) -> Any:
    """The rows of the files that a sweep named, as any reader sees them, or that they cannot be read."""
    try:
        names = [path for path in sorted(folder.iterdir()) if SHARD.fullmatch(path.name)]
        table = pa.concat_tables(pq.read_table(path) for path in names)
        return list({row["run_id"]: row for row in table.sort_by("run_id").to_pylist()}.values())
    except (pa.ArrowException, OSError, KeyError):
        return "unreadable"


def compact(folder: Path) -> Any:
    """The rows after `compact`."""
    datasets.compact_dataset(DatasetFolder(str(folder)), 10**6, lambda name: TOY)
    return published(folder)


def report(folder: Path) -> Any:
    """What a report says of the cells, the boundary and the records."""
    results = analyse(str(folder), FEW)
    if results.provenance.unverified:
        raise AnalysisError("a file states no digest of what it holds")
    cells, levels = results.cells, results.levels
    recorded = results.trajectories
    return (
        repr(cells.mean.tolist()),
        {name: n for name, n in results.runs.items() if name != "duplicate rows"},
        [level.boundary.estimate.tolist() for level in levels],
        None if recorded is None else repr(recorded.median.tolist()),
    )


COMMANDS: dict[str, Callable[[Path], Any]] = {
    "status": status,
    "run": run,
    "compact": compact,
    "report": report,
}


def attempt(act: Callable[[Path], Any], folder: Path, expected: Any) -> Found:
    """What a command makes of a folder, in a process of its own that is ended where it does not end."""
    receive, send = multiprocessing.Pipe(duplex=False)
    child = FORK.Process(target=_attempt, args=(act, folder, expected, send))
    child.start()
    send.close()
    try:
        return receive.recv() if receive.poll(LIMIT_S) else Found("hangs", "no end")
    except EOFError:
        child.join()
        return Found("tracebacks", f"the process ended with {child.exitcode}")
    finally:
        child.kill()
        child.join()


def _attempt(act: Callable[[Path], Any], folder: Path, expected: Any, send: Any) -> None:
    """Send what a command makes of a folder."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        try:
            found = act(folder)
        except (SweepError, AnalysisError) as error:
            outcome = Found("errors") if str(error) else Found("tracebacks", "an empty message")
        except BaseException as error:
            outcome = Found("tracebacks", f"{type(error).__name__}: {_line(error)}")
        else:
            said = str(shown[0].message)[:80] if shown else ""
            outcome = Found("warnings", said) if shown else Found("fine")
            if repr(found) != repr(expected):
                outcome = Found("changed", "another answer")
    send.send(outcome)


def _line(error: BaseException) -> str:
    """Where in this project an exception was raised, which distinguishes faults."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if any(f"/{package}/" in frame.filename for package in ("sweeps", "analysis", "bocnn"))
    ]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else str(error)[:60]


class Tally:
    """Outcomes by kind, and the first inputs of each fault."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.faults: dict[tuple[str, str, str], list[str]] = defaultdict(list)

    def add(self, kind: str, found: Found, given: str) -> None:
        """Count a case."""
        self.counts[kind][found.outcome] += 1
        if found.outcome in FAULTS:
            self.faults[kind, found.outcome, found.what].append(given)

    @property
    def is_clean(self) -> bool:
        """Whether no case was a fault."""
        return not self.faults


def try_damage(tally: Tally, bases: dict[str, Path], cases: int, chance: random.Random) -> None:
    """Copies of datasets, each damaged in one way and given to one command."""
    acts = [("trained", name) for name in COMMANDS] + [("recorded", "report")]
    expected = {}
    for base, name in acts:
        with _copy(bases[base]) as folder:
            expected[base, name] = COMMANDS[name](folder)
    for _ in range(cases):
        kind, (base, name) = chance.choice(list(DAMAGES)), chance.choice(acts)
        with _copy(bases[base]) as folder:
            given = DAMAGES[kind](folder, chance)
            mine = _owned(folder) if kind == "foreign" else {}
            found = attempt(COMMANDS[name], folder, expected[base, name])
            if any(_content(path) != content for path, content in mine.items()):
                found = Found("lost", "somebody's file")
            if (folder.parent / "precious.txt").read_text() != "precious":
                found = Found("lost", "a file outside the folder")
        tally.add(f"{kind}: {name}", found, given)


@contextmanager
def _copy(base: Path) -> Iterator[Path]:
    """A copy of a folder, with a file beside it that nobody may touch."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
        Path(scratch, "precious.txt").write_text("precious")
        yield Path(shutil.copytree(base, Path(scratch, "data")))


def _owned(folder: Path) -> dict[Path, object]:
    """Everything in the folder that no sweep wrote, and what it holds."""
    foreign = ("notes", "0f.parquet", "a.parquet", "_other", ".report-mine", "\x1b")
    return {p: _content(p) for p in folder.iterdir() if any(part in p.name for part in foreign)}


def _content(path: Path) -> object:
    """What is at a path, without opening what may never end."""
    if path.is_symlink():
        return path.readlink()
    return path.read_bytes() if path.is_file() else path.exists()


def make_bases(scratch: Path) -> dict[str, Path]:
    """A trained dataset, and one with records along the training."""
    train(SWEEP, scratch / "trained", shard_size=ShardSize(runs=30))
    dataset = DatasetFolder(str(scratch / "trained"))
    dataset.write_given({"text": SWEEP, "size": None, "replicates": None})
    train(RECORDED, scratch / "recorded", RecordingToy(), shard_size=ShardSize(runs=30))
    return {"trained": scratch / "trained", "recorded": scratch / "recorded"}


def main(cases: int = 10_000, seed: int = 1) -> None:
    """Print what became of the cases; exit status 1 where any is a fault."""
    tally, chance, began = Tally(), random.Random(seed), time.perf_counter()
    reports = max(cases // 100, 10)
    with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
        bases = make_bases(Path(scratch))
        try_damage(tally, bases, max(cases - reports, 0), chance)
        for given, outcome, what in try_names(reports, chance):
            tally.add("names: report", Found(outcome, what), given)
        for given, outcome, what in try_environments(bases, LIMIT_S):
            tally.add("environments", Found(outcome, what), given)
    _print(tally, time.perf_counter() - began)
    raise typer.Exit(0 if tally.is_clean else 1)


def _print(tally: Tally, seconds: float) -> None:
    """The table, and below it the first inputs of each fault."""
    console = WordConsole(width=130, highlight=False, markup=False)
    table = Table("case", "cases", *OUTCOMES, title=f"hostile inputs, {seconds:.0f} s")
    whole: Counter[str] = Counter()
    for kind, counts in sorted(tally.counts.items()):
        whole += counts
        table.add_row(kind, f"{counts.total():,}", *(f"{counts[name]:,}" for name in OUTCOMES))
    table.add_row("all", f"{whole.total():,}", *(f"{whole[name]:,}" for name in OUTCOMES))
    console.print(table)
    for (kind, outcome, what), inputs in sorted(tally.faults.items()):
        console.print(f"{kind}: {outcome}: {what} ({len(inputs)})", soft_wrap=True)
        for given in list(dict.fromkeys(inputs))[:SHOWN]:
            console.print(f"    {given}", soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)

"""Sweeps that are killed at random, held against an undisturbed one: prints a tally.

    python -m benchmarks.kills --kills 100

A head and three worker nodes are started for real on loopback, each a raylet of its own. Sweeps of a
model that notes each run it trains are driven across them, while a worker process, a whole node or the
driver is killed outright at random moments; a killed node is replaced, a killed driver started again
with the same command. When a sweep is complete, its folder is compared with that of an undisturbed run.

| line | what it counts |
|---|---|
| complete, identical | sweeps that hold every run, and the same rows to the last bit |
| trained again | runs trained more than once: their process, or the driver, had been killed |
| beyond the shards in flight | runs trained again although neither had been |
| stray files | anything left in a folder but the sweep and its shards |
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.nodes import Nodes
from tests.toy import Toy

KINDS = ("worker", "node", "driver")
SWEEP = """\
name: killed
model: toy
replicates: 40
axes: {x: [1.0, 2.0, 4.0], y: {log: [0.1, 10, 4]}}
settings: {p_flip: [0, 0.1]}
fixed: {cost: 1.0e+9}
"""
SHARD_RUNS = 24
PAUSE_S = 0.03
ORPHAN_S = 5.0
"""A trial goes on for moments after its node or driver is gone: what it starts then was in flight."""

KEY = ("x", "y", "p_flip", "replicate")


@dataclass(frozen=True)
class Watched(Toy):
    """The toy model, noting process, time and key of each run that it trains."""

    log: str = ""

    def run(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Note the runs in one write, then train them."""
        keys = list(zip(*(columns[name].tolist() for name in KEY), strict=True))
        line = json.dumps([os.getpid(), time.time(), keys]) + "\n"
        with open(self.log, "ab", buffering=0) as stream:
            stream.write(line.encode())
        return super().run(columns)


class Kill(NamedTuple):
    """A kill: what, from when to when, and which processes trained no further; None is all."""

    kind: str
    began: float
    ended: float
    processes: frozenset[int] | None


@dataclass
class Tally:
    """What was counted over all sweeps."""

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    sweeps: int = 0
    starts: int = 0
    complete: int = 0
    identical: int = 0
    runs: int = 0
    again: int = 0
    beyond: int = 0
    stray: int = 0


def drive(address: str, out: str, log: str, executor: str) -> int:
    """Run the sweep as a driver process; the exit status says whether it is complete."""
    from sweeps import command
    from sweeps.dataset import Dataset
    from sweeps.executors import local
    from sweeps.plan import Cut
    from sweeps.resolve import resolve

    model = Watched(pause_s=PAUSE_S if executor == "tune" else 0.0, log=log)
    dataset = Dataset(out)
    plan = command.plan_sweep(resolve(SWEEP, "killed.yaml", lambda name: model), dataset)
    work = command.prepare(plan, dataset, Cut(runs=SHARD_RUNS))
    if executor == "local":
        return command.execute(work, dataset, lambda w: local.run(w, lambda p: None)).missing
    from sweeps.executors import tune

    cluster = tune.Cluster(address)
    outcome = command.execute(work, dataset, lambda w: tune.run(w, lambda p: None, cluster))
    return 1 if outcome.missing else 0


def start_driver(address: str, folder: Path, executor: str = "tune") -> subprocess.Popen[bytes]:
    """A driver in a process and session of its own, its words in a file."""
    command = [sys.executable, "-m", "benchmarks.kills", "drive"]
    command += [address, str(folder / "out"), str(folder / "log"), executor]
    with (folder / "driver.txt").open("ab") as words:
        return subprocess.Popen(command, start_new_session=True, stdout=words, stderr=words)


def disturb(
    kind: str, nodes: Nodes, driver: subprocess.Popen[bytes], chance: random.Random
) -> Kill | None:
    """Kill one thing; None where there is nothing of the kind to kill."""
    began = time.time()
    if kind == "driver":
        driver.kill()
        driver.wait()
        return Kill(kind, began, time.time(), None)
    if kind == "node":
        node = chance.choice(nodes.workers)
        processes = nodes.processes(node)
        nodes.kill(node)
        return Kill(kind, began, time.time(), frozenset(processes))
    trials = [process for node in nodes.workers for process in nodes.trials(node)]
    if not trials:
        return None
    victim = chance.choice(trials)
    os.kill(victim, signal.SIGKILL)
    return Kill(kind, began, time.time(), frozenset([victim]))


def killed_sweep(
    nodes: Nodes, folder: Path, most: int, chance: random.Random
) -> tuple[list[Kill], int]:
    """Drive one sweep to its end, with at most `most` kills; the kills and the drivers' starts."""
    kills: list[Kill] = []
    starts, wait = 1, True
    driver = start_driver(nodes.address, folder)
    while driver.poll() != 0:
        if driver.poll() is not None:
            driver, starts, wait = start_driver(nodes.address, folder), starts + 1, True
        if wait:  # most of a driver's life is its start; kill half of them only when shards train
            wait = False
            _until_begun(folder, driver, chance)
        time.sleep(chance.uniform(0.1, 3.0))
        if len(kills) < most and driver.poll() is None:
            kill = disturb(chance.choice(KINDS), nodes, driver, chance)
            kills += [kill] if kill else []
        nodes.replace()
        if starts > 50:
            raise RuntimeError(f"the sweep does not end: see {folder / 'driver.txt'}")
    return kills, starts


def _until_begun(folder: Path, driver: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Wait until a shard is trained, or for a moment of the driver's start."""
    before = (folder / "log").stat().st_size if (folder / "log").exists() else 0
    end = time.monotonic() + (60 if chance.random() < 0.75 else chance.uniform(0, 8))
    while time.monotonic() < end and driver.poll() is None:
        if (folder / "log").exists() and (folder / "log").stat().st_size > before:
            return
        time.sleep(0.05)


def trainings(log: Path) -> dict[tuple[Any, ...], list[tuple[float, int]]]:
    """When and by which process each run was trained, in order of time."""
    found: dict[tuple[Any, ...], list[tuple[float, int]]] = {}
    for line in log.read_text().splitlines():
        process, at, keys = json.loads(line)
        for key in keys:
            found.setdefault(tuple(key), []).append((at, process))
    return {key: sorted(times) for key, times in found.items()}


def again(log: Path, kills: list[Kill]) -> Iterator[bool]:
    """For each time that a run was trained again, whether a kill is the reason."""
    for times in trainings(log).values():
        for (first, process), (second, _) in zip(times, times[1:], strict=False):
            yield any(
                first <= kill.ended + ORPHAN_S
                and kill.began <= second
                and (kill.processes is None or process in kill.processes)
                for kill in kills
            )


def rows(folder: Path) -> pa.Table:
    """Every row of a folder, sorted by run."""
    return (
        pa.dataset.dataset(sorted((folder / "out").glob("shard-*.parquet")))
        .to_table()
        .sort_by("run_id")
    )


def judge(folder: Path, whole: pa.Table, kills: list[Kill], starts: int, tally: Tally) -> None:
    """Add a finished sweep to the tally."""
    found = rows(folder)
    names = [path.name for path in (folder / "out").iterdir()]
    explained = list(again(folder / "log", kills))
    tally.sweeps += 1
    tally.starts += starts
    tally.runs += found.num_rows
    tally.complete += np.unique(found["run_id"].to_pylist()).size == whole.num_rows
    tally.identical += found.equals(whole)
    tally.again += len(explained)
    tally.beyond += explained.count(False)
    tally.stray += sum(not n.startswith("shard-") and n != "_sweep.json" for n in names)
    for kill in kills:
        tally.kills[kill.kind] += 1


def shown(tally: Tally, seconds: float) -> Table:
    """The tally as a table."""
    table = Table(show_header=False, title=f"{sum(tally.kills.values())} kills in {seconds:,.0f} s")
    for name, value in {
        "killed": ", ".join(f"{count} × {kind}" for kind, count in tally.kills.items()),
        "sweeps": f"{tally.sweeps}, drivers started {tally.starts} times",
        "complete": f"{tally.complete} of {tally.sweeps}",
        "identical": f"{tally.identical} of {tally.sweeps}",
        "runs": f"{tally.runs:,}",
        "trained again": f"{tally.again:,}",
        "beyond the shards in flight": f"{tally.beyond:,}",
        "stray files": f"{tally.stray:,}",
    }.items():
        table.add_row(name, value)
    return table


def torment(kills: int, seed: int, scratch: Path, each: int = 8) -> Tally:
    """Sweeps with random kills until there were `kills` of them."""
    chance, tally, began = random.Random(seed), Tally(), time.time()
    undisturbed = scratch / "undisturbed"
    undisturbed.mkdir(parents=True)
    if start_driver("local", undisturbed, "local").wait() != 0:
        raise RuntimeError((undisturbed / "driver.txt").read_text())
    whole = rows(undisturbed)
    with Nodes(workers=3) as nodes:
        while sum(tally.kills.values()) < kills:
            folder = scratch / f"sweep-{tally.sweeps}"
            folder.mkdir()
            most = min(each, kills - sum(tally.kills.values()))
            judge(folder, whole, *killed_sweep(nodes, folder, most, chance), tally)
            Console(width=100).print(shown(tally, time.time() - began))
    return tally


app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.callback()
def main(context: typer.Context, kills: int = 100, seed: int = 1, scratch: str = "") -> None:
    """Kill and compare; exit status 1 where anything was lost, doubled or left behind."""
    if context.invoked_subcommand is not None:
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the nodes are ended
    folder = Path(scratch or tempfile.mkdtemp(prefix="kills-"))
    tally = torment(kills, seed, folder)
    whole = tally.complete == tally.identical == tally.sweeps
    raise typer.Exit(0 if whole and not tally.beyond and not tally.stray else 1)


@app.command("drive", hidden=True)
def drive_command(address: str, out: str, log: str, executor: str) -> None:
    """The driver process."""
    raise typer.Exit(drive(address, out, log, executor))


if __name__ == "__main__":
    app()

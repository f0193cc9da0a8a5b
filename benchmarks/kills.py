"""Sweeps that are killed at random, compared with an undisturbed one: prints a tally.

    python -m benchmarks.kills --kills 100 --model toy
    python -m benchmarks.kills --kills 50 --model adaptive --local

A head and three worker nodes are started for real on loopback, each a raylet of its own. Sweeps of a
model that notes each run it trains are driven across them, while a worker process, a whole node or the
driver is killed outright at random moments; a killed node is replaced, a killed driver started again
with the same command. When a sweep is complete, its folder is compared with that of an undisturbed run.
`--model bocnn` trains networks, the toy only waits; `--model adaptive` is the toy with a target, in rounds.
`--local` kills drivers alone, which train without Ray.

| line | what it counts |
|---|---|
| complete, identical | sweeps that hold every run, and the same rows to the last bit |
| again, in flight | runs trained again that a killed process had begun last, and not published |
| again, begun by orphans | runs that a trial began when its driver, node or process had been killed |
| again, beyond these | runs trained again for no such reason |
| orphans lived | seconds from a driver's death to the end of its last trial, at the median and at most |
| stray files | anything left in a folder but the sweep and its shards |
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import watched
from benchmarks.nodes import HERE, Nodes, NoNodes
from benchmarks.retrained import Kill, files_of_runs, reasons

KINDS = ("worker", "node", "driver")
SHARD_RUNS = 24
UNDISTURBED = "undisturbed"
"""The address of a driver that trains without Ray, and without waiting."""


@dataclass
class Tally:
    """What was counted over all sweeps."""

    kills: Counter[str] = field(default_factory=Counter)
    sweeps: int = 0
    starts: int = 0
    complete: int = 0
    identical: int = 0
    runs: int = 0
    again: Counter[str] = field(default_factory=Counter)
    lived: list[float] = field(default_factory=list)
    stray: int = 0


def drive(address: str, folder: Path, model: str) -> int:
    """Run the sweep as a driver process; the exit status says whether it is complete."""
    from sweeps import driver
    from sweeps.declare.cells.resolve import resolve
    from sweeps.driver.adaptive import replay
    from sweeps.driver.proposals import train_rounds
    from sweeps.plan.cut import ShardSize
    from sweeps.store.dataset import DatasetFolder
    from sweeps.train.executors import local, tune
    from sweeps.train.shard import TrainingJob

    text, watching = watched.case(model, str(folder / "log"), address != UNDISTURBED)
    dataset, size = DatasetFolder(str(folder / "out")), ShardSize(runs=SHARD_RUNS)
    resolved = resolve(text, "killed.yaml", lambda name: watching)

    def executor(job: TrainingJob) -> dict[int, str]:
        if address in (UNDISTURBED, HERE):
            return local.run(job, lambda p: None)
        return tune.run(job, lambda p: None, tune.Cluster(address))

    if resolved.spec.sampling is None:
        plan = driver.plan_sweep(resolved, dataset)
        outcome = driver.execute(driver.prepare(plan, dataset, size), dataset, executor)
    else:
        found = replay(resolved, dataset)
        job = driver.prepare(found.plan.of_none(), dataset, size)
        outcome = train_rounds(job, found.rounds, executor=executor, shard_size=size)
    return 1 if outcome.missing else 0


def start_driver(address: str, folder: Path, model: str) -> subprocess.Popen[bytes]:
    """A driver in a process and session of its own, its words in a file."""
    command = [sys.executable, "-m", "benchmarks.kills", "drive", address, str(folder), model]
    with (folder / "driver.txt").open("ab") as words:
        return subprocess.Popen(command, start_new_session=True, stdout=words, stderr=words)


class Tormentor:
    """Kills one thing after another on the nodes, each kind once in a turn, and notes what it ended."""

    def __init__(self, nodes: Nodes | NoNodes, chance: random.Random) -> None:
        self.nodes, self.chance = nodes, chance
        self._all = KINDS if nodes.workers else ("driver",)
        self._kinds: list[str] = []
        self.kills: list[Kill] = []
        self.lived: list[float] = []

    def strike(self, folder: Path, driver: subprocess.Popen[bytes]) -> None:
        """Kill a worker process, a node or the driver, where there is one."""
        self._kinds = self._kinds or self.chance.sample(self._all, len(self._all))
        kind = self._kinds[-1]
        published = frozenset(path.name for path in (folder / "out").glob("shard-*"))
        began = time.time()
        processes = getattr(self, f"_{kind}")(driver)
        if processes is not None:
            self._kinds.pop()
            killed = driver.pid if kind == "driver" else 0
            self.kills.append(Kill(kind, began, time.time(), killed, processes, published))

    def _driver(self, driver: subprocess.Popen[bytes]) -> frozenset[int]:
        """Kill the driver, and watch how long its trials live on."""
        trials = self._trials()
        driver.kill()
        driver.wait()
        threading.Thread(target=self._outlive, args=(trials, time.time())).start()
        return frozenset()

    def _node(self, driver: subprocess.Popen[bytes]) -> frozenset[int]:
        """Kill a node."""
        node = self.chance.choice(self.nodes.workers)
        processes = frozenset(self.nodes.processes(node))
        self.nodes.kill(node)
        return processes

    def _worker(self, driver: subprocess.Popen[bytes]) -> frozenset[int] | None:
        """Kill a trial's process; None where no trial is there."""
        trials = self._trials()
        if not trials:
            return None
        victim = self.chance.choice(trials)
        os.kill(victim, signal.SIGKILL)
        return frozenset([victim])

    def _trials(self) -> list[int]:
        """Process numbers of all trials."""
        return [process for node in self.nodes.workers for process in self.nodes.trials(node)]

    def _outlive(self, trials: list[int], since: float) -> None:
        """Note how long it takes until none of these processes is there; a minute at most."""
        while any(Path(f"/proc/{trial}").exists() for trial in trials):
            if time.time() > since + 60:
                break
            time.sleep(0.02)
        if trials:
            self.lived.append(time.time() - since)


def killed_sweep(torment: Tormentor, folder: Path, most: int, model: str) -> int:
    """Drive one sweep to its end, with at most `most` kills more; how often the driver was started."""
    starts, wait, until = 1, True, len(torment.kills) + most
    driver = start_driver(torment.nodes.address, folder, model)
    while driver.poll() != 0:
        if driver.poll() is not None:
            driver = start_driver(torment.nodes.address, folder, model)
            starts, wait = starts + 1, True
        if wait:  # most of a driver's life is its start; kill half of them only when shards train
            wait = False
            _until_begun(folder, driver, torment.chance)
        time.sleep(torment.chance.uniform(0.1, 3.0))
        if len(torment.kills) < until and driver.poll() is None:
            torment.strike(folder, driver)
        torment.nodes.replace()
        if starts > 50:
            raise RuntimeError(f"the sweep does not end: see {folder / 'driver.txt'}")
    return starts


def _until_begun(folder: Path, driver: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Wait until a shard is trained, or for a moment of the driver's start."""
    before = (folder / "log").stat().st_size if (folder / "log").exists() else 0
    end = time.monotonic() + (60 if chance.random() < 0.75 else chance.uniform(0, 8))
    while time.monotonic() < end and driver.poll() is None:
        if (folder / "log").exists() and (folder / "log").stat().st_size > before:
            return
        time.sleep(0.05)


def rows(folder: Path) -> pa.Table:
    """Every row of a folder, sorted by run."""
    return (
        pa.dataset.dataset(sorted((folder / "out").glob("shard-*.parquet")))
        .to_table()
        .sort_by("run_id")
    )


def judge(folder: Path, whole: pa.Table, kills: list[Kill], model: str, tally: Tally) -> None:
    """Add a finished sweep to the tally."""
    published = rows(folder)
    names = [path.name for path in (folder / "out").iterdir()]
    files = files_of_runs(folder / "out", watched.KEYS[model])
    tally.sweeps += 1
    tally.runs += published.num_rows
    tally.complete += np.unique(published["run_id"].to_pylist()).size == whole.num_rows
    tally.identical += published.equals(whole)
    tally.again += reasons(watched.read(folder / "log"), files, kills)
    tally.stray += sum(not n.startswith(("shard-", "_sweep.json", "_given.json")) for n in names)
    tally.kills += Counter(kill.kind for kill in kills)


def shown(tally: Tally, seconds: float) -> Table:
    """The tally as a table."""
    table = Table(show_header=False, title=f"{tally.kills.total()} kills in {seconds:,.0f} s")
    for name, value in {
        "killed": ", ".join(f"{tally.kills[kind]} × {kind}" for kind in KINDS),
        "sweeps": f"{tally.sweeps}, drivers started {tally.starts} times",
        "complete": f"{tally.complete} of {tally.sweeps}",
        "identical": f"{tally.identical} of {tally.sweeps}",
        "runs": f"{tally.runs:,}",
        "again, in flight at a kill": f"{tally.again['in flight']:,}",
        "again, begun by orphans": f"{tally.again['by orphans']:,}",
        "again, beyond these": f"{tally.again['beyond']:,}",
        "orphans lived, s": f"{median(tally.lived):.2f}, at most {max(tally.lived):.2f}"
        if tally.lived
        else "no driver was killed with trials",
        "stray files": f"{tally.stray:,}",
    }.items():
        table.add_row(name, value)
    return table


def torment(
    nodes: Nodes | NoNodes, kills: int, seed: int, *, scratch: Path, model: str, each: int = 8
) -> Tally:
    """Sweeps with random kills until there were `kills` of them."""
    tally, began = Tally(), time.time()
    undisturbed = scratch / "undisturbed"
    undisturbed.mkdir(parents=True)
    if start_driver(UNDISTURBED, undisturbed, model).wait() != 0:
        raise RuntimeError((undisturbed / "driver.txt").read_text())
    whole = rows(undisturbed)
    with nodes:
        one = Tormentor(nodes, random.Random(seed))
        while len(one.kills) < kills:
            folder = scratch / f"sweep-{tally.sweeps}"
            folder.mkdir()
            before = len(one.kills)
            tally.starts += killed_sweep(one, folder, min(each, kills - before), model)
            tally.lived = one.lived
            judge(folder, whole, one.kills[before:], model, tally)
            Console(width=100).print(shown(tally, time.time() - began))
    return tally


app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.callback()
def main(
    context: typer.Context,
    kills: int = 100,
    seed: int = 1,
    scratch: str = "",
    model: Annotated[str, typer.Option(help="toy, bocnn, or adaptive.")] = "toy",
    local: Annotated[bool, typer.Option(help="Without Ray.")] = False,
) -> None:
    """Kill and compare; exit status 1 where anything was lost, doubled or left behind."""
    if context.invoked_subcommand is not None:
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the nodes are ended
    folder = Path(scratch or tempfile.mkdtemp(prefix="kills-"))
    nodes = NoNodes() if local else Nodes(workers=3)
    tally = torment(nodes, kills, seed, scratch=folder, model=model)
    whole = tally.complete == tally.identical == tally.sweeps
    raise typer.Exit(0 if whole and not tally.again["beyond"] and not tally.stray else 1)


@app.command("drive", hidden=True)
def drive_command(address: str, folder: Path, model: str) -> None:
    """The driver process."""
    raise typer.Exit(drive(address, folder, model))


if __name__ == "__main__":
    app()

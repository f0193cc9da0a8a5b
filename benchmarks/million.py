"""A million runs under Ray Tune on this machine: time, share of orchestration, memory.

    python -m benchmarks.million --runs 1000000 --workers 2

The sweep is that of Shang et al. 2024, shipped as initialization-plane, with more steps, so that runs
cost enough for minutes of training, and with as many replicates as make the runs. Everything goes
through the command, as a user starts it; memory is the peak that the kernel recorded for each process.

| line | |
|---|---|
| orchestration | share of the slots' time in which no shard was trained, from the files |
| start, end | seconds before the first shard began to train and after the last was published |
| between | seconds of a slot between the end of a shard and the beginning of the next, on average |
| driver, worker | peak memory |

Ray gives its workers a low priority; here they have that of the command, since a shard that waits for a
core counts as training, and makes the share of orchestration look small.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import typer
import yaml
from rich.console import Console
from rich.table import Table

from benchmarks.processes import descendants, peak_mb, title
from sweeps.declare.file import presets
from sweeps.driver.datasets import DatasetStatus, read_status
from sweeps.store.dataset import DatasetFolder

PRESET = "initialization-plane"
TRIAL = "ray::"
"""How the titles of processes begin that Ray started for trials."""


class Peaks(NamedTuple):
    """Seconds of the whole command, and MB at their most: the driver, each worker."""

    s: float
    driver: float
    workers: list[float]


def write_sweep(folder: Path, runs: int, steps: int) -> Path:
    """The shipped sweep with other steps, and replicates for at least so many runs."""
    tree = yaml.safe_load(presets.find(PRESET)[0])
    cells = tree["axes"]["v0"]["log"][2] * tree["axes"]["inv_mu"]["log"][2]
    cells *= len(tree["settings"]["p_flip"])
    tree["replicates"] = -(-runs // cells)
    tree["fixed"]["steps"] = steps
    (folder / "million.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return folder / "million.yaml"


def watched(command: list[str]) -> Peaks:
    """Run a command and look at its processes' memory every second."""
    start = time.perf_counter()
    most: Counter[int] = Counter()
    environment = {"RAY_worker_niceness": "0", **os.environ}
    with subprocess.Popen(command, env=environment) as driver:
        while driver.poll() is None:
            for process in (driver.pid, *descendants(driver.pid)):
                if process == driver.pid or title(process).startswith(TRIAL):
                    most[process] = max(most[process], peak_mb(process))
            time.sleep(1.0)
    if driver.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with exit status {driver.returncode}")
    seconds = time.perf_counter() - start
    return Peaks(seconds, most.pop(driver.pid), sorted(most.values(), reverse=True))


def idle(dataset: DatasetFolder) -> tuple[float, float, float]:
    """Seconds of slots without a shard: before the first, after the last, between two on average.

    A slot is known by when its shards end: each shard goes to the slot that was free longest before
    it began.
    """
    notes = dataset.inspect(dataset.owner()).notes
    ends = np.array([float(note["session_s"]) for note in notes])
    begins = ends - [float(note["wall_s"]) for note in notes]
    slots = int(notes[0]["slots"])
    free = [0.0] * slots
    gaps, starts = [], []
    for number in np.argsort(begins):
        slot = max((s for s in range(slots) if free[s] <= begins[number]), key=free.__getitem__)
        (gaps if free[slot] else starts).append(begins[number] - free[slot])
        free[slot] = ends[number]
    after = float(np.sum(ends.max() - np.array(free)))
    return float(np.sum(starts)), after, float(np.mean(gaps)) if gaps else 0.0


def shown(state: DatasetStatus, peaks: Peaks, gaps: tuple[float, float, float]) -> Table:
    """What was seen, as a table."""
    table = Table(show_header=False)
    for name, value in {
        "runs": f"{state.published:,} of {state.planned:,} in {state.shards:,} shards",
        "the whole command": f"{peaks.s:.1f} s, load of the machine {os.getloadavg()[1]:.1f}",
        "orchestration": str(state.share),
        "slots idle at the start": f"{gaps[0]:.1f} s",
        "slots idle at the end": f"{gaps[1]:.1f} s",
        "between two shards of a slot": f"{1e3 * gaps[2]:.0f} ms on average",
        "driver": f"{peaks.driver:.0f} MB",
        "workers": ", ".join(f"{mb:.0f}" for mb in peaks.workers[:4]) + " MB",
    }.items():
        table.add_row(name, value)
    return table


def main(
    runs: int = 1_000_000, steps: int = 2000, workers: int = 2, shard_seconds: float = 20.0
) -> None:
    """Train, then print the table."""
    with tempfile.TemporaryDirectory(prefix="million-") as scratch:
        folder = Path(scratch)
        sweep = write_sweep(folder, runs, steps)
        program = str(Path(sys.executable).parent / "bocnn-sweep")
        command = [program, "run", str(sweep), "--out", str(folder / "out")]
        command += ["--workers", str(workers), "--shard-seconds", str(shard_seconds)]
        peaks = watched(command)
        dataset = DatasetFolder(str(folder / "out"))
        state = read_status(dataset)
        Console(width=100).print(shown(state, peaks, idle(dataset)))


if __name__ == "__main__":
    typer.run(main)

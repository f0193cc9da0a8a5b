"""What a newcomer waits for, from the first import to the last figure: `python -m benchmarks.journey`.

The packages are copied into an empty folder, so that nothing is compiled there, and every step is a command
of its own, as a user would start it: once in order with the copy as it is (cold), then once more (warm).
Libraries are installed, and what the system has read of them before stays in memory.

| column | |
|---|---|
| wall, processor | seconds; processor time is that of the command and all processes that it started |
| training, compiling | seconds of the workers' time, all of them together, as the published files say |
| peak | MB of the command's processes together at their most; pages that they share count in each |

What a `run` takes beyond training and compiling is imports, the plan, Ray's start and end, and publication.
A table in Markdown.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import typer

from benchmarks.processes import Usage, usage_of_tree
from sweeps.driver.datasets import read_status
from sweeps.store.dataset import DatasetFolder

ROOT = Path(__file__).parent.parent
PACKAGES = ("bocnn", "sweeps", "analysis")
POLL_S = 0.05
"""Between two looks at the processes of a step."""

SUBJECTS = {
    "demo": ("label-flip-plane", "initialization-plane"),
    "kou-heat-map": ("kou-heat-map",),
    "arora-width": ("arora-width",),
}
"""Sweeps that are trained and reported together."""

SWEEPS = "from sweeps.cli import main; main()"
ANALYSIS = "from analysis.cli import main; main()"
START_RAY = """\
from sweeps.train.executors.connection import Cluster, connected
with connected(Cluster()):
    pass
"""


class Step(NamedTuple):
    """A command, by its program's text and arguments, and the folder of datasets that it trains into."""

    program: str
    arguments: tuple[str, ...] = ()
    trains: str = ""


class Cost(NamedTuple):
    """What a step took: seconds of wall and processor time, MB at most; of it training and compiling."""

    wall_s: float
    processor_s: float
    peak_mb: float
    training_s: float = 0.0
    compiling_s: float = 0.0


def steps(size: str, pass_name: str) -> dict[str, Step]:
    """Each step by its name; a pass trains into folders of its own."""
    found = {
        "import bocnn": Step("import bocnn"),
        "import analysis": Step("import analysis"),
        "bocnn run --help": Step(SWEEPS, ("run", "--help")),
        "bocnn report --help": Step(ANALYSIS, ("report", "--help")),
        "Ray's start and end": Step(START_RAY),
    }
    for subject, sweeps in SUBJECTS.items():
        named = (*sweeps, "--size", size)
        out = {executor: f"{pass_name}/{executor}/{subject}/" for executor in ("tune", "local")}
        found[f"{subject}: plan"] = Step(SWEEPS, ("plan", sweeps[0], "--size", size))
        for executor, folder in out.items():
            options = ("--executor", executor, "--out", folder + "data")
            found[f"{subject}: run, {executor}"] = Step(SWEEPS, ("run", *named, *options), folder)
        datasets = _datasets(out["tune"], sweeps)
        report = ("report", *datasets, "--out", out["tune"] + "report")
        found[f"{subject}: report"] = Step(ANALYSIS, report)
    return found


def _datasets(folder: str, sweeps: Sequence[str]) -> list[str]:
    """Folders of the datasets of a run: with several sweeps one for each, by its name."""
    return [f"{folder}data/{name}" if len(sweeps) > 1 else f"{folder}data" for name in sweeps]


def measure(step: Step, folder: Path) -> Cost:
    """Run a step in a folder that holds the packages, and watch its processes until it ends."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", step.program, *step.arguments]
    usage = Usage()
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as process,
    ):
        while process.poll() is None:
            usage = usage_of_tree(process.pid, usage)
            time.sleep(POLL_S)
    if process.returncode:
        raise RuntimeError(
            f"{step}: exit status {process.returncode}\n{(folder / 'log').read_text()}"
        )
    wall_s = time.perf_counter() - start
    return Cost(wall_s, usage.processor_s, usage.peak_mb, *_trained(folder, step.trains))


def _trained(folder: Path, trains: str) -> tuple[float, float]:
    """Seconds of training and of compiling, as all the datasets below a folder say."""
    manifests = (folder / trains).rglob("_sweep.json") if trains else ()
    shares = [read_status(DatasetFolder(str(path.parent))).share for path in manifests]
    return (
        sum(share.compute_s for share in shares if share),
        sum(share.compile_s for share in shares if share),
    )


def journey(size: str, pass_name: str, folder: Path) -> dict[str, Cost]:
    """The cost of every step, in order; a line on stderr for each."""
    costs = {}
    for name, step in steps(size, pass_name).items():
        costs[name] = measure(step, folder)
        print(f"{pass_name}, {name}: {costs[name]}", file=sys.stderr)
    return costs


def rows(cold: dict[str, Cost], warm: dict[str, Cost]) -> list[str]:
    """The table in Markdown."""
    kinds = ("wall, s", "processor, s", "training, s", "compiling, s", "peak, MB")
    heads = [f"{name}: {kinds[0]}" for name in ("cold", "warm")]
    table = [f"| step | {' | '.join([heads[0], *kinds[1:], heads[1], *kinds[1:]])} |"]
    table.append("|---" * 11 + "|")
    for name in cold:
        table.append(f"| {' | '.join([name, *_cells(cold[name]), *_cells(warm[name])])} |")
    return table


def _cells(cost: Cost) -> list[str]:
    """The five numbers of a step; nothing where it trains nothing."""
    spent = [f"{cost.wall_s:.1f}", f"{cost.processor_s:.1f}"]
    inside = [f"{seconds:.1f}" if seconds else "" for seconds in cost[3:]]
    return [*spent, *inside, f"{cost.peak_mb:,.0f}"]


def main(size: str = "paper") -> None:
    """Take both passes and print the table."""
    with tempfile.TemporaryDirectory(prefix="bocnn-journey-") as scratch:
        folder = Path(scratch)
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)
        cold, warm = (journey(size, name, folder) for name in ("cold", "warm"))
    for line in rows(cold, warm):
        print(line)


if __name__ == "__main__":
    typer.run(main)

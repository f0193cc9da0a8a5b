"""What a newcomer waits for, from the first import to the first figure: `python -m benchmarks.journey`.

The packages are copied into an empty folder, so that nothing is compiled there, and every step is a command
of its own, as a user would start it: once in order with the copy as it is (cold), then once more (warm).
Libraries are installed, and what the system has read of them before stays in memory.

| column | |
|---|---|
| wall, processor | seconds; processor time is that of the command and all processes that it started |
| share | of the wall time of all steps |
| peak | MB of the command's processes together at their most; pages that they share count in each |

A table in Markdown. The row "compile" is what the first training takes beyond the second; the rest of the
first training is in the row below it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import typer

from benchmarks.processes import Usage, usage_of_tree

ROOT = Path(__file__).parent.parent
PACKAGES = ("bocnn", "sweeps", "analysis")
POLL_S = 0.05
"""Between two looks at the processes of a step."""

SWEEP = "initialization-plane"
SWEEPS = "from sweeps.cli import main; main()"
ANALYSIS = "from analysis.cli import main; main()"


class Cost(NamedTuple):
    """What a step took: seconds of wall and processor time, MB at most."""

    wall_s: float
    processor_s: float
    peak_mb: float


def steps(size: str, pass_name: str) -> dict[str, tuple[str, ...]]:
    """Each step's program and arguments; a pass trains into folders of its own."""
    sized = (SWEEP, "--size", size)
    here, ray = f"{pass_name}-local", f"{pass_name}-ray"
    return {
        "import bocnn": ("import bocnn",),
        "import analysis": ("import analysis",),
        "bocnn-sweep --help": (SWEEPS, "--help"),
        "bocnn-analysis --help": (ANALYSIS, "--help"),
        "plan": (SWEEPS, "plan", *sized, "--out", here),
        "run --executor local": (SWEEPS, "run", *sized, "--executor", "local", "--out", here),
        "run, under Ray": (SWEEPS, "run", *sized, "--out", ray),
        "report": (ANALYSIS, "report", here, "--out", f"{pass_name}-report"),
    }


def measure(step: tuple[str, ...], folder: Path) -> Cost:
    """Run a step in a folder that holds the packages, and watch its processes until it ends."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(folder)}
    usage = Usage()
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", *step], cwd=folder, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        while process.poll() is None:
            usage = usage_of_tree(process.pid, usage)
            time.sleep(POLL_S)
    if process.returncode:
        raise RuntimeError(
            f"{step}: exit status {process.returncode}\n{(folder / 'log').read_text()}"
        )
    return Cost(time.perf_counter() - start, usage.processor_s, usage.peak_mb)


def journey(size: str, pass_name: str, folder: Path) -> dict[str, Cost]:
    """The cost of every step, in order; a line on stderr for each."""
    costs = {}
    for name, step in steps(size, pass_name).items():
        costs[name] = measure(step, folder)
        print(f"{pass_name}, {name}: {costs[name]}", file=sys.stderr)
    return costs


def with_compiling(cold: dict[str, Cost], warm: dict[str, Cost]) -> dict[str, Cost]:
    """The cold pass with compiling on a row of its own, which is the first training less the second."""
    name = "run --executor local"
    first, second = cold[name], warm[name]
    compiling = Cost(
        max(0.0, first.wall_s - second.wall_s),
        max(0.0, first.processor_s - second.processor_s),
        first.peak_mb,
    )
    before = list(cold)[: list(cold).index(name)]
    return (
        {n: cold[n] for n in before}
        | {"compile": compiling, name: second}
        | {n: c for n, c in cold.items() if n not in (*before, name)}
    )


def rows(cold: dict[str, Cost], warm: dict[str, Cost]) -> list[str]:
    """The table in Markdown."""
    table = [
        "| step | cold: wall, s | share | processor, s | peak, MB | warm: wall, s | share | processor, s |"
    ]
    table += ["|---|---|---|---|---|---|---|---|"]
    whole = [sum(cost.wall_s for cost in costs.values()) for costs in (cold, warm)]
    for name, cost in cold.items():
        cells = [name, *_cells(cost, whole[0]), f"{cost.peak_mb:,.0f}"]
        cells += _cells(warm[name], whole[1]) if name in warm else ["", "", ""]
        table.append(f"| {' | '.join(cells)} |")
    spent = [sum(cost.processor_s for cost in costs.values()) for costs in (cold, warm)]
    ends = [f"{whole[0]:.1f}", "", f"{spent[0]:.1f}", "", f"{whole[1]:.1f}", "", f"{spent[1]:.1f}"]
    return [*table, f"| all | {' | '.join(ends)} |"]


def _cells(cost: Cost, whole: float) -> list[str]:
    """Wall time, its share of the whole, processor time."""
    return [f"{cost.wall_s:.1f}", f"{cost.wall_s / whole:.0%}", f"{cost.processor_s:.1f}"]


def main(size: str = "smoke") -> None:
    """Take both passes and print the table."""
    with tempfile.TemporaryDirectory(prefix="bocnn-journey-") as scratch:
        folder = Path(scratch)
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)
        cold, warm = (journey(size, name, folder) for name in ("cold", "warm"))
    for line in rows(with_compiling(cold, warm), warm):
        print(line)


if __name__ == "__main__":
    typer.run(main)

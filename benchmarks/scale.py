"""What orchestration costs: plans of many runs, and shards that train nothing; prints two tables.

    python -m benchmarks.scale --shards 100 --shards 1000 --shards 5000

| column | |
|---|---|
| plan | seconds to read the sweep, plan it and cut it into shards; peak memory of that process |
| per shard | seconds of the whole command over its shards; then over those more than the row above |
| driver | memory of the driver at its most, and how much of it each shard more takes |
| disk | bytes of Ray's and Tune's files at their most, over the shards |

Each row is a process of its own. The model is the tests' formula, which takes no time to speak of.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

PLANS = [(1_000, 1_000), (1_000_000, 1), (1_000_000, 100), (10_000, 10_000)]
SWEEP = """\
name: scale
model: toy
replicates: {replicates}
axes: {{x: {{lin: [1, 2, {side}]}}, y: {{lin: [1, 2, {other}]}}}}
derived: {{constant: sqrt(x) * y}}
fixed: {{cost: {cost}}}
"""


def _peak_mb() -> float:
    """Peak memory of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _resolved(cells: int, replicates: int, cost: float) -> Any:
    from sweeps.declare.cells.resolve import resolve
    from tests.toy import TOY

    side = round(cells**0.5)
    text = SWEEP.format(replicates=replicates, side=side, other=cells // side, cost=cost)
    return resolve(text, "scale.yaml", lambda name: TOY)


def plan_once(cells: int, replicates: int) -> dict[str, float]:
    """Plan a sweep of so many runs."""
    import numpy as np

    from sweeps.declare.cells.identity import ID_DTYPE
    from sweeps.plan.cut import ShardSize, cut_shards
    from sweeps.plan.plan import make_plan

    start = time.perf_counter()
    plan = make_plan(_resolved(cells, replicates, 3e6), np.zeros(0, dtype=ID_DTYPE))
    shards = cut_shards(plan, ShardSize())
    seconds = time.perf_counter() - start
    return {"runs": plan.total, "shards": len(shards), "s": seconds, "mb": _peak_mb()}


def _bytes_below(folder: Path) -> int:
    """Bytes on disk below a folder."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_blocks * 512
            except OSError:
                continue
    return total


def train_once(shards: int) -> dict[str, float]:
    """Train shards of one run each under Ray Tune."""
    from sweeps import driver
    from sweeps.plan.cut import ShardSize
    from sweeps.store.dataset import DatasetFolder

    with tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True) as scratch:
        os.environ |= {"RAY_TMPDIR": scratch, "TMPDIR": scratch}
        tempfile.tempdir = scratch
        from sweeps.train.executors import tune

        most, ended = [0], threading.Event()

        def watch() -> None:
            while not ended.wait(2.0):
                most[0] = max(most[0], _bytes_below(Path(scratch)))

        threading.Thread(target=watch, daemon=True).start()
        out = tempfile.mkdtemp(prefix="scale-out-", dir="/tmp")
        start = time.perf_counter()
        dataset = DatasetFolder(out)
        plan = driver.plan_sweep(_resolved(shards, 1, 1e6), dataset)
        job = driver.prepare(plan, dataset, ShardSize(runs=1))
        outcome = driver.execute(
            job, dataset, lambda w: tune.run(w, lambda p: None, tune.Cluster(workers=2))
        )
        seconds = time.perf_counter() - start
        ended.set()
        subprocess.run(["rm", "-rf", out], check=True)
    if outcome.missing:
        raise RuntimeError(f"{outcome.missing} runs are missing: {outcome.failures}")
    return {"shards": len(job.shards), "s": seconds, "mb": _peak_mb(), "disk": most[0]}


def _child(*arguments: object) -> dict[str, float]:
    """One row, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", *map(str, arguments)]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(json.loads(printed.splitlines()[-1]))


def main(
    shards: Annotated[list[int], typer.Option(help="Shards to train, rising.")] = [100, 1000, 5000],  # noqa: B006
    plans: bool = True,
) -> None:
    """Print the tables."""
    console = Console(width=110)
    if plans:
        table = Table("cells × replicates", "runs", "shards", "plan, s", "peak, MB")
        for cells, replicates in PLANS:
            row = _child("plan", cells, replicates)
            table.add_row(
                f"{cells:,} × {replicates:,}",
                f"{row['runs']:,}",
                f"{row['shards']:,}",
                f"{row['s']:.1f}",
                f"{row['mb']:.0f}",
            )
        console.print(table)
    table = Table("shards", "s", "ms/shard", "more, ms/shard", "driver, MB", "more, kB", "disk, kB")
    last = {"shards": 0, "s": 0.0, "mb": 0.0}
    for count in shards:
        row = _child("train", count)
        more = row["shards"] - last["shards"]
        table.add_row(
            f"{row['shards']:,}",
            f"{row['s']:.1f}",
            f"{1e3 * row['s'] / row['shards']:.1f}",
            f"{1e3 * (row['s'] - last['s']) / more:.1f}" if last["shards"] else "–",
            f"{row['mb']:.0f}",
            f"{1e3 * (row['mb'] - last['mb']) / more:.0f}" if last["shards"] else "–",
            f"{row['disk'] / 1e3 / row['shards']:.1f}",
        )
        last = row
    console.print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["plan"]:
        print(json.dumps(plan_once(*map(int, sys.argv[2:]))))
    elif sys.argv[1:2] == ["train"]:
        print(json.dumps(train_once(int(sys.argv[2]))))
    else:
        typer.run(main)

"""What scheduling costs across hosts, and what more hosts bring: prints two tables.

    python -m benchmarks.across

Hosts of `benchmarks.hosts`: a head with the driver, and workers of two CPUs each. The model is the tests'
formula, which takes no time, or waits as if it trained, so that hosts do not compete for this machine.

| column | |
|---|---|
| s | from the driver's first publication to its last |
| a shard, ms | that, over the shards less one; and the driver's processor time over its shards |
| driver, MB | its memory at most |
| orchestration | share of the slots' time that was no training, as `bocnn status` says |
"""

import json
import resource
import signal
import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.hosts import Network, missing, wait_for
from benchmarks.ray_hosts import Cluster

ADDRESSES = ("10.82.0.1", "10.82.0.2", "10.82.0.3", "10.82.0.4")
CPUS = 2

_MOST_S = 3000.0


def observe(hosts: int, shards: int, pause_s: float) -> dict[str, float]:
    """Train shards of one run each.

    Args:
        hosts: that train.
        shards: how many.
        pause_s: how long each waits.
    """
    with Network(ADDRESSES[: 1 + hosts]) as network:
        cluster = Cluster(network, "/mnt/out")
        cluster.start(cpus=CPUS)
        words = f"drive {cluster.head.address}:6379 {shards} {pause_s}"
        driver = cluster.head.start(f"python -m benchmarks.across {words}", cluster.said)
        wait_for(lambda: driver.poll() is not None, _MOST_S)
        said = cluster.said.read_text().strip().splitlines()
        assert driver.returncode == 0, said[-20:]
        return dict(json.loads(said[-1]))


app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.callback()
def main(
    context: typer.Context,
    shards: Annotated[int, typer.Option(help="That train nothing, on three hosts.")] = 5000,
    waiting: Annotated[int, typer.Option(help="Shards that wait, on one host and on three.")] = 120,
    pause_s: Annotated[float, typer.Option(help="For how long.")] = 5.0,
) -> None:
    """Print the tables."""
    if context.invoked_subcommand is not None:
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hosts are removed
    if reason := missing():
        sys.exit(reason)
    headings = ("s", "a shard, ms", "of the driver, ms", "driver, MB", "orchestration")
    table = Table("hosts", "shards", "each waits, s", *headings)
    cases = [(1, waiting, pause_s), (3, waiting, pause_s), (3, shards, 0.0)]
    for hosts, count, pause in cases:
        if count:
            row = observe(hosts, count, pause)
            each = 1e3 * row["s"] / (row["shards"] - 1)
            used = 1e3 * row["processor_s"] / row["shards"]
            numbers = (f"{row['s']:.0f}", f"{each:.1f}", f"{used:.1f}", f"{row['mb']:.0f}")
            what = (f"{hosts}", f"{row['shards']:,.0f}", f"{pause:g}")
            table.add_row(*what, *numbers, f"{row['orchestration']:.1%}")
            Console(width=120).print(table)


@app.command("drive", hidden=True)
def drive_command(address: str, shards: int, pause_s: float) -> None:
    """The driver process: train, and print what it took."""
    from dataclasses import replace

    from benchmarks.scale import SWEEP
    from sweeps import driver
    from sweeps.declare.cells.resolve import resolve
    from sweeps.plan.cut import ShardSize
    from sweeps.store.dataset import DatasetFolder
    from sweeps.train.executors import tune
    from tests.toy import TOY

    side = round(shards**0.5)
    text = SWEEP.format(replicates=1, side=side, other=shards // side, cost=1e6)
    resolved = resolve(text, "across.yaml", lambda name: replace(TOY, pause_s=pause_s))
    dataset, times = DatasetFolder("/mnt/out"), []
    job = driver.prepare(driver.plan_sweep(resolved, dataset), dataset, ShardSize(runs=1))

    def note(progress: Any) -> None:
        """Note when a shard is published."""
        if progress.published:
            times.append(time.perf_counter())

    outcome = driver.execute(job, dataset, lambda job: tune.run(job, note, tune.Cluster(address)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    if outcome.missing:
        raise RuntimeError(f"{outcome.missing} runs are missing: {outcome.failures}")
    found = {"shards": len(job.shards), "s": times[-1] - times[0], "mb": used.ru_maxrss / 1e3}
    found |= {"processor_s": used.ru_utime + used.ru_stime, "orchestration": _orchestration()}
    print(json.dumps(found))


def _orchestration() -> float:
    """The share of orchestration by what the files say of themselves."""
    from pathlib import Path

    import pyarrow.parquet as pq

    from sweeps.provenance.sessions import share

    notes = []
    for path in Path("/mnt/out").glob("shard-*"):
        words = pq.read_metadata(path).metadata.items()
        notes.append({name.decode(): value.decode(errors="replace") for name, value in words})
    found = share(notes)
    assert found is not None
    return found.orchestration


if __name__ == "__main__":
    app()

"""Faults between hosts while they train, compared with an undisturbed sweep: prints a table.

    python -m benchmarks.faults [--only NAME]

Three hosts of `benchmarks.hosts`, a head and two workers of one CPU each, train 960 runs of the toy in 40
shards; the driver is on the head. Each fault strikes hosts of its own, once four shards are published.
Where the driver ends before the sweep is complete, the cluster is started again, and the same command.

| column | what it says |
|---|---|
| identical | whether all rows are there, the same to the last bit, and nothing else |
| again | runs that were begun more than once; those in flight are at most 48 |
| pause, s | the longest time between two publications |
| s | from the driver's first start to the last publication |
"""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Annotated, NamedTuple

import typer
from pyarrow import fs
from rich.console import Console
from rich.table import Table

from benchmarks import watched
from benchmarks.hosts import ROOT, Network, missing, wait_for
from benchmarks.ray_hosts import SHARD_RUNS, Cluster

ADDRESSES = ("10.79.0.1", "10.79.0.2", "10.79.0.3")
STORE = f"{ADDRESSES[0]}:9000"

_MOST_S = 400.0
_MOST_STARTS = 3


class Outcome(NamedTuple):
    """What became of a sweep: rows as they should be, runs begun again, seconds, starts, last words."""

    identical: bool
    again: int
    pause_s: float
    wall_s: float
    starts: int
    said: str


Fault = Callable[[Cluster], None]


def nothing(cluster: Cluster) -> None:
    """No fault."""


def cut(seconds: float) -> Fault:
    """A worker's link is cut for a while."""

    def strike(cluster: Cluster) -> None:
        cluster.network.cut(cluster.workers[1])
        time.sleep(seconds)
        cluster.network.restore(cluster.workers[1])

    return strike


def lose_worker(cluster: Cluster) -> None:
    """A worker and its network are gone for good."""
    cluster.network.lose(cluster.workers[1])


def lose_head(cluster: Cluster) -> None:
    """The head is gone, and comes again with its files, without processes."""
    cluster.head.kill()
    (cluster.head.folder / "ready").unlink()
    cluster.head.boot()


def slow_down(cluster: Cluster) -> None:
    """A worker's link carries 0.5 Mbit/s, and drops what waits for longer than 400 ms."""
    words = ("tbf", "rate", "512kbit", "burst", "4kb", "latency", "400ms")
    cluster.network.slow(cluster.workers[1], *words)


def fill_disk(cluster: Cluster) -> None:
    """A worker's temporary folder, where Ray has its files, is full."""
    cluster.workers[1].run("cat /dev/zero > /tmp/full", user="root")


def stop_store(cluster: Cluster) -> None:
    """The object store does not answer for a minute."""
    for name in ("STOP", "CONT"):
        cluster.head.run(f"pkill -{name} -f moto.server", user="root")
        if name == "STOP":
            time.sleep(60)


FAULTS: dict[str, tuple[Fault, str]] = {
    "none": (nothing, "/mnt/out"),
    "link cut for 20 s": (cut(20), "/mnt/out"),
    "link cut for 2 minutes": (cut(120), "/mnt/out"),
    "worker gone for good": (lose_worker, "/mnt/out"),
    "head gone, started again": (lose_head, "/mnt/out"),
    "link of 0.5 Mbit/s": (slow_down, "/mnt/out"),
    "disk of a worker full": (fill_disk, "/mnt/out"),
    "object store silent for a minute": (
        stop_store,
        f"s3://bucket/out?scheme=http&endpoint_override={STORE}&region=us-east-1",
    ),
}
"""What strikes, and where rows go."""


def observe(name: str) -> Outcome:
    """Strike one sweep with a fault, and see what became of it."""
    fault, out = FAULTS[name]
    small = {ADDRESSES[2]: 200_000_000} if fault is fill_disk else {}
    with Network(ADDRESSES, tmp_bytes=small) as network:
        cluster = Cluster(network, out)
        if "://" in out:
            _start_store(cluster)
        cluster.start()
        start = time.time()
        driver, starts = cluster.drive(), 1
        cluster.wait_for_shards(4)
        fault(cluster)
        while starts < _MOST_STARTS and _status(driver):
            if cluster.head.run("ray status").returncode != 0:
                cluster.start()
            driver, starts = cluster.drive(), starts + 1
        return _outcome(cluster, start, starts)


def _status(driver: subprocess.Popen[bytes]) -> int | None:
    """The exit status of a driver; None where it does not end."""
    wait_for(lambda: driver.poll() is not None, _MOST_S)
    return driver.poll()


def _start_store(cluster: Cluster) -> None:
    """Start moto's S3 server on the head, with a bucket."""
    host, port = STORE.split(":")
    serve = f"from moto.server import main; main(['-H', '{host}', '-p', '{port}'])"
    cluster.head.start(f'python -c "{serve}"', cluster.head.folder / "store.txt")
    options = f"endpoint_override='{STORE}', scheme='http', allow_bucket_creation=True"
    make = f"from pyarrow import fs; fs.S3FileSystem({options}).create_dir('bucket')"
    done = wait_for(lambda: cluster.head.run(f'python -c "{make}"').returncode == 0, 60)
    assert done, "no object store"


def _outcome(cluster: Cluster, start: float, starts: int) -> Outcome:
    """Read what is there, from the head."""
    again = Counter(key for line in watched.read(cluster.log) for key in line.keys)
    done = cluster.head.run(f"python -m benchmarks.faults look '{cluster.out}'")
    identical, *times = done.stdout.split() or ["False"]
    at = sorted(map(float, times)) or [start]
    pause = max((b - a for a, b in zip(at, at[1:], strict=False)), default=0.0)
    number = sum(count - 1 for count in again.values())
    words = cluster.said.read_text().strip().splitlines() or [done.stderr[-500:]]
    return Outcome(identical == "True", number, pause, at[-1] - start, starts, words[-1])


app = typer.Typer(add_completion=False, invoke_without_command=True)


@app.callback()
def main(
    context: typer.Context,
    only: Annotated[
        list[str], typer.Option(help="Faults to strike with; all if none is named.")
    ] = [],  # noqa: B006
) -> None:
    """Strike and compare; exit status 1 where rows differ."""
    if context.invoked_subcommand is not None:
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hosts are removed
    if reason := missing():
        sys.exit(reason)
    table = Table("fault", "identical", "again", "pause, s", "s", "starts", "last words")
    outcomes = []
    for name in only or FAULTS:
        outcomes.append(one := observe(name))
        numbers = (f"{one.again}", f"{one.pause_s:.0f}", f"{one.wall_s:.0f}", f"{one.starts}")
        table.add_row(name, "yes" if one.identical else "no", *numbers, one.said)
        Console(width=160).print(table)
    raise typer.Exit(int(not all(one.identical for one in outcomes)))


@app.command("drive", hidden=True)
def drive_command(address: str, out: str, log: str) -> None:
    """The driver process: train the sweep; the exit status says whether it is complete."""
    from sweeps import driver
    from sweeps.declare.cells.resolve import resolve
    from sweeps.errors import SweepError
    from sweeps.plan.cut import ShardSize
    from sweeps.store.dataset import DatasetFolder
    from sweeps.train.executors import local, tune

    text, watching = watched.case("toy", log, address != "local")
    dataset = DatasetFolder(out)
    plan = driver.plan_sweep(resolve(text, "killed.yaml", lambda name: watching), dataset)
    job = driver.prepare(plan, dataset, ShardSize(runs=SHARD_RUNS))
    ray = tune.Cluster(address)
    train = local.run if address == "local" else lambda job, report: tune.run(job, report, ray)
    try:
        outcome = driver.execute(job, dataset, lambda job: train(job, lambda progress: None))
    except SweepError as error:
        print(f"refused: {error}")
        raise typer.Exit(2) from None
    print(outcome)
    raise typer.Exit(int(bool(outcome.missing)))


@app.command("look", hidden=True)
def look_command(out: str) -> None:
    """Print whether the rows are those of an undisturbed sweep, and when each file was published."""
    import pyarrow.dataset

    undisturbed = f"/tmp/undisturbed-{time.time_ns()}"
    command = [
        sys.executable,
        "-m",
        "benchmarks.faults",
        "drive",
        "local",
        undisturbed,
        "/dev/null",
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    tables = []
    for folder in (undisturbed, out):
        files, path = (
            fs.FileSystem.from_uri(folder) if "://" in folder else (fs.LocalFileSystem(), folder)
        )
        infos = files.get_file_info(fs.FileSelector(path))
        shards = [info for info in infos if info.base_name.startswith("shard-")]
        rest = [info.base_name for info in infos if not info.base_name.startswith(("shard-", "_"))]
        table = pyarrow.dataset.dataset([info.path for info in shards], filesystem=files).to_table()
        tables.append(table.sort_by("run_id"))
    print(tables[0].equals(tables[1]) and not rest, *(info.mtime_ns / 1e9 for info in shards))


if __name__ == "__main__":
    app()

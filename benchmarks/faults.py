"""Faults between hosts while they train, compared with an undisturbed sweep: prints a table.

    python -m benchmarks.faults [--only NAME]

Three hosts of `benchmarks.hosts`, a head and two workers of one CPU each, train 960 runs of the toy in 40
shards; the driver is on the head. Each fault has hosts of its own: there before Ray starts, or it strikes
once four shards are published. Where the driver ends before the sweep is complete, what can be mended is
mended, the cluster is started again unless it still runs, and the same command.

| column | what it says |
|---|---|
| identical | whether all rows are there, the same to the last bit, and nothing else |
| again | runs that were begun more than once; those in flight are at most 48 |
| pause, s | the longest time between two publications |
| s | from the driver's first start to the last publication |
| session, s | from there to the last publication, by what the files say of themselves |
| nodes, codes | hosts that published, and states of the code that rows come from |
| refused | the last words of drivers that did not complete the sweep, and of a host that Ray refuses |
"""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from pyarrow import fs
from rich.console import Console
from rich.table import Table

from benchmarks import watched
from benchmarks.fault_kinds import FAULTS, STORE, lacking
from benchmarks.hosts import ROOT, Network, wait_for
from benchmarks.ray_hosts import SHARD_RUNS, Cluster

ADDRESSES = ("10.79.0.1", "10.79.0.2", "10.79.0.3")

_MOST_S = 400.0
_MOST_STARTS = 3
_VOLUME_BYTES = 4_000_000


class Outcome(NamedTuple):
    """What became of a sweep.

    Attributes:
        identical: rows are those of an undisturbed sweep.
        again: runs that were begun again.
        pause_s: the longest time between two publications.
        wall_s: to the last publication.
        session_s: the same, by what the last session's files say.
        starts: of the driver.
        nodes: that published.
        codes: states of the code that rows come from.
        refused: last words of what did not end well.
    """

    identical: bool
    again: int
    pause_s: float
    wall_s: float
    session_s: float
    starts: int
    nodes: int
    codes: int
    refused: tuple[str, ...]


def observe(name: str) -> Outcome:
    """Let one sweep have a fault, and see what became of it."""
    fault = FAULTS[name]
    small = {ADDRESSES[2]: fault.tmp_bytes} if fault.tmp_bytes else {}
    volumes = {"volume": _VOLUME_BYTES} if "/volume/" in fault.out else {}
    with Network(ADDRESSES, tmp_bytes=small, volumes=volumes) as network:
        cluster = Cluster(network, fault.out)
        if "://" in fault.out:
            _start_store(cluster)
        fault.prepare(cluster)
        cluster.start()
        start, refused = time.time(), []
        driver, starts = cluster.drive(), 1
        cluster.wait_for_shards(4, driver)
        fault.strike(cluster)
        while starts < _MOST_STARTS and _status(driver):
            refused.append(_last_words(cluster.said))
            fault.mend(cluster)
            if cluster.head.run("ray status").returncode != 0:
                cluster.start()
            driver, starts = cluster.drive(), starts + 1
        refused += [_mismatch(host.folder / "ray.txt") for host in cluster.interpreters]
        return _outcome(cluster, start, starts, tuple(refused))


def _last_words(said: Path) -> str:
    """The last line that a driver said."""
    lines = said.read_text().strip().splitlines()
    return lines[-1] if lines else ""


def _mismatch(said: Path) -> str:
    """Why Ray refused a host."""
    text = " ".join(said.read_text().split())
    found = re.search(r"Version mismatch: (.*?Python: [\d.]+){2}", text)
    return found[0] if found else text[-300:]


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


def _outcome(cluster: Cluster, start: float, starts: int, refused: tuple[str, ...]) -> Outcome:
    """Read what is there, from the head."""
    again = Counter(key for line in watched.read(cluster.log) for key in line.keys)
    done = cluster.head.run(f"python -m benchmarks.faults look '{cluster.out}'")
    if done.returncode != 0:
        return Outcome(False, 0, 0.0, 0.0, 0.0, starts, 0, 0, (*refused, done.stderr[-500:]))
    identical, nodes, codes, session_s, *times = done.stdout.split()
    at = sorted(map(float, times)) or [start]
    pause = max((b - a for a, b in zip(at, at[1:], strict=False)), default=0.0)
    number, wall_s = sum(count - 1 for count in again.values()), at[-1] - start
    found = (identical == "True", number, pause, wall_s, float(session_s), starts)
    return Outcome(*found, int(nodes), int(codes), refused)


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
    headings = ("again", "pause, s", "s", "session, s", "starts", "nodes", "codes", "refused")
    table, outcomes = Table("fault", "identical", *headings), []
    for name in only or FAULTS:
        if reason := lacking(name):
            sys.exit(reason)
        outcomes.append(one := observe(name))
        identical, again, *seconds = one[:5]
        numbers = (f"{again}", *(f"{value:.0f}" for value in seconds))
        counts = (f"{one.starts}", f"{one.nodes}", f"{one.codes}", "\n".join(one.refused))
        table.add_row(name, "yes" if identical else "no", *numbers, *counts)
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
    from sweeps.store.failed_shard import reason
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
    reasons = {reason(text) for text in outcome.failures.values()}
    print(f"{outcome.missing} runs missing", *reasons, sep="; ")
    raise typer.Exit(int(bool(outcome.missing)))


@app.command("look", hidden=True)
def look_command(out: str) -> None:
    """Print whether the rows are those of an undisturbed sweep, and when each file was published."""
    import pyarrow.dataset
    import pyarrow.parquet as pq

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
    notes = [pq.read_metadata(info.path, filesystem=files).metadata for info in shards]
    last = max(range(len(shards)), key=lambda i: shards[i].mtime_ns)
    own = [note for note in notes if note[b"session"] == notes[last][b"session"]]
    session_s = max(float(note[b"session_s"]) for note in own)
    print(tables[0].equals(tables[1]) and not rest)
    print(*(len({note[key] for note in notes}) for key in (b"node", b"code_digest")))
    print(session_s, *(info.mtime_ns / 1e9 for info in shards))


if __name__ == "__main__":
    app()

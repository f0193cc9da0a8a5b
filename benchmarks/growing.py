"""Hosts that are started for work alone, over ssh: none before a job, both for it, none after it; twice.

    python -m benchmarks.growing

Four hosts of `benchmarks.hosts`, as in `benchmarks.launch`: a head without CPUs for trials, two workers,
and the operator's machine, which has a cluster file by `clusters/on_premises.py --idle-minutes` and submits
`label-flip-plane` of size smoke. Processes of a worker are looked at from outside.
"""

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import pyarrow.parquet as pq
import typer

from benchmarks.hosts import Host, Network, missing, wait_for
from benchmarks.launch import (
    SWEEP,
    Step,
    await_end,
    commands,
    fill_in,
    furnish_operator,
    open_tunnel,
    take,
)
from benchmarks.processes import title
from benchmarks.ray_hosts import has_joined

ADDRESSES = ("10.81.0.1", "10.81.0.2", "10.81.0.3", "10.81.0.9")
OPTIONS = "--idle-minutes 0.3 --cpus 2"

_MOST_S = 300.0
_UPDATES_S = 15.0
"""Three looks of the autoscaler at what is needed."""
_LEFT_S = 90.0


class Job(NamedTuple):
    """Workers before a job; seconds from its submission; from its end; what remained of it."""

    workers_before: int
    first_joined_s: float
    second_joined_s: float
    first_shard_s: float
    end_s: float
    no_worker_s: float
    no_process_s: float
    remained: str
    published: str


_ROWS = {
    "workers before the job": "workers_before",
    "from its submission until the first worker has joined, s": "first_joined_s",
    "until the second has joined, s": "second_joined_s",
    "until the first shard is published, s": "first_shard_s",
    "until the job has ended, s": "end_s",
    "from then until no worker is left, s": "no_worker_s",
    "until workers have only the processes of before, s": "no_process_s",
    "processes of workers that remained": "remained",
    "runs published, of planned; shards of each worker": "published",
}


class Workers:
    """The workers' processes, as they are beside those at the start."""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = hosts
        self._before = {process for host in hosts for process in host.processes()}

    def with_ray(self) -> int:
        """How many have a raylet."""
        return sum(any("/raylet/raylet " in title(p) for p in h.processes()) for h in self.hosts)

    def joined(self) -> int:
        """How many have joined."""
        return sum(has_joined(host) for host in self.hosts)

    def others(self) -> list[str]:
        """Titles of processes that were not there at the start."""
        found = {process for host in self.hosts for process in host.processes()}
        return [words for process in sorted(found - self._before) if (words := title(process))]


def train(network: Network, workers: Workers, out: str) -> Job:
    """Submit the job, and wait until its workers are gone.

    Args:
        network: hosts whose head has Ray.
        workers: those that it may start.
        out: name of the dataset's folder, in the folder that all see.
    """
    operator, before = network.hosts[-1], workers.with_ray()
    submit = commands()[2].replace(f"s3://my-bucket/{SWEEP}", f"/mnt/{out}")
    start, said = time.time(), operator.folder / f"{out}.txt"
    job = operator.start(f"export RAY_AUTH_MODE=token; {submit}", said)

    def until(what: Callable[[], bool], seconds: float = _MOST_S) -> float:
        """Wait; returns seconds since the submission."""
        assert wait_for(what, seconds), said.read_text()
        return time.time() - start

    first, second = (until(lambda n=n: workers.joined() >= n) for n in (1, 2))  # type: ignore[misc]
    end = until(lambda: job.poll() is not None)
    assert job.returncode == 0, said.read_text()
    no_worker = until(lambda: not workers.with_ray())
    wait_for(lambda: not workers.others(), _LEFT_S)
    no_process, remained = time.time() - start, workers.others()
    shards = [path.stat().st_mtime for path in (network.shared / out).glob("shard-*")]
    return Job(
        before,
        first,
        second,
        min(shards) - start,
        end,
        no_worker - end,
        no_process - end,
        "; ".join(remained) or "none",
        published(network, out),
    )


def published(network: Network, out: str) -> str:
    """What the dataset says of itself, in words."""
    command = f"bocnn status /mnt/{out} --json 2> /dev/null"
    found = json.loads(checked(take(network.hosts[-1], command)).said)
    shards = (network.shared / out).glob("shard-*")
    nodes = Counter(pq.read_metadata(shard).metadata[b"node"] for shard in shards)
    by_node = " and ".join(str(nodes[host.name.encode()]) for host in network.hosts[1:3])
    return f"{found['published']} of {found['planned']}; {by_node} shards"


def checked(step: Step) -> Step:
    """A step that was done."""
    print(f"--- {step.command}: {step.wall_s:.1f} s", flush=True)
    assert step.status == 0, step.said
    return step


def grow(network: Network) -> list[Job]:
    """Start the head, train twice, end the cluster."""
    operator, workers = furnish_operator(network), Workers(network.hosts[1:3])
    up, tunnel, _, _, down = commands()
    checked(fill_in(operator, ADDRESSES[:3], OPTIONS))
    checked(take(operator, up))
    checked(open_tunnel(operator, tunnel))
    time.sleep(_UPDATES_S)
    jobs = [train(network, workers, out) for out in ("first", "second")]
    same = checked(take(operator, "bocnn diff /mnt/first /mnt/second"))
    print(same.said)
    checked(take(operator, down))
    checked(await_end(network))
    return jobs


def main() -> None:
    """Print the table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hosts are removed
    if reason := missing():
        sys.exit(reason)
    with Network(ADDRESSES) as network:
        jobs = grow(network)
    print("| | first job | second job |\n|---|---|---|")
    for words, name in _ROWS.items():
        values = (getattr(job, name) for job in jobs)
        shown = (f"{value:.0f}" if isinstance(value, float) else str(value) for value in values)
        print(f"| {words} | {' | '.join(shown)} |")


if __name__ == "__main__":
    typer.run(main)

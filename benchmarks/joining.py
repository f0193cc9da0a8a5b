"""A host that joins a sweep which trains: where the seconds go until its first published shard.

    python -m benchmarks.joining

A head with the driver and one worker train `label-flip-plane`; then Ray is started on a third host, as
`make setup-cluster` leaves it: once without, once with the engine compiled. Wall times are those of this
machine with all that runs beside; processor time is of the third host's processes alone, by their kind,
up to the first shard that it publishes.
"""

import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.hosts import Host, Network, missing, wait_for
from benchmarks.processes import processor_s, title
from benchmarks.ray_hosts import Cluster

ADDRESSES = ("10.80.0.1", "10.80.0.2", "10.80.0.3")
SWEEP = "label-flip-plane --replicates 2000 --shard-seconds 1"
COMPILE = "python -m bocnn.models.cnn.compile"

_MOST_S = 300.0
_KINDS = {
    "ray start": "ray start",
    "raylet/raylet": "raylet",
    "dashboard/agent": "agent of the node",
    "DashboardAgent": "agent of the node",
    "runtime_env/agent": "agent of environments",
    "RuntimeEnvAgent": "agent of environments",
    "log_monitor": "log monitor",
    "ray::": "trial",
    "default_worker": "trial",
}


class Joined(NamedTuple):
    """Seconds from `ray start`: a trial's process there, its shard published, compiling; processor time."""

    trial_s: float
    published_s: float
    compile_s: float
    processor_s: dict[str, float]


class Sampler:
    """Processor time of a host's processes by kind, those that have ended included."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._before = {process: processor_s(process) for process in host.processes()}
        self._seen: dict[int, tuple[str, float]] = {}

    def sample(self) -> None:
        """Note what each process has used so far."""
        for process in self._host.processes():
            words = title(process)
            kind = next((kind for part, kind in _KINDS.items() if part in words), "others")
            used = processor_s(process) - self._before.get(process, 0.0)
            before = self._seen.get(process, ("others", 0.0))
            first = kind if before[0] == "others" else before[0]  # titles change
            self._seen[process] = (first, max(used, before[1]))

    def has(self, kind: str) -> bool:
        """Whether a process of a kind was seen."""
        return any(each == kind for each, _ in self._seen.values())

    def total(self) -> dict[str, float]:
        """Seconds by kind."""
        total: Counter[str] = Counter()
        for kind, seconds in self._seen.values():
            total[kind] += seconds  # type: ignore[assignment]
        return dict(total)


def join(compiled: bool) -> Joined:
    """Let a host join.

    Args:
        compiled: whether its set-up has compiled the engine.
    """
    with Network(ADDRESSES) as network:
        cluster = Cluster(network, "/mnt/out")
        head, _, last = network.hosts
        if compiled:
            assert last.run(COMPILE).returncode == 0
        cluster.start(cluster.workers[:1])
        head.start(f"bocnn run {SWEEP} --address auto --out /mnt/out", cluster.said)
        assert wait_for(lambda: bool(cluster.published()), _MOST_S), cluster.said.read_text()
        sampler, start = Sampler(last), time.time()
        cluster.join(last)
        trial_s = _until(lambda: sampler.has("trial"), sampler, start)
        published_s = _until(lambda: _first(cluster, last) is not None, sampler, start)
        note = _first(cluster, last) or {}
        return Joined(trial_s, published_s, float(note[b"compile_s"]), sampler.total())


def _until(what: Callable[[], bool], sampler: Sampler, start: float) -> float:
    """Sample until it comes true; seconds since the start."""

    def sampled() -> bool:
        sampler.sample()
        return what()

    assert wait_for(sampled, _MOST_S), "the host publishes nothing"
    return time.time() - start


def _first(cluster: Cluster, host: Host) -> dict[bytes, bytes] | None:
    """What the first shard of a host says of itself."""
    for name, _ in sorted(cluster.published().items(), key=lambda item: item[1]):
        note = dict(pq.read_metadata(cluster.network.shared / "out" / name).metadata)
        if note[b"node"].decode() == host.name:
            return note
    return None


def main() -> None:
    """Print the table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hosts are removed
    if reason := missing():
        sys.exit(reason)
    kinds = [*dict.fromkeys(_KINDS.values()), "others"]
    table = Table("engine", "trial, s", "first shard, s", "compiling, s", "processor, s", *kinds)
    for compiled in (False, True):
        one = join(compiled)
        seconds = (one.trial_s, one.published_s, one.compile_s, sum(one.processor_s.values()))
        used = (one.processor_s.get(kind, 0.0) for kind in kinds)
        words = "compiled at set-up" if compiled else "not compiled"
        table.add_row(words, *(f"{value:.1f}" for value in (*seconds, *used)))
        Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)

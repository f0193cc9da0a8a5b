"""Ray on three hosts of `benchmarks.hosts`, and a driver of a watched sweep on its head."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks import watched
from benchmarks.hosts import Host, Network, copy_sources, wait_for
from benchmarks.processes import title

SHARD_RUNS = 24

_PORT = 6379
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "a" * 64,
    "RAY_USAGE_STATS_ENABLED": "0",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Cluster:
    """Ray on three hosts, and a driver on the head."""

    def __init__(self, network: Network, out: str) -> None:
        self.network, self.out = network, out
        self.head, *self.workers = network.hosts
        self.log = network.shared / "log"
        self.interpreters: dict[Host, str] = {}
        """Words that start Python under which Ray runs on a host, where it is not the hosts' own."""
        for host in network.hosts:
            host.set_environment(ENVIRONMENT)
            copy_sources(host)

    def start(self, workers: Sequence[Host] | None = None, *, cpus: int = 1) -> None:
        """Start Ray on the head and on workers, all if none are named."""
        own = f"--node-ip-address={self.head.address} --port={_PORT} --num-cpus=0"
        self.ray(self.head, f"--head {own} --include-dashboard=false")
        probe = f"exec 3<>/dev/tcp/{self.head.address}/{_PORT}"
        assert wait_for(lambda: self.head.run(probe, user="root").returncode == 0, 120), "no head"
        workers = self.workers if workers is None else workers
        for host in workers:
            self.join(host, cpus)
        for host in set(workers) - set(self.interpreters):
            assert wait_for(lambda host=host: has_joined(host), 300), f"{host.name} has not joined"  # type: ignore[misc]

    def join(self, host: Host, cpus: int = 1) -> None:
        """Start Ray on a worker, without waiting."""
        self.ray(host, f"--address={self.head.address}:{_PORT} --num-cpus={cpus}")

    def ray(self, host: Host, options: str) -> None:
        """Start Ray on a host, again where a busy machine makes it give up."""
        ray = "ray"
        if host in self.interpreters:
            ray = f"{self.interpreters[host]} -c 'from ray.scripts.scripts import main; main()'"
        command = f"{ray} start --block --object-store-memory=80000000 {options}"
        host.start(f"for _ in 1 2 3; do {command} && break; done", host.folder / "ray.txt")

    def drive(self) -> subprocess.Popen[bytes]:
        """Start a driver on the head."""
        words = f"{self.head.address}:{_PORT} '{self.out}' /mnt/log"
        return self.head.start(f"python -m benchmarks.faults drive {words}", self.said)

    @property
    def said(self) -> Path:
        """What the driver said."""
        return self.head.folder / "driver.txt"

    def published(self) -> dict[str, float]:
        """When each file of rows was published."""
        if self.out.startswith("/mnt/"):
            folder = self.network.shared / self.out.removeprefix("/mnt/")
            return {path.name: path.stat().st_mtime for path in folder.glob("shard-*")}
        return {}

    def wait_for_shards(self, number: int, driver: subprocess.Popen[bytes]) -> None:
        """Return when some shards are published, or begun where none can be seen, or the driver ends."""
        seen = self.out.startswith("/mnt/")
        least = number * SHARD_RUNS

        def enough() -> bool:
            """Whether there are as many."""
            return len(self.published()) >= number if seen else self.begun() >= least

        wait_for(lambda: enough() or driver.poll() is not None, 120)

    def begun(self) -> int:
        """How many runs were begun."""
        return sum(len(line.keys) for line in watched.read(self.log)) if self.log.exists() else 0


def has_joined(host: Host) -> bool:
    """Whether a host's raylet has started all of its own."""
    return any("/runtime_env/agent/" in title(process) for process in host.processes())

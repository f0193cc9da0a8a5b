"""What goes wrong between hosts: before Ray starts, while a sweep trains, and what an operator mends."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.hosts import ROOT, Host, missing
from benchmarks.ray_hosts import ENVIRONMENT, Cluster

STORE = "10.79.0.1:9000"
"""Where the head has an object store."""

_CLOCK = Path(__file__).with_name("clock.c")
_PYTHON = "/usr/bin/python3"

Step = Callable[[Cluster], None]


def nothing(_cluster: Cluster) -> None:
    """Do nothing."""


def cut(seconds: float) -> Step:
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
    _restart(cluster.head)


def _restart(host: Host) -> None:
    host.kill()
    (host.folder / "ready").unlink()
    host.boot()


def upgrade(cluster: Cluster) -> None:
    """The cluster is ended, all hosts get the sources of another commit, and start again."""
    for host in cluster.network.hosts:
        _restart(host)
        _change(host)


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


def shift_clock(hours: int) -> Step:
    """A worker's clock is hours apart from the others'; files keep the store's time."""

    def prepare(cluster: Cluster) -> None:
        library = cluster.network.folder / "clock.so"
        words = ["-O2", "-shared", "-fPIC", "-o", str(library), str(_CLOCK), "-ldl"]
        subprocess.run(["cc", *words], check=True)
        values = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(3600 * hours)}
        cluster.workers[1].set_environment(ENVIRONMENT | values)

    return prepare


def change_sources(cluster: Cluster) -> None:
    """A worker has the sources of another commit."""
    _change(cluster.workers[1])


def _change(host: Host) -> None:
    with _changed(host).open("a") as stream:
        stream.write("# another commit\n")


def restore_sources(cluster: Cluster) -> None:
    """That worker has the driver's sources again."""
    shutil.copy2(ROOT / "sweeps" / "errors.py", _changed(cluster.workers[1]))


def _changed(host: Host) -> Path:
    return host.folder / "home" / "bocnn" / "sweeps" / "errors.py"


def change_python(cluster: Cluster) -> None:
    """Ray of a worker runs under another patch of Python, the system's, with the same packages."""
    packages = next(Path(sys.prefix, "lib").glob("python3*/site-packages"))
    cluster.interpreters[cluster.workers[1]] = f"PYTHONPATH={packages} {_PYTHON}"


def fill_folder(cluster: Cluster) -> None:
    """The file system of the dataset's folder is full."""
    cluster.head.run("cat /dev/zero > /mnt/volume/full", user="root")


def free_folder(cluster: Cluster) -> None:
    """There is room again."""
    cluster.head.run("rm /mnt/volume/full", user="root")


class Fault(NamedTuple):
    """A fault: before Ray starts, when four shards are published, before the driver's next start.

    Attributes:
        strike: what happens to a sweep that trains.
        prepare: what is wrong from the start.
        mend: what an operator does about it.
        out: where rows go.
        tmp_bytes: size of the second worker's temporary folder; 0 for the machine's memory.
    """

    strike: Step = nothing
    prepare: Step = nothing
    mend: Step = nothing
    out: str = "/mnt/out"
    tmp_bytes: int = 0


FAULTS: dict[str, Fault] = {
    "none": Fault(),
    "link cut for 20 s": Fault(cut(20)),
    "link cut for 2 minutes": Fault(cut(120)),
    "worker gone for good": Fault(lose_worker),
    "head gone, started again": Fault(lose_head),
    "link of 0.5 Mbit/s": Fault(slow_down),
    "disk of a worker full": Fault(fill_disk, tmp_bytes=200_000_000),
    "disk of the dataset full": Fault(fill_folder, mend=free_folder, out="/mnt/volume/out"),
    "object store silent for a minute": Fault(
        stop_store, out=f"s3://bucket/out?scheme=http&endpoint_override={STORE}&region=us-east-1"
    ),
    "clock of a worker an hour ahead": Fault(prepare=shift_clock(1)),
    "clock of a worker an hour behind": Fault(prepare=shift_clock(-1)),
    "all hosts upgraded in the middle": Fault(upgrade),
    "worker of another commit": Fault(prepare=change_sources, mend=restore_sources),
    "worker of another Python": Fault(prepare=change_python),
}
"""What strikes, by its name."""


def lacking(name: str) -> str:
    """What this machine lacks for a fault, in words; nothing where it has all."""
    if "clock" in name and shutil.which("cc") is None:
        return "needs a C compiler (apt-get install gcc libc6-dev)"
    if "Python" in name:
        own = ".".join(map(str, sys.version_info[:2]))
        words = subprocess.run(
            [_PYTHON, "--version"], capture_output=True, text=True
        ).stdout.split()
        found = words[-1] if words else "none"
        if not found.startswith(own + ".") or found == sys.version.split()[0]:
            return f"needs another patch of Python {own} as {_PYTHON}, which is {found}"
    return missing()

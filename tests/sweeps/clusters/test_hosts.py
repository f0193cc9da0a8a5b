"""Three hosts, each a network namespace with its own address and temporary folder: a host that is lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.processes import title
from tests.sweeps.small import DRIVER, TOY_SWEEP, resolved, rows, train

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
HEAD = "10.77.0.1"
RAY = str(Path(sys.executable).parent / "ray")


def wait_for(what: Callable[[], bool], seconds: float) -> None:
    """Return when it comes true, or after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not what():
        time.sleep(0.1)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Hosts:
    """Namespaces on one bridge; what runs in them is ended by its process numbers."""

    def __init__(self, number: int) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.mark = f"bocnn{os.getpid() % 10000}"
        self.names = [f"{self.mark}h{i}" for i in range(number)]
        ip("link", "add", self.mark, "type", "bridge")
        ip("link", "set", self.mark, "up")
        for number, name in enumerate(self.names):
            ip("netns", "add", name)
            ip(
                "link",
                "add",
                f"v{name}"[-15:],
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                name,
            )
            ip("link", "set", f"v{name}"[-15:], "master", self.mark, "up")
            ip("-n", name, "addr", "add", f"10.77.0.{number + 1}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")

    def start(self, number: int, command: list[str]) -> None:
        """A command on a host, with an empty folder of its own for Ray's files."""
        inside = f"mkdir -p /tmp/ray && mount -t tmpfs none /tmp/ray && exec {' '.join(command)}"
        environment = {n: v for n, v in os.environ.items() if not n.startswith("RAY_")} | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "a" * 64,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "2000",
            "RAY_health_check_failure_threshold": "3",
            "PYTHONPATH": str(ROOT),
        }
        started = subprocess.Popen(
            ["ip", "netns", "exec", self.names[number], "bash", "-c", inside],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.started.append(started)

    def processes(self, number: int) -> dict[int, str]:
        """All that runs on a host, with its command or title."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self.names[number]], capture_output=True, text=True
        )
        return {int(process): title(int(process)) for process in listed.stdout.split()}

    def kill(self, number: int) -> None:
        """A host is lost: all that runs there, at once."""
        for process in self.processes(number):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def has_node(self, number: int) -> bool:
        """Whether a host's raylet has started all of its own."""
        return any("/runtime_env/agent/" in command for command in self.processes(number).values())

    def has_head(self) -> bool:
        """Whether Ray's head takes connections, on the first host."""
        probe = f"exec 3<>/dev/tcp/{HEAD}/6379"
        words = ["ip", "netns", "exec", self.names[0], "bash", "-c", probe]
        return subprocess.run(words, capture_output=True).returncode == 0

    def close(self) -> None:
        for number, name in enumerate(self.names):
            self.kill(number)
            subprocess.run(["ip", "link", "del", f"v{name}"[-15:]], capture_output=True)
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["ip", "link", "del", self.mark], capture_output=True)
        for process in self.started:
            process.wait(timeout=30)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs the right to make network namespaces")
    found = Hosts(3)
    start = [RAY, "start", "--block", "--object-store-memory=80000000", "--num-cpus=1"]
    try:
        head = ["--head", f"--node-ip-address={HEAD}", "--port=6379", "--include-dashboard=false"]
        found.start(0, start + head)
        wait_for(found.has_head, 60)
        for number in (1, 2):
            address = [f"--address={HEAD}:6379", f"--node-ip-address=10.77.0.{number + 1}"]
            found.start(number, start + address)
        wait_for(lambda: all(found.has_node(number) for number in (1, 2)), 60)
        yield found
    finally:
        found.close()


def test_a_host_that_is_lost_costs_no_row(hosts: Hosts, out: Path, tmp_path: Path) -> None:
    train(TOY_SWEEP, tmp_path / "whole")
    pid = subprocess.run(
        ["ip", "netns", "pids", hosts.names[0]], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    (tmp_path / "driver.py").write_text(DRIVER)
    environment = {n: v for n, v in os.environ.items() if not n.startswith("RAY_")} | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "a" * 64,
        "PYTHONPATH": str(ROOT),
    }
    driver = subprocess.Popen(
        [
            "nsenter",
            "-t",
            pid,
            "-m",
            "-n",
            sys.executable,
            str(tmp_path / "driver.py"),
            str(out),
            f"{HEAD}:6379",
        ],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(lambda: len(list(out.glob("shard-*"))) >= 4 or driver.poll() is not None, 120)
    hosts.kill(2)
    said, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, said
    assert resolved(TOY_SWEEP).cells.number * 3 == rows(out).num_rows
    assert rows(out).equals(rows(tmp_path / "whole"))
    assert {path.name[:6] for path in out.iterdir()} == {"_given", "_sweep", "shard-"}

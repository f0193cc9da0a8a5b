"""A cluster that grows: Ray's own autoscaler starts nodes for a sweep and ends them after it.

Nodes are raylets on this machine, from the provider that Ray tests itself with; what is behind the
provider is as on a cloud: the head that `ray start` makes, the monitor, the demand that trials are.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sweeps.small import DRIVER, TOY_SWEEP, rows, train

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[3]
RAY = str(Path(sys.executable).parent / "ray")
HEAD = "f" * 51 + "00000"
"""The name that the provider gives to the head, of the form of Ray's node names."""

HEAD_TYPE = "ray.head.default"
"""And the type: it takes no other."""

MOST = 2


def description(address: str) -> dict[str, object]:
    """The cluster file: a head without CPUs, and workers of one CPU, gone when idle for 3 s."""
    empty: tuple[str, ...] = ("initialization_commands", "setup_commands", "head_setup_commands")
    empty += ("worker_setup_commands", "head_start_ray_commands", "worker_start_ray_commands")
    empty += ("cluster_synced_files", "rsync_exclude", "rsync_filter")
    small = {"CPU": 1, "object_store_memory": 80_000_000}
    return {name: [] for name in empty} | {
        "cluster_name": "growing",
        "max_workers": MOST,
        "idle_timeout_minutes": 0.05,
        "upscaling_speed": 1.0,
        "provider": {
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "gcs_address": address,
            "head_node_id": HEAD,
            "launch_multiple": True,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": {
            HEAD_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "small": {"resources": small, "node_config": {}, "min_workers": 0, "max_workers": MOST},
        },
        "head_node_type": HEAD_TYPE,
        "file_mounts": {},
        "docker": {},
        "auth": {},
    }


class Growing:
    """The head, and all that it starts; known by the folder in their commands."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        file = Path(folder) / "cluster.yaml"
        file.write_text(json.dumps(description(self.address)))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self.environment = kept | {
            "RAY_worker_niceness": "0",  # workers would starve beside other tests
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # so that 127.0.0.1 is left as it is
        }
        start = [RAY, "start", "--head", "--block", "--num-cpus=0", f"--port={port}"]
        start += ["--node-ip-address=127.0.0.1", "--include-dashboard=false"]
        start += ["--object-store-memory=80000000", f"--temp-dir={folder}/ray"]
        with (Path(folder) / "head.txt").open("wb") as words:
            self.head = subprocess.Popen(
                [*start, f"--autoscaling-config={file}"],
                stdout=words,
                stderr=words,
                env=self.environment
                | {
                    "RAY_FAKE_CLUSTER": "1",
                    "RAY_enable_autoscaler_v2": "1",  # what `ray up` takes
                    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
                    "RAY_CLOUD_INSTANCE_ID": HEAD,
                    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD,
                },
            )

    def processes(self) -> dict[int, str]:
        """Every living process of the cluster, with its command."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if entry.name.isdigit() and self.folder in command and "pytest" not in command:
                found[int(entry.name)] = command
        return found

    def workers(self) -> int:
        """How many nodes there are beside the head."""
        raylets = [c for c in self.processes().values() if "/raylet/raylet " in c]
        return len(raylets) - 1

    def close(self) -> None:
        """End the head, then whatever is left."""
        self.head.terminate()
        self.head.wait(timeout=30)
        for process in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes true within so many seconds."""
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.2)
    return what()


@pytest.fixture
def growing() -> Iterator[Growing]:
    with tempfile.TemporaryDirectory(prefix="grow-", dir="/tmp", ignore_cleanup_errors=True) as f:
        cluster = Growing(f)
        try:
            yield cluster
        finally:
            cluster.close()


def test_nodes_come_up_for_a_sweep_and_go_down_after_it(
    growing: Growing, out: Path, tmp_path: Path
) -> None:
    train(TOY_SWEEP, tmp_path / "whole")
    said = Path(growing.folder) / "head.txt"
    assert wait_for(lambda: "--block" in said.read_text(), 60), said.read_text()
    assert growing.workers() == 0

    (tmp_path / "driver.py").write_text(DRIVER)
    with (tmp_path / "said.txt").open("w") as words:
        driver = subprocess.Popen(
            [sys.executable, str(tmp_path / "driver.py"), str(out), growing.address],
            env=growing.environment,
            cwd=ROOT,
            stdout=words,
            stderr=words,
        )
    most, end = 0, time.monotonic() + 90
    while driver.poll() is None and time.monotonic() < end:
        most = max(most, growing.workers())
        time.sleep(0.2)
    driver.kill()
    assert driver.wait() == 0, (tmp_path / "said.txt").read_text()
    assert most == MOST
    assert rows(out).equals(rows(tmp_path / "whole"))
    assert wait_for(lambda: growing.workers() == 0, 60), growing.processes()

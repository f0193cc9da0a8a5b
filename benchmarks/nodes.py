"""Several Ray nodes on this machine, each a raylet of its own on loopback, that can be killed."""

import logging
import os
import secrets
from types import TracebackType
from typing import Any, Self

# Read by Ray when it is imported, here and in drivers: no usage reports, a secret of this process
# alone, and 127.0.0.1 left as it is, where Ray would take the machine's address on its network.
for _name, _value in {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}.items():
    os.environ.setdefault(_name, _value)

from ray.cluster_utils import Cluster  # noqa: E402

from benchmarks.processes import TRIAL, children, title  # noqa: E402

_NODE = {"object_store_memory": 100_000_000, "include_dashboard": False}
_NODE |= {"node_ip_address": "127.0.0.1", "include_log_monitor": False, "no_monitor": True}

HERE = "here"
"""The address of no nodes: a driver trains by itself."""


class Nodes:
    """A head without trials and worker nodes of one CPU each, as a context manager."""

    def __init__(self, workers: int) -> None:
        logging.getLogger("ray").setLevel(logging.ERROR)
        self._cluster = Cluster(initialize_head=True, head_node_args=_NODE | {"num_cpus": 0})
        self._number = workers
        self.workers: list[Any] = []
        self.replace()

    @property
    def address(self) -> str:
        """Where a driver finds the head."""
        return str(self._cluster.address)

    def replace(self) -> None:
        """Start nodes that replace killed ones."""
        while len(self.workers) < self._number:
            self.workers.append(self._cluster.add_node(num_cpus=1, **_NODE))

    def kill(self, node: Any) -> None:
        """Kill a node outright: its raylet, and with it all that it runs."""
        self.workers.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def processes(self, node: Any) -> list[int]:
        """Process numbers of all that a node's raylet has started."""
        return children(node.all_processes["raylet"][0].process.pid)

    def trials(self, node: Any) -> list[int]:
        """Process numbers of a node's trials."""
        titles = {process: title(process) for process in self.processes(node)}
        return [process for process, title in titles.items() if title.startswith(TRIAL)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._cluster.shutdown()


class NoNodes:
    """This machine without Ray: nothing but drivers to kill."""

    address, workers = HERE, ()

    def replace(self) -> None:
        """Nothing is to be replaced."""

    def __enter__(self) -> "NoNodes":
        return self

    def __exit__(self, *error: object) -> None:
        return None

"""Counts of a running sweep: shards done, running, retried, failed; runs by status; runs by node.

A shard that is tried again counts once. Each report costs the same, however many shards there are.
"""

from collections import Counter
from dataclasses import dataclass

from sweeps.train.shard import Progress


@dataclass
class NodeCount:
    """Totals of one node: shards running and published, runs trained and seconds of training."""

    running: int = 0
    published: int = 0
    runs: int = 0
    wall_s: float = 0.0


class Tally:
    """Sums the progress of all shards."""

    def __init__(self) -> None:
        self._running: dict[int, Progress] = {}
        self._runs = 0
        self._failed: Counter[str] = Counter()
        self.published = self.retried = self.failed_shards = 0
        self.nodes: dict[str, NodeCount] = {}

    def add(self, progress: Progress) -> None:
        """Replace a shard's former progress by its latest."""
        before = self._running.pop(progress.shard, None)
        if before:
            self._count(before, -1)
            self.nodes[before.node].running -= 1
        if progress.setback:
            self.retried += progress.setback == "retried"
            self.failed_shards += progress.setback == "failed"
            return
        self._count(progress, 1)
        node = self.nodes.setdefault(progress.node, NodeCount())
        if progress.published:
            self.published += 1
            node.published += 1
        else:
            node.running += 1
            self._running[progress.shard] = progress

    @property
    def runs(self) -> int:
        """Runs done."""
        return self._runs

    @property
    def running(self) -> int:
        """Shards in training."""
        return len(self._running)

    @property
    def compiling(self) -> int:
        """Shards that wait for the model's code."""
        return sum(progress.compiling for progress in self._running.values())

    def failed(self) -> dict[str, int]:
        """Runs by status, other than the first."""
        return dict(self._failed)

    def _count(self, progress: Progress, sign: int) -> None:
        """Add a progress, or take it back."""
        self._runs += sign * progress.runs
        for status, count in progress.failed.items():
            self._failed[status] += sign * count
        node = self.nodes.setdefault(progress.node, NodeCount())
        node.runs += sign * progress.runs
        node.wall_s += sign * progress.wall_s

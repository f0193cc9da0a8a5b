"""Shards that wait for a worker, job by job: one thread adds them, another hands them out."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition
from typing import Any

from sweeps.plan.shard import Shard


@dataclass(frozen=True, eq=False)
class ShardBatch:
    """Shards that were added together, here and where workers find them.

    Attributes:
        number: of the batch.
        shards: here, by their numbers.
        stored: what workers find them by.
    """

    number: int
    shards: list[Shard]
    stored: Any


@dataclass(frozen=True)
class ShardOfJob:
    """A shard: the number of its job, its batch, and its own number in that."""

    job: int
    batch: ShardBatch
    shard: int

    def config(self) -> dict[str, Any]:
        """What its trial is told."""
        gpu = self.batch.shards[self.shard].gpu
        found = {"job": self.job, "batch": self.batch.number, "shard": self.shard, "gpu": gpu}
        return found | {"shards": self.batch.stored}


class Board:
    """Shards that no worker has yet; those of earlier jobs go first. It pickles as nothing.

    Attributes:
        more_will_come: whether shards may be added after the start.
        is_closed: whether no further shard will come.
    """

    def __init__(
        self, jobs: int, store: Callable[[list[Shard]], Any], *, more_will_come: bool = False
    ) -> None:
        """Take no shard yet.

        Args:
            jobs: how many there are.
            store: puts shards where workers find them; gives what they find them by.
            more_will_come: whether shards may be added after the start.
        """
        self._store = store
        self._waiting: list[deque[ShardOfJob]] = [deque() for _ in range(jobs)]
        self._batches: dict[int, ShardBatch] = {}
        self._changed = Condition()
        self.more_will_come = more_will_come
        self.is_closed = not more_will_come

    def __reduce__(self) -> tuple[Any, ...]:
        return Board, (0, list)

    def add(self, job: int, shards: Sequence[Shard]) -> None:
        """Add shards of a job.

        Args:
            job: its number.
            shards: numbered as they come.
        """
        number = len(self._batches)
        batch = self._batches[number] = ShardBatch(number, list(shards), self._store(list(shards)))
        with self._changed:
            self._waiting[job].extend(ShardOfJob(job, batch, n) for n in range(len(shards)))
            self._changed.notify()

    def again(self, shard: ShardOfJob) -> None:
        """Put a shard behind the others of its job."""
        with self._changed:
            self._waiting[shard.job].append(shard)
            self._changed.notify()

    def close(self) -> None:
        """Say that no further shard will come."""
        with self._changed:
            self.is_closed = True
            self._changed.notify()

    def take(self, wait_s: float = 0.0) -> ShardOfJob | None:
        """The next shard; None if there is none now, nor within some seconds."""
        with self._changed:
            if wait_s and not self.is_closed and not any(self._waiting):
                self._changed.wait(wait_s)
            return next((shards.popleft() for shards in self._waiting if shards), None)

    def has_waiting(self) -> bool:
        """Whether a shard waits."""
        return any(self._waiting)

    @property
    def has_more(self) -> bool:
        """Whether a shard waits, or may come."""
        return not self.is_closed or self.has_waiting()

    def shard_of(self, config: dict[str, Any]) -> ShardOfJob:
        """The shard that a trial was told to train.

        Args:
            config: from `ShardOfJob.config`.
        """
        return ShardOfJob(config["job"], self._batches[config["batch"]], int(config["shard"]))

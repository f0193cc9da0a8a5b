"""The Ray Tune executor: jobs under one Ray, whose workers go from one job to the next.

Tune runs in a thread of its own, so that this one can end a job, show what its dataset holds, decide on
the next round and take signals while shards of other jobs train.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from queue import SimpleQueue
from types import TracebackType
from typing import NamedTuple, Self

from sweeps.train.executors.board import Board
from sweeps.train.executors.cluster import check_nodes, count_slots
from sweeps.train.executors.connection import Cluster, connected
from sweeps.train.executors.trials import Monitor, fit
from sweeps.train.shard import Progress, Session, TrainingJob
from sweeps.train.stop import StopSignal

# isort: split
import ray  # sweeps.train.executors.connection has set what Ray reads when it is imported


def _trials_per_call(slots: int) -> int:
    """Trials in one call of Tune, which keeps about 40 kB of each until the call ends."""
    return max(2000, 50 * slots)


class _JobProgress(NamedTuple):
    """The progress of a shard, and the number of its job; None when all training has ended."""

    job: int
    progress: Progress | None


class JobsInTraining:
    """Jobs in training, as a context manager; a job is waited for by its number.

    Where an earlier job leaves slots idle, at its end or between two rounds, shards of later ones begin.
    """

    def __init__(
        self,
        jobs: Sequence[TrainingJob],
        cluster: Cluster,
        stop_signal: StopSignal | None = None,
        *,
        more_will_come: bool = False,
    ) -> None:
        """Take the jobs.

        Args:
            jobs: plans and their shards.
            cluster: which Ray to use.
            stop_signal: ends all before their time.
            more_will_come: whether shards may be added after the start.
        """
        self._jobs, self._cluster = tuple(jobs), cluster
        self._stop_signal = stop_signal or StopSignal()
        self._board = Board(len(jobs), ray.put, more_will_come=more_will_come)
        self._open: Counter[int] = Counter()
        self._events: SimpleQueue[_JobProgress] = SimpleQueue()
        self._early: dict[int, list[Progress]] = {}
        self._error: BaseException | None = None
        self._ended = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Connect to Ray and begin.

        Raises:
            SweepError: Ray cannot be reached, or a node cannot take part.
        """
        with ExitStack() as stack:
            stack.enter_context(connected(self._cluster, self._stop_signal))
            logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the driver reports failures
            with self._stop_signal.interruptible():
                for job in self._jobs:
                    check_nodes(job)
            for number, job in enumerate(self._jobs):
                self.add(number, job)
            jobs = [job._replace(session=self._session_of(job)) for job in self._jobs]
            self._watch = Monitor(jobs, self._board, self._stop_signal, self._take)
            self._thread = threading.Thread(target=self._train, daemon=True)
            self._thread.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End what still trains, unless a second signal asks for the end of the process."""
        self._watch.abandoned = True
        self._board.close()
        if not isinstance(error, KeyboardInterrupt):
            self._thread.join()
        self._stack.close()

    def add(self, number: int, job: TrainingJob) -> None:
        """Train shards of a job.

        Args:
            number: of the job.
            job: with these shards.
        """
        if job.shards:
            self._open[number] += len(job.shards)
            self._board.add(number, job.shards)

    def wait(self, number: int, report: Callable[[Progress], None]) -> dict[int, str]:
        """Wait until each shard of a job was published or has failed, or training has ended.

        Args:
            number: of the job.
            report: called in this thread with the progress of each of its shards.
        Returns:
            The error of every shard that failed after its retries, by its number.
        """
        for progress in self._early.pop(number, ()):
            self._report(number, progress, report)
        while self._open[number] and not self._ended:
            event = self._events.get()
            if event.progress is None:
                self._ended = True
                if self._error is not None:
                    raise self._error
            elif event.job == number:
                self._report(number, event.progress, report)
            else:
                self._early.setdefault(event.job, []).append(event.progress)
        found = self._watch.failures.copy()
        return {shard.shard: error for shard, error in found.items() if shard.job == number}

    def _report(self, number: int, progress: Progress, report: Callable[[Progress], None]) -> None:
        """Hand a progress on, and count the shards that end."""
        self._open[number] -= progress.published or progress.setback == "failed"
        report(progress)

    def _take(self, number: int, progress: Progress) -> None:
        """Take what a trial reports, in Tune's thread."""
        self._events.put(_JobProgress(number, progress))

    def _session_of(self, job: TrainingJob) -> Session:
        """A job's session with its slots, where they stay as they are now."""
        known = self._cluster.address == "local" or (
            self._cluster.workers and not self._cluster.gpus
        )
        return job.session._replace(slots=count_slots(job, self._cluster) if known else 0)

    def _train(self) -> None:
        """Train shards, in waves, until no further one will come."""
        try:
            size = _trials_per_call(max(job.session.slots for job in self._watch.jobs))
            while not self._watch.stops() and self._board.has_more:
                fit(self._watch, self._cluster, trials=size)
        except BaseException as error:
            self._error = error
        finally:
            self._events.put(_JobProgress(0, None))


def run(
    job: TrainingJob,
    report: Callable[[Progress], None],
    cluster: Cluster,
    stop_signal: StopSignal | None = None,
) -> dict[int, str]:
    """Train every shard of one job as a trial of Ray Tune.

    Args:
        job: the plan and its shards.
        report: called in this thread with each shard's progress.
        cluster: which Ray to use.
        stop_signal: ends it before its time.
    Returns:
        The error of every shard that failed after its retries, by its number.
    Raises:
        SweepError: Ray cannot be reached, or a node cannot take part.
    """
    with JobsInTraining((job,), cluster, stop_signal) as training:
        return training.wait(0, report)

"""The Ray Tune executor: jobs under one Ray, whose workers go from one job to the next.

Tune runs in a thread of its own, so that this one can end a job, show what its dataset holds and take
signals while shards of the next train already.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice
from queue import SimpleQueue
from types import TracebackType
from typing import NamedTuple, Self

from sweeps.train.executors.cluster import check_nodes, count_slots
from sweeps.train.executors.connection import Cluster, connected
from sweeps.train.executors.trials import Monitor, ShardOfJob, fit
from sweeps.train.shard import Progress, Session, TrainingJob
from sweeps.train.stop import StopSignal


def _trials_per_call(slots: int) -> int:
    """Trials in one call of Tune, which keeps about 40 kB of each until the call ends."""
    return max(2000, 50 * slots)


class _Event(NamedTuple):
    """The progress of a shard, and the number of its job; None when all training has ended."""

    job: int
    progress: Progress | None


class Training:
    """Jobs that are trained one after the other, as a context manager; a job is waited for by its number.

    Where the last shards of a job leave slots idle, those of the next begin.
    """

    def __init__(
        self,
        jobs: Sequence[TrainingJob],
        cluster: Cluster,
        stop_signal: StopSignal | None = None,
    ) -> None:
        """Take the jobs.

        Args:
            jobs: plans and their shards.
            cluster: which Ray to use.
            stop_signal: ends all before their time.
        """
        self._jobs, self._cluster = tuple(jobs), cluster
        self._stop_signal = stop_signal or StopSignal()
        self._events: SimpleQueue[_Event] = SimpleQueue()
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
            jobs = [job._replace(session=self._session_of(job)) for job in self._jobs]
            self._watch = Monitor(
                jobs, lambda *event: self._events.put(_Event(*event)), self._stop_signal
            )
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
        if not isinstance(error, KeyboardInterrupt):
            self._thread.join()
        self._stack.close()

    def wait(self, number: int, report: Callable[[Progress], None]) -> dict[int, str]:
        """Wait until each shard of a job was published or has failed, or training has ended.

        Args:
            number: of the job.
            report: called in this thread with the progress of each of its shards.
        Returns:
            The error of every shard that failed after its retries, by its number.
        """
        left = len(self._jobs[number].shards)
        for progress in self._early.pop(number, ()):
            report(progress)
            left -= _is_last(progress)
        while left and not self._ended:
            event = self._events.get()
            if event.progress is None:
                self._ended = True
                if self._error is not None:
                    raise self._error
            elif event.job == number:
                report(event.progress)
                left -= _is_last(event.progress)
            else:
                self._early.setdefault(event.job, []).append(event.progress)
        found = self._watch.failures.copy()
        return {shard.shard: error for shard, error in found.items() if shard.job == number}

    def _session_of(self, job: TrainingJob) -> Session:
        """A job's session with its slots, where they stay as they are now."""
        known = self._cluster.address == "local" or (
            self._cluster.workers and not self._cluster.gpus
        )
        return job.session._replace(slots=count_slots(job, self._cluster) if known else 0)

    def _train(self) -> None:
        """Train all shards, in waves."""
        try:
            size = _trials_per_call(max(job.session.slots for job in self._watch.jobs))
            shards = (
                ShardOfJob(number, shard)
                for number, job in enumerate(self._jobs)
                for shard in range(len(job.shards))
            )
            while not self._watch.stops() and (wave := list(islice(shards, size))):
                fit(wave, self._watch, self._cluster)
        except BaseException as error:
            self._error = error
        finally:
            self._events.put(_Event(0, None))


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
    with Training((job,), cluster, stop_signal) as training:
        return training.wait(0, report)


def _is_last(progress: Progress) -> bool:
    """Whether it is the last that a shard reports."""
    return progress.published or progress.setback == "failed"

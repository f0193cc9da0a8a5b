"""Ray for the sweeps of one start of a driver: started once, for the first that trains on it.

Ray is imported where it is used.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from sweeps.driver.options import Executor, RunOptions
from sweeps.models.protocol import CompilesCode
from sweeps.plan.forecast import saves_ray
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S, Plan
from sweeps.plan.shard import Positions
from sweeps.train.progress import Live
from sweeps.train.shard import TrainingJob
from sweeps.train.stop import StopSignal

if TYPE_CHECKING:
    from sweeps.train.executors.connection import Cluster
    from sweeps.train.executors.tune import JobsInTraining

_TUNE = "sweeps.train.executors.tune"


@dataclass
class _Together:
    """Jobs that are trained together, and their training once the first was run.

    `in_rounds` are the numbers of those whose shards come round by round.
    """

    jobs: Sequence[TrainingJob]
    in_rounds: set[int]
    stack: ExitStack
    training: "JobsInTraining | None" = None

    def number_of(self, job: TrainingJob) -> int:
        """The number of a job among them, by its session."""
        return [other.session.name for other in self.jobs].index(job.session.name)


class RaySession:
    """The Ray that options name; what is started here ends with the stack.

    Attributes:
        stop_signal: ends what waits or trains on it.
        gpus: a trial's share of a GPU.
    """

    def __init__(self, options: RunOptions, stop_signal: StopSignal, stack: ExitStack) -> None:
        self.stop_signal, self.gpus = stop_signal, options.gpus or 0.0
        self._options, self._stack = options, stack
        self._connected = False
        self._together: _Together | None = None

    @property
    def _is_ours(self) -> bool:
        """Whether it is started here, for these sweeps."""
        return self._options.executor == Executor.TUNE and self._options.address == "local"

    def hint(self, plan: Plan) -> str:
        """That a sweep takes less time than Ray's start, if that is still to come; else nothing."""
        if not self._is_ours or self._connected or self.gpus:
            return ""
        return saves_ray(plan.flops / NOMINAL_FLOPS_PER_S, os.cpu_count() or 1)

    @contextmanager
    def together(self, jobs: Sequence[TrainingJob], in_rounds: Sequence[bool]) -> Iterator[None]:
        """Where these jobs are run, in this order: workers go from one to the next without a pause.

        Args:
            jobs: of the sweeps.
            in_rounds: of each, whether its shards come round by round; the others have theirs.
        """
        with ExitStack() as stack:
            rounds = {number for number, some in enumerate(in_rounds) if some}
            self._together = _Together(jobs, rounds, stack)
            yield
        self._together = None

    def run(self, job: TrainingJob, live: Live) -> dict[int, str]:
        """Train all shards of a job, or of a round of it; the errors of those that failed, by number."""
        together = self._together
        assert together is not None
        if together.training is None:
            together.training = together.stack.enter_context(self._training(together, job, live))
        number = together.number_of(job)
        if number in together.in_rounds:
            together.training.add(number, job)
        return together.training.wait(number, live)

    def _training(self, together: _Together, job: TrainingJob, live: Live) -> "JobsInTraining":
        """Jobs to train on the Ray, which is there from now on; one of them is the first."""
        if not self._connected:
            live.announce("starting Ray" if self._is_ours else "connecting to Ray")
            if self._is_ours and not self.gpus:
                _compile_beside(job)
        cluster = self._connect()
        from sweeps.train.executors.tune import JobsInTraining

        live.announce("starting workers")
        more_will_come = bool(together.in_rounds)
        return JobsInTraining(
            together.jobs, cluster, self.stop_signal, more_will_come=more_will_come
        )

    def gpu_count(self) -> float:
        """GPUs that the Ray has now."""
        from sweeps.train.executors import cluster

        self._connect()
        return cluster.gpu_count()

    def gpu_throughput(self, plan: Plan, positions: Positions) -> float:
        """Flops per second of a trial's share of a GPU, measured there on some runs.

        Raises:
            SweepError: as `cluster.gpu_throughput`; where nobody stated the share, a GPU that is busy or
                that the model cannot use is an error too.
        """
        from sweeps.train.executors import cluster

        there = self._connect()
        return cluster.gpu_throughput(
            plan.without_spans(),
            positions,
            cluster=there,
            stop_signal=self.stop_signal,
            stated=self._options.gpus is not None,
        )

    def _connect(self) -> "Cluster":
        """The Ray, which is there from now on."""
        from sweeps.train.executors import connection

        options = self._options
        cluster = connection.Cluster(options.address, options.workers, self.gpus)
        if not self._connected:
            # Ray's start is mostly waiting for its processes, and Tune takes as long to import.
            threading.Thread(target=import_module, args=[_TUNE], daemon=True).start()
            self._stack.enter_context(connection.connected(cluster, self.stop_signal))
            self._connected = True
        return cluster


def _compile_beside(job: TrainingJob) -> None:
    """Compile the model's code in a thread while Ray starts: workers wait for it, and load it.

    An error is left to the workers, which meet it again.
    """
    model, steps = job.plan.model, job.plan.resolved.spec.trajectory
    if not isinstance(model, CompilesCode):
        return
    columns = job.plan.columns(job.shards[0].positions[:1])

    def begin() -> None:
        with suppress(Exception):
            model.compile(columns, steps is not None)

    threading.Thread(target=begin, daemon=True).start()

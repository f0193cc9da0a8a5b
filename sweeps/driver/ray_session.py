"""Ray for the sweeps of one start of a driver: started once, for the first that trains on it.

Ray is imported where it is used.
"""

import os
import threading
from contextlib import ExitStack, suppress
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


class RaySession:
    """The Ray that options name; what is started here ends with the stack.

    Attributes:
        stop_signal: ends what waits or trains on it.
    """

    def __init__(self, options: RunOptions, stop_signal: StopSignal, stack: ExitStack) -> None:
        self.stop_signal = stop_signal
        self._options, self._stack = options, stack
        self._connected = False

    @property
    def _is_ours(self) -> bool:
        """Whether it is started here, for these sweeps."""
        return self._options.executor == Executor.TUNE and self._options.address == "local"

    def hint(self, plan: Plan) -> str:
        """That a sweep takes less time than Ray's start, if that is still to come; else nothing."""
        if not self._is_ours or self._connected or self._options.gpus:
            return ""
        return saves_ray(plan.flops / NOMINAL_FLOPS_PER_S, os.cpu_count() or 1)

    def run(self, job: TrainingJob, live: Live) -> dict[int, str]:
        """Train all shards of a job; the errors of those that failed, by their number."""
        from sweeps.train.executors import tune

        if not self._connected:
            live.announce("starting Ray" if self._is_ours else "connecting to Ray")
            if self._is_ours and not self._options.gpus:
                _compile_beside(job)
        cluster = self._connect()
        live.announce("starting workers")
        return tune.run(job, live, cluster, self.stop_signal)

    def gpu_throughput(self, plan: Plan, positions: Positions) -> float:
        """Flops per second of a trial's share of a GPU, measured there on some runs."""
        from sweeps.train.executors import cluster

        there = self._connect()
        return cluster.gpu_throughput(
            plan.without_spans(), positions, cluster=there, stop_signal=self.stop_signal
        )

    def _connect(self) -> "Cluster":
        """The Ray, which is there from now on."""
        from sweeps.train.executors import connection

        options = self._options
        cluster = connection.Cluster(options.address, options.workers, options.gpus)
        if not self._connected:
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

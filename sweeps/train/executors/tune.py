"""The Ray Tune executor: one trial a shard, on reused actors.

Tune schedules, retries and reports; it is not the ledger. Workers publish their rows themselves, and
what is published is done, so a sweep that was killed goes on with the same command. Shards are handed
to Tune one at a time as it requests them, and in waves, so that neither its state nor the cost of a
trial grows with the sweep.
"""

import logging
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sweeps.errors import UnwritableError
from sweeps.store.failed_shard import reason
from sweeps.train.executors.cluster import check_nodes, count_slots
from sweeps.train.executors.connection import Cluster, connected, scratch
from sweeps.train.shard import Progress, TrainingJob, check_here, keep_failure, train_shard
from sweeps.train.stop import StopSignal

# isort: split
import ray  # sweeps.train.executors.connection has set what Ray reads when it is imported
from ray import tune

_MAX_RETRIES = 3
"""How often a shard is tried again after an error of its training."""

_MAX_WORKER_LOSSES = 10
"""How often a shard is tried again because its process or its node was gone."""

_TRIALS_PER_CALL = 2000
"""Trials in one call of Tune, at least: it keeps about 40 kB of each until the call ends."""

_WORKER_LOST = re.compile(r"\b(Actor|Node|Worker|OutOfMemory|Raylet|LocalRaylet)\w*Error")
_UNWRITABLE = UnwritableError.__name__
_ACTOR_INIT_FAILED = "error raised in its creation task"
"""How Ray speaks of an actor that could not be made: an error, not a death."""


class _ShardTrial(tune.Trainable):
    """A trial trains one shard, a step is half a second of it."""

    def setup(
        self,
        config: dict[str, Any],
        job: TrainingJob | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        """Take the sweep's job, which comes once per actor, and begin the shard."""
        assert job is not None and cluster is not None
        if not ray.get_gpu_ids():  # a trial that requested none must not use one that it sees
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        check_here(job.writer.location, job.session.code)
        slots = job.session.slots or count_slots(job, cluster)
        self._job = job._replace(session=job.session._replace(slots=slots))
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another shard in the same actor: nothing is kept of the last."""
        self._shard: Iterator[Progress] = train_shard(self._job, new_config["shard"])
        return True

    def step(self) -> dict[str, Any]:
        """Train for half a second and report."""
        progress = next(self._shard)
        rate = progress.runs / max(progress.wall_s, 1e-9)
        return {**progress._asdict(), "runs_per_s": rate, "done": progress.published}


class _ShardQueue(tune.search.Searcher):
    """Hands shards to Tune as it requests them, failed ones again; done when none is left in flight.

    It pickles as nothing, for Tune's snapshots.
    """

    def __init__(self, shards: range, stop_signal: StopSignal) -> None:
        super().__init__()
        self.shards = shards
        self._waiting = deque(shards)
        self._training: dict[str, int] = {}
        self._stop_signal = stop_signal

    def __reduce__(self) -> tuple[Any, ...]:
        return _ShardQueue, (range(0), StopSignal())

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next shard, None while those in flight may come back, or that all is done."""
        if self._stop_signal.stop_requested or not (self._waiting or self._training):
            return str(tune.search.Searcher.FINISHED)
        if not self._waiting:
            return None
        self._training[trial_id] = self._waiting.popleft()
        return {"shard": self._training[trial_id]}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take a trial out of flight."""
        self._training.pop(trial_id, None)

    def again(self, shard: int) -> None:
        """Put a shard back."""
        self._waiting.append(shard)


class _Monitor(tune.Callback):
    """Hands what trials report to the driver, and decides which failed shards are tried again.

    `in_time` are the trials in training that began before a stop was requested. It pickles as nothing, for
    Tune's snapshots.
    """

    def __init__(
        self,
        job: TrainingJob | None,
        report: Callable[[Progress], None] | None,
        stop_signal: StopSignal,
    ) -> None:
        self._job, self._report, self.stop_signal = job, report, stop_signal
        self.queue = _ShardQueue(range(0), stop_signal)
        self.failures: dict[int, str] = {}
        self.in_time: set[str] = set()
        self._tries: Counter[tuple[int, bool]] = Counter()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Monitor, (None, None, StopSignal())

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note a trial that begins in time."""
        if not self.stop_signal.stop_requested:
            self.in_time.add(trial.trial_id)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Take a trial out of training."""
        self.in_time.discard(trial.trial_id)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Report one step of one trial."""
        if self._report:
            self._report(Progress(**{field: result[field] for field in Progress._fields}))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Put a failed shard back into the queue, or leave its record."""
        assert self._job is not None and self._report is not None
        self.in_time.discard(trial.trial_id)
        shard, text = int(trial.config["shard"]), _error(trial)
        if _UNWRITABLE in text:
            self.stop_signal.cause = reason(text).removeprefix(f"sweeps.errors.{_UNWRITABLE}: ")
        gone = bool(_WORKER_LOST.search(text)) and _ACTOR_INIT_FAILED not in text
        self._tries[shard, gone] += 1
        if not self.stop_signal.cause and self._tries[shard, gone] <= (
            _MAX_WORKER_LOSSES if gone else _MAX_RETRIES
        ):
            self.queue.again(shard)
            self._report(Progress(shard, setback="retried", reason=reason(text)))
            return
        self.failures[shard] = text
        keep_failure(self._job, shard, text)
        self._report(Progress(shard, setback="failed", reason=reason(text)))


class _StopRule(tune.Stopper):
    """Ends all trials when a signal came, and those that began too late when the time is over.

    Tune requests up to 16 shards before there is a slot for them, so that a cluster grows: they begin
    whatever the queue says by then.
    """

    def __init__(self, watch: _Monitor) -> None:
        self._watch = watch

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether a trial began when the time was over."""
        return self._watch.stop_signal.stop_requested and trial_id not in self._watch.in_time

    def stop_all(self) -> bool:
        """Whether nothing in training is to end: a signal came, or no shard can be published.

        Or the time is over, and nothing that began before is in training.
        """
        stop_signal = self._watch.stop_signal
        if stop_signal.signal is not None or stop_signal.cause:
            return True
        return stop_signal.time_is_over and not self._watch.in_time


def run(
    job: TrainingJob,
    report: Callable[[Progress], None],
    cluster: Cluster,
    stop_signal: StopSignal | None = None,
) -> dict[int, str]:
    """Train every shard as a trial of Ray Tune.

    Args:
        job: the plan and its shards.
        report: called in this process with each shard's progress.
        cluster: which Ray to use.
        stop_signal: ends it before its time.
    Returns:
        The error of every shard that failed after its retries, by its number.
    Raises:
        SweepError: Ray cannot be reached, or a node cannot take part.
    """
    stop_signal = stop_signal or StopSignal()
    with connected(cluster, stop_signal):
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the driver reports failures
        with stop_signal.interruptible():
            check_nodes(job)
        known = cluster.address == "local" or (cluster.workers and not cluster.gpus)
        slots = count_slots(job, cluster) if known else 0
        job = job._replace(session=job.session._replace(slots=slots))
        watch = _Monitor(job, report, stop_signal)
        size = max(_TRIALS_PER_CALL, 50 * slots)
        for first in range(0, len(job.shards), size):
            if not stop_signal.stop_requested:
                wave = range(first, min(first + size, len(job.shards)))
                watch.queue = _ShardQueue(wave, stop_signal)
                _fit(job, watch, cluster)
        return watch.failures


def _fit(job: TrainingJob, watch: _Monitor, cluster: Cluster) -> None:
    """One call of Tune."""
    trainable = tune.with_parameters(_ShardTrial, job=job, cluster=cluster)
    gpu_shards = frozenset(number for number in watch.queue.shards if job.shards[number].gpu)
    with scratch("bocnn-tune-") as folder:
        tune.Tuner(
            tune.with_resources(trainable, _resources(gpu_shards, cluster.gpus)),
            tune_config=tune.TuneConfig(
                search_alg=watch.queue,
                num_samples=-1,
                reuse_actors=True,
                max_concurrent_trials=cluster.workers,
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                verbose=0,
                stop=_StopRule(watch),
                callbacks=[watch],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        ).fit()


def _error(trial: Any) -> str:
    """The error that Tune wrote for a trial."""
    try:
        return Path(trial.error_file).read_text()
    except (OSError, TypeError):
        return "the trial ended with an error that Ray Tune did not keep"


def _resources(gpu_shards: frozenset[int], gpus: float) -> Any:
    """Resources that a trial requests: a CPU, and a share of a GPU where its shard is for GPUs."""
    if not (gpu_shards and gpus):
        return {"cpu": 1}

    def of(config: dict[str, Any]) -> Any:
        share = {"GPU": gpus} if config["shard"] in gpu_shards else {}
        return tune.PlacementGroupFactory([{"CPU": 1, **share}])

    return of

"""Shards as trials of Ray Tune: one trial a shard, on reused actors.

Tune schedules, retries and reports; it is not the ledger. Workers publish their rows themselves, and
what is published is done, so a sweep that was killed goes on with the same command. Shards are handed
to Tune one at a time as it requests them, and in waves, so that neither its state nor the cost of a
trial grows with the sweep. A wave may hold shards of several jobs: an actor goes from one to the next.
"""

import os
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sweeps.errors import UnwritableError
from sweeps.store.failed_shard import reason
from sweeps.train.executors.cluster import count_slots
from sweeps.train.executors.connection import Cluster, scratch
from sweeps.train.shard import Progress, TrainingJob, check_here, keep_failure, train_shard
from sweeps.train.stop import StopSignal

# isort: split
import ray  # sweeps.train.executors.connection has set what Ray reads when it is imported
from ray import tune

_MAX_RETRIES = 3
"""How often a shard is tried again after an error of its training."""

_MAX_WORKER_LOSSES = 10
"""How often a shard is tried again because its process or its node was gone."""

_WORKER_LOST = re.compile(r"\b(Actor|Node|Worker|OutOfMemory|Raylet|LocalRaylet)\w*Error")
_UNWRITABLE = UnwritableError.__name__
_ACTOR_INIT_FAILED = "error raised in its creation task"
"""How Ray speaks of an actor that could not be made: an error, not a death."""


class ShardOfJob(NamedTuple):
    """A shard, by the number of its job and its own in that job."""

    job: int
    shard: int


class _ShardTrial(tune.Trainable):
    """A trial trains one shard, a step is half a second of it."""

    def setup(
        self,
        config: dict[str, Any],
        jobs: Sequence[TrainingJob] = (),
        cluster: Cluster | None = None,
    ) -> None:
        """Take the jobs, which come once per actor, and begin the shard."""
        assert jobs and cluster is not None
        if not ray.get_gpu_ids():  # a trial that requested none must not use one that it sees
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._jobs, self._cluster = jobs, cluster
        self._begun: dict[int, TrainingJob] = {}
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another shard in the same actor: nothing is kept of the last."""
        job, self._number = self._begin(new_config["job"]), new_config["job"]
        self._shard: Iterator[Progress] = train_shard(job, new_config["shard"])
        return True

    def _begin(self, number: int) -> TrainingJob:
        """A job, checked on this node; one after the first has begun when its first shard here does."""
        if number not in self._begun:
            job = self._jobs[number]
            check_here(job.writer.location, job.session.code)
            session = job.session
            slots = session.slots or count_slots(job, self._cluster)
            began = time.time() if number else session.began
            self._begun[number] = job._replace(session=session._replace(slots=slots, began=began))
        return self._begun[number]

    def step(self) -> dict[str, Any]:
        """Train for half a second and report."""
        progress = next(self._shard)
        rate = progress.runs / max(progress.wall_s, 1e-9)
        said = {"job": self._number, "runs_per_s": rate, "done": progress.published}
        return {**progress._asdict(), **said}


class _ShardQueue(tune.search.Searcher):
    """Hands shards to Tune as it requests them, job by job, failed ones again.

    It is done when none is left in flight. It pickles as nothing, for Tune's snapshots.
    """

    def __init__(self, shards: Iterable[ShardOfJob], stops: Callable[[], bool]) -> None:
        super().__init__()
        self._waiting: dict[int, deque[ShardOfJob]] = {}
        self._training: dict[str, ShardOfJob] = {}
        self._stops = stops
        for shard in shards:
            self.add(shard)

    def __reduce__(self) -> tuple[Any, ...]:
        return _ShardQueue, ((), bool)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next shard, None while those in flight may come back, or that all is done."""
        waiting = next((shards for shards in self._waiting.values() if shards), None)
        if self._stops() or not (waiting or self._training):
            return str(tune.search.Searcher.FINISHED)
        if not waiting:
            return None
        shard = self._training[trial_id] = waiting.popleft()
        return shard._asdict()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take a trial out of flight."""
        self._training.pop(trial_id, None)

    def add(self, shard: ShardOfJob) -> None:
        """Put a shard behind those of its job."""
        self._waiting.setdefault(shard.job, deque()).append(shard)


Report = Callable[[int, Progress], None]
"""Called with the number of a job and the progress of one of its shards."""


class Monitor(tune.Callback):
    """Hands what trials report to the driver, and decides which failed shards are tried again.

    It pickles as nothing, for Tune's snapshots.

    Attributes:
        queue: of the shards of the present call of Tune.
        failures: the errors of shards that failed after their retries.
        in_time: the trials in training that began before a stop was requested.
        abandoned: set where nobody waits for the jobs any more.
    """

    def __init__(
        self, jobs: Sequence[TrainingJob], report: Report | None, stop_signal: StopSignal
    ) -> None:
        self.jobs, self._report, self.stop_signal = jobs, report, stop_signal
        self.queue = _ShardQueue((), self.stops)
        self.abandoned = False
        self.failures: dict[ShardOfJob, str] = {}
        self.in_time: set[str] = set()
        self._tries: Counter[tuple[ShardOfJob, bool]] = Counter()

    def __reduce__(self) -> tuple[Any, ...]:
        return Monitor, ((), None, StopSignal())

    def stops(self) -> bool:
        """Whether no further shard is to begin."""
        return self.abandoned or self.stop_signal.stop_requested

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note a trial that begins in time."""
        if not self.stops():
            self.in_time.add(trial.trial_id)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Take a trial out of training."""
        self.in_time.discard(trial.trial_id)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Report one step of one trial."""
        if self._report:
            progress = Progress(**{field: result[field] for field in Progress._fields})
            self._report(result["job"], progress)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Put a failed shard back into the queue, or leave its record."""
        assert self._report is not None
        self.in_time.discard(trial.trial_id)
        shard, text = (
            ShardOfJob(int(trial.config["job"]), int(trial.config["shard"])),
            _error(trial),
        )
        if _UNWRITABLE in text:
            self.stop_signal.cause = reason(text).removeprefix(f"sweeps.errors.{_UNWRITABLE}: ")
        gone = bool(_WORKER_LOST.search(text)) and _ACTOR_INIT_FAILED not in text
        self._tries[shard, gone] += 1
        if not self.stop_signal.cause and self._tries[shard, gone] <= (
            _MAX_WORKER_LOSSES if gone else _MAX_RETRIES
        ):
            self.queue.add(shard)
            self._report(shard.job, Progress(shard.shard, setback="retried", reason=reason(text)))
            return
        self.failures[shard] = text
        keep_failure(self.jobs[shard.job], shard.shard, text)
        self._report(shard.job, Progress(shard.shard, setback="failed", reason=reason(text)))


class _StopRule(tune.Stopper):
    """Ends all trials when a signal came, and those that began too late when the time is over.

    Tune requests up to 16 shards before there is a slot for them, so that a cluster grows: they begin
    whatever the queue says by then.
    """

    def __init__(self, watch: Monitor) -> None:
        self._watch = watch

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether a trial began when the time was over."""
        return self._watch.stops() and trial_id not in self._watch.in_time

    def stop_all(self) -> bool:
        """Whether nothing in training is to end: a signal came, or no shard can be published.

        Or the time is over, and nothing that began before is in training.
        """
        stop_signal = self._watch.stop_signal
        if self._watch.abandoned or stop_signal.signal is not None or stop_signal.cause:
            return True
        return stop_signal.time_is_over and not self._watch.in_time


def fit(shards: Sequence[ShardOfJob], watch: Monitor, cluster: Cluster) -> None:
    """Train shards, in one call of Tune.

    Args:
        shards: of the jobs that are watched.
        watch: takes what the trials report.
        cluster: which Ray, connected.
    """
    watch.queue = _ShardQueue(shards, watch.stops)
    trainable = tune.with_parameters(_ShardTrial, jobs=watch.jobs, cluster=cluster)
    gpu_shards = frozenset(
        shard for shard in shards if watch.jobs[shard.job].shards[shard.shard].gpu
    )
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


def _resources(gpu_shards: frozenset[ShardOfJob], gpus: float) -> Any:
    """Resources that a trial requests: a CPU, and a share of a GPU where its shard is for GPUs."""
    if not (gpu_shards and gpus):
        return {"cpu": 1}

    def of(config: dict[str, Any]) -> Any:
        shard = ShardOfJob(config["job"], config["shard"])
        share = {"GPU": gpus} if shard in gpu_shards else {}
        return tune.PlacementGroupFactory([{"CPU": 1, **share}])

    return of

"""Shards as trials of Ray Tune: one trial a shard, on reused actors.

Tune schedules, retries and reports; it is not the ledger. Workers publish their rows themselves, and
what is published is done, so a sweep that was killed goes on with the same command. Shards are handed
to Tune one at a time as it requests them, so that neither its state nor the cost of a trial grows with
the sweep. They may be of several jobs: an actor goes from one to the next.
"""

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from sweeps.errors import UnwritableError
from sweeps.plan.shard import Shard
from sweeps.store.failed_shard import reason
from sweeps.train.executors.board import Board, ShardOfJob
from sweeps.train.executors.cluster import GROWTH_S, count_slots
from sweeps.train.executors.connection import Cluster, scratch
from sweeps.train.executors.controller import keeping_actors, letting_actors_start
from sweeps.train.shard import Progress, Session, TrainingJob, check_here, keep_failure, train_shard
from sweeps.train.stop import StopSignal

# isort: split
import ray  # sweeps.train.executors.connection has set what Ray reads when it is imported
from ray import tune

_MAX_RETRIES = 3
"""How often a shard is tried again after an error of its training."""

_MAX_WORKER_LOSSES = 10
"""How often a shard is tried again because its process or its node was gone."""

_WORKER_LOST = re.compile(r"\b(Actor|Node|Worker|OutOfMemory|Raylet|LocalRaylet)\w*Error")
_IDLE_S = 0.2
"""How long a shard is waited for before it is seen whether one will come."""

_UNWRITABLE = UnwritableError.__name__
_ACTOR_INIT_FAILED = "error raised in its creation task"
"""How Ray speaks of an actor that could not be made: an error, not a death."""


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
        self._batch: tuple[int, list[Shard]] = (-1, [])
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another shard in the same actor: nothing is kept of the last."""
        if self._batch[0] != new_config["batch"]:
            self._batch = (new_config["batch"], ray.get(new_config["shards"]))
        self._number = new_config["job"]
        begun = self._begin(self._number)
        session = begun.session if self._number else by_own_clock(begun.session, new_config["at"])
        job = begun._replace(shards=self._batch[1], session=session)
        self._shard: Iterator[Progress] = train_shard(job, new_config["shard"])
        return True

    def _begin(self, number: int) -> TrainingJob:
        """A job, checked on this node; one after the first has begun when its first shard here does."""
        if number not in self._begun:
            job = self._jobs[number]._replace(shards=self._batch[1])
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


def by_own_clock(session: Session, at: float) -> Session:
    """A session for a shard that begins here: when it began by this node's clock, as near as can be known.

    Where that clock is apart from the driver's, how long the shard waited for its slot is left out.

    Args:
        session: by the driver's clock.
        at: when the driver handed the shard out, by its clock.
    """
    now = time.time()
    if 0.0 <= now - at <= GROWTH_S:
        return session
    return session._replace(began=now - (at - session.began))


class _ShardQueue(tune.search.Searcher):
    """Hands shards to Tune as it requests them, failed ones again, up to a number of trials.

    It is done when none is in flight and none will come. It pickles as nothing, for Tune's snapshots.
    """

    def __init__(self, board: Board, trials: int, stops: Callable[[], bool]) -> None:
        super().__init__()
        self._board, self._left, self._stops = board, trials, stops
        self._training: dict[str, ShardOfJob] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _ShardQueue, (Board(0, list), 0, bool)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next shard, None while those in flight may come back, or that all is done."""
        shard = None
        while self._left > 0 and not self._stops():
            shard = self._board.take(wait_s=0.0 if self._training else _IDLE_S)
            if shard or self._training or self._board.is_closed:
                break
        if shard is None:
            return None if self._training else str(tune.search.Searcher.FINISHED)
        self._left -= 1
        self._training[trial_id] = shard
        return shard.config() | {"at": time.time()}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take a trial out of flight."""
        self._training.pop(trial_id, None)


Report = Callable[[int, Progress], None]
"""Called with the number of a job and the progress of one of its shards."""


class Monitor(tune.Callback):
    """Hands what trials report to the driver, and decides which failed shards are tried again.

    It pickles as nothing, for Tune's snapshots.

    Attributes:
        failures: the errors of shards that failed after their retries.
        in_time: the trials in training that began before a stop was requested.
        abandoned: set where nobody waits for the jobs any more.
    """

    def __init__(
        self, jobs: Sequence[TrainingJob], board: Board, stop_signal: StopSignal, report: Report
    ) -> None:
        self.jobs, self.board, self.stop_signal, self._report = jobs, board, stop_signal, report
        self.abandoned = False
        self.failures: dict[ShardOfJob, str] = {}
        self.in_time: set[str] = set()
        self._tries: Counter[tuple[ShardOfJob, bool]] = Counter()

    def __reduce__(self) -> tuple[Any, ...]:
        return Monitor, ((), Board(0, list), StopSignal(), print)

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
        progress = Progress(**{field: result[field] for field in Progress._fields})
        self._report(result["job"], progress)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Put a failed shard back into the queue, or leave its record."""
        self.in_time.discard(trial.trial_id)
        shard, text = self.board.shard_of(trial.config), _error(trial)
        number = shard.shard
        if _UNWRITABLE in text:
            self.stop_signal.cause = reason(text).removeprefix(f"sweeps.errors.{_UNWRITABLE}: ")
        gone = bool(_WORKER_LOST.search(text)) and _ACTOR_INIT_FAILED not in text
        self._tries[shard, gone] += 1
        if not self.stop_signal.cause and self._tries[shard, gone] <= (
            _MAX_WORKER_LOSSES if gone else _MAX_RETRIES
        ):
            self.board.again(shard)
            self._report(shard.job, Progress(number, setback="retried", reason=reason(text)))
            return
        self.failures[shard] = text
        job = self.jobs[shard.job]._replace(shards=shard.batch.shards)
        keep_failure(job, number, text)
        self._report(shard.job, Progress(number, setback="failed", reason=reason(text)))


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


def fit(watch: Monitor, cluster: Cluster, *, trials: int) -> None:
    """Train shards as they come, in one call of Tune.

    Where slots are known, no trial waits for one; where a cluster may grow, actors that start are let.

    Args:
        watch: takes what the trials report.
        cluster: which Ray, connected.
        trials: at most; the call ends after them, or when no further shard will come.
    """
    slots = 0 if cluster.gpus else max(job.session.slots for job in watch.jobs)
    jobs = [job._replace(shards=[]) for job in watch.jobs]
    trainable = tune.with_parameters(_ShardTrial, jobs=jobs, cluster=cluster)
    # Trials that need a GPU would wait for the CPU of a kept actor without one.
    keep = watch.board.more_will_come and not cluster.gpus
    growing = nullcontext() if slots else letting_actors_start(watch.board.has_waiting)
    with scratch("bocnn-tune-") as folder, growing, keeping_actors() if keep else nullcontext():
        tune.Tuner(
            tune.with_resources(trainable, _resources(cluster.gpus)),
            tune_config=tune.TuneConfig(
                search_alg=_ShardQueue(watch.board, trials, watch.stops),
                num_samples=-1,
                reuse_actors=True,
                max_concurrent_trials=cluster.workers or slots or None,
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


def _resources(gpus: float) -> Any:
    """Resources that a trial requests: a CPU, and a share of a GPU where its shard is for GPUs."""
    if not gpus:
        return {"cpu": 1}

    def of(config: dict[str, Any]) -> Any:
        share = {"GPU": gpus} if config["gpu"] else {}
        return tune.PlacementGroupFactory([{"CPU": 1, **share}])

    return of

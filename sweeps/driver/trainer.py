"""One sweep of a start of a driver: its shards are trained, or its rounds, and its dataset is read."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from sweeps.driver.adaptive import Replay, publish_history
from sweeps.driver.datasets import DatasetStatus, read_status
from sweeps.driver.options import Executor, Output, RunOptions
from sweeps.driver.proposals import train_rounds
from sweeps.driver.ray_session import RaySession
from sweeps.driver.steps import Outcome, execute, predictions_beside
from sweeps.errors import SweepError, UnwritableError
from sweeps.plan.cut import ShardSize, cut_shards
from sweeps.plan.plan import Plan
from sweeps.store.dataset import DatasetFolder
from sweeps.train.executors import local
from sweeps.train.limits import local_workers
from sweeps.train.progress import Live
from sweeps.train.shard import TrainingJob
from sweeps.train.stop import Stopped, StopSignal


class Planned(NamedTuple):
    """A plan, the dataset with which it is compared, and the rounds of a sweep that has some.

    The plan of such a sweep is that of its present round.
    """

    plan: Plan
    dataset: DatasetFolder
    replay: Replay | None = None


class Prepared(NamedTuple):
    """A job, the plan that it is of, and how its shards are cut."""

    job: TrainingJob
    planned: Planned
    shard_size: ShardSize


class TrainingEnd(NamedTuple):
    """How a start of a driver ended.

    Attributes:
        failures: the errors of shards that failed after their retries, by their number.
        missing: planned runs that are not published.
        stop_signal: what ended it before its time, if anything did.
        status: the state of the dataset; None where its folder cannot be read any more.
    """

    failures: dict[int, str]
    missing: int
    stop_signal: StopSignal
    status: DatasetStatus | None


class Trainer(NamedTuple):
    """Trains the jobs of one start of a driver."""

    options: RunOptions
    ray: RaySession
    output: Output
    shard_size: ShardSize

    def train(self, one: Prepared) -> TrainingEnd:
        """Train a sweep, and read what its dataset holds then."""
        if one.planned.replay is not None:
            return self._train_rounds(one.job, one.planned.dataset, one.planned.replay)
        job, dataset = one.job, one.planned.dataset
        plan = job.plan
        self._announce(
            job,
            dataset,
            f"{plan.total:,} runs planned, {plan.done:,} published, "
            f"{plan.todo:,} to train in {len(job.shards):,} shards",
        )
        if job.shards:
            self._hint(plan)
        live = Live(self.output.out, plan.todo, len(job.shards))
        return self._end(dataset, plan, live, lambda run: execute(job, dataset, run))

    def _train_rounds(self, job: TrainingJob, dataset: DatasetFolder, found: Replay) -> TrainingEnd:
        """Train round after round, with the present widths before each, and read the dataset then."""
        spec = found.proposer.sampler.spec
        self._announce(
            job, dataset, f"{spec.target} ± {spec.half_width:g}, at most {spec.at_most:,} runs"
        )
        if found.plan.todo:
            self._hint(found.plan)
        live = Live(self.output.out, 0, 0)

        def show(plan: Plan) -> None:
            sampler = found.proposer.sampler
            of = f"; round {sampler.rounds:,} of {plan.todo:,} more" if plan.todo else ""
            live.note(f"{sampler.words()}{of}")
            live.extend(plan.todo, len(cut_shards(plan, self.shard_size)))
            publish_history(sampler, job.writer)

        def rounds(run: Callable[[TrainingJob], dict[int, str]]) -> Outcome:
            """Train them one after the other."""
            with predictions_beside(job, dataset):
                outcome = train_rounds(
                    job, found.rounds, executor=run, shard_size=self.shard_size, on_round=show
                )
            dataset.store.drop_stale()
            return outcome

        return self._end(dataset, found.plan, live, rounds)

    def _announce(self, job: TrainingJob, dataset: DatasetFolder, text: str) -> None:
        """Say what is to be trained, and which files were set aside."""
        for notice in job.notices:
            self.output.err.print(f"set aside: {notice}", style="yellow")
        name = job.plan.resolved.spec.name
        self.output.out.print(f"{name}: {text} → {dataset.location}", soft_wrap=True)

    def _hint(self, plan: Plan) -> None:
        """Say where Ray's start takes longer than the runs."""
        if hint := self.ray.hint(plan):
            self.output.out.print(hint, soft_wrap=True)

    def _end(
        self,
        dataset: DatasetFolder,
        plan: Plan,
        live: Live,
        train: Callable[[Callable[[TrainingJob], dict[int, str]]], Outcome],
    ) -> TrainingEnd:
        """Train, and read what the dataset holds then."""
        stop_signal = self.ray.stop_signal
        try:
            with live:
                failures, missing = train(self._executor(plan, live))
        except SweepError:
            if not stop_signal.cause:
                raise
            return TrainingEnd({}, plan.todo, stop_signal, None)
        done = plan.total - missing if plan.resolved.spec.sampling is None else None
        return TrainingEnd(failures, missing, stop_signal, read_status(dataset, done=done))

    def _executor(self, plan: Plan, live: Live) -> Callable[[TrainingJob], dict[int, str]]:
        """What trains the shards of a job, as the options say."""
        if self.options.executor != Executor.LOCAL:
            return partial(self.ray.run, live=live)
        workers = self.options.workers or local_workers(plan.memory_bytes)
        return partial(local.run, report=live, stop_signal=self.ray.stop_signal, workers=workers)


def checked_status(end: TrainingEnd) -> DatasetStatus:
    """The state of the dataset, where training came to its end or a shard failed.

    Raises:
        UnwritableError: no shard could be published.
        Stopped: a signal came.
    """
    if end.stop_signal.cause:
        raise UnwritableError(end.stop_signal.cause)
    if end.stop_signal.signal is not None:
        raise Stopped(end.stop_signal.signal)
    assert end.status is not None
    return end.status

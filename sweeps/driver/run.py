"""One start of a driver, from sweeps to datasets: what `bocnn-sweep run` and `Sweep.run` do."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.driver.adaptive import Replay, expectation, replay
from sweeps.driver.datasets import DatasetStatus, read_status
from sweeps.driver.options import Executor, Output, RunOptions
from sweeps.driver.proposals import train_rounds
from sweeps.driver.ray_session import RaySession
from sweeps.driver.steps import Outcome, check_dataset, execute, owner_of, plan_sweep, prepare
from sweeps.errors import SweepError, UnwritableError, require
from sweeps.plan.cut import ShardSize, cut_shards
from sweeps.plan.forecast import check_memory, gpu_sample, saturated_throughput
from sweeps.plan.plan import Plan
from sweeps.plan.summary import PlanSummary, SamplingForecast, summarise
from sweeps.store.dataset import DatasetFolder
from sweeps.train.executors import local
from sweeps.train.limits import check_address_space, local_workers, machine_memory
from sweeps.train.progress import Live
from sweeps.train.shard import TrainingJob
from sweeps.train.stop import Stopped, StopSignal


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


class Planned(NamedTuple):
    """A plan, the dataset with which it is compared, and the rounds of a sweep that has some.

    The plan of such a sweep is that of its present round.
    """

    plan: Plan
    dataset: DatasetFolder
    replay: Replay | None = None


def plan_in(resolved: ResolvedSweep, location: str | None) -> Planned:
    """The plan of a sweep and the dataset with which it is compared.

    Args:
        resolved: the sweep.
        location: folder or URI; data/<name> where None.
    Raises:
        SweepError: as `plan_sweep`; or a run that does not fit in this machine's memory.
    """
    dataset = DatasetFolder(location or f"data/{resolved.spec.name}")
    found = None
    if resolved.spec.sampling is None:
        plan = plan_sweep(resolved, dataset)
    else:
        check_dataset(resolved, dataset)
        found = replay(resolved, dataset)
        plan = found.plan
    check_memory(plan, machine_memory())
    return Planned(plan, dataset, found)


def summary_of(
    resolved: ResolvedSweep, location: str | None, *, shard_size: ShardSize
) -> PlanSummary:
    """The plan of a sweep, and the state of its folder.

    Args:
        resolved: the sweep.
        location: folder or URI; data/<name> where None.
        shard_size: how shards would be cut.
    Raises:
        SweepError: as `plan_in`.
    """
    plan, dataset, found = plan_in(resolved, location)
    damaged = dataset.inspect(owner_of(resolved)).damaged
    summary = summarise(plan, dataset.location, shard_size=shard_size, damaged=damaged)
    if found is None:
        return summary
    words, published = found.proposer.sampler.words(), found.proposer.sampler.runs - plan.todo
    runs, basis = expectation(found)
    expected = SamplingForecast(words, published, runs, basis, found.proposer.sampler.spec.at_most)
    return replace(summary, sampling=expected)


def train_sweeps(
    openers: Sequence[Callable[[], ResolvedSweep]],
    location: str | None,
    *,
    options: RunOptions,
    output: Output,
) -> Generator[TrainingEnd, None, None]:
    """Train what is planned and not yet published of sweeps, one after the other on one Ray.

    All are opened and planned before the first is trained. After a signal, or where nothing can be
    published, the others are not begun.

    Args:
        openers: give the sweeps; a signal interrupts them.
        location: folder or URI of the dataset; of several sweeps, of a folder with one for each, by name.
        options: where and how.
        output: where progress is shown.
    Yields:
        How each ended.
    Raises:
        SweepError: an error of the user's; nothing was started of the sweep that it names.
        Stopped: a signal came before training began.
    """
    if options.executor == Executor.TUNE:
        require("ray", "ray", otherwise="train in this process: --executor local")
    check_address_space(starts_ray=options.executor == Executor.TUNE and options.address == "local")
    with StopSignal(options.time_budget_s) as stop_signal, ExitStack() as stack:
        with stop_signal.interruptible():
            planned = _planned(openers, location)
        ray = RaySession(options, stop_signal, stack)
        for number, (plan, dataset, found) in enumerate(planned):
            with stop_signal.interruptible():
                size = _shard_size(plan, options, ray=ray, output=output)
                job = prepare(plan if found is None else plan.of_none(), dataset, size)
            if number == 0:
                stop_signal.start_clock()
            trainer = _Trainer(options, ray, output, size)
            if found is None:
                yield trainer.train(job, dataset)
            else:
                yield trainer.train_adaptively(job, dataset, found)
            if stop_signal.signal is not None or stop_signal.cause:
                return


def _planned(openers: Sequence[Callable[[], ResolvedSweep]], location: str | None) -> list[Planned]:
    """Plans of sweeps and their datasets.

    Raises:
        SweepError: two sweeps of one name.
    """
    sweeps = [open_sweep() for open_sweep in openers]
    names = Counter(sweep.spec.name for sweep in sweeps)
    if twice := [name for name, count in names.items() if count > 1]:
        raise SweepError(
            f"received several sweeps named {twice[0]}, which would share a folder; nothing was started"
        )
    several = location is not None and len(sweeps) > 1
    return [
        plan_in(sweep, f"{str(location).rstrip('/')}/{sweep.spec.name}" if several else location)
        for sweep in sweeps
    ]


def _shard_size(plan: Plan, options: RunOptions, *, ray: RaySession, output: Output) -> ShardSize:
    """How shards are cut; where trials have a GPU, by its rate, which is measured first."""
    rate = _gpu_throughput(plan, options, ray=ray, output=output)
    return ShardSize(options.shard_runs, options.shard_seconds, rate)


class _Trainer(NamedTuple):
    """Trains the jobs of one start of a driver."""

    options: RunOptions
    ray: RaySession
    output: Output
    shard_size: ShardSize

    def train(self, job: TrainingJob, dataset: DatasetFolder) -> TrainingEnd:
        """Train all shards, and read what the dataset holds then."""
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

    def train_adaptively(
        self, job: TrainingJob, dataset: DatasetFolder, found: Replay
    ) -> TrainingEnd:
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

        def rounds(run: Callable[[TrainingJob], dict[int, str]]) -> Outcome:
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


def _gpu_throughput(
    plan: Plan, options: RunOptions, *, ray: RaySession, output: Output
) -> float | None:
    """Flops per second of a trial's GPU, measured on it; None where trials have or need none."""
    if not options.gpus or not (positions := gpu_sample(plan)).size:
        return None
    if options.executor == Executor.LOCAL:
        return saturated_throughput(plan, positions)
    output.out.print("measuring a trial's GPU; a cluster that grows first starts a node with one")
    return ray.gpu_throughput(plan, positions)


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

"""One start of a driver, from sweeps to datasets: what `bocnn-sweep run` and `Sweep.run` do."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.driver.datasets import DatasetStatus, read_status
from sweeps.driver.options import Executor, Output, RunOptions
from sweeps.driver.ray_session import RaySession
from sweeps.driver.steps import execute, owner_of, plan_sweep, prepare
from sweeps.errors import SweepError, UnwritableError
from sweeps.optional import require
from sweeps.plan.cut import ShardSize
from sweeps.plan.forecast import check_memory, gpu_sample, saturated_throughput
from sweeps.plan.plan import Plan
from sweeps.plan.summary import PlanSummary, summarise
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


def plan_in(resolved: ResolvedSweep, location: str | None) -> tuple[Plan, DatasetFolder]:
    """The plan of a sweep and the dataset with which it is compared.

    Args:
        resolved: the sweep.
        location: folder or URI; data/<name> where None.
    Raises:
        SweepError: as `plan_sweep`; or a run that does not fit in this machine's memory.
    """
    dataset = DatasetFolder(location or f"data/{resolved.spec.name}")
    plan = plan_sweep(resolved, dataset)
    check_memory(plan, machine_memory())
    return plan, dataset


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
    plan, dataset = plan_in(resolved, location)
    damaged = dataset.inspect(owner_of(resolved)).damaged
    return summarise(plan, dataset.location, shard_size=shard_size, damaged=damaged)


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
        for number, (plan, dataset) in enumerate(planned):
            with stop_signal.interruptible():
                job = prepare(plan, dataset, _shard_size(plan, options, ray=ray, output=output))
            if number == 0:
                stop_signal.start_clock()
            yield _train(job, dataset, options, ray=ray, output=output)
            if stop_signal.signal is not None or stop_signal.cause:
                return


def _planned(
    openers: Sequence[Callable[[], ResolvedSweep]], location: str | None
) -> list[tuple[Plan, DatasetFolder]]:
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


def _train(
    job: TrainingJob,
    dataset: DatasetFolder,
    options: RunOptions,
    *,
    ray: RaySession,
    output: Output,
) -> TrainingEnd:
    """Train all shards, and read what the dataset holds then."""
    plan, stop_signal = job.plan, ray.stop_signal
    for notice in job.notices:
        output.err.print(f"set aside: {notice}", style="yellow")
    output.out.print(
        f"{plan.resolved.spec.name}: {plan.total:,} runs planned, {plan.done:,} published, "
        f"{plan.todo:,} to train in {len(job.shards):,} shards → {dataset.location}",
        soft_wrap=True,
    )
    if job.shards and (hint := ray.hint(plan)):
        output.out.print(hint, soft_wrap=True)
    try:
        with Live(output.out, plan.todo, len(job.shards)) as live:
            if options.executor == Executor.LOCAL:
                workers = options.workers or local_workers(plan.memory_bytes)
                executor = partial(local.run, report=live, stop_signal=stop_signal, workers=workers)
            else:
                executor = partial(ray.run, live=live)
            failures, missing = execute(job, dataset, executor)
    except SweepError:
        if not stop_signal.cause:
            raise
        return TrainingEnd({}, plan.todo, stop_signal, None)
    status = read_status(dataset, done=plan.total - missing)
    return TrainingEnd(failures, missing, stop_signal, status)


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

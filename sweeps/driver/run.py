"""One start of a driver, from sweep to dataset: what `bocnn-sweep run` and `Sweep.run` do."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from rich.console import Console

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.driver.datasets import DatasetStatus, read_status
from sweeps.driver.steps import execute, owner_of, plan_sweep, prepare
from sweeps.errors import SweepError, UnwritableError, nearest, shown
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


class Executor(StrEnum):
    """Where shards are trained."""

    TUNE = "tune"
    LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where and how a sweep is trained; nothing of it changes a row.

    Attributes:
        executor: "tune" trains on Ray Tune, "local" in threads of this process.
        workers: shards at once; None takes one a core.
        address: Ray's; "local" starts one on this machine, for this run.
        gpus: a trial's share of a GPU, at most 1; 0 trains on CPUs.
        shard_runs: runs in a shard; None cuts by time.
        shard_seconds: seconds of a trial in a shard.
        time_budget_s: no shard begins after so many seconds; None sets no end.
    """

    executor: str = "tune"
    workers: int | None = None
    address: str = "local"
    gpus: float = 0.0
    shard_runs: int | None = None
    shard_seconds: float = 20.0
    time_budget_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse an executor that there is not."""
        if self.executor not in list(Executor):
            raise SweepError(
                f"received executor {shown(self.executor)}; expected {' or '.join(Executor)}"
                f"{nearest(str(self.executor), Executor)}; nothing was started"
            )


class Output(NamedTuple):
    """Where progress and results are printed, and where warnings are."""

    out: Console
    err: Console


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
    """What a sweep would train, and what is in its folder.

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


def train_sweep(
    open_sweep: Callable[[], ResolvedSweep],
    location: str | None,
    *,
    options: RunOptions,
    output: Output,
) -> TrainingEnd:
    """Train what is planned and not yet published.

    Args:
        open_sweep: gives the sweep; a signal interrupts it.
        location: folder or URI of the dataset.
        options: where and how.
        output: where progress is shown.
    Raises:
        SweepError: an error of the user's; nothing was started.
        Stopped: a signal came before training began.
    """
    if options.executor == Executor.TUNE:
        require("ray", "ray", otherwise="train in this process: --executor local")
    check_address_space(starts_ray=options.executor == Executor.TUNE and options.address == "local")
    with StopSignal(options.time_budget_s) as stop_signal:
        with stop_signal.interruptible():
            plan, dataset = plan_in(open_sweep(), location)
            throughput = _gpu_throughput(plan, options, stop_signal, out=output.out)
            shard_size = ShardSize(options.shard_runs, options.shard_seconds, throughput)
            job = prepare(plan, dataset, shard_size)
        stop_signal.start_clock()
        return _train(job, dataset, options, stop_signal=stop_signal, output=output)


def _train(
    job: TrainingJob,
    dataset: DatasetFolder,
    options: RunOptions,
    *,
    stop_signal: StopSignal,
    output: Output,
) -> TrainingEnd:
    """Train all shards, and read what the dataset holds then."""
    plan = job.plan
    for notice in job.notices:
        output.err.print(f"set aside: {notice}", style="yellow")
    output.out.print(
        f"{plan.resolved.spec.name}: {plan.total:,} runs planned, {plan.done:,} published, "
        f"{plan.todo:,} to train in {len(job.shards):,} shards → {dataset.location}",
        soft_wrap=True,
    )
    try:
        with Live(output.out, plan.todo, len(job.shards)) as live:
            executor = _executor(
                options, live, stop_signal=stop_signal, memory_bytes=plan.memory_bytes
            )
            failures, missing = execute(job, dataset, executor)
    except SweepError:
        if not stop_signal.cause:
            raise
        return TrainingEnd({}, plan.todo, stop_signal, None)
    status = read_status(dataset, done=plan.total - missing)
    return TrainingEnd(failures, missing, stop_signal, status)


def _executor(
    options: RunOptions, live: Live, *, stop_signal: StopSignal, memory_bytes: float
) -> Callable[[TrainingJob], dict[int, str]]:
    """The executor's function of the job alone; Ray is imported only where it is used."""
    if options.executor == Executor.LOCAL:
        workers = options.workers or local_workers(memory_bytes)
        return partial(local.run, report=live, stop_signal=stop_signal, workers=workers)
    from sweeps.train.executors import connection, tune

    cluster = connection.Cluster(options.address, options.workers, options.gpus)
    return partial(tune.run, report=live, cluster=cluster, stop_signal=stop_signal)


def _gpu_throughput(
    plan: Plan, options: RunOptions, stop_signal: StopSignal, *, out: Console
) -> float | None:
    """Flops per second of a trial's GPU, measured on it; None where trials have or need none."""
    if not options.gpus or not (positions := gpu_sample(plan)).size:
        return None
    if options.executor == Executor.LOCAL:
        return saturated_throughput(plan, positions)
    from sweeps.train.executors import cluster, connection

    out.print("measuring a trial's GPU; a cluster that grows first starts a node with one")
    there = connection.Cluster(options.address, options.workers, options.gpus)
    return cluster.gpu_throughput(
        plan.without_spans(), positions, cluster=there, stop_signal=stop_signal
    )


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

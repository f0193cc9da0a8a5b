"""One start of a driver, from sweeps to datasets: what `bocnn run` and `Sweep.run` do."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.driver.adaptive import expectation, replay
from sweeps.driver.options import Executor, Output, RunOptions
from sweeps.driver.ray_session import RaySession
from sweeps.driver.steps import check_dataset, owner_of, plan_sweep, prepare
from sweeps.driver.trainer import Planned, Prepared, Trainer, TrainingEnd
from sweeps.errors import SweepError, require
from sweeps.models.protocol import UsesGpu
from sweeps.plan.cut import ShardSize
from sweeps.plan.forecast import (
    HERE,
    TimesAsked,
    check_memory,
    gpu_sample,
    saturated_throughput,
)
from sweeps.plan.gpus import GpuUse, gpus_here, gpus_there, hidden_gpus, unused
from sweeps.plan.plan import Plan
from sweeps.plan.summary import PlanSummary, SamplingForecast, summarise
from sweeps.store.dataset import DatasetFolder
from sweeps.train.limits import check_address_space, machine_memory
from sweeps.train.stop import StopSignal


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
    resolved: ResolvedSweep,
    location: str | None,
    *,
    shard_size: ShardSize,
    times: TimesAsked = HERE,
) -> PlanSummary:
    """The plan of a sweep, and the state of its folder.

    Args:
        resolved: the sweep.
        location: folder or URI; data/<name> where None.
        shard_size: how shards would be cut.
        times: what is stated.
    Raises:
        SweepError: as `plan_in` and `summarise`.
    """
    plan, dataset, found = plan_in(resolved, location)
    damaged = dataset.inspect(owner_of(resolved)).damaged
    summary = summarise(plan, dataset.location, shard_size=shard_size, damaged=damaged, times=times)
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
    beside: Callable[[Sequence[str]], AbstractContextManager[None]] | None = None,
) -> Generator[TrainingEnd, None, None]:
    """Train what is planned and not yet published of sweeps, in their order, on one Ray.

    All are opened and planned before the first is trained; under Ray the first shards of one may train
    beside the last of the one before. After a signal, or where nothing can be published, all of them end.

    Args:
        openers: give the sweeps; a signal interrupts them.
        location: folder or URI of the dataset; of several sweeps, of a folder with one for each, by name.
        options: where and how.
        output: where progress is shown.
        beside: entered with the locations of the datasets while they are trained.
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
        with stop_signal.interruptible():
            uses = _gpu_uses([one.plan for one in planned], options, ray)
            ray.gpus = max(use.share for use in uses)
            if options.executor == Executor.LOCAL and not ray.gpus:
                stack.enter_context(hidden_gpus())
            for words in dict.fromkeys(use.words for use in uses if use.words):
                output.out.print(f"GPUs: {words}", soft_wrap=True)
            prepared = [
                _prepare(one, options, use, ray=ray, output=output)
                for one, use in zip(planned, uses, strict=True)
            ]
        if beside is not None:
            stack.enter_context(beside([one.dataset.location for one in planned]))
        stop_signal.start_clock()
        in_rounds = [one.replay is not None for one in planned]
        with ray.together([one.job for one in prepared], in_rounds):
            for one in prepared:
                yield Trainer(options, ray, output, one.shard_size).train(one)
                if stop_signal.signal is not None or stop_signal.cause:
                    return


def _gpu_uses(plans: Sequence[Plan], options: RunOptions, ray: RaySession) -> list[GpuUse]:
    """What trials of each sweep get of GPUs: what is stated, else what there is and is of use."""
    if options.gpus is not None:
        return [GpuUse(options.gpus)] * len(plans)
    if options.executor == Executor.LOCAL or options.address == "local":
        return [gpus_here(plan) for plan in plans]
    able = [isinstance(plan.model, UsesGpu) and plan.todo > 0 for plan in plans]
    count = ray.gpu_count() if any(able) else 0.0
    return [
        gpus_there(plan, count, options.address) if one else GpuUse(0.0)
        for plan, one in zip(plans, able, strict=True)
    ]


def _prepare(
    one: Planned, options: RunOptions, use: GpuUse, *, ray: RaySession, output: Output
) -> Prepared:
    """Publish a sweep's plan and cut its job; that of a sweep with rounds is cut round by round."""
    rate = gpu_throughput(one.plan, options, use, ray=ray, output=output)
    size = ShardSize(options.shard_runs, options.shard_seconds, rate)
    plan = one.plan if one.replay is None else one.plan.of_none()
    return Prepared(prepare(plan, one.dataset, size), one, size)


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


def gpu_throughput(
    plan: Plan, options: RunOptions, use: GpuUse, *, ray: RaySession, output: Output
) -> float | None:
    """Flops per second of a trial's GPU, measured on it; None where trials have or need none.

    Args:
        plan: of the sweep.
        options: where it is trained.
        use: what a trial gets of a GPU.
        ray: measures it there.
        output: where that is said, and why a GPU that nobody stated is not used.
    Raises:
        SweepError: it cannot be measured, and somebody stated it.
    """
    if not use.share or not (positions := gpu_sample(plan)).size:
        return None
    if options.executor == Executor.LOCAL:
        return saturated_throughput(plan, positions)
    output.out.print("measuring a trial's GPU; a cluster that grows first starts a node with one")
    try:
        return ray.gpu_throughput(plan, positions)
    except SweepError as error:
        if options.gpus is not None:
            raise
        name = plan.resolved.spec.name
        output.out.print(f"GPUs: {unused(str(error)).words} ({name})", soft_wrap=True)
        return None

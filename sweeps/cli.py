"""The command bocnn-sweep: presets, plan, run, status, verify, compact."""

import os
import sys
from enum import StrEnum
from functools import partial
from typing import Annotated, NamedTuple

import typer
from rich.table import Table

from sweeps import command
from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.declare.file import presets
from sweeps.declare.file.sweep_file import read_spec
from sweeps.declare.terminal import WordConsole, guard_streams
from sweeps.errors import SweepError
from sweeps.optional import require
from sweeps.plan.forecast import check_memory, forecast, gpu_sample, saturated_throughput
from sweeps.plan.idle import idle_everywhere
from sweeps.plan.plan import Plan, ShardSize, cut_shards
from sweeps.store.dataset import Dataset
from sweeps.store.failed_shard import reason
from sweeps.store.files import MANIFEST
from sweeps.train.executors import local
from sweeps.train.limits import check_address_space, local_workers, machine_memory
from sweeps.train.progress import Live, counts
from sweeps.train.shard import TrainingJob
from sweeps.train.stop import Stopped, StopSignal

app = typer.Typer(
    help="Train a declared sweep into an Arrow dataset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = WordConsole(markup=False, emoji=False)
GO_ON = "what is published stays: run the same command again to go on"
err = WordConsole(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

SweepArgument = Annotated[str, typer.Argument(help="A sweep file, or the name of a shipped sweep.")]
OutOption = Annotated[
    str | None,
    typer.Option("--out", help="Output folder or URI; data/<name of the sweep> if left out."),
]
ReplicatesOption = Annotated[
    int | None, typer.Option(help="Replicates, in place of the file's; more may be added later.")
]
SizeOption = Annotated[
    str | None, typer.Option("--size", help="One of the file's sizes, such as smoke, paper, fine.")
]
ShardRunsOption = Annotated[int | None, typer.Option(min=1, help="Runs in a shard, at most.")]
ShardSecondsOption = Annotated[float, typer.Option(min=0.1, help="Seconds of a trial in a shard.")]


class Executor(StrEnum):
    """Where shards are trained."""

    TUNE = "tune"
    LOCAL = "local"


class Trials(NamedTuple):
    """Who trains shards: the executor, and for Ray Tune its cluster and what a trial asks for."""

    executor: Executor
    address: str
    workers: int | None
    gpus: float


@app.command("presets")
def list_presets() -> None:
    """List the shipped sweeps."""
    table = Table("sweep", "what it maps")
    for name in presets.names():
        spec, _, _ = read_spec(presets.find(name)[0], name)
        table.add_row(name, spec.description if spec else "")
    out.print(table)


@app.command()
def plan(
    sweep: SweepArgument,
    out_folder: OutOption = None,
    replicates: ReplicatesOption = None,
    size: SizeOption = None,
    shard_runs: ShardRunsOption = None,
    shard_seconds: ShardSecondsOption = 20.0,
) -> None:
    """Say what a sweep would train, how long it would take and what it would write; train nothing."""
    planned, dataset = _plan(command.open_sweep(sweep, replicates, size=size), out_folder)
    predicted = forecast(planned)
    cores = os.cpu_count() or 1
    table = Table(show_header=False, title=f"plan of {planned.resolved.spec.name}")
    for key, value in {
        "cells": f"{planned.resolved.cells.number:,} (axes × settings)",
        "runs": f"{planned.total:,}",
        "published": f"{planned.done:,} in {dataset.location}",
        "to train": f"{planned.todo:,}",
        "shards": f"{len(cut_shards(planned, ShardSize(shard_runs, shard_seconds))):,}",
        "time": f"{_duration(predicted.core_s)} of one core, {_duration(predicted.core_s / cores)} on "
        f"{cores} cores, from {predicted.basis}",
        "dataset": f"{_size(predicted.dataset_bytes)} more on disk",
        "memory": f"{_size(predicted.memory_bytes)} for the largest run",
    }.items():
        table.add_row(key, value)
    for name, why in idle_everywhere(planned.resolved).items():
        table.add_row("without effect", f"{name}: {why}")
    out.print(table)
    for name, why in dataset.inspect(command.owner_of(planned.resolved)).damaged.items():
        out.print(
            f"damaged: {name} {why}; run sets it aside and trains its runs again", soft_wrap=True
        )


@app.command()
def run(
    sweep: SweepArgument,
    out_folder: OutOption = None,
    replicates: ReplicatesOption = None,
    size: SizeOption = None,
    executor: Annotated[
        Executor, typer.Option(help="tune: Ray Tune; local: threads of this process.")
    ] = Executor.TUNE,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Shards at once; default: one a core.")
    ] = None,
    address: Annotated[str, typer.Option(help="Ray's address; local starts one here.")] = "local",
    gpus: Annotated[
        float, typer.Option(min=0, max=1, help="A trial's share of a GPU; 0: its CPU alone.")
    ] = 0.0,
    shard_runs: ShardRunsOption = None,
    shard_seconds: ShardSecondsOption = 20.0,
    time_budget: Annotated[
        float | None, typer.Option(min=0.0, help="Begin no shard after this many minutes.")
    ] = None,
) -> None:
    """Train what is planned and not yet published; the same command goes on after any stop.

    Exit status: 0 all is published; 1 shards failed; 2 an error, nothing was started; 3 the time is
    over; 130 and 143 stopped by Ctrl-C and SIGTERM.
    """
    if executor is Executor.TUNE:
        require("ray", "ray", otherwise="train in this process: --executor local")
    check_address_space(starts_ray=executor is Executor.TUNE and address == "local")
    try:
        with StopSignal(None if time_budget is None else 60 * time_budget) as stop_signal:
            with stop_signal.interruptible():
                resolved = command.open_sweep(sweep, replicates, size=size)
                planned, dataset = _plan(resolved, out_folder)
                if executor is Executor.LOCAL and workers is None:
                    workers = local_workers(planned.memory_bytes)
                trials = Trials(executor, address, workers, gpus)
                rate = _gpu_throughput(planned, trials, stop_signal)
                work = command.prepare(planned, dataset, ShardSize(shard_runs, shard_seconds, rate))
            stop_signal.start_clock()
            _train(work, dataset, trials, stop_signal=stop_signal)
    except Stopped as stop:
        err.print(f"stopped; {GO_ON}")
        raise typer.Exit(128 + int(stop.args[0])) from None


def _train(work: TrainingJob, dataset: Dataset, trials: Trials, *, stop_signal: StopSignal) -> None:
    """Train all shards, say what the dataset holds then, and exit with the status that stands for it."""
    planned = work.plan
    for notice in work.notices:
        err.print(f"set aside: {notice}", style="yellow")
    out.print(
        f"{planned.resolved.spec.name}: {planned.total:,} runs planned, {planned.done:,} published, "
        f"{planned.todo:,} to train in {len(work.shards):,} shards → {dataset.location}",
        soft_wrap=True,
    )
    try:
        with Live(out, planned.todo, len(work.shards)) as live:
            outcome = command.execute(
                work, dataset, _executor(trials, live, stop_signal=stop_signal)
            )
    except SweepError:
        if not stop_signal.cause:
            raise
        outcome = command.Outcome({}, planned.todo)  # the folder cannot even be read any more
        _end(outcome, stop_signal, 0)
    state = command.read_status(dataset, done=planned.total - outcome.missing)
    _print_status(state)
    _end(outcome, stop_signal, len(state.failed))


def _end(outcome: command.Outcome, stop_signal: StopSignal, kept: int) -> None:
    """Say why a sweep is not complete, and exit with the status that stands for it."""
    if stop_signal.cause:
        err.print(f"stopped, since no shard can be published: {stop_signal.cause}", style="red")
        raise typer.Exit(1)
    for number, error in outcome.failures.items():
        err.print(f"shard {number} failed after its retries: {reason(error)}", style="red")
    if outcome.failures and kept:
        err.print(
            f"tracebacks and parameters are in {kept:,} files _failed-*.txt of the output folder"
        )
    if stop_signal.signal is not None:
        err.print(f"stopped; {GO_ON}")
        raise typer.Exit(128 + stop_signal.signal)
    if stop_signal.time_is_over and outcome.missing and not outcome.failures:
        err.print(f"the time is over; {GO_ON}")
        raise typer.Exit(3)
    if outcome.missing:
        err.print(f"{outcome.missing:,} runs are not published; {GO_ON}", style="red")
        raise typer.Exit(1)


@app.command()
def status(dataset: Annotated[str, typer.Argument(help="The output folder or URI.")]) -> None:
    """Say how much of a dataset's sweep is published, and how its runs ended."""
    _print_status(command.read_status(Dataset(dataset)))


@app.command()
def verify(dataset: Annotated[str, typer.Argument(help="The output folder or URI.")]) -> None:
    """Check every row of a dataset: digests, run ids computed anew, records; change nothing.

    Exit status: 0 all is as it was written; 1 something is not.
    """
    found = command.verify_dataset(Dataset(dataset))
    if found.undigested:
        out.print(
            f"{len(found.undigested):,} files state no digest of their content, first "
            f"{found.undigested[0]}: of these, run ids alone were checked",
            soft_wrap=True,
        )
    for problem in found.problems:
        err.print(f"wrong: {problem}", style="red")
    end = f"{len(found.problems):,} problems" if found.problems else "all is as it was written"
    out.print(f"{dataset}: {found.files:,} files, {found.rows:,} rows; {end}", soft_wrap=True)
    if found.problems:
        err.print("`bocnn-sweep run` sets damaged files aside; move away what else is wrong")
        raise typer.Exit(1)


@app.command()
def compact(
    dataset: Annotated[str, typer.Argument(help="The output folder or URI.")],
    mb: Annotated[float, typer.Option(min=0.001, help="Size of a large file, MB.")] = 64.0,
) -> None:
    """Bring many small files together into few large ones; readers and drivers may be at work."""
    done = command.compact_dataset(Dataset(dataset), int(mb * 1e6))
    rest = (
        f" ({done.left_over:,} had been left by a compaction cut short)" if done.left_over else ""
    )
    out.print(
        f"{dataset}: {done.before:,} files of rows became {done.after:,}{rest}", soft_wrap=True
    )


def main() -> None:
    """Run the command; a user's error is told without a traceback, with exit status 2."""
    guard_streams()
    try:
        app(standalone_mode=True)
    except SweepError as error:
        err.print(f"error: {error}", style="red")
        sys.exit(2)


def _plan(resolved: ResolvedSweep, out_folder: str | None) -> tuple[Plan, Dataset]:
    """The plan of a sweep and the dataset that it is held against."""
    dataset = Dataset(out_folder or f"data/{resolved.spec.name}")
    planned = command.plan_sweep(resolved, dataset)
    check_memory(planned, machine_memory())
    return planned, dataset


def _executor(trials: Trials, live: Live, *, stop_signal: StopSignal) -> "partial[dict[int, str]]":
    """The executor's function of the work alone; Ray is imported only where it is used."""
    if trials.executor is Executor.LOCAL:
        workers = trials.workers or 1
        return partial(local.run, report=live, stop_signal=stop_signal, workers=workers)
    from sweeps.train.executors import connection, tune

    return partial(
        tune.run, report=live, cluster=connection.Cluster(*trials[1:]), stop_signal=stop_signal
    )


def _gpu_throughput(
    planned: Plan, trials: Trials, stop_signal: StopSignal | None = None
) -> float | None:
    """Flops per second of a trial's GPU, measured on it; None where trials have or need none."""
    if not trials.gpus or not (positions := gpu_sample(planned)).size:
        return None
    if trials.executor is Executor.LOCAL:
        return saturated_throughput(planned, positions)
    from sweeps.train.executors import cluster, connection

    out.print("measuring a trial's GPU; a cluster that grows first starts a node with one")
    there = connection.Cluster(*trials[1:])
    return cluster.gpu_throughput(
        planned.without_spans(), positions, cluster=there, stop_signal=stop_signal
    )


def _print_status(state: command.Status) -> None:
    complete = "complete" if state.published >= state.planned else "incomplete"
    out.print(
        f"{state.name}: {state.published:,} of {state.planned:,} runs published in "
        f"{state.shards:,} files, {complete}; {counts(dict(state.by_status))}",
        soft_wrap=True,
    )
    if state.lost:
        out.print(
            f"there is no {MANIFEST}: what is planned was read from the files of rows, and may have grown "
            "since; `bocnn-sweep run` of this sweep into this folder writes it again",
            soft_wrap=True,
        )
    if state.share:
        out.print(f"orchestration: {state.share}", soft_wrap=True)
        if state.share.compile_s:
            seconds = _duration(state.share.compile_s)
            out.print(f"compiling: {seconds}, which is neither training nor orchestration")
    for failed in state.failed:
        out.print(f"failed: {failed}", soft_wrap=True)
    for damaged in state.damaged:
        out.print(
            f"damaged: {damaged}; `bocnn-sweep run` of this sweep sets it aside and trains its runs again",
            soft_wrap=True,
        )
    for conflict in state.conflicts:
        out.print(f"conflict: {conflict}", soft_wrap=True)
    if state.unverified:
        out.print(
            f"not verified: {len(state.unverified):,} files state no digest of what they hold, first "
            f"{state.unverified[0]}",
            soft_wrap=True,
        )
    for mixed in state.mixed:
        out.print(f"mixed {mixed}; equal runs may differ in their last digits", soft_wrap=True)


def _duration(seconds: float) -> str:
    """Seconds for a person: "12 s", "3.4 min", "5.6 h"."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _size(count: float) -> str:
    """Bytes for a person."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"

"""The commands on sweeps and their options; `sweeps.driver` does the work."""

import sys
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from sweeps.cli import library
from sweeps.cli.messages import (
    STREAMS,
    err,
    leave,
    out,
    print_json,
    print_rerun,
    print_status,
    stopped,
)
from sweeps.cli.watching import watched
from sweeps.declare.terminal import guard_streams
from sweeps.driver import datasets, open_sweep
from sweeps.driver.options import Executor, RunOptions
from sweeps.driver.rerun import rerun as rerun_row
from sweeps.driver.run import summary_of, train_sweeps
from sweeps.errors import SweepError, shown
from sweeps.plan.cut import ShardSize
from sweeps.plan.forecast import TimesAsked
from sweeps.store.dataset import DatasetFolder
from sweeps.train.executors import local
from sweeps.train.stop import Stopped

app = typer.Typer(
    help="Train a declared sweep into an Arrow dataset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SweepArgument = Annotated[str, typer.Argument(help="A sweep file, or the name of a shipped sweep.")]
SweepsArgument = Annotated[
    list[str], typer.Argument(help="Sweep files, or names of shipped sweeps.", show_default=False)
]
OutOption = Annotated[
    str | None,
    typer.Option("--out", help="Output folder or URI; data/<name of the sweep> if left out."),
]
RunOutOption = Annotated[
    str | None,
    typer.Option(
        "--out",
        help="Output folder or URI; of several sweeps, of a folder with one for each, by name. "
        "data/<name of the sweep> if left out.",
    ),
]
ReplicatesOption = Annotated[
    int | None, typer.Option(help="Replicates, instead of the file's; more may be added later.")
]
SizeOption = Annotated[
    str | None, typer.Option("--size", help="One of the file's sizes, such as smoke, paper, fine.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="NAME=VALUE instead of the file's, such as n=40, axes.d=log:100:10000:9, "
        "settings.p_flip=0,0.1; may repeat. The sweep gets a name of its own.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ShardRunsOption = Annotated[int | None, typer.Option(min=1, help="Runs in a shard, at most.")]
ShardSecondsOption = Annotated[float, typer.Option(min=0.1, help="Seconds of a trial in a shard.")]


app.command("presets")(library.list_presets)
app.command()(library.show)
app.command()(library.init)


@app.command()
def plan(  # typer reads options from parameters
    sweep: SweepArgument,
    out_folder: OutOption = None,
    replicates: ReplicatesOption = None,
    size: SizeOption = None,
    changes: SetOption = None,
    shard_runs: ShardRunsOption = None,
    shard_seconds: ShardSecondsOption = 20.0,
    cores: Annotated[
        int | None, typer.Option(min=1, help="State the time on so many; default: this machine's.")
    ] = None,
    gpu_hours: Annotated[
        bool, typer.Option("--gpu-hours", help="State that of a GPU too; measures this machine's.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Say what a sweep would train, how long it would take and what it would write; train nothing."""
    resolved = open_sweep(sweep, replicates, size=size, changes=changes or ())
    shard_size, times = ShardSize(shard_runs, shard_seconds), TimesAsked(cores, gpu_hours)
    summary = summary_of(resolved, out_folder, shard_size=shard_size, times=times)
    if json:
        print_json(summary)
        return
    table = Table(show_header=False, title=f"plan of {summary.name}")
    for key, value in summary.rows():
        table.add_row(key, value)
    out.print(table)
    for warning in summary.warnings():
        out.print(warning, soft_wrap=True)


@app.command()
def run(  # typer reads options from parameters
    sweep: SweepsArgument,
    out_folder: RunOutOption = None,
    replicates: ReplicatesOption = None,
    size: SizeOption = None,
    changes: SetOption = None,
    executor: Annotated[
        Executor, typer.Option(help="tune: Ray Tune; local: threads of this process.")
    ] = Executor.TUNE,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Shards at once; default: one a core.")
    ] = None,
    address: Annotated[str, typer.Option(help="Ray's address; local starts one here.")] = "local",
    gpus: Annotated[
        str,
        typer.Option(
            help="A trial's share of a GPU, 0 to 1; 0: CPUs alone; auto: one for each trial that can use "
            "one, where there are GPUs."
        ),
    ] = "auto",
    shard_runs: ShardRunsOption = None,
    shard_seconds: ShardSecondsOption = 20.0,
    time_budget: Annotated[
        float | None, typer.Option(min=0.0, help="Begin no shard after this many minutes.")
    ] = None,
    opens: Annotated[
        bool, typer.Option("--open", help="Show the runs as they come, in a browser.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Of that page, on loopback; any that is free."),
    ] = None,
) -> None:
    """Train what is planned and not yet published; the same command goes on after any stop.

    Several sweeps are all planned first, then trained one after the other on one Ray.

    Exit status: 0 all is published; 1 shards failed; 2 an error, nothing was started; 3 the time is
    over; 130 and 143 stopped by Ctrl-C and SIGTERM.
    """
    options = RunOptions(
        executor=executor,
        workers=workers,
        address=address,
        gpus=_share(gpus),
        shard_runs=shard_runs,
        shard_seconds=shard_seconds,
        time_budget_s=None if time_budget is None else 60 * time_budget,
    )
    if port is not None and not opens:
        raise SweepError("received --port without --open; expected both, or `bocnn watch` beside")
    beside = partial(watched, port=port or 0) if opens else None
    try:
        openers = [
            partial(open_sweep, each, replicates, size=size, changes=changes or ())
            for each in sweep
        ]
        leave(train_sweeps(openers, out_folder, options=options, output=STREAMS, beside=beside))
    except Stopped as stop:
        raise stopped(int(stop.args[0])) from None


def _share(text: str) -> float | None:
    """A trial's share of a GPU; None for auto.

    Raises:
        SweepError: another word.
    """
    try:
        return None if text == "auto" else float(text)
    except ValueError:
        raise SweepError(
            f"received --gpus {shown(text)}; expected a share from 0 to 1, or auto; nothing was started"
        ) from None


@app.command()
def status(
    dataset: Annotated[str, typer.Argument(help="The output folder or URI.")],
    json: JsonOption = False,
) -> None:
    """Say how much of a dataset's sweep is published, and how its runs ended."""
    found = datasets.read_status(DatasetFolder(dataset))
    if json:
        print_json(found)
    else:
        print_status(found)


@app.command()
def verify(dataset: Annotated[str, typer.Argument(help="The output folder or URI.")]) -> None:
    """Check every row of a dataset: digests, run ids computed anew, records; change nothing.

    Exit status: 0 all is as it was written; 1 something is not.
    """
    found = datasets.verify_dataset(DatasetFolder(dataset))
    if found.unverified:
        out.print(
            f"{len(found.unverified):,} files state no digest of what they hold, first "
            f"{found.unverified[0]}: of these, run ids alone were checked",
            soft_wrap=True,
        )
    for problem in found.problems:
        err.print(f"wrong: {problem}", style="red")
    end = f"{len(found.problems):,} problems" if found.problems else "all is as it was written"
    out.print(f"{dataset}: {found.files:,} files, {found.rows:,} rows; {end}", soft_wrap=True)
    if found.problems:
        err.print("`bocnn run` sets damaged files aside; move away what else is wrong")
        raise typer.Exit(1)


@app.command()
def rerun(
    dataset: Annotated[str, typer.Argument(help="The output folder or URI.")],
    run_id: Annotated[str, typer.Argument(help="Of the run, hexadecimal; the first digits do.")],
    oracle: Annotated[
        bool,
        typer.Option("--oracle", help="Beside it, the dense network in torch on the same draws."),
    ] = False,
) -> None:
    """Train one published run again, and show its measures beside the published ones; write nothing.

    Exit status: 0 they are the same, bit for bit; 1 they are not.
    """
    found = rerun_row(DatasetFolder(dataset), run_id, oracle=oracle)
    print_rerun(found)
    if not found.same:
        raise typer.Exit(1)


@app.command()
def compact(
    dataset: Annotated[str, typer.Argument(help="The output folder or URI.")],
    mb: Annotated[float, typer.Option(min=0.001, help="Size of a large file, MB.")] = 64.0,
) -> None:
    """Bring many small files together into few large ones; readers and drivers may run meanwhile."""
    done = datasets.compact_dataset(DatasetFolder(dataset), int(mb * 1e6))
    rest = (
        f" ({done.left_over:,} had been left by a compaction cut short)" if done.left_over else ""
    )
    out.print(
        f"{dataset}: {done.before:,} files of rows became {done.after:,}{rest}", soft_wrap=True
    )


app.command("export")(library.export)


def main() -> None:
    """Run the command; an error of the user's is printed without a traceback, with exit status 2."""
    guard_streams()
    try:
        app(standalone_mode=True)
    except SweepError as error:
        err.print(f"error: {error}", style="red")
        sys.exit(2)
    except SystemExit as end:
        local.leave(int(end.code or 0))
        raise

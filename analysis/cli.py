"""The command `bocnn-analysis`: options in, summary out; a user's mistake is exit status 2."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from threadpoolctl import threadpool_limits

from analysis.errors import AnalysisError
from analysis.report.findings import Choices, Findings
from analysis.report.page import kink_cells, law_cells, shift_cells
from analysis.report.report import examine, folder_names, write_report
from analysis.report.tables import Row
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.terminal import WordConsole, guard_streams

app = typer.Typer(
    help="From a dataset of runs to boundaries, laws, figures and tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Keeps `report` a named command while it is the only one."""


@app.command()
def report(  # One parameter per option is typer's contract.
    dataset: Annotated[
        list[str],
        typer.Argument(help="Folders or URIs that sweeps wrote; one page shows them all."),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write; ./report-SWEEP-SWEEP… if not given."),
    ] = None,
    level: Annotated[
        list[float] | None, typer.Option(help="Level that cuts the measure; may repeat.")
    ] = None,
    x: Annotated[str | None, typer.Option(help="Column along the plane's x axis.")] = None,
    y: Annotated[str | None, typer.Option(help="Column along the plane's y axis.")] = None,
    measure: Annotated[str | None, typer.Option(help="Column to average and cut.")] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of all intervals.")] = 0.95,
    draws: Annotated[int, typer.Option(min=100, help="Bootstrap draws.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    at: Annotated[
        list[str] | None,
        typer.Option(help="AXIS=VALUE at which trajectories hold an axis; may repeat."),
    ] = None,
    include_unconverged: Annotated[
        bool, typer.Option("--include-unconverged", help="Also use runs that missed loss_tol.")
    ] = False,
) -> None:
    """Writes one page, figures and tables of datasets, and prints a summary."""
    choices = Choices(
        x, y, measure, tuple(level or ()), include_unconverged, Resampling(draws, confidence, seed)
    )
    subjects = [examine(location, choices, at=_held(at or [])) for location in dataset]
    folder = out or Path("-".join(["report", *folder_names(subjects)]))
    files = write_report(subjects, folder)
    for subject in subjects:
        _print_summary(subject.findings)
    for path in files:
        WordConsole().print(str(path), style="dim", highlight=False, markup=False, soft_wrap=True)


def _held(options: list[str]) -> dict[str, float]:
    """Values of axes from AXIS=VALUE."""
    held = {}
    for option in options:
        name, _, value = option.partition("=")
        try:
            held[name] = float(value)
        except ValueError:
            raise AnalysisError(
                f"Received --at {option}; expected AXIS=VALUE with a number, such as --at mu_norm=2."
            ) from None
    return held


def main() -> None:
    """Entry point: a user's mistake is one message on stderr and exit status 2.

    SIGTERM ends it as Ctrl-C does, so that nothing half written stays.
    """
    guard_streams()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        # Thousands of products of small matrices: threads wait for each other longer than they work.
        with threadpool_limits(1):
            app()
    except AnalysisError as error:
        WordConsole(stderr=True, soft_wrap=True).print(f"Error: {error}", style="red", markup=False)
        sys.exit(2)


def _print_summary(findings: Findings) -> None:
    console = WordConsole()
    sweep = findings.dataset.sweep
    counts = ", ".join(f"{count:,} {name}" for name, count in findings.runs.items() if count)
    console.print(
        f"[bold]{escape(sweep.name)}[/bold]: {findings.dataset.files} files; runs: {counts}",
        soft_wrap=True,
    )
    for line in _lines(findings):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _lines(findings: Findings) -> Iterator[str]:
    yield from (_law_line(row) for row in findings.law_rows)
    for level, setting, below, above, at, needed in kink_cells(findings):
        if needed == "yes":
            yield f"level {level}, {setting}: two regimes, {below} then {above}, kink at {at}"
    for level, setting, against, kind, shift in shift_cells(findings):
        yield f"level {level}: mean shift, {setting} against {against}: {kind} {shift}"


def _law_line(row: Row) -> str:
    level, setting, law, span, columns, slope, misfit, theory, verdict = law_cells(row)
    parts = [
        f"level {level}, {setting}: {law} {slope}",
        f"χ²/dof {misfit}" if misfit else "",
        f"{columns} columns" + ("" if span == "all" else f", x {span}"),
        f"theory {theory}" if theory else "",
        verdict,
    ]
    return "; ".join(part for part in parts if part)

"""The commands `report`, `open`, `watch` and `diff`: options in, summary out; an error is exit status 2.

What computes and draws is imported when a command runs, so that `--help` need not wait for it.
"""

import contextlib
import logging
import math
import os
import re
import signal
import sys
import threading
import webbrowser
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from analysis.errors import AnalysisError, one_line
from sweeps.declare.terminal import WordConsole, guard_streams

_MOST_CELLS = 20
"""Cells that `diff` lists."""

app = typer.Typer(
    help="From a dataset of runs to boundaries, laws, figures and tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
        typer.Option(
            help="AXIS=VALUE: trajectories are shown at this value of an axis; may repeat."
        ),
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(help="Figures' files: svg, png or pdf; may repeat. If not given, svg."),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes that compute and draw at once; as many as cores, up to 4."
        ),
    ] = None,
    include_unconverged: Annotated[
        bool, typer.Option("--include-unconverged", help="Also use runs that missed loss_tol.")
    ] = False,
) -> None:
    """Writes one page, figures and tables of datasets, and prints a summary."""
    _prepare_matplotlib()
    formats = _formats(format or ["svg"])
    from threadpoolctl import threadpool_limits

    from analysis.report.results import ReportOptions, analyse
    from analysis.report.tasks import MAX_PROCESSES, cores
    from analysis.statistics.bootstrap import Resampling

    options = ReportOptions(
        x,
        y,
        measure,
        tuple(level or ()),
        include_unconverged,
        Resampling(draws, confidence, seed),
        _fixed_axes(at or []),
    )
    # Thousands of products of small matrices: threads wait for each other longer than they work.
    with threadpool_limits(1):
        # What draws is loaded while files are read and checked, of which little holds Python's lock.
        loading = threading.Thread(
            target=import_module, args=("analysis.report.report",), daemon=True
        )
        loading.start()
        datasets = [analyse(location, options) for location in dataset]
        loading.join()  # processes are forked from one thread
        from analysis.report.report import folder_names, write_report

        folder = out or Path("-".join(["report", *folder_names(datasets)]))
        most = processes or min(cores(), MAX_PROCESSES)
        written = write_report(datasets, folder, processes=most, formats=formats)
    console = WordConsole()
    for results, lines in zip(datasets, written.summaries, strict=True):
        counts = ", ".join(f"{count:,} {name}" for name, count in results.runs.items() if count)
        console.print(
            f"[bold]{escape(results.sweep)}[/bold]: {results.dataset.files} files; runs: {counts}",
            soft_wrap=True,
        )
        for line in [results.choice] * bool(results.choice) + list(lines):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    for path in written.files:
        console.print(str(path), style="dim", highlight=False, markup=False, soft_wrap=True)


@app.command("open")
def open_page(
    dataset: Annotated[list[str], typer.Argument(help="Folders or URIs that sweeps wrote.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="The report's folder; ./report-DATASET-DATASET… if not given."),
    ] = None,
) -> None:
    """Shows the report of datasets in a browser; it is written first unless it is newer than they are."""
    names = [re.sub(r"[^a-z0-9_-]+", "-", Path(one).name.lower()) for one in dataset]
    folder = out or Path("-".join(["report", *names]))
    page = folder / "report.html"
    if not page.is_file() or page.stat().st_mtime < max(map(_changed, dataset)):
        report(dataset, out=folder)
    if not webbrowser.open(page.resolve().as_uri()):
        WordConsole().print(f"no browser was found; the page is {page}", soft_wrap=True)


@app.command("watch")
def watch_datasets(
    dataset: Annotated[list[str], typer.Argument(help="Folders or URIs that sweeps write now.")],
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="On loopback; any that is free if not given.")
    ] = 0,
    opens: Annotated[bool, typer.Option("--open", help="Also show the page in a browser.")] = False,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="End when standard input does.", hidden=True)
    ] = False,
) -> None:
    """Serves a page on this machine that shows datasets as they grow, until Ctrl-C; writes nothing.

    From elsewhere: ssh -L PORT:localhost:PORT HOST, then http://localhost:PORT/ there.
    """
    _prepare_matplotlib()
    from threadpoolctl import threadpool_limits

    from analysis.watch.watch import check_folders, watch

    def show(url: str) -> None:
        console.print(url, soft_wrap=True)
        if opens and not webbrowser.open(url):
            console.print("no browser was found", soft_wrap=True)

    console, ended = WordConsole(highlight=False), threading.Event()
    check_folders(dataset)
    if until_eof:
        threading.Thread(target=_wait_for_end, args=[ended], daemon=True).start()
    with threadpool_limits(1), contextlib.suppress(KeyboardInterrupt):
        watch(dataset, port, show=show, ended=ended)


@app.command("diff")
def show_differences(
    first: Annotated[str, typer.Argument(help="Folder or URI of a dataset.")],
    other: Annotated[str, typer.Argument(help="Folder or URI of another one.")],
    *,
    x: Annotated[str | None, typer.Option(help="Column along the plane's x axis.")] = None,
    y: Annotated[str | None, typer.Option(help="Column along the plane's y axis.")] = None,
    measure: Annotated[str | None, typer.Option(help="Column to average.")] = None,
    confidence: Annotated[
        float,
        typer.Option(min=0.5, max=0.999999, help="Of finding none where nothing has changed."),
    ] = 0.95,
) -> None:
    """Says which cells of two datasets differ by more than their errors: after an upgrade, say.

    Exit status: 0 none does; 1 some do.
    """
    from analysis.cells.difference import differences
    from analysis.report.results import ReportOptions, analyse

    options = ReportOptions(x, y, measure)
    cells = [analyse(location, options).cells for location in (first, other)]
    found = differences(cells[0], cells[1], confidence=confidence)
    console, plane = WordConsole(markup=False, highlight=False), cells[0].plane
    for cell in found.moved[:_MOST_CELLS]:
        at = f"{plane.x.name} = {cell.x:g}, {plane.y.name} = {cell.y:g}"
        console.print(
            f"{', '.join(filter(None, (cell.setting, at)))}: {cells[0].measure} {cell.first:.4g} → "
            f"{cell.other:.4g}, difference {cell.difference:.2g} ± {cell.half:.2g}",
            soft_wrap=True,
        )
    if (more := len(found.moved) - _MOST_CELLS) > 0:
        console.print(f"… and {more:,} more")
    console.print(
        f"{found.compared:,} cells compared, {found.same:,} of them the same bit for bit; "
        f"{len(found.moved):,} differ by more than their errors (all intervals together "
        f"{found.confidence:.4g}); {found.only_first:,} only in {first}, {found.only_other:,} only in "
        f"{other}",
        soft_wrap=True,
    )
    if found.moved:
        raise typer.Exit(1)


def _changed(location: str) -> float:
    """When a dataset last changed, seconds of the epoch; of one that is no folder here, at any moment."""
    times = [path.stat().st_mtime for path in Path(location).glob("*")]
    return max(times, default=math.inf)


def _wait_for_end(ended: threading.Event) -> None:
    """Reads standard input to its end, which comes with that of the process that holds the other one."""
    sys.stdin.read()
    ended.set()


def main() -> None:
    """Entry point: a user's error is one message on stderr and exit status 2.

    SIGTERM ends it as Ctrl-C does, so that nothing half written stays.
    """
    guard_streams()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        app()
    except AnalysisError as error:
        WordConsole(stderr=True, soft_wrap=True).print(f"Error: {error}", style="red", markup=False)
        sys.exit(2)


def _fixed_axes(options: list[str]) -> dict[str, float]:
    """Values of axes from AXIS=VALUE."""
    values = {}
    for option in options:
        name, _, value = option.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            raise AnalysisError(
                f"Received --at {option}; expected AXIS=VALUE with a number, such as --at mu_norm=2."
            ) from None
    return values


def _formats(options: list[str]) -> list[str]:
    """The formats of figures, each once."""
    from analysis.figures import FORMATS

    for option in options:
        if option not in FORMATS:
            raise AnalysisError(
                f"Received --format {option}; expected one of {', '.join(FORMATS)}. It may repeat."
            )
    return list(dict.fromkeys(options))


def _prepare_matplotlib() -> None:
    """Imports matplotlib whatever display its user has chosen elsewhere: figures go to files alone.

    Raises:
        AnalysisError: it cannot be imported, because of a file of settings, say.
    """
    os.environ["MPLBACKEND"] = "agg"
    # Of settings that it cannot read or keep it would say so on stderr, and they have no effect here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import matplotlib.font_manager  # noqa: F401
    except Exception as error:  # whatever a broken file of settings causes
        raise AnalysisError(
            f"matplotlib cannot be imported ({type(error).__name__}: {one_line(error)}). Correct or "
            "remove its file matplotlibrc, here or in MPLCONFIGDIR, or install it again."
        ) from error

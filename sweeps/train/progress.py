"""Display of a running sweep: runs done, shards, failures, time left, and a line for each node.

A shard that is tried again or failed is a line of its own, with the reason; without a terminal each that
ends is, for logs that are searched.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import Task as Bar
from rich.table import Table
from rich.text import Text

from sweeps.train import shard
from sweeps.train.tally import Tally

_RATE_PERIOD_S = 10.0
"""The rate is that of so many last seconds; that of all the training once it has ended."""

_BAR_WIDTH = 16
"""Characters: with billions of runs the line still has at most 80."""


class _Runs(TextColumn):
    """Runs done of runs to do."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Bar) -> Text:
        return Text(f"{task.completed:,.0f}/{task.total or 0:,.0f} runs")


class _Rate(TextColumn):
    """Runs per second: what was compiled before training began does not count."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Bar) -> Text:
        seconds = _seconds_since(task.fields["began"])
        whole = task.completed / seconds if seconds else 0.0
        return Text(f"{whole if task.finished else task.speed or whole:,.0f} runs/s")


class _Bars(Progress):
    """The bar; below it what is going on; and a table of the nodes, where there are several."""

    tally: Tally
    state = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, the state and the nodes, in this order."""
        yield self.make_tasks_table(self.tasks)
        if not self.tasks:  # at the start, before there is a tally
            return
        yield Text(self.state, overflow="fold")
        if len(self.tally.nodes) > 1:
            yield nodes_table(self.tally, _seconds_since(self.tasks[0].fields["began"]))


class Live:
    """A progress bar as a context manager; called with each shard's progress."""

    def __init__(self, console: Console, runs: int, shards: int) -> None:
        self.tally = Tally()
        self._runs, self._shards = runs, shards
        self._console = console
        self._bar = _Bars(
            BarColumn(_BAR_WIDTH),
            _Runs(),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            speed_estimate_period=_RATE_PERIOD_S,
            get_time=time.monotonic,
        )
        self._bar.tally = self.tally
        self._task = self._bar.add_task("", total=runs, began=None)
        self._began: float | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def announce(self, state: str) -> None:
        """Show what goes on before any shard trains, such as "starting Ray"."""
        self._bar.state = state
        self._bar.refresh()
        if not self._console.is_terminal:
            self._console.print(f"{_time(datetime.now(UTC))} {state}", soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(text, soft_wrap=True)

    def extend(self, runs: int, shards: int) -> None:
        """Count with more runs and shards.

        Args:
            runs: to train beside those of before.
            shards: that they make.
        """
        self._shards += shards
        self._runs += runs
        self._bar.update(self._task, total=self._runs)

    def __call__(self, progress: shard.Progress) -> None:
        """Show a shard's progress."""
        self.tally.add(progress)
        if self._began is None and progress.runs:
            self._began = time.monotonic() - progress.wall_s
        self._bar.state = self._counts()
        self._bar.update(self._task, completed=self.tally.runs, began=self._began)
        said = progress.setback or progress.compiling or progress.compile_s
        if said or (progress.published and not self._console.is_terminal):
            self._console.print(event(progress, datetime.now(UTC)), soft_wrap=True)

    def _counts(self) -> str:
        """Shards and runs in words; a kind that there is none of is left out."""
        tally = self.tally
        running = f"{tally.running:,} running"
        running += f" ({tally.compiling:,} compiling)" if tally.compiling else ""
        some = {"retried": tally.retried, "failed": tally.failed_shards}
        words = [f"{tally.published:,}/{self._shards:,} shards", running]
        words += [f"{count:,} {kind}" for kind, count in some.items() if count]
        ended = counts({kind: count for kind, count in tally.failed().items() if count})
        return ", ".join(words) + (f"; runs: {ended}" if ended else "")


def event(progress: shard.Progress, at: datetime) -> str:
    """A line of the log: when, which shard, what became of it, where or why.

    Args:
        progress: what a shard reports.
        at: when.
    """
    if progress.compiling:
        return f"{_stamp(progress, at)} compiling, once on a machine, node={progress.node}"
    if progress.compile_s:
        return f"{_stamp(progress, at)} compiled compile_s={progress.compile_s:.2f} node={progress.node}"
    what = progress.setback or "published"
    rest = f"runs={progress.runs} wall_s={progress.wall_s:.2f}"
    rest += "".join(f" {status}={count}" for status, count in progress.failed.items() if count)
    end = f": {progress.reason}" if progress.setback else f" {rest} node={progress.node}"
    return f"{_stamp(progress, at)} {what}{end}"


def _stamp(progress: shard.Progress, at: datetime) -> str:
    return f"{_time(at)} shard={progress.shard}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _seconds_since(began: float | None) -> float:
    """Seconds since a time of the monotonic clock, 0 where it has not come."""
    return 0.0 if began is None else time.monotonic() - began


def nodes_table(tally: Tally, elapsed_s: float) -> Table:
    """A line for each node: shards running and published, runs per second since training began.

    Args:
        tally: what shards have reported so far.
        elapsed_s: seconds since training began; 0 shows no rate.
    """
    table = Table("node", "running", "published", "runs/s", box=None)
    for name, node in sorted(tally.nodes.items()):
        rate = f"{node.runs / elapsed_s:,.1f}" if elapsed_s else "–"
        table.add_row(name, f"{node.running:,}", f"{node.published:,}", rate)
    return table


def counts(by_status: dict[str, int]) -> str:
    """Counts by status in words: "3 diverged, 0 unconverged"."""
    return ", ".join(f"{count:,} {status}" for status, count in by_status.items())

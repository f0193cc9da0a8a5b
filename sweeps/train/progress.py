"""What is shown of a running sweep: runs done, shards, failures, time left, and a line for each node.

A shard that is tried again or failed is a line of its own, with the reason; without a terminal each that
ends is, for logs that are searched.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import Task as Bar
from rich.table import Table
from rich.text import Text

from sweeps.train import shard
from sweeps.train.tally import Tally


class _Rate(TextColumn):
    """Runs per second since training began: what was compiled before does not count."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Bar) -> Text:
        seconds = _seconds_since(task.fields["began"])
        return Text(f"{task.completed / seconds if seconds else 0:,.0f} runs/s")


class _Bars(Progress):
    """The bar, and below it a table of the nodes."""

    tally: Tally

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        if self.tasks:  # none at the start
            yield nodes_table(self.tally, _seconds_since(self.tasks[0].fields["began"]))


class Live:
    """A progress bar as a context manager; called with each shard's progress."""

    def __init__(self, console: Console, runs: int, shards: int) -> None:
        self.tally = Tally()
        self._shards = shards
        self._console = console
        self._bar = _Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TextColumn("{task.fields[failed]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._bar.tally = self.tally
        self._task = self._bar.add_task(self._said(), total=runs, failed="", began=None)
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

    def __call__(self, progress: shard.Progress) -> None:
        """Show a shard's progress."""
        self.tally.add(progress)
        if self._began is None and progress.runs:
            self._began = time.monotonic() - progress.wall_s
        self._bar.update(
            self._task,
            completed=self.tally.runs,
            description=self._said(),
            failed=counts(self.tally.failed()),
            began=self._began,
        )
        said = progress.setback or progress.compiling or progress.compile_s
        if said or (progress.published and not self._console.is_terminal):
            self._console.print(event(progress, datetime.now(UTC)), soft_wrap=True)

    def _said(self) -> str:
        """Shards in words."""
        tally = self.tally
        said = f"{tally.published:,}/{self._shards:,} shards, {tally.running:,} running"
        said += f" ({tally.compiling:,} compiling)" if tally.compiling else ""
        return f"{said}, {tally.retried:,} retried, {tally.failed_shards:,} failed"


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
    return f"{at:%Y-%m-%dT%H:%M:%SZ} shard={progress.shard}"


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

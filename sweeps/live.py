"""The live line of a running sweep: runs done, runs per second, failures by status, time left."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import Task as Bar
from rich.text import Text

from sweeps import shard


class _Rate(TextColumn):
    """Runs per second since the start."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Bar) -> Text:
        return Text(f"{task.completed / task.elapsed if task.elapsed else 0:,.0f} runs/s")


class Tally:
    """Sums the progress of all shards; a shard that is tried again counts once."""

    def __init__(self) -> None:
        self._latest: dict[int, shard.Progress] = {}

    def add(self, progress: shard.Progress) -> None:
        """Take a shard's latest progress in place of its former."""
        self._latest[progress.shard] = progress

    @property
    def runs(self) -> int:
        """Runs done."""
        return sum(progress.runs for progress in self._latest.values())

    @property
    def published(self) -> int:
        """Shards published."""
        return sum(progress.published for progress in self._latest.values())

    def failed(self) -> dict[str, int]:
        """Runs by status, other than the first."""
        totals: dict[str, int] = {}
        for progress in self._latest.values():
            for status, count in progress.failed.items():
                totals[status] = totals.get(status, 0) + count
        return totals


class Live:
    """A progress bar as a context manager; called with each shard's progress."""

    def __init__(self, console: Console, runs: int, shards: int) -> None:
        self.tally = Tally()
        self._shards = shards
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TextColumn("{task.fields[failed]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task(f"0/{shards} shards", total=runs, failed="")

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
        self._bar.update(
            self._task,
            completed=self.tally.runs,
            description=f"{self.tally.published}/{self._shards} shards",
            failed=counts(self.tally.failed()),
        )


def counts(by_status: dict[str, int]) -> str:
    """Counts by status in words: "3 diverged, 0 unconverged"."""
    return ", ".join(f"{count:,} {status}" for status, count in by_status.items())

"""Options of a driver beside its sweeps: where and how to train, where to print."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rich.console import Console

from sweeps.errors import SweepError, nearest, shown


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
        gpus: a trial's share of a GPU, at most 1; 0 trains on CPUs, None gives each trial that can use
            one a GPU where there are GPUs.
        shard_runs: runs in a shard; None cuts by time.
        shard_seconds: seconds of a trial in a shard.
        time_budget_s: no shard begins after so many seconds; None sets no end.
    """

    executor: str = "tune"
    workers: int | None = None
    address: str = "local"
    gpus: float | None = None
    shard_runs: int | None = None
    shard_seconds: float = 20.0
    time_budget_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse an executor that there is not, and a share that is none."""
        if self.gpus is not None and not 0 <= self.gpus <= 1:
            raise SweepError(
                f"received gpus {self.gpus:g}; expected a share from 0 to 1, or auto; nothing was started"
            )
        if self.executor not in list(Executor):
            raise SweepError(
                f"received executor {shown(self.executor)}; expected {' or '.join(Executor)}"
                f"{nearest(str(self.executor), Executor)}; nothing was started"
            )


class Output(NamedTuple):
    """Where progress and results are printed, and where warnings are."""

    out: Console
    err: Console

"""The plain executor: every shard in this process, one after the other. The oracle and the debugger.

A shard is trained in a thread, so that the main thread, which alone takes signals, is free for them while
compiled code runs, for as long as one run may take.
"""

import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait

from sweeps.errors import UnwritableError
from sweeps.store.failed_shard import reason
from sweeps.train.shard import Progress, TrainingJob, keep_failure, train_shard
from sweeps.train.stop import StopSignal

_LOOK_S = 0.1
"""How often a signal is looked for."""

_LAST_WAIT_S = 0.5
"""How long a step may still end when a signal came; else it is left alone, and publishes nothing."""


def run(
    work: TrainingJob, report: Callable[[Progress], None], stop_signal: StopSignal | None = None
) -> dict[int, str]:
    """Train every shard here.

    Args:
        work: the plan and its shards.
        report: called with each shard's progress.
        stop_signal: ends it before its time.
    Returns:
        The traceback of every shard that failed, by its number.
    """
    failures = {}
    stop_signal = stop_signal or StopSignal()
    for number in range(len(work.shards)):
        if stop_signal.stop_requested:
            break
        try:
            for progress in _steps(train_shard(work, number), stop_signal):
                report(progress)
                if stop_signal.signal is not None:
                    break
        except Exception as error:  # a shard's failure, whatever it is, must not stop the others
            failures[number] = traceback.format_exc()
            if isinstance(error, UnwritableError):
                stop_signal.cause = str(error)
            keep_failure(work, number, failures[number])
            why = reason(failures[number])
            report(Progress(number, setback="failed", reason=why))
    return failures


def _steps(shard: Iterator[Progress], stop_signal: StopSignal) -> Iterator[Progress]:
    """A shard's steps, each taken in a thread; no more when a signal came."""
    while stop_signal.signal is None:
        step: Future[Progress | None] = Future()
        threading.Thread(target=_take, args=(shard, step), daemon=True).start()
        while not step.done() and stop_signal.signal is None:
            wait([step], _LOOK_S)
        wait([step], _LAST_WAIT_S)
        if not step.done() or (progress := step.result()) is None:
            return
        yield progress


def _take(shard: Iterator[Progress], step: "Future[Progress | None]") -> None:
    """Take the next step of a shard; None where it is done."""
    try:
        step.set_result(next(shard, None))
    except BaseException as error:
        step.set_exception(error)

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
from sweeps.train.shard import Progress, Work, keep_failure, train_shard
from sweeps.train.stop import Brake

_LOOK_S = 0.1
"""How often a signal is looked for."""

_LAST_WAIT_S = 0.5
"""How long a step may still end when a signal came; else it is left alone, and publishes nothing."""


def run(
    work: Work, report: Callable[[Progress], None], brake: Brake | None = None
) -> dict[int, str]:
    """Train every shard here.

    Args:
        work: the plan and its shards.
        report: called with each shard's progress.
        brake: ends it before its time.
    Returns:
        The traceback of every shard that failed, by its number.
    """
    failures = {}
    brake = brake or Brake()
    for number in range(len(work.shards)):
        if brake.holds:
            break
        try:
            for progress in _steps(train_shard(work, number), brake):
                report(progress)
                if brake.signal is not None:
                    break
        except Exception as error:  # a shard's failure, whatever it is, must not stop the others
            failures[number] = traceback.format_exc()
            if isinstance(error, UnwritableError):
                brake.cause = str(error)
            keep_failure(work, number, failures[number])
            why = reason(failures[number])
            report(Progress(number, setback="failed", reason=why))
    return failures


def _steps(shard: Iterator[Progress], brake: Brake) -> Iterator[Progress]:
    """A shard's steps, each taken in a thread; no more when a signal came."""
    while brake.signal is None:
        step: Future[Progress | None] = Future()
        threading.Thread(target=_take, args=(shard, step), daemon=True).start()
        while not step.done() and brake.signal is None:
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

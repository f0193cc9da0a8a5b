"""The plain executor: every shard in this process. The oracle and the debugger.

Shards are trained in threads, as many at once as there are workers: compiled code runs beside other
compiled code. The main thread takes what they report and, as it alone can, signals, for as long as one run
may take.
"""

import atexit
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from sweeps.errors import UnwritableError
from sweeps.store.failed_shard import reason
from sweeps.train.shard import Progress, TrainingJob, compiling, keep_failure, train_shard
from sweeps.train.stop import StopSignal

_SIGNAL_POLL_S = 0.1
"""How often a signal is looked for."""

_THREAD = "bocnn-sweep training"
"""Name of the threads that train."""

_LAST_WAIT_S = 0.5
"""How long a step may still end when a signal came; else it is left alone, and publishes nothing."""


class _Event(NamedTuple):
    """A thread's report on a shard, and how it learns that this was taken; no content at its end."""

    number: int
    content: Progress | BaseException | None
    taken: threading.Event


def leave(status: int) -> None:
    """End the process at once where a signal has left a thread in training; else do nothing.

    What is being compiled could not be ended otherwise: a compiler that still works while an ending
    process takes it down crashes, or never ends.

    Args:
        status: the exit status.
    """
    if any(thread.name == _THREAD for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


def _wait_for_compilers() -> None:
    """A program that ends by itself waits for what is being compiled, for the reason that `leave` gives."""
    while any(thread.is_alive() for thread in compiling.copy()):
        time.sleep(_SIGNAL_POLL_S)


def run(
    job: TrainingJob,
    report: Callable[[Progress], None],
    stop_signal: StopSignal | None = None,
    *,
    workers: int = 1,
) -> dict[int, str]:
    """Train every shard here.

    Args:
        job: the plan and its shards.
        report: called with each shard's progress, in this thread.
        stop_signal: ends it before its time.
        workers: shards at once; the rows do not depend on it.
    Returns:
        The traceback of every shard that failed, by its number.
    """
    stop_signal = stop_signal or StopSignal()
    failures: dict[int, str] = {}
    job = job._replace(session=job.session._replace(slots=workers))
    # One limit around all threads: each would restore what another has set while that still computes.
    with threadpool_limits(1) if workers > 1 else nullcontext():
        for event in _events(job, stop_signal, workers):
            if isinstance(event.content, Progress):
                report(event.content)
            elif isinstance(event.content, Exception):  # it must not stop the others
                failures[event.number] = _keep(job, event.number, event.content, stop_signal)
                why = reason(failures[event.number])
                report(Progress(event.number, setback="failed", reason=why))
            elif event.content is not None:
                raise event.content
            event.taken.set()
    return failures


def _keep(job: TrainingJob, number: int, error: Exception, stop_signal: StopSignal) -> str:
    """Leave a shard's error beside the dataset; its traceback."""
    if isinstance(error, UnwritableError):
        stop_signal.cause = str(error)
    text = "".join(traceback.format_exception(error))
    keep_failure(job, number, text)
    return text


def _events(job: TrainingJob, stop_signal: StopSignal, workers: int) -> Iterator[_Event]:
    """The threads' reports, until all have ended or, after a signal, their last wait is over."""
    events: SimpleQueue[_Event] = SimpleQueue()
    numbers, lock = iter(range(len(job.shards))), threading.Lock()

    def next_number() -> int | None:
        with lock:
            return None if stop_signal.stop_requested else next(numbers, None)

    running = min(workers, max(len(job.shards), 1))
    for _ in range(running):
        threading.Thread(
            target=_train, args=(job, next_number, stop_signal, events), name=_THREAD, daemon=True
        ).start()
    end = float("inf")
    while running and time.monotonic() < end:
        try:
            event = events.get(timeout=_SIGNAL_POLL_S)
        except Empty:
            pass
        else:
            running -= event.content is None
            yield event
        if stop_signal.signal is not None:
            end = min(end, time.monotonic() + _LAST_WAIT_S)
    if running:
        atexit.register(_wait_for_compilers)


def _train(
    job: TrainingJob,
    next_number: Callable[[], int | None],
    stop_signal: StopSignal,
    events: "SimpleQueue[_Event]",
) -> None:
    """Train shards one after the other; after a signal no further step is taken."""

    def say(number: int, content: Progress | BaseException | None) -> None:
        event = _Event(number, content, threading.Event())
        events.put(event)
        while not event.taken.wait(_SIGNAL_POLL_S) and stop_signal.signal is None:
            pass

    while (number := next_number()) is not None:
        try:
            for progress in train_shard(job, number):
                say(number, progress)
                if stop_signal.signal is not None:
                    break
        except BaseException as error:
            say(number, error)
    say(-1, None)

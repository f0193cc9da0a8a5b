"""When a running sweep is to stop: at a signal, at once; when its time is over, after what is training.

Whatever the reason, what is published stays, and the same command goes on from there.
"""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal came where nothing is in training; like Ctrl-C, no `except Exception` takes it."""


class StopSignal:
    """Looked at by executors before each shard and each step; a context manager that takes signals.

    `cause` is why no further shard would come to its end: that nothing can be published any more.

    A first SIGINT (Ctrl-C) or SIGTERM (a node that is taken away, Slurm, `docker stop`) is noted here;
    a second one ends the process as it would have without.
    """

    def __init__(self, budget_s: float | None = None) -> None:
        self.signal: int | None = None
        self.cause = ""
        self._budget_s = math.inf if budget_s is None else budget_s
        self.start_clock()
        self._before: dict[int, Any] = {}
        self._raises = False

    def start_clock(self) -> None:
        """Count the time from now: planning is not part of it."""
        self._end = time.monotonic() + self._budget_s

    @property
    def time_is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    @property
    def stop_requested(self) -> bool:
        """Whether no further shard is to begin."""
        return self.signal is not None or bool(self.cause) or self.time_is_over

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in _SIGNALS}
            self.install()
        return self

    def install(self) -> bool:
        """Take the signals, also from a library that took them in between; whether it takes any.

        It does where it was entered, until a signal came.
        """
        for number in self._before:
            signal.signal(number, self._note)
        return bool(self._before)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Where nothing is in training: a signal ends what the process does or waits for.

        Raises:
            Stopped: a signal came, before or meanwhile.
        """
        self.raise_if_signalled()
        before, self._raises = self._raises, True
        try:
            yield
        finally:
            self._raises = before

    def raise_if_signalled(self) -> None:
        """Go no further where a signal was noted.

        Raises:
            Stopped: a signal came.
        """
        if self.signal is not None:
            raise Stopped(self.signal)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._restore()

    def __reduce__(self) -> tuple[Any, ...]:
        """It pickles as one that requests no stop: Ray Tune keeps a copy that nobody reads."""
        return StopSignal, ()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()
        if self._raises:
            raise Stopped(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

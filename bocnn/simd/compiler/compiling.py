"""Watches numba compile: how long it took, and whether a call would compile anything.

Compiling takes seconds where no process of this machine has done it, most of a minute where the package's
LLVM code is of other sources (`bocnn.simd.compiler.shipped`); what was compiled is loaded in under a
second, and loading does not count.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from numba.core import event

from bocnn.simd.compiler.compiled import CACHE_FOLDER

_KIND = "numba:compile"


_ONE = threading.RLock()
"""One thread at a time watches numba compile, so that none counts another's compiling as its own."""


class _WouldCompile(Exception):
    """Raised where a function would be compiled that must not be."""


class _Clock(event.Listener):  # type: ignore[misc]
    """Seconds in which functions were compiled, callees within their callers."""

    def __init__(self) -> None:
        self.seconds, self._depth, self._start = 0.0, 0, 0.0

    def on_start(self, happened: event.Event) -> None:
        if not self._depth:
            self._start = time.perf_counter()
        self._depth += 1

    def on_end(self, happened: event.Event) -> None:
        self._depth -= 1
        if not self._depth:
            self.seconds += time.perf_counter() - self._start


class _Guard(event.Listener):  # type: ignore[misc]
    """Ends a call at the first function that would be compiled."""

    def on_start(self, happened: event.Event) -> None:
        raise _WouldCompile

    def on_end(self, happened: event.Event) -> None:
        pass


def compile_seconds(call: Callable[[], object]) -> float:
    """Make a call, for what it compiles; of the processes that share a cache, one at a time.

    The others wait, and then load what the first has compiled.

    Returns:
        Seconds that compiling took in this process, 0 where all was compiled before.
    """
    clock = _Clock()
    with _ONE, _cache_lock(), event.install_listener(_KIND, clock):
        call()
    return clock.seconds


@contextmanager
def _cache_lock() -> Iterator[None]:
    """Hold the cache's lock, which the system takes from a process that dies."""
    if CACHE_FOLDER is None:  # nothing is kept: each process compiles for itself
        yield
        return
    with FileLock(Path(CACHE_FOLDER) / "compiling.lock"):
        yield


def compiles_nothing(call: Callable[[], object]) -> bool:
    """Make a call if it compiles nothing; whether that is so."""
    try:
        with _ONE, event.install_listener(_KIND, _Guard()):
            call()
    except _WouldCompile:
        return False
    return True

"""Work that a report hands to processes beside its own: what it computes and draws on further cores.

A task is a call in a fork of this process, so it sees all that was computed so far, without a copy, and
only its result comes back. Where processes cannot be forked, tasks run in this one, when their results are
wanted.
"""

import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe, wait
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

MAX_PROCESSES = 4
"""Processes that a report takes by itself, whatever cores there are: each has memory of its own."""

ENDING = (signal.SIGTERM, signal.SIGINT)
"""Signals that end a report."""

Result = TypeVar("Result")


class Task(Generic[Result]):
    """A call whose result is wanted later; it is made when it is wanted."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call: Callable[[], Result] | None = call
        self._result: Result | None = None

    def result(self) -> Result:
        """What the call returns, or raises."""
        if self._call is not None:
            self._result, self._call = self._call(), None
        return self._result  # type: ignore[return-value]


class _ForkedTask(Task[Result]):
    """A call in a fork of this process."""

    def __init__(self, call: Callable[[], Result]) -> None:
        super().__init__(self._receive)
        self.pipe, end = Pipe(duplex=False)
        self.received: tuple[bool, Result] | None = None
        # What a signal raises within the fork's hooks, Python would print and forget.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        self.process = _fork()
        if not self.process:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            _send(call, end)
        end.close()
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        except BaseException:
            self.kill()
            raise

    def receive(self) -> None:
        """Takes what the process has sent, and sees it end."""
        try:
            self.received = self.pipe.recv()
        except EOFError:
            self.received = None
        self.pipe.close()
        _, status = os.waitpid(self.process, 0)
        if self.received is None:
            raise ChildProcessError(
                f"A process of the report ended early (exit status {os.waitstatus_to_exitcode(status)}). "
                "It may have run out of memory; --processes 1 takes less of it."
            )

    def kill(self) -> None:
        """Ends the process, whatever it does."""
        self.pipe.close()
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)

    def _receive(self) -> Result:
        if not self.pipe.closed:
            self.receive()
        assert self.received is not None
        done, result = self.received
        if not done:
            raise result  # type: ignore[misc]
        return result


class Tasks:
    """Tasks in up to so many processes at once, beside this one; as a context it leaves none behind.

    Args:
        processes: at most; 1 runs all tasks in this process.
    """

    def __init__(self, processes: int = 1) -> None:
        self._most = processes if sys.platform == "linux" else 1
        self._running: list[_ForkedTask[object]] = []

    def submit(self, call: Callable[[], Result]) -> Task[Result]:
        """A task of a call, which waits until a process is free; its result must be picklable."""
        if self._most == 1:
            return Task(call)
        self._running = [task for task in self._running if not task.pipe.closed]
        while len(self._running) >= self._most:
            ready = wait([task.pipe for task in self._running])
            for task in [one for one in self._running if one.pipe in ready]:
                self._running.remove(task)
                task.receive()
        forked = _ForkedTask(call)
        self._running.append(forked)  # type: ignore[arg-type]
        return forked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._running:
            if not task.pipe.closed:
                task.kill()


class _SharedProcess:
    """Calls that are made in one process, one after the other."""

    def __init__(self) -> None:
        self.size = 0
        self._calls: list[Callable[[], object]] = []
        self._task: Task[list[object]] | None = None

    def add(self, call: Callable[[], Result], *, size: int) -> Task[Result]:
        """A task of this process, which must not have begun; `size` says how much there is to do."""
        position = len(self._calls)
        self._calls.append(call)
        self.size += size
        return Task(lambda: self._result(position))

    def begin(self, tasks: Tasks) -> None:
        """Hands the calls to a process."""
        calls = self._calls
        self._task = tasks.submit(lambda: [call() for call in calls])

    def _result(self, position: int) -> Any:
        assert self._task is not None
        return self._task.result()[position]


class Batches:
    """Tasks that are too small for a process each: so many share one.

    Args:
        tasks: where they are made.
        size: of what there is to do in one process, about.
    """

    def __init__(self, tasks: Tasks, size: int) -> None:
        self._tasks, self._size, self._next = tasks, size, _SharedProcess()

    def submit(self, call: Callable[[], Result], *, size: int = 1) -> Task[Result]:
        """A task of a call, which may wait for others to share its process."""
        task = self._next.add(call, size=size)
        if self._next.size >= self._size:
            self.begin()
        return task

    def begin(self) -> None:
        """Begins what still waits for others."""
        if self._next.size:
            self._next.begin(self._tasks)
            self._next = _SharedProcess()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _fork() -> int:
    with warnings.catch_warnings():
        # Newer Pythons warn of threads: one may hold a lock that nothing in the fork releases. Those of the
        # libraries here only wait for work: queries run in this thread, and no task makes one.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _send(call: Callable[[], object], pipe: Connection) -> None:
    """Makes the call, sends what it returns or raises, and ends this process at once."""
    status = 1
    try:
        gc.disable()  # the process ends before it would pay
        try:
            answer: tuple[bool, object] = (True, call())
        except Exception as error:
            answer = (False, error)
        pipe.send(answer)
        status = 0
    finally:
        # What this process has of the other one, its files and its cleaning up, is not its own to end.
        os._exit(status)

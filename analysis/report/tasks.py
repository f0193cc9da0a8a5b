"""Work that a report hands to processes beside its own: what it computes and draws on further cores.

A task is a call in a fork of this process, so it sees all that was computed so far, without a copy, and
only its result comes back. What no fork has taken this process does itself instead of waiting. Where
processes cannot be forked, tasks run in this one, when their results are wanted.
"""

import gc
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe, wait
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

MAX_PROCESSES = 4
"""Processes that a report takes by itself, whatever cores there are: each has memory of its own."""

MOST_WAITING = 6
"""Tasks that wait for a process: with more, this one helps before it goes on."""

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


class _PooledTask(Task[Result]):
    """A call that waits for a process, is made in a fork of this one, or here when nothing else is left."""

    def __init__(self, call: Callable[[], Result], pool: "Tasks") -> None:
        super().__init__(self._take)
        self.pool, self.call = pool, call
        self.process: int | None = None
        self.answer: tuple[bool, Result | BaseException] | None = None

    def begin(self) -> None:
        """Makes the call in a fork."""
        self.pipe, end = Pipe(duplex=False)
        # A pipe holds little, and who writes more of it waits for this process to read.
        self._file = os.memfd_create("result")
        # What a signal raises within the fork's hooks, Python would print and forget.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        self.process = _fork()
        if not self.process:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            _send(self.call, self._file)
        end.close()
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        except BaseException:
            self.kill()
            raise

    def make(self) -> None:
        """Makes the call in this process."""
        try:
            self.answer = (True, self.call())
        except Exception as error:
            self.answer = (False, error)

    def receive(self) -> None:
        """Takes what the process has left, and sees it end."""
        assert self.process is not None
        self.pipe.close()
        _, status = os.waitpid(self.process, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        with Connection(self._file, writable=False) as file:
            if status == 0:
                self.answer = file.recv()
        if self.answer is None:
            early = ChildProcessError(
                f"A process of the report ended early (exit status {os.waitstatus_to_exitcode(status)}). "
                "It may have run out of memory; --processes 1 takes less of it."
            )
            self.answer = (False, early)

    def kill(self) -> None:
        """Ends the process, whatever it does."""
        assert self.process is not None
        self.pipe.close()
        os.close(self._file)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)

    def _take(self) -> Result:
        self.pool.finish(self)
        assert self.answer is not None
        done, result = self.answer
        if not done:
            raise result  # type: ignore[misc]
        return result  # type: ignore[return-value]


class Tasks:
    """Tasks in up to so many processes at once, beside this one; as a context it leaves none behind.

    A task begins in a fork as soon as one may: when it is submitted, or when another ends, whatever this
    process does then. Where this process would have to wait for a result, or too many tasks wait, it makes
    their calls itself.

    Args:
        processes: at most; 1 runs all tasks in this process, when their results are wanted.
    """

    def __init__(self, processes: int = 1) -> None:
        self._forks = processes if processes > 1 and sys.platform == "linux" else 0
        self._waiting: deque[_PooledTask[Any]] = deque()
        self._running: list[_PooledTask[Any]] = []
        self._former_handler: Any = None
        self._is_busy = self._has_ended = False

    def submit(self, call: Callable[[], Result]) -> Task[Result]:
        """A task of a call; its result must be picklable."""
        if not self._forks:
            return Task(call)
        task = _PooledTask(call, self)
        with self._undisturbed():
            self._waiting.append(task)
            self._begin()
        while len(self._waiting) > MOST_WAITING:
            self._help()
        return task

    def finish(self, task: _PooledTask[Any]) -> None:
        """Sees to it that a task has its answer, and works on others where it would have to wait."""
        while task.answer is None:
            if not self._help(task):
                with self._undisturbed():
                    self._receive(None)
                    self._begin()

    def _help(self, first: _PooledTask[Any] | None = None) -> bool:
        """Makes the call of one that waits, of `first` if it does; whether any did."""
        with self._undisturbed():
            if not self._waiting:
                return False
            task = first if first in self._waiting else self._waiting[0]
            assert task is not None
            self._waiting.remove(task)
        task.make()
        return True

    def _begin(self) -> None:
        """Begins what may begin."""
        while self._waiting and len(self._running) < self._forks:
            task = self._waiting.popleft()
            self._running.append(task)
            task.begin()

    def _receive(self, timeout: float | None) -> None:
        """Takes the answers of tasks that have ended, and waits for one at most so many seconds."""
        ready = wait([task.pipe for task in self._running], timeout) if self._running else []
        for task in [one for one in self._running if one.pipe in ready]:
            self._running.remove(task)
            task.receive()

    def _process_ended(self, *_: object) -> None:
        if self._is_busy:
            self._has_ended = True
            return
        with self._undisturbed():
            self._receive(0)
            self._begin()

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """A context in which no process that ends is heard of; those that did are, once it is left.

        A blocked signal would not do: another thread of this process takes it, and its handler runs here.
        """
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False
        if self._has_ended:
            self._has_ended = False
            self._process_ended()

    def __enter__(self) -> Self:
        if self._forks and threading.current_thread() is threading.main_thread():
            self._former_handler = signal.signal(signal.SIGCHLD, self._process_ended)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._former_handler is not None:
            signal.signal(signal.SIGCHLD, self._former_handler)
        self._waiting.clear()
        for task in self._running:
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


def _send(call: Callable[[], object], file: int) -> None:
    """Makes the call, leaves what it returns or raises in a file, and ends this process at once."""
    status = 1
    try:
        gc.disable()  # the process ends before it would pay
        try:
            answer: tuple[bool, object] = (True, call())
        except Exception as error:
            answer = (False, error)
        Connection(file, readable=False).send(answer)
        status = 0
    finally:
        # What this process has of the other one, its files and its cleaning up, is not its own to end.
        os._exit(status)

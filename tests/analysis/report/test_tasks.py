"""Tasks in forks: results and errors come back, and no process stays."""

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import AnalysisError
from analysis.report.report import write_report
from analysis.report.results import analyse
from analysis.report.tasks import Batches, Tasks
from tests.analysis.report.page import FEW

forks = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")


def raiser(error: BaseException) -> Callable[[], None]:
    """A call that raises an error."""

    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_back_in_any_order_and_number(processes: int) -> None:
    with Tasks(processes) as tasks:
        squares = [tasks.submit(lambda n=n: (n**2, bytes(100_000 * n))) for n in range(7)]
        assert [len(task.result()[1]) for task in reversed(squares)] == [
            100_000 * n for n in reversed(range(7))
        ]
        assert [task.result()[0] for task in squares] == [n**2 for n in range(7)]


@forks
def test_tasks_see_what_was_computed_before_them_in_processes_of_their_own() -> None:
    seen = [1]
    with Tasks(2) as tasks:
        task = tasks.submit(lambda: (seen.append(2), seen, os.getpid())[1:])
        assert task.result() == ([1, 2], task.process)  # type: ignore[attr-defined]
    assert seen == [1]
    assert task.process != os.getpid()  # type: ignore[attr-defined]


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_is_raised_where_the_result_is_wanted(processes: int) -> None:
    with Tasks(processes) as tasks:
        task = tasks.submit(raiser(AnalysisError("Received 1; expected 2.")))
        with pytest.raises(AnalysisError, match="Received 1; expected 2"):
            task.result()


@pytest.mark.parametrize("processes", [1, 2])
def test_calls_share_a_process_up_to_a_size_and_give_each_its_result(processes: int) -> None:
    with Tasks(processes) as tasks:
        batches = Batches(tasks, size=3)
        found = [batches.submit(lambda n=n: (n, os.getpid()), size=1 + n % 2) for n in range(7)]
        batches.begin()
        results = [task.result() for task in reversed(found)][::-1]
    assert [n for n, _ in results] == list(range(7))
    process = [process for _, process in results]
    assert process[0::2][:3] == process[1::2]
    assert len(set(process[:4])) == (1 if processes == 1 else 2)


@forks
def test_a_task_begins_when_another_ends_whatever_this_process_does(tmp_path: Path) -> None:
    def call(n: int) -> bytes:
        (tmp_path / str(n)).touch()
        return bytes(10_000_000)  # more than a pipe holds

    with Tasks(2) as tasks:
        found = [tasks.submit(partial(call, n)) for n in range(5)]
        end = time.monotonic() + 60
        while not (tmp_path / "4").exists() and time.monotonic() < end:
            sum(range(1000))
        assert (tmp_path / "4").exists()
        assert all(len(task.result()) == 10_000_000 for task in found)


@forks
def test_this_process_works_where_it_would_have_to_wait(tmp_path: Path) -> None:
    def wait() -> None:
        while not (tmp_path / "done").exists():
            time.sleep(0.01)

    with Tasks(2) as tasks:
        waits = [tasks.submit(wait) for _ in range(2)]
        wanted, other = tasks.submit(os.getpid), tasks.submit((tmp_path / "done").touch)
        assert wanted.result() == os.getpid()
        assert waits[0].result() is None  # only once this process has done the other
        assert other.result() is None


@forks
def test_a_signal_that_another_thread_takes_disturbs_no_one() -> None:
    """Its handler runs in this thread, whatever it does and blocks: here while a task is taken."""

    class Waiting(deque[Any]):
        def remove(self, task: Any) -> None:
            time.sleep(0.3)  # the others have ended
            signal.getsignal(signal.SIGCHLD)(signal.SIGCHLD, None)  # type: ignore[operator, misc]
            super().remove(task)

    with Tasks(2) as tasks:
        tasks._waiting = Waiting()
        others = [tasks.submit(partial(time.sleep, 0.1)) for _ in range(2)]
        wanted, next_one = tasks.submit(os.getpid), tasks.submit(os.getpid)
        assert wanted.result() == os.getpid()
        assert next_one.result() != os.getpid()  # begun once this process was disturbed again
        assert [other.result() for other in others] == [None, None]


@forks
def test_a_handler_of_ended_processes_is_restored() -> None:
    former = signal.getsignal(signal.SIGCHLD)
    with Tasks(2):
        assert signal.getsignal(signal.SIGCHLD) != former
    assert signal.getsignal(signal.SIGCHLD) == former


@forks
def test_a_process_that_is_killed_is_told() -> None:
    with Tasks(2) as tasks:
        task = tasks.submit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        with pytest.raises(ChildProcessError, match=r"ended early .*-9.*--processes 1"):
            task.result()


@forks
def test_no_process_stays_where_the_report_is_cut_short() -> None:
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Tasks(2) as tasks:
        task = tasks.submit(lambda: time.sleep(60))
        raise KeyboardInterrupt
    with pytest.raises(ProcessLookupError):
        os.kill(task.process, 0)  # type: ignore[attr-defined]
    assert time.monotonic() - start < 50


@forks
def test_a_report_is_the_same_whatever_the_number_of_processes(
    folder: Path, tmp_path: Path
) -> None:
    for processes in (1, 3):
        write_report([analyse(str(folder), FEW)], tmp_path / str(processes), processes=processes)
    one, three = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "13"
    )
    assert one == three

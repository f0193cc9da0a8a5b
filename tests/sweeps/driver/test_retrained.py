"""Why a run was trained again: what the script of random kills tells apart."""

from collections import Counter

import pytest

from benchmarks.retrained import Kill, reasons
from benchmarks.watched import Line

RUN = ("run",)
OTHER = ("other",)
FILES = {RUN: {"shard-1"}, OTHER: {"shard-2"}}


def killed(
    kind: str, driver: int = 0, processes: tuple[int, ...] = (), published: tuple[str, ...] = ()
) -> Kill:
    """A kill from second 10 to 11."""
    return Kill(kind, 10.0, 11.0, driver, frozenset(processes), frozenset(published))


def counted(kill: Kill, *lines: Line) -> Counter[str]:
    """Counts of reasons with one kill."""
    return reasons(sorted(lines, key=lambda line: line.at), FILES, [kill])


BY_1 = Line(1, 100, 9.0, [RUN])
AGAIN_BY_2 = Line(2, 200, 15.0, [RUN])


@pytest.mark.parametrize("kill", [killed("driver", driver=1), killed("node", processes=(100,))])
def test_the_last_that_a_killed_process_had_begun_was_in_flight(kill: Kill) -> None:
    assert counted(kill, BY_1, AGAIN_BY_2) == {"in flight": 1}


def test_what_was_published_before_the_kill_was_not_in_flight() -> None:
    kill = killed("driver", driver=1, published=("shard-1",))
    assert counted(kill, BY_1, AGAIN_BY_2) == {"beyond": 1}


def test_what_was_begun_before_something_else_was_not_in_flight() -> None:
    assert counted(killed("driver", driver=1), BY_1, Line(1, 100, 9.5, [OTHER]), AGAIN_BY_2) == {
        "beyond": 1
    }


@pytest.mark.parametrize(
    "kill", [killed("driver", driver=9), killed("worker", processes=(101,)), killed("node")]
)
def test_a_kill_of_something_else_is_no_reason(kill: Kill) -> None:
    assert counted(kill, BY_1, AGAIN_BY_2) == {"beyond": 1}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Line(1, 100, 12.0, [RUN]), AGAIN_BY_2),
        (Line(2, 200, 14.0, [RUN]), Line(1, 100, 15.0, [RUN])),
    ],
)
def test_what_a_killed_drivers_trial_begins_later_is_counted_apart(
    first: Line, second: Line
) -> None:
    assert counted(killed("driver", driver=1), first, second) == {"by orphans": 1}


def test_a_run_that_was_trained_once_is_not_counted() -> None:
    assert counted(killed("driver", driver=1), BY_1, Line(2, 200, 15.0, [OTHER])) == {}

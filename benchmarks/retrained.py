"""Why runs were trained again: which kill took them, or none.

A run is *in flight* at a kill when a process that the kill ends had begun it, had begun nothing after it
and had not published it. Whatever such a process begins later, until it is gone itself, is *begun by
orphans*. What was trained again for neither reason is *beyond*.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from benchmarks.watched import Key, Line


class Kill(NamedTuple):
    """A kill: what, from when to when (seconds of the epoch), and whom it ends.

    `driver` is the killed driver, whose trials end with it, else 0; `processes` are those that were
    killed, or ran on a killed node; `published` are the files that were there before.
    """

    kind: str
    began: float
    ended: float
    driver: int
    processes: frozenset[int]
    published: frozenset[str]

    def ends(self, line: "Begun") -> bool:
        """Whether the process that began a run is one that the kill ends."""
        return line.process in self.processes or line.driver == self.driver


class Begun(NamedTuple):
    """That a process began to train a run, and when it began to train others."""

    driver: int
    process: int
    at: float
    until: float


def begun(lines: list[Line]) -> dict[Key, list[Begun]]:
    """Each run's trainings, in order of time.

    Args:
        lines: what was noted, in order of time.
    """
    trainings: dict[Key, list[Begun]] = {}
    until: dict[int, float] = {}
    for line in reversed(lines):
        one = Begun(line.driver, line.process, line.at, until.get(line.process, float("inf")))
        until[line.process] = line.at
        for key in line.keys:
            trainings.setdefault(key, []).insert(0, one)
    return trainings


def files_of_runs(folder: Path, columns: tuple[str, ...]) -> dict[Key, set[str]]:
    """The files in which each run is published."""
    files: dict[Key, set[str]] = {}
    for path in folder.glob("shard-*.parquet"):
        table = pq.read_table(path, columns=list(columns))
        for key in zip(*(table[name].to_pylist() for name in columns), strict=True):
            files.setdefault(key, set()).add(path.name)
    return files


def reasons(lines: list[Line], files: dict[Key, set[str]], kills: list[Kill]) -> Counter[str]:
    """How many trainings of runs that had been begun before were of which reason.

    Args:
        lines: what was noted, in order of time.
        files: where each run is published.
        kills: all kills of the sweep.
    Returns:
        Counts of "in flight", "by orphans" and "beyond".
    """
    return Counter(
        _reason(first, second, files[key], kills)
        for key, times in begun(lines).items()
        for first, second in zip(times, times[1:], strict=False)
    )


def _reason(first: Begun, second: Begun, files: set[str], kills: list[Kill]) -> str:
    """Why a run was begun a second time."""
    if any(
        kill.ends(first)
        and first.at <= kill.ended
        and kill.began <= min(first.until, second.at)
        and not files & kill.published
        for kill in kills
    ):
        return "in flight"
    if any(kill.ends(one) and one.at > kill.ended for kill in kills for one in (first, second)):
        return "by orphans"
    return "beyond"

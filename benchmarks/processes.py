"""Processes by /proc: their children, titles, processor time, and peak memory."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TRIAL = ("ray::_ShardTrial", "ray::ResourceTrainable")
"""How the titles of processes begin that train shards under Ray Tune: once they do, and before."""

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a process and its descendants have used so far: seconds of each by its number, MB at most."""

    seconds: dict[int, float] = field(default_factory=dict)
    peak_mb: float = 0.0

    @property
    def processor_s(self) -> float:
        """Processor time of all of them, also of those that have ended."""
        return sum(self.seconds.values())


def children(parent: int) -> list[int]:
    """Process numbers of the children of a process."""
    return [process for process, above in _parents() if above == parent]


def descendants(ancestor: int) -> list[int]:
    """Process numbers of all descendants of a process."""
    below: dict[int, list[int]] = {}
    for process, above in _parents():
        below.setdefault(above, []).append(process)
    descended, left = [], [ancestor]
    while left:
        some = below.get(left.pop(), [])
        descended += some
        left += some
    return descended


def title(process: int) -> str:
    """Title of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def peak_mb(process: int) -> float:
    """Peak memory of a process so far, MB; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def processor_s(process: int) -> float:
    """Processor time of a process so far; 0 where it is gone."""
    return _usage(process)[0]


def usage_of_tree(ancestor: int, before: Usage) -> Usage:
    """What a process and its descendants use now, with what is known of those that have ended."""
    now = {process: _usage(process) for process in (ancestor, *descendants(ancestor))}
    seconds = {process: seconds for process, (seconds, _) in now.items() if seconds}
    peak = max(before.peak_mb, sum(resident for _, resident in now.values()))
    return Usage(before.seconds | seconds, peak)


def _usage(process: int) -> tuple[float, float]:
    """Processor seconds and resident MB of a process; zeros where it is gone."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    return (int(stat[11]) + int(stat[12])) * _TICK_S, int(stat[21]) * os.sysconf(
        "SC_PAGESIZE"
    ) / 1e6


def _parents() -> Iterator[tuple[int, int]]:
    """Every process with its parent."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield int(entry.name), int(stat[1])

"""What /proc says of processes: whose children they are, what they call themselves, memory at most."""

from collections.abc import Iterator
from pathlib import Path


def children(parent: int) -> list[int]:
    """Process numbers of the children of a process."""
    return [process for process, above in _parents() if above == parent]


def descendants(ancestor: int) -> list[int]:
    """Process numbers of all that a process has started, and what these have."""
    below: dict[int, list[int]] = {}
    for process, above in _parents():
        below.setdefault(above, []).append(process)
    found, left = [], [ancestor]
    while left:
        some = below.get(left.pop(), [])
        found += some
        left += some
    return found


def title(process: int) -> str:
    """What a process calls itself; empty where it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def peak_mb(process: int) -> float:
    """Memory of a process at its most so far, MB; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def _parents() -> Iterator[tuple[int, int]]:
    """Every process with its parent."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield int(entry.name), int(stat[1])

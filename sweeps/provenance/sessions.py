"""How much of the workers' time went into training, from what the published files say of themselves.

A *session* is one start of a driver. Its time counts from there to its last publication: imports of the
workers, idle slots and the writing of files are orchestration, like all that is neither a shard's training
nor the compiling of the model's code before it, or waiting for it.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Share(NamedTuple):
    """Seconds of slots that were there; of those in which shards trained; of those spent on compiling."""

    sessions: int
    compute_s: float
    available_s: float
    compile_s: float = 0.0

    @property
    def orchestration(self) -> float:
        """Share of the slots' time that was neither training nor compiling."""
        return 1.0 - (self.compute_s + self.compile_s) / self.available_s

    def __str__(self) -> str:
        return (
            f"{self.orchestration:.1%} (trained {self.compute_s:,.1f} s of {self.available_s:,.1f} s "
            f"that the slots of {self.sessions:,} session{'s' * (self.sessions != 1)} had)"
        )


def share(notes: Iterable[Mapping[str, str]]) -> Share | None:
    """The share of orchestration over all sessions of a dataset.

    Args:
        notes: of each file: `wall_s` of training, `compile_s` before it, `session`, `session_s` from
            its start to the publication of the file, `slots`. Files without them, or with others than
            numbers, are left out.
    Returns:
        None where no file says it, or where clocks that jumped leave no time.
    """
    wall: dict[str, float] = {}
    slots: dict[str, float] = {}
    compute = compiling = 0.0
    for note in notes:
        try:
            name, count = note["session"], float(note["slots"])
            trained, since = float(note["wall_s"]), float(note["session_s"])
            compiled = float(note.get("compile_s", 0.0))
        except (KeyError, ValueError):
            continue
        if not all(map(math.isfinite, (count, trained, since, compiled))):
            continue
        wall[name] = max(wall.get(name, 0.0), since)
        slots[name] = max(slots.get(name, 1.0), count)
        compute += trained
        compiling += compiled
    available = sum(wall[name] * slots[name] for name in wall)
    return Share(len(wall), compute, available, compiling) if available > 0 else None

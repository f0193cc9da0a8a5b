"""A shard: the runs that one trial trains together, by their positions in the plan."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


class CellRuns(NamedTuple):
    """Some runs of a sweep: the number of the cell of each, and its replicate, shape (runs,) both."""

    cells: NDArray[np.int64]
    replicates: NDArray[np.int64]


class Shard(NamedTuple):
    """Runs that one trial trains together: those from position `first` to before `last` that are to do.

    `mask` has a bit for each position, set where the run is to be trained; None means all of them.
    `gpu` says that a trial with a GPU is to train them.
    """

    first: int
    last: int
    mask: bytes | None = None
    gpu: bool = False

    @property
    def positions(self) -> Positions:
        """The positions of its runs."""
        if self.mask is None:
            return np.arange(self.first, self.last)
        bits = np.unpackbits(np.frombuffer(self.mask, np.uint8), count=self.last - self.first)
        return self.first + np.flatnonzero(bits)

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return self.last - self.first if self.mask is None else self.positions.size


def shard_of(positions: Positions) -> Shard:
    """The shard, or span, of rising positions."""
    first, last = int(positions[0]), int(positions[-1]) + 1
    if last - first == positions.size:
        return Shard(first, last)
    bits = np.zeros(last - first, dtype=bool)
    bits[positions - first] = True
    return Shard(first, last, np.packbits(bits).tobytes())

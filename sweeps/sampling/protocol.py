"""What a strategy of adaptive sampling is: a file of its own, and a line in `sweeps.sampling.sampler`."""

from typing import Protocol

from sweeps.sampling.lattice import Ints, Observed
from sweeps.sampling.targets import State


class Strategy(Protocol):
    """Chooses runs on a lattice from what is known of its cells, and from nothing else."""

    def first(self) -> Ints:
        """Runs of each cell in round 0, shape (columns, y)."""
        ...

    def more(self, seen: Observed, state: State, budget: int) -> Ints:
        """Runs that each cell gets in the next round, shape (columns, y); all 0 where none can get any.

        Args:
            seen: what is known of the cells.
            state: what is known of the target.
            budget: runs of the round, about.
        """
        ...

    def state(self, seen: Observed) -> State:
        """How narrow the target's intervals are.

        Args:
            seen: what is known of the cells.
        """
        ...

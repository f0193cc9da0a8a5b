"""The strategy "columns": each crossing is located by halving, then measured by the rows beside it.

For boundaries that cross each column once. Round 0 has five rows a column. A column is located by
trying the row half way between those beside its crossing, until less than half of the measure's range
lies between them; one that seems to cross beyond the grid is probed at the grid's edge until that is sure,
and one that may level off at the level in the grid's outer part, and then left. Later runs go to two or
three rows beside the crossing, the closer the more precisely it is known. Which column gets how many
depends on the target's kind and never on its half width, so that a narrower target only goes on.
"""

from dataclasses import dataclass

import numpy as np

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.allotment import column_weights
from sweeps.sampling.crossings import LevelCrossings, find_crossings
from sweeps.sampling.lattice import Floats, Ints, Lattice, Observed
from sweeps.sampling.laws import LEAST_RUNS
from sweeps.sampling.plateaus import ENOUGH
from sweeps.sampling.targets import State, grid_error, state_of

FIRST_ROWS, FIRST_RUNS = 5, 2
"""Rows of a column in round 0, about, a power of two apart; and runs in each, and in a row that locates."""
LOCATED = 0.5
"""Share of the measure's range between the rows beside a crossing up to which it is located."""
GRID_SHARE = 0.5
"""The rows beside a crossing are so close that interpolation errs by this share of its error at most."""
LEAST_SHARE = 0.2
"""Of what the nearest row gets, about, the least for another one: the slope must be known too."""
NEAR = 1.0
"""Errors by which a crossing may be on the other side of a row."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The strategy on a lattice, for some levels of the measure."""

    lattice: Lattice
    levels: tuple[float, ...]
    spec: SamplingSpec

    def first(self) -> Ints:
        """Runs of each cell in round 0, shape (columns, y)."""
        count = len(self.lattice.u)
        apart = 2 ** round(np.log2(max((count - 1) / (FIRST_ROWS - 1), 1)))
        rows = np.append(np.arange(0, count - 1, apart), count - 1)
        runs = np.zeros(self.lattice.cells.shape, dtype=np.int64)
        runs[:, rows] = min(FIRST_RUNS, self.lattice.replicates)
        return runs

    def state(self, seen: Observed) -> State:
        """What is known of the target.

        Args:
            seen: what is known of the cells.
        """
        levels = tuple(find_crossings(seen, self.lattice, level) for level in self.levels)
        open_ = [np.asarray(self._locate(seen, found).any(axis=1)) for found in levels]
        return state_of(self.spec, self.lattice, levels, open_)

    def more(self, seen: Observed, state: State, budget: int) -> Ints:
        """Runs that each cell gets in the next round, shape (columns, y); none where no cell can get any.

        Args:
            seen: what is known of the cells.
            state: what is known of the target.
            budget: runs of a round that measures; one that locates has fewer.
        """
        levels = state.levels
        locating = np.sum([self._locate(seen, found) for found in levels], axis=0, dtype=np.int64)
        if locating.any():
            return np.asarray(np.minimum(locating, self._room(seen)))
        weights = [column_weights(self.spec, self.lattice, found) for found in levels]
        counts = _filled([found.runs for found in levels], weights, budget)
        wanted = [self._beside(seen, found, n) for found, n in zip(levels, counts, strict=True)]
        return np.asarray(np.minimum(np.sum(wanted, axis=0, dtype=np.int64), self._room(seen)))

    def _room(self, seen: Observed) -> Ints:
        """Runs that cells may still get."""
        return np.asarray(self.lattice.replicates - seen.runs)

    def _locate(self, seen: Observed, found: LevelCrossings) -> Ints:
        """Runs that locate crossings: half way between two rows, or in the outer part of the grid."""
        more, columns = np.zeros_like(seen.runs), np.arange(len(found.low))
        middle = np.where(found.inside, (found.low + found.high) // 2, 0)
        low, high = (np.where(found.inside, row, 0) for row in (found.low, found.high))
        jump = (self.lattice.u[high] - self.lattice.u[low]) * found.steepness
        coarse = (high - low > 1) & (jump > LOCATED)
        coarse &= seen.runs[columns, middle] == 0
        more[columns[coarse], middle[coarse]] = FIRST_RUNS
        # Twice as many; a row that may level off gets no more than tell.
        few = seen.runs < ENOUGH
        doubled = np.where(few, np.minimum(seen.runs, ENOUGH - seen.runs), seen.runs)
        more = np.where(found.probe, doubled, more)
        return np.asarray(np.minimum(more, self._room(seen)))

    def _beside(self, seen: Observed, found: LevelCrossings, counts: Ints) -> Ints:
        """Runs of the columns, shape (columns,), put on the rows beside their crossings, (columns, y).

        Where a crossing is so near to a row that it may be on either side, the row beyond is taken too.
        """
        more = np.zeros(self.lattice.cells.shape, dtype=np.int64)
        for column in np.flatnonzero(found.inside & (counts > 0)).tolist():
            rows = self._rows(found, column)
            distance = np.abs(self.lattice.u[rows] - found.u[column])
            shares = np.maximum(1 - distance / np.diff(self.lattice.u[rows]).max(), LEAST_SHARE)
            shares /= shares.sum()
            # Rounded up, so that no row gets fewer where the column gets more.
            more[column, rows] = np.ceil(shares * counts[column]).astype(np.int64)
        # A single run would not tell how much runs scatter.
        more[(more == 1) & (seen.runs == 0)] = FIRST_RUNS
        return more

    def _rows(self, found: LevelCrossings, column: int) -> Ints:
        """The rows beside a crossing, an error around it included, at least two."""
        step, last = self._step(found, column), len(self.lattice.u) - 1
        ends = found.u[column] + NEAR * found.error[column] * np.array([-1, 1])
        low, high = (int(np.searchsorted(self.lattice.u, end, side="right")) - 1 for end in ends)
        rows = np.arange(max(low, 0) // step, max(high, 0) // step + 2) * step
        return np.unique(np.minimum(rows, last)) if rows[0] < last else np.array([last - 1, last])

    def _step(self, found: LevelCrossings, column: int) -> int:
        """Rows between the two beside a crossing: a power of two, so that rows are used again."""
        u, error = self.lattice.u, found.error[column]
        row, step = int(np.searchsorted(u, found.u[column])), 1
        while 2 * step < len(u):
            low = max(min(row // (2 * step) * 2 * step, len(u) - 1 - 2 * step), 0)
            gap = u[low + 2 * step] - u[low]
            jump = gap * found.steepness[column]
            if max(jump / LOCATED, gap / found.reach[column]) > 1:
                break
            if grid_error(gap, jump) > GRID_SHARE * error:
                break
            step *= 2
        return step


def _filled(effective: list[Floats], weights: list[Floats], budget: int) -> list[Ints]:
    """Runs of the next round that bring all columns as near to their weights as the budget allows.

    Args:
        effective: runs so far, for each level.
        weights: what they are to be proportional to.
        budget: runs of the round.
    Returns:
        Runs for each level and column, together about the budget.
    """
    have, want = np.concatenate(effective), np.concatenate(weights)
    counts = np.zeros(len(have), dtype=np.int64)
    some = np.flatnonzero(want > 0)
    if some.size:
        order = some[np.argsort(have[some] / want[some], kind="stable")]
        level = (budget + np.cumsum(have[order])) / np.cumsum(want[order])
        filled = int(
            np.argmin(
                np.append(level[:-1] > (have / np.where(want > 0, want, 1))[order][1:], False)
            )
        )
        part = order[: filled + 1]
        counts[part] = np.maximum(np.ceil(level[filled] * want[part] - have[part]), 0)
        # Quiet columns too have as many as an error needs to count.
        counts[some] = np.maximum(counts[some], np.ceil(LEAST_RUNS - have[some]))
    return np.split(counts, np.cumsum([len(one) for one in effective])[:-1])

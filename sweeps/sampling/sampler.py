"""The rounds of an adaptive sweep: what to train next, from the sweep and the rows of the rounds before.

The sampler keeps sums over the runs that it proposed itself, added in the order in which it proposed
them. Told the same rows it proposes the same rounds, whoever asks, and however often it was begun anew.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.plan.shard import CellRuns
from sweeps.sampling.columns import Columns
from sweeps.sampling.lattice import Floats, Ints, Lattice, Observed, lattice_of
from sweeps.sampling.protocol import Strategy
from sweeps.sampling.straddle import Straddle
from sweeps.sampling.targets import State

STRATEGIES: dict[str, Callable[[Lattice, tuple[float, ...], SamplingSpec], Strategy]] = {
    "columns": Columns,
    "straddle": Straddle,
}
"""Strategies by their names in a sweep file."""
GROWTH = 4
"""A round has at least one run for so many before it: a sweep of many runs has few rounds."""


MARGIN = 1.1
"""Of the runs that the last round has, over those that its target seems to need."""


class AdaptiveSampler:
    """Proposes the rounds of a target.

    Attributes:
        spec: the target.
        rounds: proposed so far.
        runs: of these rounds.
        told: runs of the rounds whose rows it knows.
        history: these runs after each round, and what was known of the target then.
    """

    def __init__(self, spec: SamplingSpec, lattice: Lattice, levels: tuple[float, ...]) -> None:
        self.spec, self._lattice, self._origin = spec, lattice, levels[0]
        self._strategy = STRATEGIES[spec.strategy](lattice, levels, spec)
        shape = lattice.cells.shape
        self._runs, self._used = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        self._sum, self._squares = np.zeros(shape), np.zeros(shape)
        self._proposed: Ints = np.zeros(0, dtype=np.int64)
        self.rounds = self.runs = self.told = 0
        self.history: list[tuple[int, State]] = []

    @property
    def seen(self) -> Observed:
        """What is known of the cells; sums are taken about the first level."""
        with np.errstate(all="ignore"):
            mean = self._sum / self._used
            variance = (self._squares - self._used * mean**2) / (self._used - 1)
        variance = np.where(self._used > 1, np.maximum(variance, 0.0), np.nan)
        return Observed(self._runs.copy(), self._used.copy(), mean + self._origin, variance)

    @property
    def state(self) -> State | None:
        """What is known of the target; None before round 0 is in."""
        return self.history[-1][1] if self.history else None

    def ask(self) -> CellRuns:
        """The runs of the next round, by column and row; none where it is reached or runs are used up."""
        more = self._more()
        columns, rows = np.nonzero(more)
        count = more[columns, rows]
        some = np.repeat(np.arange(count.size), count)[: max(self.spec.at_most - self.runs, 0)]
        first = (np.cumsum(count) - count)[some]
        replicates = np.arange(some.size) - first + self._runs[columns, rows][some]
        self._proposed = columns[some] * more.shape[1] + rows[some]
        self.rounds += bool(some.size)
        self.runs += some.size
        return CellRuns(self._lattice.cells.ravel()[self._proposed], replicates)

    def tell(self, values: Floats) -> None:
        """Learn what was measured in the round that was proposed last.

        Args:
            values: of its runs, in the order of `ask`; NaN where a run has none.
        """
        known = np.isfinite(values)
        value = np.where(known, values - self._origin, 0.0)
        added = (np.ones(values.shape, dtype=np.int64), known.astype(np.int64), value, value**2)
        for total, part in zip(
            (self._runs, self._used, self._sum, self._squares), added, strict=True
        ):
            np.add.at(total.reshape(-1), self._proposed, part)
        self.told = self.runs
        self.history.append((self.told, self._strategy.state(self.seen)))

    def words(self) -> str:
        """The rows that are known and the present widths, for a person."""
        state, spec = self.state, self.spec
        if state is None:
            return f"{spec.target} ± {spec.half_width:g}, nothing is known yet"
        return f"{self.told:,} runs: {state.words(spec)}"

    def _more(self) -> Ints:
        """Runs of each cell of the lattice in the next round."""
        if not self.rounds:
            return self._strategy.first()
        state = self.state
        if state is None or state.reached(self.spec):
            return np.zeros_like(self._runs)
        return self._strategy.more(self.seen, state, self._budget(state))

    def _budget(self, state: State) -> int:
        """Runs of a round: no more than there were before, and about as many as the target needs."""
        most = max(min(self.spec.round, self.runs), self.runs // GROWTH)
        if not np.isfinite(state.half_width):
            return most
        needed = self.runs * ((state.half_width / self.spec.half_width) ** 2 - 1)
        return int(np.clip(MARGIN * needed, min(len(self._lattice.x), most), most))


def sampler_of(resolved: ResolvedSweep) -> AdaptiveSampler:
    """The sampler of a sweep with the key `sampling`.

    Args:
        resolved: the sweep.
    """
    spec, analysis = resolved.spec.sampling, resolved.spec.analysis
    assert spec is not None and analysis is not None
    return AdaptiveSampler(spec, lattice_of(resolved), analysis.levels)


def usable(resolved: ResolvedSweep, measured: Mapping[str, NDArray[Any]]) -> Floats:
    """The measure of a sweep's plane, NaN for runs that did not end as they should.

    Args:
        resolved: the sweep.
        measured: columns of its rows, among them `status`.
    """
    assert resolved.spec.analysis is not None
    success = resolved.model.measures[0].choices[0]
    values = measured[resolved.spec.analysis.measure].astype(np.float64)
    return np.where((measured["status"] == success) & np.isfinite(values), values, np.nan)

"""The plan: planned runs minus published ones, cut into shards of like cost and shape.

Runs have positions 0, 1, 2, … in an order in which array shapes change as seldom as can be. A plan holds
spans of positions, not runs: parameters and identities are computed for one shard at a time, where it is
trained, so that a plan takes no more memory for many runs than for few.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.declare import recording as trajectory
from sweeps.declare.cells.identity import cell_digests, run_ids
from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.declare.cells.table import BLOCK
from sweeps.declare.document.digest import with_digest
from sweeps.declare.document.document import SCHEMA_VERSION
from sweeps.errors import SweepError
from sweeps.models.protocol import Model, UsesGpu
from sweeps.plan.declared import declared
from sweeps.plan.idle import check_distinct, note_idle
from sweeps.plan.shard import CellRuns, Positions, Shard, shard_of

NOMINAL_FLOPS_PER_S = 1e11
"""One core's rate, only for cutting shards: a fixed figure, so that a plan is the same everywhere."""

ROW_BYTES = 130
"""Bytes of a stored row, about: 115 and 132 were seen for the shipped sweeps, all columns counted."""

RECORD_BYTES = 120
"""Bytes of a record along the training, about."""

MAX_RUNS = 2_000_000_000
"""Runs of one plan, at most: going over their costs takes a quarter of a microsecond for each."""


@dataclass(frozen=True)
class Plan:
    """Every run of a sweep, and spans of those that are still to be trained, in order.

    `flops` is the cost of the runs still to train, `memory_bytes` the need of the largest run of all.
    """

    resolved: ResolvedSweep
    spans: tuple[Shard, ...]
    todo: int
    flops: float
    memory_bytes: float

    @property
    def model(self) -> Model:
        """The sweep's model."""
        return self.resolved.model

    @property
    def total(self) -> int:
        """Planned runs."""
        return self.resolved.cells.number * self.resolved.spec.replicates

    @property
    def done(self) -> int:
        """Planned runs that are published."""
        return self.total - self.todo

    def columns(self, positions: Positions) -> dict[str, NDArray[Any]]:
        """Every column that runs start from, shape (runs,) each."""
        cells, replicates = self._runs(positions)
        some, which = np.unique(cells, return_inverse=True)
        columns: dict[str, NDArray[Any]] = {
            "seed": np.full(positions.size, self.resolved.spec.seed, dtype=np.int64),
            "replicate": replicates.astype(np.int32),
        }
        found = self.resolved.cells.take(some)
        return columns | {name: values[which] for name, values in found.items()}

    def ids(self, positions: Positions) -> NDArray[Any]:
        """Identities of runs, shape (runs,), dtype ID_DTYPE."""
        cells, replicates = self._runs(positions)
        some, which = np.unique(cells, return_inverse=True)
        columns = self.resolved.cells.take(some)
        digests = cell_digests(self.model, self.resolved.spec.seed, columns)
        return run_ids(digests, which, replicates)

    def cost(self, positions: Positions) -> NDArray[Any]:
        """Flops of runs, shape (runs,)."""
        some, which = np.unique(self._runs(positions)[0], return_inverse=True)
        columns = self.resolved.cells.take(some)
        return trajectory.cost(self.model, columns, self.resolved.spec.trajectory)[which]

    def on_gpu(self, positions: Positions) -> NDArray[np.bool_]:
        """Which runs a GPU can train, if trials have one, shape (runs,); what is recorded it cannot."""
        model = self.model
        if self.resolved.spec.trajectory is not None or not isinstance(model, UsesGpu):
            return np.zeros(positions.size, dtype=bool)
        some, which = np.unique(self._runs(positions)[0], return_inverse=True)
        return np.asarray(model.supports_gpu(self.resolved.cells.take(some)))[which]

    def runs_per_shape(self) -> int:
        """Runs from a multiple of this number to the next have one array shape."""
        cells = self.resolved.cells
        slow = cells.slow_dimensions(tuple(self.model.shape_columns))
        return self.total // math.prod(cells.shape[dimension] for dimension in slow)

    def sample(self, count: int) -> Positions:
        """Positions of at most `count` runs spread over those still to train."""
        ends = np.cumsum([span.runs for span in self.spans])
        found = []
        for rank in np.unique(np.linspace(0, self.todo - 1, count).astype(np.int64)).tolist():
            number = int(np.searchsorted(ends, rank, side="right"))
            span = self.spans[number]
            offset = rank - (int(ends[number]) - span.runs)
            found.append(span.first + offset if span.mask is None else int(span.positions[offset]))
        return np.array(found, dtype=np.int64)

    def without_spans(self) -> "Plan":
        """The plan as a worker needs it."""
        return replace(self, spans=())

    def sweep(self) -> dict[str, Any]:
        """The resolved sweep, as the dataset has it."""
        versions = {"schema_version": SCHEMA_VERSION, "planned_runs": self.total}
        return with_digest(versions | declared(self.resolved))

    def of_none(self) -> "Plan":
        """The plan with nothing to do."""
        return replace(self, spans=(), todo=0, flops=0.0)

    def of_runs(self, runs: CellRuns, published: NDArray[Any]) -> "Plan":
        """The plan of some runs, less those that are published.

        Args:
            runs: of the sweep.
            published: identities, sorted, each once, dtype ID_DTYPE.
        """
        wanted = np.unique(self.positions_of(runs))
        if published.size and wanted.size:
            ids = self.ids(wanted)
            at = np.minimum(np.searchsorted(published, ids), published.size - 1)
            wanted = wanted[published[at] != ids]
        ends = np.flatnonzero(np.diff(wanted // BLOCK)) + 1
        spans = tuple(shard_of(part) for part in np.split(wanted, ends) if part.size)
        flops = float(self.cost(wanted).sum()) if wanted.size else 0.0
        return replace(self, spans=spans, todo=wanted.size, flops=flops)

    def positions_of(self, runs: CellRuns) -> Positions:
        """Positions of some runs, shape (runs,)."""
        at = np.unravel_index(runs.cells, self.resolved.cells.shape)
        order, shape = self._order()
        rank = np.ravel_multi_index(tuple(at[dimension] for dimension in order), shape)
        return np.asarray(rank * self.resolved.spec.replicates + runs.replicates)

    def _runs(self, positions: Positions) -> tuple[Positions, Positions]:
        """Cells and replicates at positions."""
        rank, replicates = np.divmod(positions, self.resolved.spec.replicates)
        order, shape = self._order()
        at = dict(zip(order, np.unravel_index(rank, shape), strict=True))
        cells = self.resolved.cells
        indices = tuple(at[dimension] for dimension in range(len(cells.shape)))
        return np.ravel_multi_index(indices, cells.shape), replicates

    def _order(self) -> tuple[list[int], tuple[int, ...]]:
        """Dimensions of the cells, those that decide array shapes first, and their sizes."""
        cells = self.resolved.cells
        slow = cells.slow_dimensions(tuple(self.model.shape_columns))
        order = [*slow, *(d for d in range(len(cells.shape)) if d not in slow)]
        return order, tuple(cells.shape[dimension] for dimension in order)


def make_plan(resolved: ResolvedSweep, published: NDArray[Any]) -> Plan:
    """Plan a sweep.

    Args:
        resolved: the sweep.
        published: identities of published runs, sorted, each once, dtype ID_DTYPE.
    Raises:
        SweepError: more runs than a plan can hold, or cells that are the same run.
    """
    cells, replicates = resolved.cells, resolved.spec.replicates
    if cells.number * replicates > MAX_RUNS:
        raise SweepError(
            f"{cells.number:,} cells of {replicates:,} replicates are more than {MAX_RUNS:,} runs; "
            "take fewer replicates or split the sweep"
        )
    flops, memory, idle = 0.0, 0.0, dict[str, set[str]]()
    for _, columns in cells.blocks():
        note_idle(resolved, columns, idle)
        memory = max(memory, float(np.max(resolved.model.memory_bytes(columns))))
        cost = trajectory.cost(resolved.model, columns, resolved.spec.trajectory)
        flops += float(cost.sum()) * replicates
    check_distinct(resolved, idle)
    plan = Plan(resolved, (), 0, 0.0, 0.0)
    spans = _spans(plan, published) if published.size else (Shard(0, plan.total),)
    if published.size:
        flops = sum(float(plan.cost(part).sum()) for part in blocks_of(spans, plan.total))
    todo = sum(span.runs for span in spans)
    return replace(plan, spans=spans, todo=todo, flops=flops, memory_bytes=memory)


def _spans(plan: Plan, published: NDArray[Any]) -> tuple[Shard, ...]:
    """Spans of runs that are not published, as long as they can be where none of them is."""
    spans: list[Shard] = []
    for first in range(0, plan.total, BLOCK):
        positions = np.arange(first, min(first + BLOCK, plan.total))
        ids = plan.ids(positions)
        at = np.minimum(np.searchsorted(published, ids), published.size - 1)
        positions = positions[published[at] != ids]
        if not positions.size:
            continue
        span = shard_of(positions)
        if span.mask is None and spans and spans[-1].mask is None and spans[-1].last == span.first:
            span = Shard(spans.pop().first, span.last)
        spans.append(span)
    return tuple(spans)


def blocks_of(spans: tuple[Shard, ...], runs_per_shape: int) -> Iterator[Positions]:
    """The positions of spans, a block at a time, each within runs of one array shape.

    Args:
        spans: parts of the plan, rising.
        runs_per_shape: runs that follow each other with one array shape.
    """
    for span in spans:
        first = span.first
        while first < span.last:
            last = min(first + BLOCK, span.last, (first // runs_per_shape + 1) * runs_per_shape)
            positions = np.arange(first, last) if span.mask is None else span.positions
            yield positions[(positions >= first) & (positions < last)]
            first = last

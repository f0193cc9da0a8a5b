"""What is to be trained: planned runs minus published ones, cut into shards of like cost and shape.

Runs have positions 0, 1, 2, … in an order in which array shapes change as seldom as can be. A plan holds
spans of positions, not runs: parameters and identities are computed for one shard at a time, where it is
trained, so that a plan takes no more memory for many runs than for few.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.declare import recording as trajectory
from sweeps.declare.cells.identity import cell_digests, run_ids
from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.declare.cells.table import BLOCK
from sweeps.declare.document import SCHEMA_VERSION
from sweeps.declare.document_digest import with_digest
from sweeps.errors import SweepError
from sweeps.plan.declared import declared
from sweeps.plan.idle import check_distinct, note_idle
from sweeps.protocol import Model, UsesGpu

NOMINAL_FLOPS_PER_S = 1e11
"""One core's rate, only for cutting shards: a fixed figure, so that a plan is the same everywhere."""

ROW_BYTES = 130
"""Bytes of a stored row, about: 115 and 132 were seen for the shipped sweeps, all columns counted."""

RECORD_BYTES = 120
"""Bytes of a record along the training, about."""

MAX_RUNS = 2_000_000_000
"""Runs of one plan, at most: going over their costs takes a quarter of a microsecond for each."""

MAX_SHARDS = 1_000_000
"""Shards of one plan, at most: each is a file."""

MAX_GPU_RUNS = 1_000_000
"""Runs of a shard for a GPU, about at most: a worker holds about 400 bytes for each."""

Positions = NDArray[np.int64]


class Shard(NamedTuple):
    """Runs that one trial trains together: those from place `first` to before `last` that are to do.

    `mask` has a bit for each place, set where the run is to be trained; None stands for all of them.
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


class ShardSize(NamedTuple):
    """How shards are cut: a fixed number of runs, or seconds of a trial; the rate of its GPU, if any."""

    runs: int | None = None
    seconds: float = 20.0
    gpu_flops_per_s: float | None = None


@dataclass(frozen=True)
class Plan:
    """Every run of a sweep, and spans of those that are still to be trained, in order.

    `flops` is the cost of what is to do, `memory_bytes` the need of the largest run of all.
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
        return np.asarray(model.fits_card(self.resolved.cells.take(some)))[which]

    def runs_per_shape(self) -> int:
        """Runs from a multiple of this place to the next have one array shape."""
        cells = self.resolved.cells
        slow = cells.slow_dimensions(tuple(self.model.shape_columns))
        return self.total // math.prod(cells.shape[dimension] for dimension in slow)

    def sample(self, count: int) -> Positions:
        """Positions of at most `count` runs spread over what is to do."""
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
        """The resolved sweep, as it stands in the dataset."""
        versions = {"schema_version": SCHEMA_VERSION, "planned_runs": self.total}
        return with_digest(versions | declared(self.resolved))

    def _runs(self, positions: Positions) -> tuple[Positions, Positions]:
        """Cells and replicates at positions: dimensions that decide array shapes vary slowest."""
        rank, replicates = np.divmod(positions, self.resolved.spec.replicates)
        cells = self.resolved.cells
        slow = cells.slow_dimensions(tuple(self.model.shape_columns))
        order = [*slow, *(d for d in range(len(cells.shape)) if d not in slow)]
        turned = np.unravel_index(rank, tuple(cells.shape[d] for d in order))
        at = {dimension: turned[position] for position, dimension in enumerate(order)}
        return np.ravel_multi_index(
            tuple(at[d] for d in range(len(cells.shape))), cells.shape
        ), replicates


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
        flops = sum(float(plan.cost(part).sum()) for part in _parts(spans, plan.total))
    todo = sum(span.runs for span in spans)
    return replace(plan, spans=spans, todo=todo, flops=flops, memory_bytes=memory)


def cut_shards(plan: Plan, shard_size: ShardSize) -> list[Shard]:
    """Cut what is to do into shards of one array shape and of about equal cost.

    Shards take `cut.seconds` of one core at the nominal rate; a small sweep is cut into at least 16,
    so that all workers have something to do. Where trials have a GPU, runs that it can train are cut
    at its rate and apart from the others.

    Raises:
        SweepError: more shards than a folder can sensibly hold.
    """
    shards: list[Shard] = []
    kinds = (None,) if shard_size.gpu_flops_per_s is None else (True, False)
    for (gpu, *_), pieces in groupby(_pieces(plan, shard_size, kinds), key=itemgetter(0)):
        shard = _shard(np.concatenate([positions for _, positions in pieces]))
        shards.append(shard._replace(gpu=bool(gpu)))
        if len(shards) > MAX_SHARDS:
            raise SweepError(
                f"the sweep makes more than {MAX_SHARDS:,} shards, each a file; take larger "
                "--shard-runs or --shard-seconds"
            )
    return shards


def _spans(plan: Plan, published: NDArray[Any]) -> tuple[Shard, ...]:
    """Spans of what is not published; those of which all is to do are as long as they can be."""
    spans: list[Shard] = []
    for first in range(0, plan.total, BLOCK):
        positions = np.arange(first, min(first + BLOCK, plan.total))
        ids = plan.ids(positions)
        at = np.minimum(np.searchsorted(published, ids), published.size - 1)
        positions = positions[published[at] != ids]
        if not positions.size:
            continue
        span = _shard(positions)
        if span.mask is None and spans and spans[-1].mask is None and spans[-1].last == span.first:
            span = Shard(spans.pop().first, span.last)
        spans.append(span)
    return tuple(spans)


def _shard(positions: Positions) -> Shard:
    """The shard, or span, of rising positions."""
    first, last = int(positions[0]), int(positions[-1]) + 1
    if last - first == positions.size:
        return Shard(first, last)
    bits = np.zeros(last - first, dtype=bool)
    bits[positions - first] = True
    return Shard(first, last, np.packbits(bits).tobytes())


def _parts(spans: tuple[Shard, ...], runs_per_shape: int) -> Iterator[Positions]:
    """The positions of spans, a block at a time, each within runs of one array shape."""
    for span in spans:
        first = span.first
        while first < span.last:
            last = min(first + BLOCK, span.last, (first // runs_per_shape + 1) * runs_per_shape)
            positions = np.arange(first, last) if span.mask is None else span.positions
            yield positions[(positions >= first) & (positions < last)]
            first = last


def _chosen(plan: Plan, gpu: bool | None) -> Iterator[Positions]:
    """What is to do, a block at a time: what a GPU can train, what it cannot, or with None all."""
    for positions in _parts(plan.spans, plan.runs_per_shape()):
        some = positions if gpu is None else positions[plan.on_gpu(positions) == gpu]
        if some.size:
            yield some


def _target(plan: Plan, shard_size: ShardSize, gpu: bool | None) -> float:
    """Flops of a shard."""
    rate = (gpu and shard_size.gpu_flops_per_s) or NOMINAL_FLOPS_PER_S
    if gpu is None or shard_size.runs:
        flops = plan.flops
    else:
        flops = sum(float(plan.cost(positions).sum()) for positions in _chosen(plan, gpu))
    return min(shard_size.seconds * rate, max(flops / 16, rate / 4))


def _numbers(cost: NDArray[Any], target: float, total: float) -> NDArray[Any]:
    """Shards, as rising whole numbers, of the runs that lie at some cost along the plan.

    They cost `target` each, and an eighth of what is left where that is less, so that no worker waits
    long for the last: down to a second of a core.
    """
    least = min(target, NOMINAL_FLOPS_PER_S)
    left = np.maximum(total - cost, 0.0)
    last, end = 8 * target, 8 * least
    shrunk = 8 * np.log(last / np.clip(left, end, last))
    whole = np.minimum(cost, total - last) / target
    return np.asarray(np.floor(whole + shrunk + np.maximum(end - left, 0.0) / least))


def _pieces(
    plan: Plan, shard_size: ShardSize, kinds: tuple[bool | None, ...]
) -> Iterator[tuple[tuple[bool | None, int, int], Positions]]:
    """Positions that belong into one shard, piece by piece, with the kind and number of their shard."""
    runs_per_shape = plan.runs_per_shape()
    for gpu in kinds:
        target = _target(plan, shard_size, gpu)
        least = target / MAX_GPU_RUNS if gpu else 0.0
        total = plan.flops if gpu is None else math.inf
        group, before, count = -1, 0.0, 0
        for positions in _chosen(plan, gpu):
            if positions[0] // runs_per_shape != group:
                group, count = int(positions[0] // runs_per_shape), 0
            if shard_size.runs:
                number = ((count + np.arange(positions.size)) // shard_size.runs).astype(np.float64)
                count += positions.size
            else:
                cost = np.maximum(plan.cost(positions), least)
                number = _numbers(before + np.cumsum(cost) - cost / 2, target, total)
                before += float(cost.sum())
            for part in np.split(positions, np.flatnonzero(np.diff(number)) + 1):
                yield (gpu, group, int(number[np.searchsorted(positions, part[0])])), part

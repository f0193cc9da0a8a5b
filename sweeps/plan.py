"""What is to be trained: planned runs minus published ones, cut into shards of like cost and shape."""

import json
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps import trajectory
from sweeps.identity import cell_digests, run_ids
from sweeps.mistakes import SweepError
from sweeps.protocol import Columns, Model
from sweeps.resolve import Resolved
from sweeps.schema import SCHEMA_VERSION
from sweeps.spec import to_json

NOMINAL_FLOPS_PER_S = 1.5e10
"""One core's rate, only for cutting shards: a fixed figure, so that a plan is the same everywhere."""

ROW_BYTES = 130
"""Bytes of a stored row, about: 115 and 132 were seen for the shipped sweeps, all columns counted."""

RECORD_BYTES = 120
"""Bytes of a record along the training, about."""


MOST_RUNS = 200_000_000
"""Runs of one plan, at most: it takes about 80 bytes and half a microsecond for each."""


class Shard(NamedTuple):
    """Runs that one trial trains together: cell and replicate of each, and its identity."""

    cells: NDArray[np.int64]
    replicates: NDArray[np.int64]
    ids: NDArray[Any]


class Cut(NamedTuple):
    """How shards are cut: a fixed number of runs, or seconds of one core's work."""

    runs: int | None = None
    seconds: float = 20.0


@dataclass(frozen=True)
class Plan:
    """Every run of a sweep, and which of them are still to be trained, in order."""

    resolved: Resolved
    total: int
    todo_cells: NDArray[np.int64]
    todo_replicates: NDArray[np.int64]
    todo_ids: NDArray[Any]
    flops: NDArray[Any]

    @property
    def model(self) -> Model:
        """The sweep's model."""
        return self.resolved.model

    @property
    def done(self) -> int:
        """Planned runs that are published."""
        return self.total - self.todo_cells.size

    def columns(self, shard: Shard) -> dict[str, NDArray[Any]]:
        """Every column that the runs of a shard start from, shape (runs,) each."""
        columns: dict[str, NDArray[Any]] = {
            "seed": np.full(shard.cells.size, self.resolved.spec.seed, dtype=np.int64),
            "replicate": shard.replicates.astype(np.int32),
        }
        for name, values in self.resolved.cells.columns.items():
            columns[name] = values[shard.cells]
        return columns

    def take(self, rows: NDArray[np.int64]) -> Shard:
        """The runs at these places of the list of what is to do."""
        return Shard(self.todo_cells[rows], self.todo_replicates[rows], self.todo_ids[rows])

    def sweep(self) -> dict[str, Any]:
        """The resolved sweep, as it stands in the dataset."""
        declared: dict[str, Any] = json.loads(to_json(self.resolved.spec))
        return {"schema_version": SCHEMA_VERSION, "planned_runs": self.total} | declared


def make_plan(resolved: Resolved, published: NDArray[Any]) -> Plan:
    """Plan a sweep.

    Args:
        resolved: the sweep.
        published: identities of published runs, dtype ID_DTYPE.
    Raises:
        SweepError: more runs than a plan can hold, or cells that are the same run.
    """
    cells, replicates = resolved.cells, resolved.spec.replicates
    if cells.number * replicates > MOST_RUNS:
        raise SweepError(
            f"{cells.number:,} cells of {replicates:,} replicates are more than {MOST_RUNS:,} runs; "
            "take fewer replicates or split the sweep"
        )
    digests = cell_digests(resolved.model, resolved.spec.seed, cells.columns)
    if len(set(digests)) < len(digests):
        raise SweepError(
            f"{len(digests) - len(set(digests)):,} cells have the same parameters as another cell: "
            "an axis that only serves formulas leaves them equal, perhaps by round(); take fewer "
            "values or a wider range"
        )
    cell_of = np.repeat(np.arange(cells.number), replicates)
    replicate_of = np.tile(np.arange(replicates), cells.number)
    ids = run_ids(digests, cell_of, replicate_of)
    todo = np.flatnonzero(~np.isin(ids, published))
    flops = trajectory.cost(resolved.model, cells.columns, resolved.spec.trajectory)
    return Plan(resolved, ids.size, cell_of[todo], replicate_of[todo], ids[todo], flops)


def cut_shards(plan: Plan, cut: Cut) -> list[Shard]:
    """Cut what is to do into shards of one array shape and of about equal cost.

    Shards take `cut.seconds` of one core at the nominal rate; a small sweep is cut into at least 16,
    so that all workers have something to do.
    """
    cost = plan.flops[plan.todo_cells]
    target = min(cut.seconds * NOMINAL_FLOPS_PER_S, max(cost.sum() / 16, NOMINAL_FLOPS_PER_S / 4))
    shards = []
    for group in _same_shape(plan):
        whole = (np.cumsum(cost[group]) - cost[group] / 2) // target
        number = np.arange(group.size) // cut.runs if cut.runs else whole
        edges = np.flatnonzero(np.diff(number)) + 1
        shards += [plan.take(rows) for rows in np.split(group, edges)]
    return shards


def _same_shape(plan: Plan) -> list[NDArray[np.int64]]:
    """Places of the list of what is to do, by the values of the model's shape columns, in order."""
    if not plan.todo_cells.size:
        return []
    columns: Columns = plan.resolved.cells.columns
    shapes: dict[tuple[Any, ...], int] = {}
    values = [columns[name].tolist() for name in plan.model.shape_columns]
    rows = zip(*values, strict=True) if values else repeat((), plan.resolved.cells.number)
    shape_of_cell = np.array([shapes.setdefault(row, len(shapes)) for row in rows])
    shape = shape_of_cell[plan.todo_cells]
    return [np.flatnonzero(shape == number) for number in np.unique(shape)]

"""Cells that are proposed while a sweep runs: ask for some, train them, tell what was measured, ask again.

What chooses cells knows nothing of what trains them. The sweep's axes say which cells there are; of these a
proposer asks for as many as it needs, and those that are published already are read and not trained again.
A dataset that was filled so is one of the sweep like any other: the command completes it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.driver.steps import execute, owner_of, plan_sweep, prepare
from sweeps.plan.cut import ShardSize
from sweeps.plan.plan import Plan
from sweeps.store.dataset import DatasetFolder
from sweeps.store.shard_file import id_array
from sweeps.train.shard import TrainingJob

MeasuredColumns = Mapping[str, NDArray[Any]]


class Proposer(Protocol):
    """Chooses cells from what was measured."""

    def ask(self) -> NDArray[np.int64]:
        """Numbers of the cells to train next; none when there is nothing more to learn."""
        ...

    def tell(self, cells: NDArray[np.int64], measured: MeasuredColumns) -> None:
        """Learn what was measured in the cells that were proposed.

        Args:
            cells: those of them of which every run is published.
            measured: every column of their runs, shape (cells, replicates); null is NaN or None.
        """
        ...


def train_proposed(
    resolved: ResolvedSweep,
    dataset: DatasetFolder,
    proposer: Proposer,
    *,
    executor: Callable[[TrainingJob], dict[int, str]],
    shard_size: ShardSize,
) -> dict[int, str]:
    """Train the cells that a proposer asks for, until it asks for none or a round is not complete.

    Each round is planned against the folder, so that a search that was stopped goes on by the same call.

    Args:
        resolved: the sweep, whose axes say which cells there are.
        dataset: where rows are published.
        proposer: chooses cells.
        executor: trains the shards of a job; gives the errors of those that failed, by their number.
        shard_size: how shards are cut.
    Returns:
        The errors of the round that was not complete; none where the proposer came to its end.
    """
    while (cells := np.unique(proposer.ask())).size:
        plan = plan_sweep(resolved, dataset).of_cells(cells)
        failures, _ = execute(prepare(plan, dataset, shard_size), dataset, executor)
        complete, measured = published_runs(plan, dataset, cells)
        if complete.size:
            proposer.tell(complete, measured)
        if complete.size < cells.size:
            return failures
    return {}


def published_runs(
    plan: Plan, dataset: DatasetFolder, cells: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    """The runs of some cells, as they are published.

    Args:
        plan: of the whole grid.
        dataset: the folder.
        cells: numbers of cells, rising.
    Returns:
        The cells of which every run is published, and their columns, shape (cells, replicates).
    """
    ids = plan.ids(plan.positions_of(cells))
    shards = dataset.inspect(owner_of(plan.resolved)).shards
    tables = [dataset.read(name) for name, shard in shards.items() if np.isin(shard.ids, ids).any()]
    if not tables:
        return cells[:0], {}
    table = pa.concat_tables(tables)
    published = id_array(table)
    order = np.argsort(published, kind="stable")
    at = np.searchsorted(published, ids, sorter=order).clip(max=published.size - 1)
    found = published[order[at]] == ids
    complete = found.reshape(cells.size, -1).all(axis=1)
    kept = np.repeat(complete, plan.resolved.spec.replicates)
    rows = table.take(pa.array(order[at[kept]])).drop_columns(["run_id"])
    shape = (int(complete.sum()), plan.resolved.spec.replicates)
    return cells[complete], {
        name: rows[name].to_numpy().reshape(shape) for name in rows.column_names
    }

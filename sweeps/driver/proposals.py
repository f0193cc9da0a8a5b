"""Runs that are proposed while a sweep runs: ask for some, train them, tell what was measured, ask again.

What chooses runs knows nothing of what trains them. The sweep's axes and replicates say which runs there
are; of these a proposer asks for as many as it needs, and those that are published already are read and not
trained again. A dataset that was filled so is one of the sweep like any other.

A round is complete before the next one is proposed, so that a proposer whose answers follow from what it
was told proposes the same rounds again, after any stop and in any driver: nothing is stored but the rows.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweeps.driver.steps import Outcome, owner_of
from sweeps.plan.cut import ShardSize, cut_shards
from sweeps.plan.plan import Plan
from sweeps.plan.shard import CellRuns
from sweeps.store.dataset import DatasetFolder
from sweeps.store.shard_file import id_array
from sweeps.train.shard import TrainingJob

MeasuredColumns = Mapping[str, NDArray[Any]]


class Proposer(Protocol):
    """Chooses runs from what was measured."""

    def ask(self) -> CellRuns:
        """The runs to train next; none when there is nothing more to learn."""
        ...

    def tell(self, measured: MeasuredColumns) -> None:
        """Learn what was measured in the runs that were proposed last.

        Args:
            measured: every column of their rows, in the order of `ask`; null is NaN or None.
        """
        ...


class Rounds:
    """The rounds of a proposer, as far as a folder holds their rows.

    Attributes:
        complete: rounds of which every run is published, and was told to the proposer.
        asked: the runs of the round after them, once it was proposed.
    """

    def __init__(self, plan: Plan, dataset: DatasetFolder, proposer: Proposer) -> None:
        self.complete = 0
        self._plan, self._dataset, self._proposer = plan, dataset, proposer
        self.asked: CellRuns | None = None
        self._tables: dict[str, pa.Table] = {}

    def next(self) -> Plan:
        """The runs that the first round that is not complete still lacks; none where the last one is.

        Raises:
            SweepError: the folder holds files of something else.
        """
        while True:
            asked = self.asked = self.asked or self._proposer.ask()
            published = self._dataset.inspect(owner_of(self._plan.resolved)).ids
            plan = self._plan.of_runs(asked, published)
            if plan.todo or not asked.cells.size:
                return plan
            self._proposer.tell(self._rows(asked))
            self.asked, self.complete = None, self.complete + 1

    def _rows(self, runs: CellRuns) -> MeasuredColumns:
        """Every column of published runs, in their order."""
        ids = self._plan.ids(self._plan.positions_of(runs))
        table = self._table()
        published = id_array(table)
        order = np.argsort(published, kind="stable")
        rows = table.take(pa.array(order[np.searchsorted(published, ids, sorter=order)]))
        return {name: rows[name].to_numpy() for name in rows.column_names if name != "run_id"}

    def _table(self) -> pa.Table:
        """All rows of the folder; a file that was read before is not read again."""
        while True:
            names = self._dataset.inspect(owner_of(self._plan.resolved)).shards
            try:
                self._tables = {
                    name: self._tables[name] if name in self._tables else self._dataset.read(name)
                    for name in names
                }
            except FileNotFoundError:  # a compaction has removed it since
                continue
            return pa.concat_tables(self._tables.values())


def train_rounds(
    job: TrainingJob,
    rounds: Rounds,
    *,
    executor: Callable[[TrainingJob], dict[int, str]],
    shard_size: ShardSize,
    on_round: Callable[[Plan], None] = lambda plan: None,
) -> Outcome:
    """Train the runs that a proposer asks for, until it asks for none or a round is not complete.

    Args:
        job: of the sweep, without shards, from `prepare`.
        rounds: the proposer's.
        executor: trains the shards of a job; gives the errors of those that failed, by their number.
        shard_size: how shards are cut.
        on_round: called before each round with the plan of what it lacks, and at the end with one of none.
    Returns:
        The errors of the round that was not complete, and the runs that it lacks; none where the
        proposer came to its end.
    """
    plan = rounds.next()
    on_round(plan)
    while plan.todo:
        before, shards = rounds.complete, cut_shards(plan, shard_size)
        failures = executor(job._replace(plan=plan.without_spans(), shards=shards))
        plan = rounds.next()
        if rounds.complete == before:
            return Outcome(failures, plan.todo)
        on_round(plan)
    return Outcome({}, 0)

"""A dataset whose rows are in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from analysis.dataset.files import Dataset
from analysis.dataset.query import Shards
from sweeps.declare.document.document import SweepDocument


@dataclass(frozen=True)
class InMemory(Shards):
    """Answers queries from a table."""

    rows: pa.Table | None = None

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """The result of a query over the table."""
        with duckdb.connect() as engine:
            engine.register("runs", self.rows)
            return dict(engine.execute(sql, parameters).fetchnumpy())


def dataset_of(table: pa.Table, sweep: SweepDocument) -> Dataset:
    """A dataset of rows that are in no file."""
    shards = InMemory(None, "", (), local=True, rows=table)
    return Dataset("", sweep, table.schema, table.num_rows, 0, {}, shards)

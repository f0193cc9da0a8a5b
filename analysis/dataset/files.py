"""Opens a dataset: its sweep, schema and files, each compared with what it says of itself.

Rows stay on disk, and are read as far as they are wanted. Anything that is no shard of this sweep is an
error here, so that later stages need not check.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.dataset.copies import distinct_runs
from analysis.dataset.footers import constants, read_footer
from analysis.dataset.labels import column_label
from analysis.dataset.manifest import check_schema, filled, latest_sweep
from analysis.dataset.plane import Floats
from analysis.dataset.query import Shards
from analysis.dataset.shards import RUN_ID, open_folder, read_each, read_shard
from analysis.errors import AnalysisError, nearest
from sweeps.declare.document.document import SweepDocument

MAX_VERIFIED_ROWS = 2_000_000
"""Rows up to which opening a dataset compares all of them with the digests that their files state; beyond,
`bocnn verify` does."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """The runs of one sweep, on disk.

    `rows` counts those of all files, `duplicates` of them being copies of others, where rows were verified.
    `constant` holds each column that the footers prove to have one value and no null.
    """

    location: str
    sweep: SweepDocument
    schema: pa.Schema
    rows: int
    duplicates: int
    constant: Mapping[str, Any]
    shards: Shards

    @property
    def files(self) -> int:
        """Shards in the folder."""
        return len(self.shards.paths)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, Any]:
        """The result of a duckdb query over the table `runs`, as NumPy arrays; nulls are masked.

        Args:
            sql: a query; `?` stands for a parameter.
            parameters: of the query, in order.
        Returns:
            Columns of the result by name.
        Raises:
            AnalysisError: a file is damaged.
        """
        return self.shards.query(sql, parameters)

    @cached_property
    def table(self) -> pa.Table:
        """All rows in memory, each run once, sorted by run_id: the order of files leaves no trace."""
        files, folder = self.shards.filesystem, self.shards.folder
        paths, tables = read_each(
            files, folder, self.location, lambda path, names: read_shard(files, path, names)
        )
        return distinct_runs([filled(table, self.schema) for table in tables], paths)[0]

    def numbers(self, name: str) -> Floats:
        """A numeric column of `table` as float64, null as NaN, shape (runs,).

        Raises:
            AnalysisError: no such column, or it holds text.
        """
        self.need_numbers([name])
        values: Floats = self.table[name].cast(pa.float64()).to_numpy()
        return values

    def need(self, names: Iterable[str]) -> None:
        """Checks that columns exist.

        Raises:
            AnalysisError: there is no such column.
        """
        for name in names:
            if name not in self.schema.names:
                hint = nearest(name, self.schema.names)
                raise AnalysisError(f"The dataset has no column '{name}'.{hint}")

    def need_numbers(self, names: Iterable[str]) -> None:
        """Checks that columns exist and hold numbers.

        Raises:
            AnalysisError: no such column, or it holds text.
        """
        for name in names:
            self.need([name])
            kind = self.schema.field(name).type
            tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
            if not any(test(kind) for test in tests):
                raise AnalysisError(
                    f"Column '{name}' holds {kind}, expected numbers. Choose a numeric column."
                )

    def label(self, name: str) -> str:
        """A column's axis label: meaning and unit where the dataset states them, and its name."""
        return column_label(self.schema, name)


def open_dataset(location: str, *, verify: bool = True) -> Dataset:
    """The dataset in a folder.

    Args:
        location: a local path, or any URI that pyarrow.fs opens (s3://, gs://, file://).
        verify: whether up to MAX_VERIFIED_ROWS rows are compared with their files' digests.
    Raises:
        AnalysisError: no folder, no shards, a damaged or foreign file, or two rows of one run
            that differ.
    """
    files, folder = open_folder(location)
    paths, footers = read_each(
        files, folder, location, lambda path, names: read_footer(files, path, names)
    )
    rows = sum(footer.num_rows for footer in footers)
    # Before files are compared with each other: of two that differ, one may be damaged.
    verified = Shards(files, folder, tuple(paths), local="://" not in location)
    ids = _verified_ids(verified, location) if verify and rows <= MAX_VERIFIED_ROWS else []
    schemas = [footer.schema.to_arrow_schema() for footer in footers]
    # Columns are added by later versions, and none goes.
    schema = max(schemas, key=lambda one: len(one.names))
    notes = [(footer.metadata or {}).get(b"sweep") for footer in footers]
    sweep = latest_sweep(files, folder, notes)
    for path, found in zip(paths, schemas, strict=True):
        check_schema(found, path, sweep=sweep, like=schema)
    is_mixed = any(len(found.names) < len(schema.names) for found in schemas)
    shards = replace(verified, like=schema if is_mixed else None)
    copies = _copies(shards, location, ids, schema)
    return Dataset(
        location, sweep, schema, rows, copies, constants(footers, schemas, schema), shards
    )


def _verified_ids(shards: Shards, location: str) -> list[pa.ChunkedArray]:
    """Runs of each file, all rows of which were compared with its digest, one file in memory at a time."""
    files, folder = shards.filesystem, shards.folder
    return read_each(files, folder, location, lambda path, names: _ids(files, path, names))[1]


def _ids(files: Any, path: str, names: Set[str]) -> pa.ChunkedArray:
    """Runs of a file, none where it does not name them."""
    rows = read_shard(files, path, names)
    return rows["run_id"] if "run_id" in rows.column_names else pa.chunked_array([], RUN_ID)


def _copies(
    shards: Shards, location: str, ids: Sequence[pa.ChunkedArray], schema: pa.Schema
) -> int:
    """How many rows are copies of others.

    Raises:
        AnalysisError: two rows of one run differ.
    """
    chunks = [chunk for column in ids for chunk in column.chunks]
    if pc.count_distinct(pa.chunked_array(chunks, RUN_ID)).as_py() == sum(map(len, chunks)):
        return 0
    files, folder = shards.filesystem, shards.folder
    paths, tables = read_each(
        files, folder, location, lambda path, names: read_shard(files, path, names)
    )
    return distinct_runs([filled(table, schema) for table in tables], paths)[1]

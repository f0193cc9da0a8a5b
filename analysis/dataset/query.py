"""Reads a dataset of any size through a columnar engine: bounded memory, and only the columns asked for.

The sweep, the schema and what is constant come from the files' footers; rows are never all in memory.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from analysis.dataset.files import foreign, latest_sweep
from analysis.dataset.shards import (
    check_records,
    decode,
    open_folder,
    read_each,
    shard_paths,
    texts,
)
from analysis.dataset.sweep import Sweep
from analysis.errors import AnalysisError, nearest, one_line

# Beyond this the engine writes to disk.
MEMORY = "1GB"
THREADS = 2
Span = tuple[Any, Any]


@dataclass(frozen=True)
class Source:
    """A dataset that stays on disk: its sweep, schema, rows, and columns known to be constant.

    `constant` holds each column that the footers prove to have one value and no null.
    """

    sweep: Sweep
    schema: pa.Schema
    rows: int
    constant: Mapping[str, Any]
    paths: tuple[str, ...]
    files: Any  # a pyarrow filesystem
    folder: str
    local: bool

    def run(self, sql: str, *, memory: str = MEMORY) -> dict[str, Any]:
        """A query over `runs`, as NumPy arrays by column; nulls are masked.

        Args:
            sql: reads from the name `runs`.
            memory: beyond it the engine writes to disk.
        Raises:
            AnalysisError: a file is damaged.
        """
        paths = list(self.paths)
        while True:
            try:
                return self._run(sql, paths, memory=memory)
            except duckdb.ProgrammingError:  # a query that is wrong, which no file is to blame for
                raise
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                # A compaction has brought some files together: the rows are in the new one.
                before, paths = paths, shard_paths(self.files, self.folder, self.folder)
                if set(before) <= set(paths):
                    raise AnalysisError(
                        f"Cannot read the rows of {self.folder} ({one_line(error)}). `bocnn-sweep verify` "
                        "names damaged files; run the sweep again: it sets them aside."
                    ) from error

    def _run(self, sql: str, paths: list[str], *, memory: str) -> dict[str, Any]:
        with duckdb.connect(config={"memory_limit": memory, "threads": THREADS}) as engine:
            engine.execute("SET preserve_insertion_order = false")
            if self.local:
                engine.read_parquet(paths).create_view("runs")
            else:
                table = pads.dataset(paths, filesystem=self.files, format="parquet")
                engine.register("runs", table)
            return dict(engine.execute(sql).fetchnumpy())

    def need(self, names: Iterable[str]) -> None:
        """Checks that columns exist.

        Raises:
            AnalysisError: there is no such column.
        """
        for name in names:
            if name not in self.schema.names:
                hint = nearest(name, self.schema.names)
                raise AnalysisError(f"The dataset has no column '{name}'.{hint}")


def open_source(location: str) -> Source:
    """Opens a dataset without reading its rows.

    Args:
        location: a local path, or any URI that pyarrow.fs opens.
    Raises:
        AnalysisError: no folder, no shards, or a corrupted or foreign file.
    """
    files, folder = open_folder(location)
    paths, footers = read_each(
        files, folder, location, lambda path, names: _footer(files, path, names)
    )
    schema = footers[0].schema.to_arrow_schema()
    notes = [footer.metadata or {} for footer in footers]
    sweep = latest_sweep(files, folder, [note.get(b"sweep") for note in notes])
    for path, footer in zip(paths, footers, strict=True):
        _check(path, footer, sweep=sweep, like=schema)
    return Source(
        sweep=sweep,
        schema=schema,
        rows=sum(footer.num_rows for footer in footers),
        constant=_constants(footers, schema),
        paths=tuple(paths),
        files=files,
        folder=folder,
        local="://" not in location,
    )


def rows_in(location: str) -> int:
    """Rows of a dataset by its files' footers; 0 where one cannot be read, which opening it tells."""
    files, folder = open_folder(location)
    try:
        return sum(
            read_each(files, folder, location, lambda path, _: decode(files, path, _rows))[1]
        )
    except AnalysisError:
        return 0


def _rows(shard: pq.ParquetFile) -> int:
    return int(shard.metadata.num_rows)


def _footer(files: Any, path: str, names: Set[str]) -> pq.FileMetaData:
    """A shard's footer, after its records were looked for among the files of the folder."""
    footer = decode(files, path, lambda shard: shard.metadata)
    check_records(files, path, texts(footer.metadata), names)
    return footer


def _check(path: str, footer: pq.FileMetaData, *, sweep: Sweep, like: pa.Schema) -> None:
    schema = footer.schema.to_arrow_schema()
    problem = foreign(schema, path, sweep=sweep, like=like)
    if not problem and {f.name: f.type for f in schema} != {f.name: f.type for f in like}:
        problem = "columns that differ from those of the folder's first shard"
    if problem:
        raise AnalysisError(f"{path} is foreign to this dataset: {problem}. Move it away.")


def _constants(footers: list[pq.FileMetaData], schema: pa.Schema) -> dict[str, Any]:
    """Columns of which every row group's statistics show the same single value."""
    found: dict[str, Any] = {}
    for position, name in enumerate(schema.names):
        spans = [
            footer.row_group(group).column(position).statistics
            for footer in footers
            for group in range(footer.num_row_groups)
        ]
        values = {_single(one) for one in spans}
        if len(values) == 1 and (value := values.pop()) is not None:
            found[name] = value
    return found


def _single(statistics: Any) -> Any:
    """The one value of a row group's column, or None where there may be more."""
    if statistics is None or not statistics.has_min_max or statistics.null_count:
        return None
    value = statistics.min
    return value if value == statistics.max and np.ndim(value) == 0 else None

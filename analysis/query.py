"""Reads a dataset of any size through a columnar engine: bounded memory, and only the columns asked for.

The sweep, the schema and what is constant come from the files' footers; rows are never all in memory.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from analysis.errors import AnalysisError, nearest
from analysis.load import latest_sweep, open_folder, shard_paths
from analysis.spec import SCHEMA_VERSION, Sweep, parse_sweep

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
    local: bool

    def run(self, sql: str, *, memory: str = MEMORY) -> dict[str, Any]:
        """A query over `runs`, as NumPy arrays by column; nulls are masked.

        Args:
            sql: reads from the name `runs`.
            memory: beyond it the engine writes to disk.
        """
        with duckdb.connect(config={"memory_limit": memory, "threads": THREADS}) as engine:
            engine.execute("SET preserve_insertion_order = false")
            if self.local:
                engine.read_parquet(list(self.paths)).create_view("runs")
            else:
                table = pads.dataset(list(self.paths), filesystem=self.files, format="parquet")
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
    paths = shard_paths(files, folder, location)
    footers = [_footer(files, path) for path in paths]
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
        local="://" not in location,
    )


def rows_in(location: str) -> int:
    """Rows of a dataset by its files' footers; 0 where one cannot be read, which opening it tells."""
    files, folder = open_folder(location)
    try:
        return sum(_footer(files, path).num_rows for path in shard_paths(files, folder, location))
    except AnalysisError:
        return 0


def _footer(files: Any, path: str) -> pq.FileMetaData:
    try:
        with pq.ParquetFile(files.open_input_file(path)) as shard:
            return shard.metadata
    except (pa.ArrowException, OSError) as error:
        raise AnalysisError(
            f"Cannot read {path} ({error}); expected a complete Parquet file. Move it away and "
            "run the sweep again: only its runs are trained again."
        ) from error


def _check(path: str, footer: pq.FileMetaData, *, sweep: Sweep, like: pa.Schema) -> None:
    notes = footer.metadata or {}
    version = notes.get(b"schema_version", b"none").decode()
    schema = footer.schema.to_arrow_schema()
    if version != str(SCHEMA_VERSION):
        problem = f"schema version {version}, expected {SCHEMA_VERSION}"
    elif b"sweep" in notes and (name := _name(notes[b"sweep"], path)) != sweep.name:
        problem = f"a shard of the sweep '{name}', expected '{sweep.name}'"
    elif {f.name: f.type for f in schema} != {f.name: f.type for f in like}:
        problem = "columns that differ from those of the folder's first shard"
    else:
        return
    raise AnalysisError(f"{path} is foreign to this dataset: {problem}. Move it away.")


def _name(note: bytes, path: str) -> str:
    return parse_sweep(json.loads(note), where=path).name


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

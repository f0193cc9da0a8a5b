"""Opens a dataset: its shards as one table without duplicates, and the sweep they belong to.

Anything that is not a shard of this sweep is an error here, so that later stages need not ask.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from analysis.errors import AnalysisError, nearest
from analysis.plane import Floats
from analysis.spec import SCHEMA_VERSION, Sweep, parse_sweep

REQUIRED = ("run_id", "replicate", "status")
NO_SHARDS = (".", "_", "trajectory-")
"""How names begin of files that are not rows of runs: unfinished, hidden, records along the training."""


@dataclass(frozen=True)
class Dataset:
    """The runs of one sweep, one row a run, sorted by run_id."""

    sweep: Sweep
    table: pa.Table
    files: int
    duplicates: int

    def numbers(self, name: str) -> Floats:
        """A numeric column as float64, null as NaN, shape (rows,).

        Raises:
            AnalysisError: no such column, or it holds text.
        """
        column = self.column(name)
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
            raise AnalysisError(
                f"Column '{name}' holds {kind}, expected numbers. Choose a numeric column."
            )
        values: Floats = column.cast(pa.float64()).to_numpy()
        return values

    def column(self, name: str) -> pa.ChunkedArray:
        """A column as Arrow holds it.

        Raises:
            AnalysisError: no such column.
        """
        if name not in self.table.column_names:
            hint = nearest(name, self.table.column_names)
            raise AnalysisError(f"The dataset has no column '{name}'.{hint}")
        return self.table[name]

    def label(self, name: str) -> str:
        """A column's axis label: meaning and unit where the dataset states them, and its name."""
        return column_label(self.table.schema, name)


# A longer meaning leaves no room beside an axis: formulas that read an auxiliary column, say.
LONGEST_MEANING = 48


def column_label(schema: pa.Schema, name: str) -> str:
    """A column's axis label: meaning and unit where the schema states them, and its name."""
    notes = schema.field(name).metadata or {}
    meaning, unit = (notes.get(key, b"").decode() for key in (b"meaning", b"unit"))
    unit = "" if unit in ("", "1", "dimensionless") else f" [{unit}]"
    if not meaning or len(meaning) > LONGEST_MEANING:
        return f"{name}{unit}"
    if name in re.findall(r"\w+", meaning):
        return f"{meaning}{unit}"
    return f"{meaning}{unit} ({name})"


def open_dataset(location: str) -> Dataset:
    """The dataset in a folder.

    Args:
        location: a local path, or any URI that pyarrow.fs opens (s3://, gs://, file://).
    Returns:
        All rows once, sorted by run_id: the order of files and rows leaves no trace.
    Raises:
        AnalysisError: no folder, no shards, a corrupted or foreign file, or two rows of one run
            that differ.
    """
    files, folder = open_folder(location)
    paths, shards = _read_all(files, folder, location)
    notes = [(shard.schema.metadata or {}).get(b"sweep") for shard in shards]
    sweep = latest_sweep(files, folder, notes)
    for path, shard in zip(paths, shards, strict=True):
        _check_shard(shard, path, sweep=sweep, like=shards[0])
    order = shards[0].column_names
    table, duplicates = _without_duplicates(pa.concat_tables(s.select(order) for s in shards))
    return Dataset(sweep, table, files=len(paths), duplicates=duplicates)


def open_folder(location: str) -> tuple[Any, str]:
    """A filesystem, and the path on it, of a local path or a URI.

    Raises:
        AnalysisError: pyarrow.fs opens no such URI.
    """
    if "://" not in location:
        return pafs.LocalFileSystem(), location
    try:
        files, folder = pafs.FileSystem.from_uri(location)
    except (pa.ArrowInvalid, OSError) as error:
        raise AnalysisError(
            f"Cannot open '{location}' ({error}); expected a folder or a pyarrow.fs URI such as "
            "s3://bucket/folder. Check its spelling."
        ) from error
    return files, folder


def shard_paths(files: Any, folder: str, location: str) -> list[str]:
    """Paths of a folder's shards, sorted.

    Raises:
        AnalysisError: no such folder, or no shard in it.
    """
    if files.get_file_info(folder).type != pafs.FileType.Directory:
        raise AnalysisError(
            f"No dataset folder at '{location}'; expected a folder that a sweep wrote. "
            "Check the path, or run the sweep first."
        )
    entries = files.get_file_info(pafs.FileSelector(folder))
    paths = sorted(
        e.path
        for e in entries
        if e.base_name.endswith(".parquet") and not e.base_name.startswith(NO_SHARDS)
    )
    if not paths:
        raise AnalysisError(
            f"The folder '{location}' holds no shard (shard-*.parquet). "
            "Run the sweep first, or point to the folder that it writes."
        )
    return paths


def _read_all(files: Any, folder: str, location: str) -> tuple[list[str], list[pa.Table]]:
    """Every shard; looked up again where a compaction brought some together meanwhile."""
    while True:
        paths = shard_paths(files, folder, location)
        try:
            return paths, [_read_shard(files, path) for path in paths]
        except AnalysisError:
            if set(paths) <= set(shard_paths(files, folder, location)):
                raise


def _read_shard(files: Any, path: str) -> pa.Table:
    try:
        # The nested reader, not read_table: the latter would infer partitions from folder names.
        with pq.ParquetFile(files.open_input_file(path), page_checksum_verification=True) as shard:
            return shard.read()
    except (pa.ArrowException, OSError) as error:
        raise AnalysisError(
            f"Cannot read {path} ({error}); expected a complete Parquet file. Move it away and "
            "run the sweep again: only its runs are trained again."
        ) from error


def latest_sweep(files: Any, folder: str, notes: list[bytes | None]) -> Sweep:
    """The sweep in its latest form: beside the shards, or in what they carry (`notes`).

    Raises:
        AnalysisError: neither holds a readable sweep.
    """
    path = f"{folder.rstrip('/')}/_sweep.json"
    if files.get_file_info(path).type == pafs.FileType.File:
        with files.open_input_stream(path) as stream:
            return _decode(stream.read(), path)
    sweeps = [_decode(note, "a shard's metadata") for note in sorted({n for n in notes if n})]
    if not sweeps:
        raise AnalysisError(
            f"{folder}: neither _sweep.json nor a shard with a sweep in its metadata. "
            "This folder was not written by a sweep: move foreign Parquet files away."
        )
    # A sweep is only added to, so the largest plan is the latest.
    return max(sweeps, key=lambda sweep: sweep.planned_runs)


def _decode(text: bytes, where: str) -> Sweep:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise AnalysisError(
            f"{where} is not JSON ({error}). Run the sweep again to rewrite it."
        ) from error
    return parse_sweep(document if isinstance(document, dict) else {}, where=where)


def _check_shard(shard: pa.Table, path: str, *, sweep: Sweep, like: pa.Table) -> None:
    notes = shard.schema.metadata or {}
    version = notes.get(b"schema_version", b"none").decode()
    missing = [name for name in REQUIRED if name not in shard.column_names]
    if version != str(SCHEMA_VERSION):
        problem = f"schema version {version}, expected {SCHEMA_VERSION}"
    elif missing:
        problem = f"no column {', '.join(missing)}, expected {', '.join(REQUIRED)}"
    elif (name := _name_of(notes, path)) != sweep.name:
        problem = f"a shard of the sweep '{name}', expected '{sweep.name}'"
    elif _types(shard) != _types(like):
        problem = "columns that differ from those of the folder's first shard"
    else:
        return
    raise AnalysisError(f"{path} is foreign to this dataset: {problem}. Move it away.")


def _types(shard: pa.Table) -> dict[str, pa.DataType]:
    """The type of every column; their order is no difference."""
    return {field.name: field.type for field in shard.schema}


def _name_of(notes: dict[bytes, bytes], path: str) -> str:
    """The sweep that a shard says it belongs to; "unnamed" where it does not say."""
    return _decode(notes[b"sweep"], path).name if b"sweep" in notes else "unnamed"


def _without_duplicates(table: pa.Table) -> tuple[pa.Table, int]:
    """The table sorted by run_id, each run once, and how many rows were dropped."""
    order = pc.sort_indices(table, sort_keys=[("run_id", "ascending")])
    table = table.take(order).combine_chunks()
    ids = table["run_id"].combine_chunks() if table.num_rows else table["run_id"]
    same = np.zeros(table.num_rows, dtype=bool)
    if table.num_rows > 1:
        same[1:] = pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
    repeats = np.flatnonzero(same)
    for name in table.column_names:
        _check_repeats(table[name], repeats, name=name)
    return table.take(np.flatnonzero(~same)), len(repeats)


def _check_repeats(column: pa.ChunkedArray, repeats: np.ndarray[Any, Any], *, name: str) -> None:
    first, again = column.take(repeats - 1), column.take(repeats)
    if pa.types.is_floating(column.type):
        # Bits, since NaN equals itself there.
        first, again = (c.cast(pa.float64()).to_numpy().view("i8") for c in (first, again))
        differ = bool(np.any(first != again))
    else:
        differ = not first.equals(again)
    if differ:
        raise AnalysisError(
            f"Two rows of the same run (equal run_id) differ in '{name}', expected identical rows. "
            "One of the files was altered or written by other code: move it away and run again."
        )

"""Opens a dataset: its shards as one table without duplicates, and the sweep they belong to.

Anything that is not a shard of this sweep is an error here, so that later stages need not ask.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs

from analysis.dataset.plane import Floats
from analysis.dataset.shards import open_folder, read_each, read_shard, texts
from analysis.dataset.sweep import SCHEMA_VERSION, Sweep, parse_sweep
from analysis.errors import AnalysisError, nearest, one_line

REQUIRED = ("run_id", "replicate", "status")
DEEPEST = 20
"""Levels of lists and objects in a resolved sweep, at most: there are five."""


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
        AnalysisError: no folder, no shards, a damaged or foreign file, or two rows of one run
            that differ.
    """
    files, folder = open_folder(location)
    paths, shards = read_each(
        files, folder, location, lambda path, names: read_shard(files, path, names)
    )
    notes = [(shard.schema.metadata or {}).get(b"sweep") for shard in shards]
    sweep = latest_sweep(files, folder, notes)
    for path, shard in zip(paths, shards, strict=True):
        _check_shard(shard, path, sweep=sweep, like=shards[0])
    table, duplicates = _without_duplicates(shards, paths)
    return Dataset(sweep, table, files=len(paths), duplicates=duplicates)


def latest_sweep(files: Any, folder: str, notes: list[bytes | None]) -> Sweep:
    """The sweep in its latest form: beside the shards, or in what they carry (`notes`).

    Raises:
        AnalysisError: neither holds a readable sweep.
    """
    path = f"{folder.rstrip('/')}/_sweep.json"
    kind = files.get_file_info(path).type
    if kind == pafs.FileType.File:
        return _decode(_bytes(files, path), path)
    if kind != pafs.FileType.NotFound:
        raise AnalysisError(f"{path} is not a file; expected the resolved sweep. Move it away.")
    sweeps = [_decode(note, "a shard's metadata") for note in sorted({n for n in notes if n})]
    if not sweeps:
        raise AnalysisError(
            f"{folder}: neither _sweep.json nor a shard with a sweep in its metadata. "
            "This folder was not written by a sweep: move foreign Parquet files away."
        )
    # A sweep is only added to, so the largest plan is the latest.
    return max(sweeps, key=lambda sweep: sweep.planned_runs)


def _bytes(files: Any, path: str) -> bytes:
    try:
        with files.open_input_stream(path) as stream:
            return bytes(stream.read())
    except (pa.ArrowException, OSError) as error:
        raise AnalysisError(
            f"Cannot read {path} ({one_line(error)}). Correct its rights."
        ) from error


def _decode(text: bytes, where: str) -> Sweep:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnalysisError(
            f"{where} is not JSON ({one_line(error)}). Run the sweep again to rewrite it."
        ) from error
    if _is_deeper(document, DEEPEST):
        raise AnalysisError(f"{where} is nested too deeply. Run the sweep again to rewrite it.")
    return parse_sweep(document if isinstance(document, dict) else {}, where=where)


def _is_deeper(document: Any, levels: int) -> bool:
    """Whether lists and objects are nested in more than so many levels."""
    parts = document.values() if isinstance(document, dict) else document
    if not isinstance(document, dict | list):
        return False
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)


def _check_shard(shard: pa.Table, path: str, *, sweep: Sweep, like: pa.Table) -> None:
    missing = [name for name in REQUIRED if name not in shard.column_names]
    if problem := foreign(shard.schema, path, sweep=sweep, like=like.schema):
        pass
    elif missing:
        problem = f"no column {', '.join(missing)}, expected {', '.join(REQUIRED)}"
    elif _types(shard.schema) != _types(like.schema):
        problem = "columns that differ from those of the folder's first shard"
    else:
        return
    raise AnalysisError(f"{path} is foreign to this dataset: {problem}. Move it away.")


def foreign(shard: pa.Schema, path: str, *, sweep: Sweep, like: pa.Schema) -> str:
    """What a shard's metadata says that rows of this dataset do not: sweep, model, versions; or nothing."""
    stated, first = texts(shard.metadata), texts(like.metadata)
    version = stated.get("schema_version", "none")
    if version != str(SCHEMA_VERSION):
        return f"schema version {version}, expected {SCHEMA_VERSION}"
    if (name := _name_of(stated, path)) != sweep.name:
        return f"a shard of the sweep '{name}', expected '{sweep.name}'"
    for key in ("model", "numerics_version"):
        if (mine := stated.get(key)) != (other := first.get(key)):
            key = key.replace("_", " ")
            return f"{key} {mine}, and the folder's first shard is of {key} {other}"
    return ""


def _types(schema: pa.Schema) -> dict[str, pa.DataType]:
    """The type of every column; their order is no difference."""
    return {field.name: field.type for field in schema}


def _name_of(stated: Mapping[str, str], path: str) -> str:
    """The sweep that a shard says it belongs to; "unnamed" where it does not say."""
    return _decode(stated["sweep"].encode(), path).name if "sweep" in stated else "unnamed"


def _without_duplicates(shards: list[pa.Table], paths: list[str]) -> tuple[pa.Table, int]:
    """The rows of all shards sorted by run_id, each run once, and how many rows were dropped."""
    names = shards[0].column_names
    table = pa.concat_tables(shard.select(names) for shard in shards)
    order = pc.sort_indices(table, sort_keys=[("run_id", "ascending")]).to_numpy()
    table = table.take(order).combine_chunks()
    ids = table["run_id"].combine_chunks() if table.num_rows else table["run_id"]
    same = np.zeros(table.num_rows, dtype=bool)
    if table.num_rows > 1:
        same[1:] = pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
    repeats = np.flatnonzero(same)
    ends = np.cumsum([shard.num_rows for shard in shards])
    for name in names:
        if (row := _differing(table[name], repeats)) is not None:
            held = np.searchsorted(ends, order[[row - 1, row]], side="right")
            raise AnalysisError(
                f"Two rows of the same run (equal run_id) differ in '{name}', expected identical rows: "
                f"{' and '.join(sorted({paths[k] for k in held}))}. One was altered, or written by other "
                "code or on another kind of processor: move it away and run again."
            )
    return table.take(np.flatnonzero(~same)), len(repeats)


def _differing(column: pa.ChunkedArray, repeats: np.ndarray[Any, Any]) -> int | None:
    """The first row that repeats the run of the one before with another value; None where none does."""
    first, again = column.take(repeats - 1), column.take(repeats)
    if pa.types.is_floating(column.type):
        # Bits, since NaN equals itself there.
        first, again = (c.cast(pa.float64()).to_numpy().view("i8") for c in (first, again))
        wrong = np.flatnonzero(first != again)
    else:
        equal = pc.fill_null(pc.equal(first, again), False)
        absent = pc.and_(pc.is_null(first), pc.is_null(again))
        wrong = np.flatnonzero(~pc.or_(equal, absent).to_numpy())
    return int(repeats[wrong[0]]) if wrong.size else None

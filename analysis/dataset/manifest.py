"""The resolved sweep of a dataset's folder, and whether a shard belongs to it."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from analysis.dataset.shards import texts
from analysis.errors import AnalysisError, one_line
from sweeps.declare.document.document import (
    SCHEMA_VERSION,
    DocumentError,
    SweepDocument,
    read_document,
)

RUN_COLUMNS = ("run_id", "replicate", "status")
"""Columns without which rows are no runs."""
MAX_DEPTH = 20
"""Levels of lists and objects in a resolved sweep, at most: there are five."""


def latest_sweep(files: Any, folder: str, notes: list[bytes | None]) -> SweepDocument:
    """The sweep in its latest form: beside the shards, or in what they carry.

    Args:
        files: a file system of pyarrow.
        folder: of the dataset.
        notes: the resolved sweep in each shard's metadata.
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


def _decode(text: bytes, where: str) -> SweepDocument:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnalysisError(
            f"{where} is not JSON ({one_line(error)}). Run the sweep again to rewrite it."
        ) from error
    if _is_deeper(document, MAX_DEPTH):
        raise AnalysisError(f"{where} is nested too deeply. Run the sweep again to rewrite it.")
    try:
        return read_document(document if isinstance(document, dict) else {}, where=where)
    except DocumentError as error:
        raise AnalysisError(str(error)) from error


def _is_deeper(document: Any, levels: int) -> bool:
    """Whether lists and objects are nested in more than so many levels."""
    parts = document.values() if isinstance(document, dict) else document
    if not isinstance(document, dict | list):
        return False
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)


def check_schema(found: pa.Schema, path: str, *, sweep: SweepDocument, like: pa.Schema) -> None:
    """Refuse a shard that is not of this dataset.

    Args:
        found: the shard's schema with its metadata.
        path: the shard, named in the error.
        sweep: the folder's sweep.
        like: the dataset's schema, of which a shard may lack columns that state a default.
    Raises:
        AnalysisError: another sweep, model or version, or other columns.
    """
    missing = [name for name in RUN_COLUMNS if name not in found.names]
    if problem := foreign(found, path, sweep=sweep, like=like):
        pass
    elif missing:
        problem = f"no column {', '.join(missing)}, expected {', '.join(RUN_COLUMNS)}"
    elif _types(found) | lacking(found, like) != _types(like):
        problem = "columns that differ from those of the folder's other shards"
    else:
        return
    raise AnalysisError(f"{path} is foreign to this dataset: {problem}. Move it away.")


def lacking(found: pa.Schema, like: pa.Schema) -> dict[str, pa.DataType]:
    """Columns of a dataset that a shard of an earlier version does not have, and their types.

    Its rows have the default that the dataset's fields state.

    Args:
        found: the shard's schema.
        like: the dataset's.
    """
    missing = [like.field(name) for name in like.names if name not in found.names]
    return {field.name: field.type for field in missing if "default" in texts(field.metadata)}


def default_of(field: pa.Field) -> Any:
    """The default that a field states; None is null."""
    return json.loads(texts(field.metadata)["default"])


def filled(table: pa.Table, like: pa.Schema) -> pa.Table:
    """Rows with all columns of the dataset: those that their file lacks at their default.

    Args:
        table: of one shard.
        like: the dataset's schema.
    """
    for name, kind in lacking(table.schema, like).items():
        value = pa.scalar(default_of(like.field(name)), kind)
        table = table.append_column(like.field(name), pa.repeat(value, table.num_rows))
    return table


def foreign(shard: pa.Schema, path: str, *, sweep: SweepDocument, like: pa.Schema) -> str:
    """In which of sweep, model and versions a shard's metadata differs from the dataset's.

    Args:
        shard: schema of the shard.
        path: of the shard.
        sweep: of the dataset.
        like: schema of the dataset's first shard.
    Returns:
        The difference and what was expected; "" where there is none.
    """
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

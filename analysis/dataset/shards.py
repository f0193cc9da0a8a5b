"""The files of a dataset's folder: which of them are shards, and each read and compared with what it says.

What is a shard, its name says (`sweeps.declare.file_names`). What is damaged is named here, so that later
stages need not look for it.
"""

import json
from collections.abc import Callable, Mapping, Set
from hashlib import blake2b
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from analysis.errors import AnalysisError, one_line
from sweeps.declare.content import content_digest
from sweeps.declare.file_names import is_own, is_shard, records_of

RUN_ID = pa.binary(16)

DECODE_ERRORS = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError)
"""Exceptions of reading bytes that are no Parquet file."""

Found = TypeVar("Found")


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


def entries(files: Any, folder: str) -> dict[str, Any]:
    """Contents of a folder at one moment, by name.

    A listing that files come into and go from meanwhile may miss one that was there before it went, and
    the one that has come in its stead. So it is taken again until none has gone since the last.

    Args:
        files: a file system of pyarrow.
        folder: of the dataset.
    """
    before = _list(files, folder)
    while True:
        after = _list(files, folder)
        if before.keys() <= after.keys():
            return after
        before = after


def shard_paths(files: Any, folder: str, location: str) -> list[str]:
    """Paths of a folder's shards, sorted.

    Args:
        files: a file system of pyarrow.
        folder: of the dataset.
        location: what the user calls it, for messages.
    Raises:
        AnalysisError: no such folder, no shard in it, or something else than a file with the name of one.
    """
    return _paths(_entries(files, folder, location), location)


def read_each(
    files: Any, folder: str, location: str, read: Callable[[str, Set[str]], Found]
) -> tuple[list[str], list[Found]]:
    """Something of every shard of a folder; listed again where a compaction removes some meanwhile.

    A compaction publishes a large file before it removes the small ones, so every row is seen.

    Args:
        files: the filesystem.
        folder: the folder on it.
        location: how the user named it.
        read: takes a shard's path, and the names of all files beside it.
    Returns:
        Paths of shards, sorted, and what was read of each.
    Raises:
        AnalysisError: as `shard_paths` and `read`.
    """
    done: dict[str, Found] = {}
    while True:
        found = _entries(files, folder, location)
        names = {name for name, entry in found.items() if entry.type == pafs.FileType.File}
        paths = _paths(found, location)
        try:
            for path in paths:
                if path not in done:
                    done[path] = read(path, names)
        except FileNotFoundError:
            continue
        except AnalysisError:
            if path in shard_paths(files, folder, location):
                raise
            continue
        return paths, [done[path] for path in paths]


def decode(files: Any, path: str, look: Callable[[pq.ParquetFile], Found]) -> Found:
    """Read something from a Parquet file.

    Args:
        files: a file system of pyarrow.
        path: of the file.
        look: reads the open file.
    Returns:
        What `look` returns.
    Raises:
        AnalysisError: it is not one.
        FileNotFoundError: it has gone.
    """
    try:
        # The nested reader, not read_table: the latter would infer partitions from folder names.
        with pq.ParquetFile(files.open_input_file(path), page_checksum_verification=True) as shard:
            return look(shard)
    except FileNotFoundError:
        raise
    except DECODE_ERRORS as error:
        raise AnalysisError(
            f"Cannot read {path} ({one_line(error)}); expected a complete Parquet file. {_remedy(path)}"
        ) from error


def read_shard(files: Any, path: str, names: Set[str]) -> pa.Table:
    """All rows of a shard, compared with its name, its digest and its records.

    Args:
        files: the filesystem.
        path: the shard.
        names: the files of its folder.
    Raises:
        AnalysisError: it is not what it says.
        FileNotFoundError: it has gone.
    """
    table = decode(files, path, lambda shard: shard.read())
    name = path.rpartition("/")[2]
    if "run_id" in table.column_names:
        column = table["run_id"]
        if column.type != RUN_ID or column.null_count:
            raise _damaged(path, f"holds {column.type} as run_id, or nulls; expected {RUN_ID}")
        if is_own(name) and name != f"shard-{_digest_of(column)}.parquet":
            raise _damaged(path, "contains other runs than its name says")
    stated = texts(table.schema.metadata)
    check_content(table, path)
    if records := check_records(files, path, stated, names):
        check_content(decode(files, records, lambda file: file.read()), records)
    return table


def check_records(files: Any, path: str, stated: Mapping[str, str], names: Set[str]) -> str:
    """Whether a shard of a sweep that records has its records beside it, and those written with it.

    Args:
        files: the filesystem.
        path: the shard.
        stated: its metadata.
        names: the files of its folder.
    Returns:
        The path of its records, or nothing where it needs none. Their rows are not read.
    Raises:
        AnalysisError: it has not.
        FileNotFoundError: they have gone.
    """
    parent, _, name = path.rpartition("/")
    if not is_own(name) or not _records(stated.get("sweep", "")):
        return ""
    records = records_of(name)
    if records not in names:
        raise _damaged(path, f"has lost its records along the training, {records}")
    records = f"{parent}/{records}"
    said = decode(files, records, lambda file: texts(file.schema_arrow.metadata))
    if said.get("content_digest") != stated.get("records_digest"):
        raise _damaged(path, f"was not written with the records that are there, {records}")
    return records


def check_content(table: pa.Table, path: str) -> None:
    """Whether rows are those that their file states a digest of; one that states none is taken as it is."""
    digest = texts(table.schema.metadata).get("content_digest")
    if digest is not None and _content(table) != digest:
        raise _damaged(path, "holds other numbers than those that were written into it")


def texts(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """A file's metadata; what is not UTF-8 keeps its readable part."""
    return {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in (metadata or {}).items()
    }


def _records(sweep: str) -> bool:
    """Whether a sweep, as a shard carries it, records along the training."""
    try:
        return json.loads(sweep)["trajectory"] is not None
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _digest_of(column: pa.ChunkedArray) -> str:
    """The digest of runs in the name of their shard."""
    ids = column.combine_chunks().cast(pa.large_binary())
    text = b"".join(ids.to_pylist())
    return blake2b(text, digest_size=16).hexdigest()


def _content(table: pa.Table) -> str:
    try:
        return content_digest(table)
    except (TypeError, pa.ArrowException) as error:
        return one_line(error)


def _damaged(path: str, why: str) -> AnalysisError:
    return AnalysisError(f"{path} {why}. {_remedy(path)}")


def _remedy(path: str) -> str:
    """The remedy for a damaged file: a sweep sets aside what has the name of its own files."""
    name = path.rpartition("/")[2].replace("trajectory-", "shard-", 1)
    if is_own(name):
        return "Run the sweep again: it sets the file aside, and only its runs are trained again."
    return "Move it away and run the sweep again: only its runs are trained again."


def _list(files: Any, folder: str) -> dict[str, Any]:
    return {entry.base_name: entry for entry in files.get_file_info(pafs.FileSelector(folder))}


def _entries(files: Any, folder: str, location: str) -> dict[str, Any]:
    """Contents of a dataset's folder."""
    if files.get_file_info(folder).type != pafs.FileType.Directory:
        raise AnalysisError(
            f"No dataset folder at '{location}'; expected a folder that a sweep wrote. "
            "Check the path, or run the sweep first."
        )
    return entries(files, folder)


def _paths(found: Mapping[str, Any], location: str) -> list[str]:
    """Paths of the shards among a folder's entries."""
    shards = [entry for name, entry in sorted(found.items()) if is_shard(name)]
    if not shards:
        raise AnalysisError(
            f"The folder '{location}' holds no shard (shard-*.parquet). "
            "Run the sweep first, or point to the folder that it writes."
        )
    for entry in shards:
        if entry.type != pafs.FileType.File:
            raise AnalysisError(
                f"{entry.path} has the name of a shard and is not a file; expected files. Move it away."
            )
    return [entry.path for entry in shards]

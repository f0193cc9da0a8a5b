"""One file of rows, read whole and compared with what its name and metadata say.

A file is *damaged* where it cannot be decoded, or holds other rows or other records than it says: what its
name says is to be trained again. It is *foreign* where it is sound and of something else: the user is
to decide. A file that cannot be opened is neither, and an error.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Set
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweeps.declare.cells.identity import ID_DTYPE, RUN_ID_BYTES, shard_name
from sweeps.declare.content import content_digest
from sweeps.declare.document.document import SCHEMA_VERSION
from sweeps.declare.file_names import is_own, records_of
from sweeps.errors import SweepError
from sweeps.store.store import Store

DIGEST = "content_digest"
RECORDS_DIGEST = "records_digest"
"""Keys of a file's metadata: the digest of its columns, and a shard's that of its file of records."""

NOTES = "notes"
"""Key of a compacted file's metadata: what the files that it was made of said of themselves."""

STATED_KEYS = (
    *("engine", "device", "processor", "instruction_set", "blas"),
    *("code_version", "code_digest", "numba", "llvmlite", "numpy", "scipy"),
    *("wall_s", "compile_s", "session", "session_s", "slots", "node"),
)
"""Metadata keys of a file's provenance: what trained it, with which code, for how long, and for whom."""

UNDECODABLE = (
    *(pa.ArrowException, OSError, ValueError, KeyError, TypeError),
    *(AttributeError, OverflowError, RecursionError),
)
"""Exceptions of reading bytes that are no Parquet file of ours."""

Found = TypeVar("Found")


class Owner(NamedTuple):
    """Whose rows a file must hold: the sweep's name and the model's numerics version."""

    name: str
    numerics_version: int


class DamagedFile(Exception):
    """A file is not what it says; the text tells how."""


class PublishedShard(NamedTuple):
    """Summary of a file of rows: runs, how they ended, where they come from."""

    ids: NDArray[Any]
    statuses: Counter[str]
    notes: list[dict[str, str]]
    sweep: str
    has_digest: bool = True


def read_shard(store: Store, name: str, owner: Owner, beside: Set[str]) -> PublishedShard:
    """Read and check a file of rows.

    Args:
        store: the folder.
        name: the file.
        owner: whose rows it must hold.
        beside: names of the files in the folder.
    Raises:
        DamagedFile: the file is one that shards are published under, and not what it says.
        SweepError: it is of something else, or cannot be opened.
        FileNotFoundError: it has gone.
    """
    try:
        table, metadata = decode(store, name, lambda file: (file.read(), texts(file)))
        _check_owner(name, metadata, owner)
        shard = _checked(name, table, metadata)
        if is_own(name) and json.loads(shard.sweep).get("trajectory") is not None:
            _check_records(store, name, metadata, beside)
    except DamagedFile as damage:
        if is_own(name):
            raise
        raise SweepError(
            f"{store.location}/{name} {damage}; move it away, and run the same command again"
        ) from None
    return shard


def decode(store: Store, name: str, look: Callable[[pq.ParquetFile], Found]) -> Found:
    """Read something from a Parquet file.

    Bytes that cannot be decoded are fetched again as a whole, so that a store that fails for a moment is
    not taken for a damaged file.

    Args:
        store: the folder.
        name: of the file.
        look: reads the open file.
    Returns:
        What `look` returns.
    Raises:
        DamagedFile: the bytes are no Parquet file.
        SweepError: the file cannot be opened or read.
        FileNotFoundError: it has gone.
    """
    try:
        with store.open(name) as stream:
            return look(pq.ParquetFile(stream, page_checksum_verification=True))
    except (FileNotFoundError, MemoryError) as error:
        raise _unread(store, name, error) from None
    except UNDECODABLE:
        data = whole(store, name)
    try:
        return look(pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True))
    except MemoryError as error:
        raise _unread(store, name, error) from None
    except UNDECODABLE as error:
        raise DamagedFile(f"is not a readable Parquet file of a sweep ({_line(error)})") from None


def _unread(store: Store, name: str, error: BaseException) -> BaseException:
    """The exception for a file of which nothing is known: it has gone, or does not fit into memory."""
    if isinstance(error, FileNotFoundError):
        return error
    return SweepError(
        f"{store.location}/{name} does not fit into memory ({_line(error)}); give the process more, or "
        "move the file away and run the same command again"
    )


def _line(error: BaseException) -> str:
    """An error on one line, without control characters that a file may have put there."""
    words = " ".join(str(error).split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else "�" for letter in words)


def whole(store: Store, name: str) -> bytes:
    """The bytes of a file.

    Args:
        store: the folder.
        name: of the file.
    Raises:
        SweepError: it cannot be read.
        FileNotFoundError: it has gone.
    """
    try:
        return store.get(name)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise SweepError(
            f"cannot read {store.location}/{name}: {error}; correct its rights, or move it away, and run "
            "the same command again"
        ) from None


def texts(file: pq.ParquetFile) -> dict[str, str]:
    """The metadata of a file."""
    return schema_texts(file.schema_arrow)


def schema_texts(schema: pa.Schema) -> dict[str, str]:
    """The metadata of a schema; what is not UTF-8 keeps its readable part."""
    found = schema.metadata or {}
    return {
        key.decode(errors="replace"): value.decode(errors="replace") for key, value in found.items()
    }


def parts(metadata: Mapping[str, str], rows: int) -> list[dict[str, str]]:
    """Provenance of a file's rows, for each file that it was made of, with their `rows`.

    A word is all that is taken from there: what is not one is left out.

    Args:
        metadata: of the file.
        rows: number of its rows.
    Returns:
        One note for each file; the file's own where it names none.
    """
    try:
        found = json.loads(metadata[NOTES])
        noted = [
            {key: part[key] for key in (*STATED_KEYS, "rows") if key in part} for part in found
        ]
        if all(isinstance(text, str) for part in noted for text in part.values()):
            return noted
    except (KeyError, ValueError, TypeError, RecursionError):
        pass
    return [{key: metadata[key] for key in STATED_KEYS if key in metadata} | {"rows": str(rows)}]


def id_array(table: pa.Table) -> NDArray[Any]:
    """The run identities of a table, dtype ID_DTYPE.

    Raises:
        DamagedFile: the column is missing, of another type, or holds nulls.
    """
    kind = table.schema.field("run_id").type if "run_id" in table.column_names else "nothing"
    if kind != pa.binary(RUN_ID_BYTES):
        raise DamagedFile(f"holds {kind} as run_id; expected {pa.binary(RUN_ID_BYTES)}")
    column = table["run_id"].combine_chunks()
    if column.null_count:
        raise DamagedFile(f"holds {column.null_count} nulls as run_id")
    raw = column.buffers()[1]
    if raw is None:
        return np.zeros(0, dtype=ID_DTYPE)
    offset = column.offset * RUN_ID_BYTES
    return np.frombuffer(raw, dtype=ID_DTYPE, count=len(column), offset=offset)


def _check_owner(name: str, metadata: Mapping[str, str], owner: Owner) -> None:
    """Whether a file is of this sweep and model."""
    remedy = "move it away and run the same command again: only the runs in it are trained again"
    said = metadata.get("schema_version")
    if said != str(SCHEMA_VERSION) and (said is not None or not is_own(name)):
        raise SweepError(f"{name} was not written by this version of bocnn; {remedy}")
    try:
        sweep, version = json.loads(metadata["sweep"])["name"], int(metadata["numerics_version"])
    except (KeyError, ValueError, TypeError, RecursionError):
        raise DamagedFile("does not say of which sweep and numerics version it is") from None
    if sweep != owner.name:
        raise SweepError(f"{name} is of the sweep {sweep!r}, not {owner.name!r}; {remedy}")
    if version != owner.numerics_version:
        raise SweepError(
            f"{name} is of the model's numerics version {version}, not {owner.numerics_version}: other "
            f"numbers; name another --out, or {remedy}"
        )


def _checked(name: str, table: pa.Table, metadata: Mapping[str, str]) -> PublishedShard:
    """A file's rows, compared with its name and its digest."""
    ids = id_array(table)
    if is_own(name) and shard_name(ids) != name:
        raise DamagedFile("contains other runs than its name says")
    check_digest(table, metadata)
    if "status" not in table.column_names:
        raise DamagedFile("has no column status")
    statuses = Counter(
        {str(one["values"]): one["counts"] for one in table["status"].value_counts().to_pylist()}
    )
    return PublishedShard(
        ids, statuses, parts(metadata, len(ids)), metadata["sweep"], DIGEST in metadata
    )


def sound_table(file: pq.ParquetFile) -> pa.Table:
    """All columns of a file.

    Raises:
        DamagedFile: they are not those that were written into it.
    """
    table = file.read()
    check_digest(table, schema_texts(table.schema))
    return table


def check_digest(table: pa.Table, metadata: Mapping[str, str]) -> None:
    """Whether a file's rows are those that were written; one that states no digest is taken as it is.

    Args:
        table: the file's rows.
        metadata: of the file.
    Raises:
        DamagedFile: they are not.
    """
    digest = metadata.get(DIGEST)
    try:
        if digest is not None and content_digest(table) != digest:
            raise DamagedFile("holds other numbers than those that were written into it")
    except (TypeError, pa.ArrowException) as error:
        raise DamagedFile(f"cannot be compared with its digest: {_line(error)}") from None


def _check_records(store: Store, name: str, metadata: Mapping[str, str], beside: Set[str]) -> None:
    """Whether a shard's file of records is there and is the one that was written with it."""
    records = records_of(name)
    if records not in beside:
        raise DamagedFile(f"has lost its records along the training, {records}")
    try:
        digest = schema_texts(decode(store, records, sound_table).schema).get(DIGEST)
    except FileNotFoundError:
        raise DamagedFile(f"has lost its records along the training, {records}") from None
    except DamagedFile as damage:
        raise DamagedFile(f"has lost its records along the training: {records} {damage}") from None
    if digest != metadata.get(RECORDS_DIGEST):
        raise DamagedFile(f"was not written with the records that are there, {records}")

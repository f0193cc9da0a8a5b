"""Compaction: many small shards become few large ones, by one process, while others read and train.

A large file is a shard like any other, named by the runs that it holds. It is published whole and read
back, and only then the files that it replaces are removed, each when its rows are found in the large one:
at each moment every row is there, for a while twice, and readers take each run once. Its metadata names
what it replaces, so that the next compaction finishes one that was cut short. These names are compared with
those of shards in the folder and are nothing else: no path, and no reason to remove a file of which a row
is not there twice.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweeps.declare.cells.identity import shard_name
from sweeps.declare.content import differing
from sweeps.declare.file_names import is_own, records_of
from sweeps.errors import SweepError
from sweeps.provenance.mixtures import MADE_BY, together
from sweeps.store.dataset import DatasetFolder, Writer
from sweeps.store.shard_file import (
    NOTES,
    RECORDS_DIGEST,
    DamagedFile,
    Owner,
    id_array,
    parts,
    schema_texts,
)

REPLACES = "replaces"
"""Key of a compacted file's metadata: the files whose rows it holds."""

LOCK = ".compaction"


class Compaction(NamedTuple):
    """Files of rows before and after, and how many a former compaction had left behind."""

    before: int
    after: int
    left_over: int


class _Rows:
    """Rows, of runs or of records, in which those of another table can be found."""

    def __init__(self, table: pa.Table) -> None:
        keys = _keys(table)
        order = np.argsort(keys, kind="stable")
        self._keys, self._table = keys[order], table.take(pa.array(order))

    def lacks(self, other: pa.Table) -> str:
        """Why another table's rows are not all among these, in words; empty where they are."""
        keys = _keys(other)
        at = np.searchsorted(self._keys, keys)
        if np.any(at == self._keys.size) or np.any(self._keys[at] != keys):
            return "runs"
        return ", ".join(differing(self._table.take(pa.array(at)), other))


def compact(dataset: DatasetFolder, owner: Owner, writer: Writer, target_bytes: int) -> Compaction:
    """Bring the shards of a dataset together into files of about `target_bytes`.

    Args:
        dataset: what is compacted.
        owner: what its files must be of.
        writer: publishes the large files.
        target_bytes: files of more than half of it stay as they are.
    Raises:
        SweepError: another compaction is running, a file is damaged, two files hold the same run with
            other numbers, or the folder is not writable.
    """
    try:
        with _alone(dataset):
            _check_sound(dataset, owner)
            before = len(dataset.shards())
            left_over = _finish(dataset)
            for group in _groups(dataset, target_bytes):
                name = _pack(dataset, writer, group)
                if kept := set(group) - {name} - set(_drop(dataset, name, group)):
                    raise SweepError(
                        f"{dataset.location}: {', '.join(sorted(kept))} changed while {name} was made "
                        "of it, and was not removed; run the same command again"
                    )
            return Compaction(before, len(dataset.shards()), left_over)
    except (FileNotFoundError, DamagedFile) as error:
        raise SweepError(
            f"a file of {dataset.location} was changed or moved meanwhile ({error}); nothing was lost: run "
            "the same command again"
        ) from None


@contextmanager
def _alone(dataset: DatasetFolder) -> Iterator[None]:
    """Hold the folder against a second compaction."""
    if not dataset.store.lock(LOCK):
        raise SweepError(
            f"another compaction of {dataset.location} is running; wait for its end. If none is, "
            f"remove {LOCK} from the folder"
        )
    try:
        yield
    finally:
        dataset.store.drop(LOCK)


def _check_sound(dataset: DatasetFolder, owner: Owner) -> None:
    """Refuse a folder of which a file is not what it says, or of which two files disagree."""
    found = dataset.inspect(owner)
    if found.conflicts:
        raise SweepError(f"{dataset.location}: {found.conflicts[0]}; nothing was removed")
    for name, why in found.damaged.items():
        raise SweepError(
            f"{dataset.location}/{name} {why}; run the sweep again, which sets the file aside and trains "
            "its runs again; nothing was removed"
        )


def _finish(dataset: DatasetFolder) -> int:
    """Remove what a former compaction has left behind of what it replaced; how many files of rows."""
    removed = 0
    for name in dataset.shards():
        there = dataset.store.sizes()
        if name in there and (left := _left_over(dataset.metadata(name), there) - {name}):
            removed += len(there.keys() & _drop(dataset, name, sorted(left)))
    return removed


def _left_over(metadata: Mapping[str, str], there: Mapping[str, int]) -> set[str]:
    """Which shards that a file says it replaces are in the folder still, or have their records there."""
    try:
        names = json.loads(metadata.get(REPLACES, "[]"))
    except (ValueError, RecursionError):
        return set()
    named = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
    return {name for name in named if is_own(name) and {name, records_of(name)} & there.keys()}


def _groups(dataset: DatasetFolder, target_bytes: int) -> Iterator[list[str]]:
    """Names of small shards of one schema that make a large file together.

    A file whose name no sweep gives is somebody's: its rows count, and it stays where it is.
    """
    groups: dict[pa.Schema, tuple[list[str], int]] = {}
    sizes = dataset.store.sizes()
    for name in filter(is_own, dataset.shards()):
        if 2 * sizes.get(name, target_bytes) > target_bytes:
            continue
        schema = dataset.schema(name).remove_metadata()
        names, total = groups.get(schema, ([], 0))
        groups[schema] = ([*names, name], total + sizes[name])
        if total + sizes[name] >= target_bytes:
            yield groups.pop(schema)[0]
    yield from (names for names, _ in groups.values() if len(names) > 1)


def _pack(dataset: DatasetFolder, writer: Writer, group: list[str]) -> str:
    """Publish the rows of a group as one file and read it back; its name."""
    tables = {name: dataset.read(name) for name in group}
    table = _once(dataset, tables)
    name = shard_name(id_array(table))
    if name in group:
        return name
    notes = [
        note for part in tables.values() for note in parts(schema_texts(part.schema), part.num_rows)
    ]
    made = {key: together(notes, key) for key in (*MADE_BY, "code_version")}
    extra = made | {REPLACES: json.dumps(group), NOTES: json.dumps(notes)}
    there = dataset.store.sizes()
    traces = {records_of(one): records_of(one) in there for one in group}
    if any(traces.values()):
        records = {trace: dataset.read(trace) for trace, found in traces.items() if found}
        digest = writer.put_table(records_of(name), _once(dataset, records), made)
        extra[RECORDS_DIGEST] = digest
    writer.put_table(name, table, extra)
    dataset.store.sync()
    if differing(dataset.read(name), table):
        raise SweepError(f"{name} does not read back as it was written; nothing was removed")
    return name


def _once(dataset: DatasetFolder, tables: dict[str, pa.Table]) -> pa.Table:
    """The rows of files, each once.

    Raises:
        SweepError: two files hold the same run with other numbers, or one has other columns.
    """
    for name, part in tables.items():
        if not part.schema.equals(next(iter(tables.values())).schema):
            raise SweepError(
                f"{dataset.location}/{name} has other columns than {next(iter(tables))}; move one of them "
                "away; nothing was removed"
            )
    table = pa.concat_tables(tables.values())
    _, first = np.unique(_keys(table), return_index=True)
    if first.size == table.num_rows:
        return table
    table = table.take(pa.array(np.sort(first)))
    rows = _Rows(table)
    for name, part in tables.items():
        if lacking := rows.lacks(part):
            raise SweepError(
                f"{dataset.location}/{name} holds runs of {', '.join(sorted(set(tables) - {name}))} with "
                f"other numbers in {lacking}; move one of them away; nothing was removed"
            )
    return table


def _keys(table: pa.Table) -> NDArray[Any]:
    """Columns that identify a row: the run, and of records the step too."""
    ids = id_array(table)
    if "step" not in table.column_names:
        return ids
    steps = table["step"].to_numpy().astype(">i8")
    both = np.concatenate([part.view(np.uint8).reshape(ids.size, -1) for part in (ids, steps)], 1)
    return np.frombuffer(both.tobytes(), dtype=f"S{both.shape[1]}") if ids.size else ids


def _drop(dataset: DatasetFolder, name: str, replaced: list[str]) -> list[str]:
    """Remove shards whose rows and records a large file holds, bit by bit; no other file.

    Args:
        name: the large file.
        replaced: names of shards, of which some may have gone.
    Returns:
        Those of the names that are not there any more.
    """
    there = dataset.store.sizes()
    rows = _Rows(dataset.read(name))
    records = _Rows(dataset.read(records_of(name))) if records_of(name) in there else None
    gone, beside = [], []
    for old in replaced:
        if old == name or (old in there and rows.lacks(dataset.read(old))):
            continue
        if (trace := records_of(old)) in there:
            if records is None or records.lacks(dataset.read(trace)):
                continue
            beside.append(trace)
        gone.append(old)
    for file in (*gone, *beside):
        dataset.store.drop(file)
    return gone

"""Compaction: many small shards become few large ones, by one process, while others read and train.

A large file is a shard like any other, named by the runs that it holds. It is published whole, read
back, and only then the files that it replaces are removed: at each moment every row is there, for a
while twice, and readers take each run once. Its metadata names what it replaces, so that the next
compaction finishes one that was cut short.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sweeps.dataset import NOTES, REPLACES, TRAJECTORY, Dataset, Owner, Writer, id_array
from sweeps.identity import shard_name
from sweeps.mistakes import SweepError

LOCK = ".compaction"


class Compaction(NamedTuple):
    """Files of rows before and after, and how many a former compaction had left behind."""

    before: int
    after: int
    left_over: int


def compact(dataset: Dataset, owner: Owner, writer: Writer, target_bytes: int) -> Compaction:
    """Bring the shards of a dataset together into files of about `target_bytes`.

    Args:
        dataset: what is compacted.
        owner: what its files must be of.
        writer: publishes the large files.
        target_bytes: files of more than half of it stay as they are.
    Raises:
        SweepError: another compaction is at work, a file is corrupted, or the folder is not writable.
    """
    with _alone(dataset):
        before = len(dataset.shards())
        left_over = _finish(dataset, owner)
        for group in _groups(dataset, owner, target_bytes):
            name = _pack(dataset, owner, writer, group)
            if name not in group:
                _drop(dataset, group)
        return Compaction(before, len(dataset.shards()), left_over)


@contextmanager
def _alone(dataset: Dataset) -> Iterator[None]:
    """Hold the folder against a second compaction."""
    if not dataset.store.lock(LOCK):
        raise SweepError(
            f"another compaction of {dataset.location} is at work; wait for its end. If none is, "
            f"remove {LOCK} from the folder"
        )
    try:
        yield
    finally:
        dataset.store.drop(LOCK)


def _finish(dataset: Dataset, owner: Owner) -> int:
    """Remove what whole files of a former compaction replace; how many files of rows that were."""
    there = set(dataset.store.names())
    removed = 0
    for name in dataset.shards():
        if name not in there:
            continue
        replaced = set(json.loads(dataset.metadata(name).get(REPLACES, "[]"))) - {name}
        if there & (replaced | {_records(old) for old in replaced}):
            dataset.read(name, owner)  # whole, or an error that names it
            removed += len(there & replaced)
            _drop(dataset, sorted(replaced))
            there -= replaced
    return removed


def _groups(dataset: Dataset, owner: Owner, target_bytes: int) -> Iterator[list[str]]:
    """Names of small shards of one schema that make a large file together."""
    groups: dict[pa.Schema, tuple[list[str], int]] = {}
    for name, size in dataset.sizes().items():
        if 2 * size > target_bytes:
            continue
        schema = dataset.schema(name).remove_metadata()
        names, total = groups.get(schema, ([], 0))
        groups[schema] = ([*names, name], total + size)
        if total + size >= target_bytes:
            yield groups.pop(schema)[0]
    yield from (names for names, _ in groups.values() if len(names) > 1)


def _pack(dataset: Dataset, owner: Owner, writer: Writer, group: list[str]) -> str:
    """Publish the rows of a group as one file and read it back; its name."""
    table = _once(pa.concat_tables([dataset.read(name, owner) for name in group]))
    ids = id_array(table)
    extra = {REPLACES: json.dumps(group), NOTES: json.dumps(list(dataset.notes(group)))}
    traces = [_records(name) for name in group if _records(name) in dataset.store.names()]
    name = shard_name(ids)
    if traces:
        records = pa.concat_tables([dataset.read(trace, owner) for trace in traces])
        writer.put_table(_records(name), records, {REPLACES: json.dumps(traces)})
    writer.put_table(name, table, extra)
    dataset.store.sync()
    if not dataset.read(name, owner).equals(table):
        raise SweepError(f"{name} does not read back as it was written; nothing was removed")
    return name


def _once(table: pa.Table) -> pa.Table:
    """The rows with each run once."""
    _, first = np.unique(id_array(table), return_index=True)
    return table if first.size == table.num_rows else table.take(pa.array(np.sort(first)))


def _drop(dataset: Dataset, names: list[str]) -> None:
    """Remove shards, then what was recorded along their training."""
    for name in names:
        dataset.store.drop(name)
    for name in names:
        dataset.store.drop(_records(name))


def _records(shard: str) -> str:
    """The file of what was recorded on the runs of a shard."""
    return shard.replace("shard-", f"{TRAJECTORY}-", 1)

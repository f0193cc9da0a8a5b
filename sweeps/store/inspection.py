"""Contents of a folder: sound shards, damaged ones, and runs that two files hold with other numbers.

`run`, `plan`, `status`, `compact` and `verify` all go by it.
"""

from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.declare.content import differing
from sweeps.provenance.mixtures import unlike
from sweeps.store.shard_file import PublishedShard, decode
from sweeps.store.store import Store


class Inspection(NamedTuple):
    """A folder's files of rows at one moment.

    `damaged` says of files what is wrong with them; `ids` are the runs of all others, sorted, each once;
    `conflicts` names pairs of files, with the remedy; `again` counts, by status, the rows of runs that
    another file holds too.
    """

    shards: dict[str, PublishedShard]
    damaged: dict[str, str]
    ids: NDArray[Any]
    conflicts: list[str]
    again: Counter[str]

    @property
    def statuses(self) -> Counter[str]:
        """How many runs ended in each status, each run once."""
        total = sum((shard.statuses for shard in self.shards.values()), Counter[str]())
        return total - self.again

    @property
    def unverified(self) -> list[str]:
        """Files that state no digest of their rows, so that a change goes unnoticed."""
        return [name for name, shard in self.shards.items() if not shard.has_digest]

    @property
    def notes(self) -> list[dict[str, str]]:
        """Provenance that the files state."""
        return [note for shard in self.shards.values() for note in shard.notes]


def inspection(
    store: Store, found: dict[str, PublishedShard], damaged: dict[str, str]
) -> Inspection:
    """Compare the rows of runs that several files hold.

    Args:
        store: the folder.
        found: its sound shards.
        damaged: what is wrong with the others.
    Raises:
        FileNotFoundError: one of the files has gone.
    """
    ids = _joined(found)
    once = np.unique(ids)
    if once.size == ids.size:
        return Inspection(found, damaged, once, [], Counter())
    conflicts, again = [], Counter[str]()

    @lru_cache(maxsize=2)
    def rows(name: str) -> pa.Table:
        return decode(store, name, lambda file: file.read())

    for one, other, first, second in _twice(found, ids):
        left, right = rows(one).take(first), rows(other).take(second)
        again.update(right["status"].to_pylist())
        if columns := differing(left, right):
            conflicts.append(_conflict(found, (one, other), columns, left["run_id"][0].as_py()))
    return Inspection(found, damaged, once, conflicts, again)


def _joined(shards: dict[str, PublishedShard]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, ID_DTYPE), *(shard.ids for shard in shards.values())])


def _twice(shards: dict[str, PublishedShard], ids: NDArray[Any]) -> list[tuple[str, str, Any, Any]]:
    """Pairs of files that hold the same runs, with the rows of these runs in each."""
    names = list(shards)
    starts = np.cumsum([0, *(shard.ids.size for shard in shards.values())])
    order = np.argsort(ids, kind="stable")
    same = np.flatnonzero(ids[order[1:]] == ids[order[:-1]])
    first, second = order[same], order[same + 1]
    left, right = (np.searchsorted(starts, rows, side="right") - 1 for rows in (first, second))
    pairs, which = np.unique(np.stack([left, right]), axis=1, return_inverse=True)
    return [
        (names[a], names[b], first[which == k] - starts[a], second[which == k] - starts[b])
        for k, (a, b) in enumerate(pairs.T.tolist())
    ]


def _conflict(
    shards: dict[str, PublishedShard], names: tuple[str, str], columns: list[str], run: bytes
) -> str:
    """Which files disagree, in what, and what they say of where they come from."""
    made = unlike(*(shards[name].notes for name in names))
    return (
        f"{names[0]} and {names[1]} hold the same run (run_id {run.hex()}) with other numbers in "
        f"{', '.join(columns[:4])}{', …' if len(columns) > 4 else ''}; expected equal rows. "
        f"{f'They were made unlike: {made}. ' if made else ''}Move one of them away and run again"
    )

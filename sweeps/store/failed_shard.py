"""The record of a shard that failed: its traceback and parameters, in a text beside the dataset.

`_failed-<digest>.txt` belongs to the missing `shard-<digest>.parquet`. A new start of the sweep tries
these runs again and removes the record first.
"""

import re
from datetime import UTC, datetime
from typing import Any

from numpy.typing import NDArray

from sweeps.declare.cells.identity import shard_name
from sweeps.declare.file_names import FAILED
from sweeps.models.protocol import Columns
from sweeps.store.store import Store

_RECORD = re.compile(r"_failed-[0-9a-f]{32}\.txt")
"""Names of records as they are given here: a file of another name is somebody's own."""
_SHOWN = 6


def record_name(ids: NDArray[Any]) -> str:
    """The name of the record of a shard of these runs."""
    return shard_name(ids, FAILED[:-1]).replace(".parquet", ".txt")


def describe(ids: NDArray[Any], columns: Columns, error: str) -> str:
    """The text by which a person looks into a failure, one `key: value` a line, the traceback last.

    Args:
        ids: identities of the shard's runs.
        columns: what they started from.
        error: the traceback, or what Ray said of the death of a worker.
    """
    lines = [
        f"shard: {shard_name(ids)}",
        f"failed: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        f"runs: {ids.size}",
        *(f"{name}: {_values(values)}" for name, values in columns.items()),
        "",
        error.rstrip(),
    ]
    return "\n".join(lines) + "\n"


def records(store: Store) -> list[str]:
    """Names of the records in a folder."""
    return [name for name in store.names() if _RECORD.fullmatch(name)]


def recorded_reason(store: Store, record: str) -> str:
    """The error that a failed shard's record states.

    Args:
        store: the folder.
        record: name of the record.
    """
    try:
        return reason(store.get(record).decode(errors="replace"))
    except OSError as error:
        return f"the record cannot be read ({error})"


def reason(text: str) -> str:
    """The last line of a record or traceback: the error itself, without control characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason is known"
    return "".join(letter if letter.isprintable() else "�" for letter in last)


def _values(values: NDArray[Any]) -> str:
    """The values of a column, each once, long lists cut short."""
    some = list(dict.fromkeys("null" if v != v else repr(v) for v in values.tolist()))
    return ", ".join(some[:_SHOWN]) + (f", … ({len(some)} values)" if len(some) > _SHOWN else "")

"""Copies of runs: the same rows published twice, of which one counts."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.errors import AnalysisError


def distinct_runs(shards: list[pa.Table], paths: list[str]) -> tuple[pa.Table, int]:
    """The rows of all shards, each run once.

    Args:
        shards: tables of the same columns, at least one.
        paths: their files, named in errors.
    Returns:
        The rows sorted by run_id, and how many copies were dropped.
    Raises:
        AnalysisError: two rows of one run differ.
    """
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
            files = np.searchsorted(ends, order[[row - 1, row]], side="right")
            raise AnalysisError(
                f"Two rows of the same run (equal run_id) differ in '{name}', expected identical rows: "
                f"{' and '.join(sorted({paths[k] for k in files}))}. One was altered, or written by other "
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

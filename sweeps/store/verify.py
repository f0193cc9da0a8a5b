"""Every check of a dataset that can be made from its files alone, for the command `bocnn verify`.

Beyond what each start of a sweep checks: run identities are computed anew from the rows' own columns, and
records along the training are compared with the runs that they are of.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweeps.declare.cells.identity import cell_digests, run_ids
from sweeps.declare.file_names import is_own, records_of
from sweeps.errors import SweepError, shown
from sweeps.models.protocol import Model
from sweeps.store.dataset import DatasetFolder
from sweeps.store.schema import NO_DEFAULT
from sweeps.store.shard_file import DamagedFile, Owner, decode, id_array


class Verification(NamedTuple):
    """Files and rows that were read, what is wrong with them, and files that state no digest."""

    files: int
    rows: int
    problems: list[str]
    unverified: list[str]


def verify(dataset: DatasetFolder, model: Model, owner: Owner) -> Verification:
    """Check every file of a dataset; changes nothing.

    Args:
        dataset: the folder.
        model: the model of its sweep.
        owner: whose rows its files must hold.
    Raises:
        SweepError: a file is of something else, or cannot be opened.
    """
    while True:
        found = dataset.inspect(owner)
        problems = [f"{name} {why}" for name, why in found.damaged.items()] + found.conflicts
        try:
            for name in found.shards:
                table = decode(dataset.store, name, lambda file: file.read())
                problems += [f"{name} {why}" for why in _problems(dataset, name, table, model)]
        except FileNotFoundError:  # a compaction has brought it together with others
            continue
        rows = sum(shard.ids.size for shard in found.shards.values())
        return Verification(len(found.shards), rows, problems, found.unverified)


def _problems(dataset: DatasetFolder, name: str, table: pa.Table, model: Model) -> Iterator[str]:
    """Problems of one file of rows that is otherwise sound."""
    ids = id_array(table)
    try:
        wrong = np.flatnonzero(ids != identities(model, table))
        if wrong.size:
            yield (
                f"has {wrong.size:,} runs, first run_id {ids[wrong[0]].hex()}, whose run_id is not that of "
                "their seed, parameters and replicate"
            )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        yield f"does not hold the parameters of the model {model.name} ({shown(str(error))})"
    known = model.measures[0].choices
    if other := sorted(set(map(str, table["status"].unique().to_pylist())) - set(known)):
        yield f"has the status {shown(other[0])}; expected one of {', '.join(known)}"
    records = records_of(name)
    if is_own(name) and records in dataset.store.names():
        try:
            yield from _wrong_records(dataset, records, ids)
        except (DamagedFile, SweepError) as damage:
            yield f"has records that cannot be read: {records} {damage}"


def _wrong_records(dataset: DatasetFolder, records: str, ids: NDArray[Any]) -> Iterator[str]:
    """Problems of the records of a shard's runs."""
    recorded = id_array(dataset.read(records))
    if strange := np.setdiff1d(recorded, ids).size:
        yield f"has records, in {records}, of {strange:,} runs that it does not hold"
    if lost := np.setdiff1d(ids, recorded).size:
        yield f"has no records, in {records}, of {lost:,} of its runs"


def identities(model: Model, table: pa.Table) -> NDArray[Any]:
    """Run identities that follow from rows' seeds, parameters and replicates.

    Args:
        model: says which parameters decide a run's numbers.
        table: rows with `seed`, `replicate` and every parameter.
    Returns:
        Shape (rows,), dtype ID_DTYPE.
    """
    there = sorted(column.name for column in model.parameters if column.name in table.column_names)
    first, cells = _distinct(table, ["seed", *there])
    rows = table.take(pa.array(first))
    columns = parameters_of(model, rows)
    digests: list[bytes] = []
    for number, seed in enumerate(rows["seed"].to_pylist()):
        cell = {name: values[number : number + 1] for name, values in columns.items()}
        digests += cell_digests(model, seed, cell)
    return run_ids(digests, cells, table["replicate"].to_numpy())


def parameters_of(model: Model, rows: pa.Table) -> dict[str, NDArray[Any]]:
    """Every parameter of rows, as a model takes it.

    Args:
        model: that trained them, or a later version: what it has beyond their columns is at its default.
        rows: with parameters.
    Raises:
        KeyError: a parameter without a default is missing.
    """
    found = {}
    for column in model.parameters:
        if column.name in rows.column_names or column.default == NO_DEFAULT:
            found[column.name] = values_of(rows[column.name])
        else:
            default = np.nan if column.default is None else column.default
            kind = object if column.type == "string" else None
            found[column.name] = np.full(rows.num_rows, default, dtype=kind)
    return found


def _distinct(table: pa.Table, names: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The first row of each combination of values, and which combination each row has."""
    codes = np.zeros(table.num_rows, dtype=np.int64)
    for name in names:
        column = table[name].combine_chunks().dictionary_encode(null_encoding="encode")
        index = column.indices.to_numpy()
        _, codes = np.unique(codes * (len(column.dictionary) + 1) + index, return_inverse=True)
    _, first, which = np.unique(codes, return_index=True, return_inverse=True)
    return first, which


def values_of(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column as a model takes it: null is NaN, and None in a column of words."""
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=object)
    return np.asarray(column.to_numpy())

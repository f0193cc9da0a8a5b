"""Files of several versions in one folder: columns that a later one adds are at their default before."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.cells.aggregate import aggregate
from analysis.dataset.files import open_dataset
from analysis.errors import AnalysisError
from tests.analysis.synthetic import Planted, write_table

ADDED = {"patches": (pa.int64(), 2), "kind": (pa.string(), "it's"), "tol": (pa.float64(), None)}


def with_columns(table: pa.Table, *, stated: bool = True) -> pa.Table:
    """Rows of a later version; its fields state defaults."""
    for name, (kind, value) in ADDED.items():
        notes = {"default": json.dumps(value)} if stated else {}
        field = pa.field(name, kind, metadata=notes)
        table = table.append_column(field, pa.repeat(pa.scalar(value, kind), table.num_rows))
    return table


def mixed(folder: Path, *, stated: bool = True) -> Path:
    """Half of the rows written by an earlier version."""
    planted = Planted()
    table, sweep = planted.table(), planted.sweep()
    half = table.num_rows // 2
    write_table(folder, table.slice(0, half), sweep, seed=0)
    return write_table(folder, with_columns(table.slice(half), stated=stated), sweep, seed=1)


def test_all_rows_are_there_with_defaults(tmp_path: Path) -> None:
    dataset = open_dataset(str(mixed(tmp_path)))
    assert set(ADDED) <= set(dataset.schema.names)
    found = dataset.query("SELECT count(*) AS n, sum(patches) AS p, count(tol) AS t FROM runs")
    rows = Planted().table().num_rows
    assert (found["n"][0], found["p"][0], found["t"][0]) == (rows, 2 * rows, 0)
    assert dataset.query("SELECT DISTINCT kind FROM runs")["kind"].tolist() == ["it's"]
    assert dataset.table.num_rows == rows and dataset.numbers("patches").tolist() == [2.0] * rows
    assert dataset.constant["patches"] == 2 and "tol" not in dataset.constant


def test_the_cells_are_those_of_one_version(tmp_path: Path) -> None:
    spec = open_dataset(str(Planted().write(tmp_path / "one"))).sweep.analysis
    assert spec is not None
    cells = [
        aggregate(open_dataset(str(folder)), spec)
        for folder in (tmp_path / "one", mixed(tmp_path / "mixed"))
    ]
    assert np.array_equal(cells[0].values, cells[1].values)


def test_files_on_a_file_system_by_uri(tmp_path: Path) -> None:
    dataset = open_dataset(f"file://{mixed(tmp_path)}")
    found = dataset.query("SELECT min(patches) AS low, max(patches) AS high FROM runs")
    assert (found["low"][0], found["high"][0]) == (2, 2)


def test_a_column_that_states_no_default_is_foreign(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="columns that differ"):
        open_dataset(str(mixed(tmp_path, stated=False)))

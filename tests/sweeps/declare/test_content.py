"""Digests of columns are of their values, wherever in a buffer these begin, and need no pandas."""

import subprocess
import sys

import pyarrow as pa
import pytest

from sweeps.declare.content import column_digests

COLUMNS = {
    "truths": pa.array([True, False, True, True, False, False, True, False, True, True]),
    "gaps": pa.array([None, False, True, None, False, False, True, False, True, True]),
    "numbers": pa.array([0.5, -1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], pa.float32()),
    "counts": pa.array([7, None, 5, 4, 3, 2, 1, 0, 1, 2], pa.int16()),
    "words": pa.array(["a", "bc", None, "", "e", "f", "g", "h", "i", "jk"]),
}


@pytest.mark.parametrize("first", [0, 1, 3, 9, 10])
def test_a_part_of_a_table_has_the_digests_of_the_same_values_by_themselves(first: int) -> None:
    table = pa.table(COLUMNS)
    copied = pa.table(
        {
            name: pa.array(column.to_pylist()[first:], column.type)
            for name, column in COLUMNS.items()
        }
    )
    assert column_digests(table.slice(first)) == column_digests(copied)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_changed_value_changes_its_columns_digest_alone(name: str) -> None:
    table = pa.table(COLUMNS)
    values = COLUMNS[name].to_pylist()
    values[4], values[6] = values[6], values[4]
    at = table.column_names.index(name)
    changed = table.set_column(at, name, pa.array(values, COLUMNS[name].type))
    before, after = column_digests(table), column_digests(changed)
    assert [key for key in before if before[key] != after[key]] == [name]


def test_digests_import_no_pandas() -> None:
    # A table of lists would import it by itself.
    code = (
        "import sys, pyarrow as pa; from sweeps.declare.content import content_digest; "
        "parts = [None, pa.py_buffer(bytes(16))]; "
        "kinds = {'x': pa.float64(), 'y': pa.int64(), 'z': pa.bool_()}; "
        "arrays = [pa.Array.from_buffers(kind, 2, parts) for kind in kinds.values()]; "
        "content_digest(pa.Table.from_arrays(arrays, list(kinds))); "
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

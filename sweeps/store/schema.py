"""The dataset's schema: one row a run, the same columns in every file of a sweep.

| column | type | |
|---|---|---|
| `run_id` | fixed_size_binary[16] | digest of all that decides the run's numbers |
| `seed`, `replicate` | int64, int32 | |
| parameters | the model's | |
| auxiliary axes | float64 | |
| `status`, measures | the model's | nulls where the run failed |

A column that a later version of the model adds is not in files of before: their rows have its default,
which the field's metadata state.

Beside it the schema of a trajectory: one row a run and recorded step, `run_id` and what was recorded.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweeps.declare.cells.identity import RUN_ID_BYTES
from sweeps.declare.document.document import SCHEMA_VERSION
from sweeps.models.protocol import ColumnProtocol, Columns, Model, RecordsTrajectory

NO_DEFAULT = "required"
"""The default of a column that has none."""


def table_schema(model: Model, auxiliary: Mapping[str, str]) -> pa.Schema:
    """Schema of the rows; every field carries its meaning and unit.

    Args:
        model: its parameters and measures are columns.
        auxiliary: meanings of the other numbers that formulas read, by name.
    """
    fields = [
        _id_field(),
        _field("seed", pa.int64(), "seed of the sweep"),
        _field("replicate", pa.int32(), "replicate"),
        *(_column_field(column) for column in model.parameters),
        *(_field(name, pa.float64(), meaning) for name, meaning in auxiliary.items()),
        *(_column_field(column) for column in model.measures),
    ]
    return pa.schema(fields)


def trace_schema(model: RecordsTrajectory) -> pa.Schema:
    """Schema of what is recorded along the training."""
    return pa.schema(
        [_id_field(), *(_column_field(column) for column in model.trajectory_measures)]
    )


def to_table(schema: pa.Schema, ids: NDArray[Any], columns: Columns) -> pa.Table:
    """Rows as an Arrow table; NaN becomes null.

    Args:
        schema: from `table_schema`.
        ids: run identities, shape (rows,).
        columns: all others, shape (rows,) each.
    """
    buffer = pa.py_buffer(ids.tobytes())
    run_ids = pa.Array.from_buffers(pa.binary(RUN_ID_BYTES), len(ids), [None, buffer])
    rest = plain_table(schema.remove(schema.get_field_index("run_id")), columns)
    return rest.add_column(0, _id_field(), run_ids).select(schema.names)


def plain_table(schema: pa.Schema, columns: Columns) -> pa.Table:
    """Columns as an Arrow table; NaN becomes null.

    Args:
        schema: names and types.
        columns: every column of the schema, shape (rows,) each.
    """
    arrays = [_array(columns[name], schema.field(name).type) for name in schema.names]
    return pa.table(arrays, schema=schema)


def file_metadata(sweep: str, model: Model, extra: dict[str, Any]) -> dict[str, str]:
    """What each file says of itself: schema version, the resolved sweep, the model, and `extra`.

    Args:
        sweep: the resolved sweep, as JSON.
        model: that trained the rows.
        extra: further keys; what is no text is written as JSON.
    """
    return {
        "schema_version": str(SCHEMA_VERSION),
        "sweep": sweep,
        "model": model.name,
        "numerics_version": str(model.numerics_version),
        **{
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in extra.items()
        },
    }


def _array(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """One column; floats that are whole numbers are cast."""
    missing = np.isnan(values) if values.dtype.kind == "f" else None
    if missing is not None and pa.types.is_integer(kind):
        values = np.where(missing, 0, values).astype(np.int64)
    return pa.array(values, type=kind, mask=missing)


def _id_field() -> pa.Field:
    return _field("run_id", pa.binary(RUN_ID_BYTES), "digest of all that decides the run")


def _column_field(column: ColumnProtocol) -> pa.Field:
    field = _field(column.name, pa.type_for_alias(column.type), column.meaning, column.unit)
    notes = {"choices": json.dumps(column.choices)} if column.choices else {}
    if (default := getattr(column, "default", NO_DEFAULT)) != NO_DEFAULT:
        # What rows of a file have that was written before there was such a column.
        notes["default"] = json.dumps(None if default != default else default)
    if role := getattr(column, "role", ""):  # models of before may have columns without
        notes["role"] = role
    return field.with_metadata({**field.metadata, **notes})


def _field(name: str, kind: pa.DataType, meaning: str, unit: str = "1") -> pa.Field:
    return pa.field(name, kind, metadata={"meaning": meaning, "unit": unit})

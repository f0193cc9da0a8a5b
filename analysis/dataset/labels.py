"""Names of columns on axes and in tables."""

import re

import pyarrow as pa

MAX_MEANING = 48
"""Characters of a meaning that fit beside an axis; that of a column made by a formula can be longer."""


def column_label(schema: pa.Schema, name: str) -> str:
    """A column's axis label: meaning and unit where the schema states them, and its name.

    Args:
        schema: of the dataset.
        name: of the column.
    """
    notes = schema.field(name).metadata or {}
    meaning, unit = (notes.get(key, b"").decode() for key in (b"meaning", b"unit"))
    unit = "" if unit in ("", "1", "dimensionless") else f" [{unit}]"
    if not meaning or len(meaning) > MAX_MEANING:
        return f"{name}{unit}"
    if name in re.findall(r"\w+", meaning):
        return f"{meaning}{unit}"
    return f"{meaning}{unit} ({name})"

"""Results as rows of plain values, None where there is none, and as CSV files."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from analysis.scaling.power_law import Estimate
from sweeps.declare.terminal import visible

TableRow = dict[str, Any]


def finite(value: Any) -> float | None:
    """A number, or None where it is not finite."""
    return float(value) if np.isfinite(value) else None


def estimate_columns(name: str, estimate: Estimate | None) -> TableRow:
    """An estimate and its interval's ends; None where there is no number.

    Args:
        name: of the first column.
        estimate: a value and its interval.
    Returns:
        Columns `name`, `name`_low and `name`_high.
    """
    ends = (None,) * 3 if estimate is None else (estimate.value, estimate.low, estimate.high)
    value, low, high = (None if end is None else finite(end) for end in ends)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def write_csv(path: Path, rows: Iterable[TableRow]) -> Path:
    """Writes rows with the first row's keys as header; None becomes an empty field.

    Text that a spreadsheet would take for a formula begins with an apostrophe.

    Args:
        path: of the file.
        rows: of one kind: all have the keys of the first.
    Returns:
        The path.
    """
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        header = list(rows[0]) if rows else []
        writer.writerow(map(_inert, header))
        writer.writerows([_inert(row[name]) for name in header] for row in rows)
    return path


def _inert(value: Any) -> Any:
    """A field that no spreadsheet runs and no terminal obeys; numbers stay as they are."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text

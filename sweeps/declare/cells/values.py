"""Values of a sweep file in their columns' types, checked against the columns' valid ranges."""

import ast
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.declare import formula
from sweeps.declare.axis import Axis
from sweeps.errors import listed, nearest
from sweeps.models.protocol import ColumnProtocol

DTYPES: dict[str, Any] = {"int64": np.int64, "float64": np.float64, "string": object}


class ColumnValueError(ValueError):
    """Values that a column does not take; the text says what was received and expected."""


def typed(axis: Axis, column: ColumnProtocol | None) -> NDArray[Any]:
    """An axis's values in its column's type; auxiliary ones (no column) are float64.

    Evenly spaced values of a whole-number column are rounded.

    Args:
        axis: values as the file gives them.
        column: the parameter; None for an auxiliary name.
    Returns:
        Shape (values,), in the column's dtype; null is NaN.
    Raises:
        ColumnValueError: a value of the wrong type or outside the valid range.
    """
    if column and column.type == "string":
        return _words(axis, column)
    nullable = column is not None and (column.default is None or column.nullable)
    wrong = [v for v in axis.values if isinstance(v, str) or (v is None and not nullable)]
    if wrong:
        text = f"received {listed(wrong)}; expected a number{_where(column)}"
        raise ColumnValueError(f"{text}{_remedy(wrong)}")
    numbers = np.array([np.nan if v is None else float(v) for v in axis.values])
    if column is None:
        return numbers + 0.0
    if column.type == "int64" and axis.spaced:
        numbers = _whole(numbers)
    return in_range(numbers, column, nullable=nullable)


def in_range(
    numbers: NDArray[Any], column: ColumnProtocol, *, nullable: bool = False
) -> NDArray[Any]:
    """Numbers in a column's type; NaN is null where that is allowed.

    Args:
        numbers: float64, any shape.
        column: a parameter.
        nullable: whether NaN is null and valid.
    Returns:
        Shape of the numbers, in the column's dtype.
    Raises:
        ColumnValueError: a number outside the valid range, or not whole where it must be.
    """
    if column.type == "string":
        words = ", ".join(column.choices) or "text"
        raise ColumnValueError(
            f"a formula gives numbers; expected one of {words}, in fixed or settings"
        )
    wrong = refused(numbers, column, nullable=nullable)
    if wrong.any():
        many = f" ({wrong.sum()} of {wrong.size} values are wrong)" if wrong.size > 1 else ""
        raise ColumnValueError(
            f"received {_some(numbers[wrong])}{many}; expected a number{_where(column)}"
        )
    return (numbers + 0.0).astype(DTYPES[column.type])  # -0.0 is 0.0, not another run


def refused(
    numbers: NDArray[Any], column: ColumnProtocol, *, nullable: bool = False
) -> NDArray[np.bool_]:
    """Which numbers a column of numbers does not take.

    Args:
        numbers: float64, any shape.
        column: a parameter.
        nullable: whether NaN is null and valid.
    """
    wrong = outside(numbers, column.interval) & ~(np.isnan(numbers) & nullable)
    broken = numbers != np.round(numbers)
    return np.asarray(wrong | broken if column.type == "int64" else wrong)


def rounded(numbers: NDArray[Any]) -> NDArray[Any]:
    """Numbers to twelve digits: the last bits of powers and logarithms differ between processors."""
    return np.array([float(f"{number:.12g}") for number in numbers.tolist()]) + 0.0


def outside(values: NDArray[Any], interval: str) -> NDArray[np.bool_]:
    """Which values are not finite or are outside an interval such as "[0, 0.5)".

    Args:
        values: numbers, any shape.
        interval: in the usual brackets; "" is no bound.
    Returns:
        Shape of the values.
    """
    if not interval:
        return np.asarray(~np.isfinite(values))
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    below = values < low if interval[0] == "[" else values <= low
    above = values > high if interval[-1] == "]" else values >= high
    return np.asarray(below | above | ~np.isfinite(values))


def _some(numbers: NDArray[Any], most: int = 4) -> str:
    """The first of some numbers, each once, for a message."""
    texts = list(dict.fromkeys(f"{number:g}" for number in numbers.tolist()))
    return ", ".join(texts[:most]) + (", …" if len(texts) > most else "")


def _whole(numbers: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers, none twice."""
    whole = np.round(numbers)
    if np.unique(whole).size < whole.size:
        raise ColumnValueError(
            f"holds {whole.size - np.unique(whole).size} values twice after rounding to whole "
            "numbers; take fewer values or a wider range"
        )
    return whole


def _words(axis: Axis, column: ColumnProtocol) -> NDArray[Any]:
    """The words of a column: of its choices, or any printable text where it states none."""
    if not column.choices:
        wrong = [w for w in axis.values if not isinstance(w, str) or not w.isprintable()]
        if wrong:
            raise ColumnValueError(f"received {listed(wrong)}; expected text ({column.meaning})")
    elif wrong := [word for word in axis.values if word not in column.choices]:
        hints = dict.fromkeys(nearest(str(word), column.choices) for word in wrong)
        expected = f"expected one of {', '.join(column.choices)}{''.join(hints)}"
        raise ColumnValueError(f"received {listed(wrong)}; {expected}")
    return np.array(axis.values, dtype=object)


def _remedy(wrong: list[Any]) -> str:
    """The end of a message on words where numbers belong: where formulas go, how numbers are written."""
    for word in wrong:
        try:
            tree = formula.parse(word) if word is not None else None
        except formula.FormulaError:
            continue
        if isinstance(tree, ast.Constant):
            return "; write numbers without quotes"
        if tree is not None and not isinstance(tree, ast.Name):
            return "; a formula goes under derived"
    return ""


def _where(column: ColumnProtocol | None) -> str:
    """The end of a message: what numbers a column takes."""
    if column is None:
        return ""
    whole = ", whole," if column.type == "int64" else ""
    valid = f" in {column.interval}" if column.interval else ""
    return f"{whole}{valid} ({column.meaning})"

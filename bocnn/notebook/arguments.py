"""Parameters of one run as they are given in Python: names, types, ranges and defaults."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from bocnn.notebook.result import Value

if TYPE_CHECKING:
    from bocnn.parameters.columns import Column


def complete(columns: Mapping[str, "Column"], given: Mapping[str, Value]) -> dict[str, Value]:
    """Every parameter of a run, checked.

    Args:
        columns: the model's parameters by name.
        given: values by name.
    Returns:
        A value of its column's type for every parameter.
    """
    from bocnn.parameters.columns import REQUIRED

    refuse_unknown("parameters", given, columns)
    missing = [name for name, c in columns.items() if c.default is REQUIRED and name not in given]
    if missing:
        raise TypeError(f"missing parameters without a default: {', '.join(missing)}")
    return {
        name: _checked(column, given.get(name, column.default)) for name, column in columns.items()
    }


def refuse_unknown(what: str, given: Collection[str], valid: Collection[str]) -> None:
    """Refuse a name that is not valid, with the nearest that is.

    Args:
        what: the argument that holds the names, for the message.
        given: names received.
        valid: names that may be given.
    Raises:
        TypeError: says so.
    """
    for name in given:
        if name not in valid:
            close = get_close_matches(name, list(valid), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; expected {', '.join(valid)}"
            raise TypeError(f"received {name!r} in {what}, which is no such parameter{hint}")


def _checked(column: "Column", value: Any) -> Value:
    """A value in the type of its column.

    Raises:
        ValueError: it has another type, or is outside the column's range or words.
    """
    expected = ", ".join(column.choices) or column.interval or column.type
    error = ValueError(f"received {column.name} = {value!r}; expected {expected}")
    if value is None:
        if column.default is None or column.nullable:
            return None
        raise error
    if column.type == "string":
        if not isinstance(value, str) or (column.choices and value not in column.choices):
            close = get_close_matches(str(value), column.choices, n=1)
            raise ValueError(f"{error}{f'; did you mean {close[0]!r}?' if close else ''}")
        return value
    try:
        number = int(value) if column.type == "int64" else float(value)
    except (TypeError, ValueError, OverflowError):
        raise error from None
    if isinstance(value, str) or number != value or not _is_within(number, column.interval):
        raise error
    return number


def _is_within(number: float, interval: str) -> bool:
    """Whether a number is in an interval in the usual brackets; any is in none."""
    if not interval:
        return True
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = number >= low if interval[0] == "[" else number > low
    return above and (number <= high if interval[-1] == "]" else number < high)

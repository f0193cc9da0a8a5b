"""Kinds of values of a resolved sweep's keys, checked before the record is read from them."""

from collections.abc import Iterator, Mapping
from typing import Any

from sweeps.errors import shown

_KINDS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("name", "model", "description"), (str, "text")),
    **dict.fromkeys(("seed", "planned_runs"), (int, "a whole number")),
    **dict.fromkeys(("axes", "fixed", "derived", "settings"), (dict, "names with their values")),
    "zip": (list, "lists of names"),
}


def check_form(document: Mapping[str, Any]) -> None:
    """Refuse a document with a key that holds another kind of value than that key does.

    Args:
        document: keys may be missing.
    Raises:
        TypeError: names the key, its value and what was expected.
    """
    for key, (kind, expected) in _KINDS.items():
        if key in document and (
            not isinstance(document[key], kind) or isinstance(document[key], bool)
        ):
            raise TypeError(f"{key} is {shown(document[key])}, expected {expected}")
    steps = recorded = document.get("trajectory")
    if isinstance(recorded, dict) and isinstance(recorded.get("scale"), str):
        steps = recorded.get("values")
    if recorded is not None and not _is_list(steps, int):
        raise TypeError(
            f"trajectory is {shown(recorded)}, expected a list of steps, or their values and scale"
        )
    draws = document.get("draws", {})
    if not (isinstance(draws, dict) and all(_is_list(names, str) for names in draws.values())):
        raise TypeError(f"draws is {shown(draws)}, expected lists of names")
    zipped = document.get("zip", [])
    if not all(_is_list(group, str) and group for group in zipped):
        raise TypeError(f"zip is {shown(zipped)}, expected lists of names")
    for section, values in _lists(document):
        if not (isinstance(values, list) and values):
            raise TypeError(f"{section} is {shown(values)}, expected a list of values")


def _lists(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values of each axis and setting, with their section."""
    for name, axis in document.get("axes", {}).items():
        yield f"axes.{name}", axis.get("values") if isinstance(axis, dict) else axis
    for name, values in document.get("settings", {}).items():
        yield f"settings.{name}", values


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)

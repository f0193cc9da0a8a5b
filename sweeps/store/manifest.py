"""The resolved sweep as a dataset's folder keeps it: read, and refused where it is not one."""

import json
from collections.abc import Iterator
from typing import Any

from sweeps.declare.document import SCHEMA_VERSION, DocumentError, read_document
from sweeps.declare.document_digest import is_altered
from sweeps.declare.file.sweep_file import SweepSpec
from sweeps.errors import SweepError, shown

_KEYS = {*SweepSpec._fields, "planned_runs"} - SweepSpec._field_defaults.keys()
_TYPES: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("name", "model", "description"), (str, "text")),
    **dict.fromkeys(
        ("schema_version", "seed", "replicates", "planned_runs"), (int, "a whole number")
    ),
    **dict.fromkeys(("axes", "fixed", "derived", "settings"), (dict, "names with their values")),
    "zip": (list, "lists of names"),
}


class NotASweepError(ValueError):
    """What a document has that a resolved sweep has not."""


def read_manifest(data: bytes, source: str) -> dict[str, Any]:
    """The resolved sweep in a file's bytes.

    Args:
        data: JSON.
        source: the file, for messages.
    Raises:
        SweepError: it is of another schema version, or is not a resolved sweep.
    """
    try:
        found = json.loads(data)
        if not isinstance(found, dict):
            raise NotASweepError(f"it holds {shown(found)}")
        version = found.get("schema_version")
        if type(version) is int and version != SCHEMA_VERSION:
            raise SweepError(
                f"{source} has schema version {version}; this version of bocnn-sweep reads "
                f"{SCHEMA_VERSION}; name another --out"
            )
        _check(found)
    except (ValueError, RecursionError) as error:
        why = (
            error if isinstance(error, NotASweepError) else f"it is no JSON: {type(error).__name__}"
        )
        raise SweepError(
            f"{source} is not a resolved sweep; move it away, or name another --out ({why})"
        ) from None
    return found


def _check(found: dict[str, Any]) -> None:
    """Whether it is what every reader takes, and has each key that going on with the sweep needs."""
    if is_altered(found):
        raise NotASweepError("it was altered since it was written: its digest is of another text")
    if missing := sorted((_KEYS | {"schema_version"}) - found.keys()):
        raise NotASweepError(f"{', '.join(missing)} is missing")
    for key, (kind, expected) in _TYPES.items():
        if not isinstance(found[key], kind) or isinstance(found[key], bool):
            raise NotASweepError(f"{key} is {shown(found[key])}, expected {expected}")
    steps = recorded = found.get("trajectory")
    if isinstance(recorded, dict) and isinstance(recorded.get("scale"), str):
        steps = recorded.get("values")
    if recorded is not None and not _is_list(steps, int):
        raise NotASweepError(
            f"trajectory is {shown(recorded)}, expected a list of steps, or their values and scale"
        )
    draws = found.get("draws", {})
    if not (isinstance(draws, dict) and all(_is_list(names, str) for names in draws.values())):
        raise NotASweepError(f"draws is {shown(draws)}, expected lists of names")
    if not all(_is_list(group, str) and group for group in found["zip"]):
        raise NotASweepError(f"zip is {shown(found['zip'])}, expected lists of names")
    for section, values in _lists(found):
        if not (_is_list(values, int, float, str, type(None)) and values):
            raise NotASweepError(f"{section} is {shown(values)}, expected a list of values")
    try:
        read_document(found, where="it")
    except DocumentError as error:
        raise NotASweepError(str(error)) from None


def _lists(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values of each axis and setting, with their section."""
    for name, axis in found["axes"].items():
        yield f"axes.{name}", axis.get("values") if isinstance(axis, dict) else axis
    for name, values in found["settings"].items():
        yield f"settings.{name}", values


def _is_list(value: Any, *kinds: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kinds) for item in value)

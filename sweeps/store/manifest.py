"""The resolved sweep as a dataset's folder keeps it: read, and refused where it is not one."""

import json
from typing import Any

from sweeps.declare.document.document import SCHEMA_VERSION, DocumentError, read_document
from sweeps.declare.file.sweep_file import SweepSpec
from sweeps.errors import SweepError, shown

_KEYS = {*SweepSpec._fields, "planned_runs"} - SweepSpec._field_defaults.keys()
"""Without which a sweep cannot be gone on with; a dataset that is only read may lack some."""


class NotASweepError(ValueError):
    """A document is no resolved sweep; the text says why."""


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
                f"{source} has schema version {version}; this version of bocnn reads "
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
    """Whether it is a resolved sweep to every reader, with each key that going on with it needs."""
    try:
        read_document(found, where="it")
    except DocumentError as error:
        raise NotASweepError(str(error)) from None
    if missing := sorted(_KEYS - found.keys()):
        raise NotASweepError(f"{', '.join(missing)} is missing")

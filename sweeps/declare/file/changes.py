"""Changes of a sweep file from outside: NAME=VALUE, as on a command line.

NAME is a parameter where the file has it, `axes.d` and the like where it shall be, or a key at the top of
the file. VALUE is a number, a word, null, a formula (in `derived`), several of them with commas between, or
log:FIRST:LAST:COUNT or lin:FIRST:LAST:COUNT.
"""

import re
from collections.abc import Sequence
from typing import Any

from sweeps.declare.file.sweep_file import FREE_SECTIONS, Given, SweepKeys
from sweeps.declare.file.yaml_file import read, write
from sweeps.errors import SweepError, nearest, shown

TOP = ("name", "model", "description", "seed", "replicates")
"""Keys at the top of a file that have one value each."""

_RANGE = re.compile(r"(log|lin):([^:]*):([^:]*):([^:]*)")
_FORM = "expected NAME=VALUE, such as n=40, axes.d=log:100:10000:9 or settings.p_flip=0,0.1"
_LONGEST_NAME = 80


def changed(keys: SweepKeys, changes: Sequence[str]) -> SweepKeys:
    """The keys of a sweep with some of them changed; it gets a name of its own, and so a folder.

    Args:
        keys: of a file, in one of its sizes.
        changes: each NAME=VALUE.
    Raises:
        SweepError: a change that cannot be read, or of a name that is in several sections.
    """
    if keys.values is None or not changes:
        return keys
    values = dict(keys.values)
    for change in changes:
        _change(values, change)
    if not any(change.startswith("name=") for change in changes) and "name" in values:
        words = "-".join([str(values["name"]), *changes]).lower()
        values["name"] = re.sub(r"[^a-z0-9_]+", "-", words)[:_LONGEST_NAME].strip("-")
    values.pop("sizes", None)
    given = Given(write(values), None, keys.given.replicates)
    return keys._replace(values=values, given=given)


def _change(values: dict[str, Any], change: str) -> None:
    """Make one change of a file's keys."""
    name, equals, text = change.partition("=")
    if not (name.strip() and equals and text.strip()):
        raise SweepError(f"received --set {shown(change)}; {_FORM}")
    name, value = name.strip(), _value(text.strip())
    if name in TOP:
        values[name] = value
        return
    section, dot, parameter = name.partition(".")
    if not dot:
        section, parameter = _section_of(values, name, value), name
    elif section not in FREE_SECTIONS:
        known = f"valid: {', '.join(FREE_SECTIONS)}{nearest(section, FREE_SECTIONS)}"
        raise SweepError(
            f"received --set {shown(change)}; there is no section {section!r}; {known}"
        )
    for other in FREE_SECTIONS:
        if other != section and isinstance(values.get(other), dict):
            values[other] = {key: kept for key, kept in values[other].items() if key != parameter}
    values[section] = _of(values, section) | {parameter: _in(section, value)}


def _section_of(values: dict[str, Any], name: str, value: Any) -> str:
    """The section in which a name is, else the fixed values; one with several values must be said."""
    found = [section for section in FREE_SECTIONS if name in _of(values, section)]
    section = found[0] if len(found) == 1 else "fixed"
    if isinstance(value, list | dict) and section in ("fixed", "derived"):
        raise SweepError(
            f"received several values of {name}, which is not among the axes or settings; say where: "
            f"--set axes.{name}=… or --set settings.{name}=…"
        )
    return section


def _of(values: dict[str, Any], section: str) -> dict[str, Any]:
    """The names of a section with their values."""
    found = values.get(section)
    return found if isinstance(found, dict) else {}


def _in(section: str, value: Any) -> Any:
    """A value in the form that a section has it: axes and settings have lists."""
    one = section in ("axes", "settings") and not isinstance(value, list | dict)
    return [value] if one else value


def _value(text: str) -> Any:
    """A value from its text."""
    if found := _RANGE.fullmatch(text):
        scale, *bounds = found.groups()
        return {scale: [_plain(bound) for bound in bounds]}
    if "," in text and "(" not in text:
        return [_plain(part) for part in text.split(",")]
    return _plain(text)


def _plain(text: str) -> Any:
    """A number, null, or the text itself: what a sweep file would read."""
    value, _, errors = read(text.strip())
    return text.strip() if errors or not isinstance(value, int | float | None) else value

"""Sizes of a sweep: the same file with fewer or more cells, replicates or steps."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.errors import FileError, Path, nearest, shown

MERGED = ("axes", "fixed", "derived", "settings", "sampling")
"""Sections of which a size replaces single names."""
OPTIONAL = {"sampling": tuple(field.name for field in fields(SamplingSpec))}
"""The names of a section that a size may have where the file has none, or take out with null."""
REPLACED = ("replicates", "trajectory")
"""Keys that a size replaces whole."""


def check_sizes(raw: Mapping[str, Any]) -> list[FileError]:
    """Every error in a file's sizes that can be found without choosing one of them."""
    sizes = raw.get("sizes", {})
    if not isinstance(sizes, dict):
        return []  # reported with the types of the other keys
    return [file_error for name, size in sizes.items() for file_error in _check(raw, name, size)]


def sized(
    raw: dict[str, Any], lines: dict[Path, int], *, size: str | None
) -> tuple[dict[str, Any], list[FileError]]:
    """The file's keys, with those that one of its sizes replaces.

    What a size changes gets the line that it has there, so that errors point at it. A size that
    changes anything is a sweep of its own name, and so by default a folder of its own.

    Args:
        raw: the file's keys.
        lines: the line of every key; those that the size gives are changed.
        size: the name of a size; None leaves the file as it is.
    Returns:
        The keys, and an error where there is no such size.
    """
    if size is None:
        return raw, []
    sizes = raw.get("sizes")
    known = list(map(str, sizes)) if isinstance(sizes, dict) else []
    if size not in known:
        valid = f"valid: {', '.join(known)}{nearest(size, known)}" if known else "the file has none"
        return raw, [FileError(("sizes",), f"received --size {size}; {valid}")]
    chosen = raw["sizes"][size]
    if not isinstance(chosen, dict) or not chosen:
        return raw, []
    result = raw | ({"name": f"{raw['name']}-{size}"} if "name" in raw else {})
    for key, value in chosen.items():
        if key in MERGED and isinstance(value, dict) and isinstance(raw.get(key), dict):
            result[key] = raw[key] | value
        elif key in REPLACED or key in OPTIONAL:
            result[key] = value
    within = ("sizes", size)
    lines |= {path[2:]: line for path, line in lines.items() if path[:2] == within and path[2:]}
    return result, []


def _check(raw: Mapping[str, Any], name: Any, size: Any) -> list[FileError]:
    """Errors of one size: what is no change, and names that the file does not have."""
    path: Path = ("sizes", str(name))
    valid = (*MERGED, *REPLACED)
    if not isinstance(size, dict):
        return [FileError(path, f"received {shown(size)}; expected some of {', '.join(valid)}")]
    errors = []
    for key, value in size.items():
        if key not in valid:
            text = f"unknown key; valid: {', '.join(valid)}{nearest(str(key), valid)}"
            errors.append(FileError((*path, str(key)), text))
        elif key in MERGED and not (key in OPTIONAL and value is None):
            known = OPTIONAL.get(key, raw.get(key))
            errors += _unknown_names(known, value, (*path, key))
    return errors


def _unknown_names(section: Any, changed: Any, path: Path) -> list[FileError]:
    """Names that a size would change and that the section, a mapping or names, does not have."""
    if not isinstance(changed, dict):
        return [
            FileError(path, f"received {shown(changed)}; expected names of the file's {path[-1]}")
        ]
    known = [str(name) for name in section] if isinstance(section, dict | tuple) else []
    text = f"is not among the file's {path[-1]}; valid: {', '.join(known) or 'none'}"
    return [
        FileError((*path, str(name)), f"{text}{nearest(str(name), known)}")
        for name in changed
        if str(name) not in known
    ]

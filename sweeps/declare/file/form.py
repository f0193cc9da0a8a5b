"""The form of a sweep file: its keys and their types.

A value of a wrong type is reported where it is and replaced by one of the right type, so that the rest of
the file is checked as if that value were right.
"""

import copy
import dataclasses
import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from sweeps.declare.analysis_spec import (
    AnalysisSpec,
    CollapseSpec,
    CurveSpec,
    Number,
    PredictionSpec,
    TrendSpec,
)
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.errors import FileError, Path, nearest, shown


class File(BaseModel):
    """The keys of a sweep file and their types; `analysis` has its own in `analysis_spec`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]
    model: StrictStr = "bocnn"
    description: StrictStr = ""
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)] = 0
    replicates: Annotated[StrictInt, Field(ge=1, lt=2**31)]
    axes: Annotated[dict[StrictStr, Any], Field(min_length=1)]
    zip: list[list[StrictStr]] = []
    fixed: dict[StrictStr, Any] = {}
    derived: dict[StrictStr, StrictStr | Number] = {}
    settings: dict[StrictStr, Any] = {}
    analysis: AnalysisSpec | None = None
    trajectory: Any = None
    sampling: SamplingSpec | None = None
    sizes: dict[StrictStr, Any] = {}


SECTION_RECORDS: dict[str, Any] = {
    "analysis": AnalysisSpec,
    "theory": PredictionSpec,
    "across": TrendSpec,
    "collapse": CollapseSpec,
    "curves": CurveSpec,
    "sampling": SamplingSpec,
}
"""The records whose keys form a section of the file, or each item of it."""

_SUBSTITUTES: dict[str, Any] = {
    "name": "unnamed",
    "replicates": 1,
    "axes": {"x": []},
    "x": "",
    "y": "",
    "measure": "",
    "setting": "",
    "levels": [],
    "of": "exponent",
    "exponent": 0,
    "order": "1",
    "target": "boundary",
    "half_width": 1,
    "at_most": 1,
}
"""Stand-ins for a required key that is missing or of a wrong type."""

_SUBSTITUTE_ITEMS: dict[str, Any] = {
    "levels": 0.5,
    "order": "1",
    "x_range": 1.0,
    "zip": " ",
    "theory": {"exponent": 0},
    "across": {},
    "curves": {},
}
"""Stand-ins for an item of a wrong type, by the list that holds it; no name of an axis is a blank."""

_ROUNDS = 4
"""A stand-in for an ill-typed section is itself filled in the next round."""
_ABSENT = object()
"""No key of any mapping: null may be one."""


def read_form(raw: dict[str, Any]) -> tuple[File | None, list[FileError]]:
    """The keys of a sweep file in their types.

    Args:
        raw: the file as YAML gives it.
    Returns:
        The file, with substitutes for all that is of a wrong type, or None where that fails; and the
        errors, each with the path of the value that was replaced.
    """
    errors: list[FileError] | None = None
    for _ in range(_ROUNDS):
        try:
            return File.model_validate(raw), errors or []
        except ValidationError as error:
            located = _innermost([(_location(raw, p), p) for p in error.errors()])
        if errors is None:
            errors = _merged([_explain(path, problem) for path, problem in located])
        raw = copy.deepcopy(raw)
        for path in dict.fromkeys(path for path, _ in located):
            _substitute(raw, path)
    return None, errors or []


def _innermost(located: list[tuple[Path, Any]]) -> list[tuple[Path, Any]]:
    """Problems without those of a whole whose parts have some: of several types one was nearly right."""
    paths = {path for path, _ in located}
    outer = {path[:end] for path in paths for end in range(len(path))}
    return [(path, problem) for path, problem in located if path not in outer]


def _location(raw: Any, problem: Any) -> Path:
    """The path in the file of a pydantic error, whose own one also names the types that it tried."""
    path: list[int | str] = []
    for part in problem["loc"]:
        if isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            path.append(part)
            raw = raw[part]
        elif isinstance(raw, dict) and (key := _key(raw, part)) is not _ABSENT:
            path.append(str(part))
            raw = raw[key]
        elif isinstance(raw, dict) and problem["type"] == "missing":
            path.append(str(part))
    return tuple(path)


def _key(raw: dict[Any, Any], part: int | str) -> Any:
    """The key that a part of a path names, _ABSENT without one; a key may be null."""
    return next((key for key in raw if str(key) == str(part)), _ABSENT)


def _substitute(raw: Any, path: Path) -> None:
    """Replace the value at a path, or take it out where nothing is required there."""
    for part in path[:-1]:
        raw = raw[int(part)] if isinstance(raw, list) else raw[_key(raw, part)]
    last = path[-1]
    if isinstance(raw, list):
        holder = next(part for part in reversed(path) if isinstance(part, str))
        nested = holder == "zip" and len(path) == 2
        raw[int(last)] = [] if nested else copy.deepcopy(_SUBSTITUTE_ITEMS[holder])
    elif sibling_keys(path).get(str(last), False):
        raw[last] = copy.deepcopy(_SUBSTITUTES[str(last)])
    elif path[0] == "derived" and len(path) == 2 and last in raw:
        raw[last] = "1"
    else:
        raw.pop(_key(raw, last), None)


def sibling_keys(path: Path) -> dict[str, bool]:
    """The keys beside the last one of a path, and whether each is required; none among free names."""
    if len(path) == 1:
        return {name: field.is_required() for name, field in File.model_fields.items()}
    section = SECTION_RECORDS.get(_section(path))
    fields = dataclasses.fields(section) if section else ()
    missing = dataclasses.MISSING
    return {
        field.name: field.default is missing and field.default_factory is missing
        for field in fields
    }


def _explain(path: Path, problem: Any) -> FileError:
    """A pydantic error in the words of this package."""
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        valid = list(sibling_keys(path))
        return FileError(
            path, f"unknown key; valid: {', '.join(valid)}{nearest(str(path[-1]), valid)}"
        )
    if problem["type"] == "missing":
        return FileError(path, "is missing and has no default")
    expected = re.sub("^(Input|String) should (be )?", "expected ", problem["msg"])
    if problem["type"] == "dataclass_type":
        section = [part for part in path if isinstance(part, str)][-1]
        expected = f"expected keys with values: {', '.join(sibling_keys((section, '')))}"
    return FileError(
        path, f"received {shown(problem['input'])}; {expected.replace('tuple', 'list')}"
    )


def _merged(found: list[FileError]) -> list[FileError]:
    """One error for each key: it lists all types that the value might have had."""
    merged: dict[Path, FileError] = {}
    for path, text in ((file_error.path, file_error.text) for file_error in found):
        if path in merged:
            text = f"{merged[path].text} or {text.rpartition('; expected ')[2]}"
        merged[path] = FileError(path, text)
    return list(merged.values())


def _section(path: Path) -> str:
    """The name of the section that a path's last key belongs to."""
    named = [part for part in path[:-1] if isinstance(part, str)]
    return named[-1] if named else ""

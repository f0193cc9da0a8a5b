"""The form of a sweep file: its keys and their types.

A value of a wrong type is reported where it is and replaced by one of the right type, so that the rest of
the file is checked as if that value were right.
"""

import copy
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from sweeps.errors import Mistake, Path, nearest, shown

_Float = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Number = StrictInt | _Float
Power = Annotated[StrictInt | StrictFloat, Field(ge=-100, le=100)]
"""An exponent: beyond a hundred, no line of it can be drawn over a range of positive numbers."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Theory(_Strict):
    """A predicted law of the boundary: y ∝ x^exponent over x_range (everywhere if null)."""

    name: StrictStr
    exponent: Power
    x_range: tuple[Number, Number] | None = None
    source: StrictStr = ""


class Across(_Strict):
    """A fitted quantity that is followed over a setting: a predicted power of it, or a limit."""

    setting: StrictStr
    of: Literal["exponent", "kink", "shift"]
    exponent: Power | None = None
    limit: Number | None = None
    x_range: tuple[Number, Number] | None = None
    source: StrictStr = ""


class Collapse(_Strict):
    """Order parameters that the measure may depend on alone: a formula, or a list of formulas."""

    order: StrictStr | Annotated[list[StrictStr], Field(min_length=1)]

    @property
    def formulas(self) -> list[str]:
        """The formulas, one or many."""
        return [self.order] if isinstance(self.order, str) else self.order


class Curve(_Strict):
    """A measure along x, the predicted one beside it, and a size over which both go to a limit.

    `power` is the predicted one of x; a `recorded` measure is shown along the training instead. An `inset`
    is a smaller y at which the curve is shown beside the others, in axes of its own.
    """

    measure: StrictStr
    predicted: StrictStr | None = None
    limit: StrictStr | None = None
    power: Power | None = None
    recorded: StrictBool = False
    inset: Number | None = None
    source: StrictStr = ""


class Analysis(_Strict):
    """How the dataset is to be read: the plane, the measure, its levels, theory, collapse.

    Without levels there is no boundary, and curves are all that is shown.
    """

    x: StrictStr
    y: StrictStr
    measure: StrictStr
    levels: list[Number]
    theory: list[Theory] = []
    collapse: Collapse | None = None
    across: list[Across] = []
    curves: list[Curve] = []


class File(_Strict):
    """The keys of a sweep file and their types."""

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
    analysis: Analysis | None = None
    trajectory: Any = None
    sizes: dict[StrictStr, Any] = {}


_SECTIONS: dict[str, type[_Strict]] = {
    "analysis": Analysis,
    "theory": Theory,
    "across": Across,
    "collapse": Collapse,
    "curves": Curve,
}

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
}
"""What replaces a required key that is missing or of a wrong type."""

_SUBSTITUTE_ITEMS: dict[str, Any] = {
    "levels": 0.5,
    "order": "1",
    "x_range": 1.0,
    "zip": " ",
    "theory": {},
    "across": {},
    "curves": {},
}
"""What replaces an item of a wrong type, by the list that holds it; no name of an axis is a blank."""

_ROUNDS = 4
"""What replaces an ill-typed section is itself filled in the next round."""


def read_form(raw: dict[str, Any]) -> tuple[File | None, list[Mistake]]:
    """The keys of a sweep file in their types.

    Args:
        raw: the file as YAML gives it.
    Returns:
        The file, with substitutes for all that is of a wrong type, or None where that fails; and the
        mistakes, each with the path of the value that was replaced.
    """
    mistakes: list[Mistake] | None = None
    for _ in range(_ROUNDS):
        try:
            return File.model_validate(raw), mistakes or []
        except ValidationError as error:
            located = _innermost([(_location(raw, p), p) for p in error.errors()])
        if mistakes is None:
            mistakes = _merged([_explain(path, problem) for path, problem in located])
        raw = copy.deepcopy(raw)
        for path in dict.fromkeys(path for path, _ in located):
            _substitute(raw, path)
    return None, mistakes or []


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
        elif isinstance(raw, dict) and (key := _key(raw, part)) is not None:
            path.append(str(part))
            raw = raw[key]
        elif isinstance(raw, dict) and problem["type"] == "missing":
            path.append(str(part))
    return tuple(path)


def _key(raw: dict[Any, Any], part: int | str) -> Any:
    """The key that a part of a path names, None without one."""
    return next((key for key in raw if str(key) == str(part)), None)


def _substitute(raw: Any, path: Path) -> None:
    """Replace the value at a path, or take it out where nothing is required there."""
    for part in path[:-1]:
        raw = raw[int(part)] if isinstance(raw, list) else raw[_key(raw, part)]
    last = path[-1]
    if isinstance(raw, list):
        holder = next(part for part in reversed(path) if isinstance(part, str))
        nested = holder == "zip" and len(path) == 2
        raw[int(last)] = [] if nested else copy.deepcopy(_SUBSTITUTE_ITEMS[holder])
    elif _is_required(path):
        raw[last] = copy.deepcopy(_SUBSTITUTES[str(last)])
    elif path[0] == "derived" and len(path) == 2 and last in raw:
        raw[last] = "1"
    else:
        raw.pop(_key(raw, last), None)


def _is_required(path: Path) -> bool:
    """Whether a path is of a key that its section must have."""
    section = _SECTIONS.get(_section(path)) if len(path) > 1 else File
    field = section.model_fields.get(str(path[-1])) if section else None
    return field is not None and field.is_required()


def _explain(path: Path, problem: Any) -> Mistake:
    """A pydantic error in the words of this package."""
    if problem["type"] == "extra_forbidden":
        valid = list((_SECTIONS.get(_section(path)) or File).model_fields)
        return Mistake(
            path, f"unknown key; valid: {', '.join(valid)}{nearest(str(path[-1]), valid)}"
        )
    if problem["type"] == "missing":
        return Mistake(path, "is missing and has no default")
    expected = re.sub("^(Input|String) should (be )?", "expected ", problem["msg"])
    return Mistake(path, f"received {shown(problem['input'])}; {expected}")


def _merged(found: list[Mistake]) -> list[Mistake]:
    """One mistake a place: the types that a value might have had stand together."""
    merged: dict[Path, Mistake] = {}
    for path, text in ((mistake.path, mistake.text) for mistake in found):
        if path in merged:
            text = f"{merged[path].text} or {text.rpartition('; expected ')[2]}"
        merged[path] = Mistake(path, text)
    return list(merged.values())


def _section(path: Path) -> str:
    """The name of the section that a path's last key stands in."""
    named = [part for part in path[:-1] if isinstance(part, str)]
    return named[-1] if named else ""

"""A sweep as declared: the shape of a sweep file, read and checked as far as no model is needed.

What the names mean to a model is checked in `sweeps.resolve`, and both lists of mistakes are shown at
once.
"""

import json
import re
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, NamedTuple

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

from sweeps.axis import Axis, AxisError, read_axis
from sweeps.mistakes import Mistake, Path, SweepError, SweepFileError, nearest, shown
from sweeps.sizes import check_sizes, sized
from sweeps.trajectory import Steps, read_steps
from sweeps.yaml_file import from_json, read

_Float = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Scalar = StrictInt | _Float | StrictStr | None
Number = StrictInt | _Float


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Theory(_Strict):
    """A predicted law of the boundary: y ∝ x^exponent over x_range (everywhere if null)."""

    name: StrictStr
    exponent: Number
    x_range: tuple[Number, Number] | None = None
    source: StrictStr = ""


class Across(_Strict):
    """A fitted quantity that is followed over a setting: a predicted power of it, or a limit."""

    setting: StrictStr
    of: Literal["exponent", "kink", "shift"]
    exponent: Number | None = None
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
    power: Number | None = None
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


class _File(_Strict):
    """The keys of a sweep file and their types."""

    name: Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]
    model: StrictStr = "bocnn"
    description: StrictStr = ""
    seed: Annotated[StrictInt, Field(ge=0, lt=2**63)] = 0
    replicates: Annotated[StrictInt, Field(ge=1, lt=2**31)]
    axes: Annotated[dict[StrictStr, Any], Field(min_length=1)]
    zip: list[Annotated[list[StrictStr], Field(min_length=2)]] = []
    fixed: dict[StrictStr, Scalar] = {}
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


class Spec(NamedTuple):
    """A sweep as declared: axes and settings read, names not yet held against a model."""

    name: str
    model: str
    description: str
    seed: int
    replicates: int
    axes: dict[str, Axis]
    zip: list[list[str]]
    fixed: dict[str, Any]
    derived: dict[str, str]
    settings: dict[str, Axis]
    analysis: Analysis | None
    trajectory: Steps = None


class Source(NamedTuple):
    """Where a sweep was read from, for its messages: a name and the line of every key."""

    name: str
    lines: dict[Path, int]

    def error(self, mistakes: list[Mistake]) -> SweepFileError:
        """The error that shows all mistakes of this file."""
        return SweepFileError(self.name, mistakes, self.lines)


def read_spec(
    text: str, name: str, size: str | None = None
) -> tuple[Spec | None, Source, list[Mistake]]:
    """Read a sweep from YAML (or JSON) text.

    Args:
        text: the file's text.
        name: what to call it in messages.
        size: one of the file's sizes; None reads the file as it stands.
    Returns:
        The sweep, or None where it is too broken to look further; its source; the mistakes so far.
    """
    raw, lines, mistakes = read(text)
    source = Source(name, lines)
    if not isinstance(raw, dict):
        if not mistakes:
            mistakes.append(
                Mistake((), f"received {shown(raw)}; expected keys such as name and axes")
            )
        return None, source, mistakes
    mistakes += check_sizes(raw)
    raw, unknown = sized(raw, lines, size=size)
    mistakes += unknown
    file = _validate(raw, mistakes)
    axes = {key: _read_axes(raw, key, mistakes) for key in ("axes", "settings")}
    steps = _read_trajectory(raw, mistakes)
    if file is None:
        return None, source, mistakes
    fields = {field: getattr(file, field) for field in Spec._fields}
    derived = {key: str(value) for key, value in file.derived.items()}
    read_here = axes | {"derived": derived, "trajectory": steps}
    return Spec(**fields | read_here), source, mistakes


def _validate(raw: dict[str, Any], mistakes: list[Mistake]) -> _File | None:
    """The file's keys in their types; what is wrong is left out, so that the rest is looked at too."""
    try:
        return _File.model_validate(raw)
    except ValidationError as error:
        problems = error.errors()
    mistakes += _merged([_explain(problem) for problem in problems])
    wrong = {problem["loc"][0] for problem in problems}
    sound = {key: value for key, value in raw.items() if key not in wrong}
    try:
        return _File.model_validate({"name": "unnamed", "replicates": 1, "axes": {"x": []}} | sound)
    except ValidationError:
        return None


def read_text(path: FilePath) -> str:
    """The text of a sweep file.

    Raises:
        SweepError: it cannot be read, or is larger than a sweep file can sensibly be.
    """
    try:
        if path.stat().st_size > 10_000_000:
            raise SweepError(f"{path} is over 10 MB; that is not a sweep file")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SweepError(f"cannot read the sweep file {path}: {error}") from None


def to_json(spec: Spec) -> str:
    """The resolved sweep as JSON, which `read_spec` reads back to the same sweep."""
    fields = spec._asdict()
    fields["settings"] = {name: list(axis.values) for name, axis in spec.settings.items()}
    fields["axes"] = {
        name: {"values": list(axis.values), "scale": axis.scale} for name, axis in spec.axes.items()
    }
    if spec.analysis:
        fields["analysis"] = spec.analysis.model_dump()
    return from_json(json.dumps(fields, ensure_ascii=False, allow_nan=False))


def _read_axes(raw: dict[str, Any], key: str, mistakes: list[Mistake]) -> dict[str, Axis]:
    """The axes of one section; one that cannot be read is a mistake and has no values."""
    section = raw.get(key)
    axes = {}
    for name, form in section.items() if isinstance(section, dict) else ():
        try:
            axes[str(name)] = read_axis(form)
        except AxisError as error:
            mistakes.append(Mistake((key, str(name)), str(error)))
            axes[str(name)] = Axis((), "list")
    return axes


def _read_trajectory(raw: dict[str, Any], mistakes: list[Mistake]) -> Steps:
    """The steps to record at, or None where there are none or they cannot be read."""
    if raw.get("trajectory") is None:
        return None
    try:
        return read_steps(raw["trajectory"])
    except AxisError as error:
        mistakes.append(Mistake(("trajectory",), str(error)))
        return None


def _explain(problem: Any) -> Mistake:
    """A pydantic error in the words of this package."""
    path = tuple(part for part in problem["loc"] if not _is_type_name(part))
    kind, received = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        section = _section(path)
        valid = list((_SECTIONS.get(section) or _File).model_fields)
        return Mistake(
            path, f"unknown key; valid: {', '.join(valid)}{nearest(str(path[-1]), valid)}"
        )
    if kind == "missing":
        return Mistake(path, "is missing and has no default")
    expected = re.sub("^(Input|String) should (be )?", "expected ", problem["msg"])
    return Mistake(path, f"received {shown(received)}; {expected}")


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


def _is_type_name(part: Any) -> bool:
    """Whether a part of pydantic's location is the name of a type that it tried."""
    return isinstance(part, str) and part in ("int", "float", "str", "none", "[key]")

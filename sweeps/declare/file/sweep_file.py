"""A sweep as declared: the shape of a sweep file, read and checked as far as no model is needed.

What the names mean to a model is checked in `sweeps.declare.cells.resolve`; both lists of errors are shown
at once.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple

from sweeps.declare.analysis_spec import AnalysisSpec
from sweeps.declare.axis import Axis, AxisError, is_plain, read_axis
from sweeps.declare.file.form import read_form
from sweeps.declare.file.sizes import check_sizes, sized
from sweeps.declare.file.yaml_file import from_json, read, write
from sweeps.declare.recording import Steps, read_steps, to_form
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.errors import FileError, Path, SweepError, SweepFileError, shown

FREE_SECTIONS = ("axes", "fixed", "derived", "settings")
"""Sections whose keys are names of parameters or of what formulas read."""

UNREAD: Final = object()
"""Replaces a fixed value that could not be read, so that its name is still known."""


class SweepSpec(NamedTuple):
    """A sweep as declared: axes and settings read, names not yet checked against a model."""

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
    analysis: AnalysisSpec | None
    trajectory: Steps = None
    sampling: SamplingSpec | None = None


class FileSource(NamedTuple):
    """Where a sweep was read from, for its messages: a name, and the line of every key of a file."""

    name: str
    lines: dict[Path, int] | None

    def error(self, errors: list[FileError]) -> SweepFileError:
        """The error that shows all errors of this file."""
        return SweepFileError(self.name, errors, self.lines)


class Given(NamedTuple):
    """The user's input: the sweep file's text, and the size and replicates given on the command line."""

    text: str
    size: str | None = None
    replicates: int | None = None


class SweepKeys(NamedTuple):
    """The keys of a sweep with their values, unchecked; None where the file has none."""

    values: dict[str, Any] | None
    source: FileSource
    given: Given
    errors: list[FileError]


def read_keys(text: str, name: str, size: str | None = None) -> SweepKeys:
    """The keys of a sweep file (YAML or JSON), in one of its sizes.

    Args:
        text: the file's text.
        name: what to call it in messages.
        size: one of the file's sizes; None reads the file as it is.
    """
    values, lines, errors = read(text)
    source, given = FileSource(name, lines), Given(text, size)
    if not isinstance(values, dict):
        text = f"received {shown(values)}; expected keys such as name and axes"
        return SweepKeys(None, source, given, errors or [FileError((), text)])
    errors += check_sizes(values)
    values, unknown = sized(values, lines, size=size)
    return SweepKeys(values, source, given, errors + unknown)


def keys_in_python(values: dict[str, Any]) -> SweepKeys:
    """The keys of a sweep that is made in Python; its text is what a file of it would hold."""
    source = FileSource(f"the sweep {shown(values.get('name'))}", None)
    return SweepKeys(values, source, Given(write(values)), [])


def read_spec(keys: SweepKeys) -> tuple[SweepSpec | None, list[FileError]]:
    """The sweep that some keys declare.

    Returns:
        The sweep, or None where it is too broken to look further; and the errors so far.
    """
    values, errors = keys.values, list(keys.errors)
    if values is None:
        return None, errors
    file, ill_typed = read_form(values)
    errors += ill_typed
    read_here: dict[str, Any] = {
        "axes": _read_axes(values, "axes", errors),
        "settings": _read_axes(values, "settings", errors),
        "fixed": _read_fixed(values, errors),
        "trajectory": _read_trajectory(values, errors),
    }
    if file is None:
        return None, errors
    fields = {field: getattr(file, field) for field in SweepSpec._fields}
    read_here["derived"] = {key: str(value) for key, value in file.derived.items()}
    return SweepSpec(**fields | read_here), errors


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


def to_json(spec: SweepSpec) -> str:
    """The resolved sweep as JSON, which reads back to the same sweep."""
    fields = spec._asdict()
    fields["settings"] = {name: list(axis.values) for name, axis in spec.settings.items()}
    fields["axes"] = {
        name: {"values": list(axis.values), "scale": axis.scale} for name, axis in spec.axes.items()
    }
    fields["trajectory"] = to_form(spec.trajectory)
    if spec.analysis:
        fields["analysis"] = asdict(spec.analysis)
    if spec.sampling:
        fields["sampling"] = asdict(spec.sampling)
    return from_json(json.dumps(fields, ensure_ascii=False, allow_nan=False))


def _read_axes(raw: dict[str, Any], key: str, errors: list[FileError]) -> dict[str, Axis]:
    """The axes of one section; one that cannot be read is an error and has no values."""
    section = raw.get(key)
    axes = {}
    for name, form in section.items() if isinstance(section, dict) else ():
        try:
            axes[str(name)] = read_axis(form)
        except AxisError as error:
            errors.append(FileError((key, str(name)), str(error)))
            axes[str(name)] = Axis((), "list")
    return axes


def _read_fixed(raw: Mapping[str, Any], errors: list[FileError]) -> dict[str, Any]:
    """The fixed values; one that is no plain value is an error and is replaced by UNREAD."""
    section = raw.get("fixed")
    values = {}
    for name, value in section.items() if isinstance(section, dict) else ():
        values[str(name)] = value if is_plain(value) else UNREAD
        if not is_plain(value):
            several = isinstance(value, list | dict)
            where = "; several values go in axes or settings" if several else ""
            text = f"received {shown(value)}; expected a finite number, a word or null{where}"
            errors.append(FileError(("fixed", str(name)), text))
    return values


def _read_trajectory(raw: dict[str, Any], errors: list[FileError]) -> Steps:
    """The steps to record at, or None where there are none or they cannot be read."""
    if raw.get("trajectory") is None:
        return None
    try:
        return read_steps(raw["trajectory"])
    except AxisError as error:
        errors.append(FileError(("trajectory",), str(error)))
        return None

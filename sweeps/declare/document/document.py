"""The resolved sweep as a dataset states it, in `_sweep.json` and in each file: read into a record.

The document has the keys of a sweep file, every value in its final form, and beside them what was found
when the sweep was planned (`ADDED`). Reading files is left to those who have them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sweeps.declare.analysis_spec import AnalysisSpec
from sweeps.declare.axis import SCALES, Axis
from sweeps.declare.document.digest import is_altered
from sweeps.declare.document.form import check_form
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.declare.terminal import visible
from sweeps.errors import SweepError, shown

SCHEMA_VERSION = 1
"""Version of the document and of the columns beside it: raised when older readers would misread them."""

ADDED = ("schema_version", "planned_runs", "draws", "images", "locations", "digest")
"""Keys of the document that a sweep file does not have."""

_ANALYSIS, _SAMPLING = TypeAdapter(AnalysisSpec), TypeAdapter(SamplingSpec)


class DocumentError(SweepError):
    """A document that is no resolved sweep; the text names where it is from and what is wrong."""


@dataclass(frozen=True)
class SweepDocument:
    """A resolved sweep: what was planned, and how its dataset is to be read.

    Attributes:
        name: of the sweep.
        replicates: runs of each cell.
        axes: values of each axis, in the order of the file.
        fixed: the one value of each fixed name.
        settings: values of each setting.
        analysis: what is to be shown, if the file says it.
        planned_runs: runs that axes, settings and replicates make.
        trajectory: steps at which runs are recorded, and their scale; None where they are not.
        paired: settings whose cells share their random draws.
        locations: columns that say where files were, and do not distinguish runs.
        zip: groups of axes that vary together.
        sampling: what was to be found out, where cells have as many runs as that took.
    """

    name: str
    replicates: int
    axes: Mapping[str, Axis]
    fixed: Mapping[str, Any]
    settings: Mapping[str, tuple[Any, ...]]
    analysis: AnalysisSpec | None
    planned_runs: int
    trajectory: Axis | None = None
    paired: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    zip: tuple[tuple[str, ...], ...] = ()
    sampling: SamplingSpec | None = None

    @property
    def constants(self) -> dict[str, tuple[Any, ...]]:
        """The one value of every fixed column that all runs of the sweep have."""
        return {name: (value,) for name, value in self.fixed.items() if name not in self.locations}


def read_document(document: Mapping[str, Any], *, where: str) -> SweepDocument:
    """The record of a resolved sweep; control characters in its texts are written out.

    Args:
        document: the decoded JSON object.
        where: the file it came from, named in errors.
    Raises:
        DocumentError: another schema version, altered since it was written, or a part is missing or
            malformed.
    """
    if str(version := document.get("schema_version")) != str(SCHEMA_VERSION):
        raise DocumentError(
            f"{where}: schema version {visible(repr(version))}, expected {SCHEMA_VERSION}. This release "
            "cannot read it: move the file away, or use the release that wrote it."
        )
    if is_altered(document):
        raise DocumentError(
            f"{where} was altered since it was written: its digest is of another text. Move it away: each "
            "shard carries the sweep, and the next run of the sweep writes it again."
        )
    try:
        check_form(document)
        return _read(_with_visible_texts(document))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DocumentError(
            f"{where}: the resolved sweep is malformed ({type(error).__name__}: {_explain(error)}); "
            "expected name, axes, settings and replicates. Run the sweep again to rewrite it."
        ) from error


def count_runs(
    counts: Mapping[str, int], zipped: Sequence[Sequence[str]], *, replicates: int
) -> int:
    """Runs of a sweep; names that are zipped vary together.

    Args:
        counts: how many values each axis and setting has.
        zipped: groups of axes.
        replicates: runs of each cell.
    Raises:
        ValueError: a zipped name is no axis, or a group is empty.
    """
    if unknown := {name for group in zipped for name in group} - counts.keys():
        raise ValueError(f"zip names {', '.join(sorted(unknown))}, expected names of axes")
    followers = {name for _, *others in zipped for name in others}
    return replicates * math.prod(n for name, n in counts.items() if name not in followers)


def _read(document: Mapping[str, Any]) -> SweepDocument:
    """The record of a document of this version."""
    axes = {name: _axis(part) for name, part in document["axes"].items()}
    settings = {name: tuple(values) for name, values in document["settings"].items()}
    fixed = dict(document.get("fixed") or {})
    listed = [*settings.values(), *(axis.values for axis in axes.values())]
    _check_values(*listed, *([value] for value in fixed.values()))
    zipped = tuple(tuple(map(str, group)) for group in document.get("zip") or ())
    replicates = _count(document["replicates"])
    counts = {name: len(axis.values) for name, axis in axes.items()}
    counts |= {name: len(values) for name, values in settings.items()}
    planned = count_runs(counts, zipped, replicates=replicates)
    if (stated := document.get("planned_runs", planned)) != planned:
        raise ValueError(f"planned_runs is {stated!r}, and its axes make {planned} runs")
    analysis, sampling = document.get("analysis"), document.get("sampling")
    return SweepDocument(
        name=str(document["name"]),
        replicates=replicates,
        axes=axes,
        fixed=fixed,
        settings=settings,
        analysis=None if analysis is None else _ANALYSIS.validate_python(analysis),
        planned_runs=planned,
        trajectory=_steps(document.get("trajectory")),
        paired=tuple(map(str, (document.get("draws") or {}).get("paired") or ())),
        locations=tuple(map(str, document.get("locations") or ())),
        zip=zipped,
        sampling=None if sampling is None else _SAMPLING.validate_python(sampling),
    )


def _with_visible_texts(part: Any) -> Any:
    """A part of the document whose texts can be drawn and printed: control characters written out."""
    if isinstance(part, Mapping):
        return {visible(str(key)): _with_visible_texts(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_with_visible_texts(value) for value in part]
    return visible(part) if isinstance(part, str) else part


def _axis(part: Mapping[str, Any]) -> Axis:
    if part["scale"] not in SCALES:
        raise ValueError(f"received the scale {part['scale']!r}, expected {', '.join(SCALES)}")
    return Axis(tuple(part["values"]), part["scale"])


def _check_values(*groups: Sequence[Any]) -> None:
    for group in groups:
        if len({isinstance(value, str) for value in group if value is not None}) > 1:
            raise TypeError(f"received {shown(list(group))}, expected numbers or words, not both")
    for value in (value for group in groups for value in group):
        if isinstance(value, bool) or not isinstance(value, int | float | str | None):
            raise TypeError(f"received the value {value!r}, expected a number, a word or null")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"received the value {value}, expected a whole number of 64 bits")


def _count(value: Any) -> int:
    if type(value) is not int or not 1 <= value < 2**63:
        raise ValueError(f"received the count {value!r}, expected a whole number of at least 1")
    return value


def _steps(part: Any) -> Axis | None:
    """Steps with the scale that the sweep file gives them; a list has none."""
    if part is None:
        return None
    values, scale = (part["values"], part["scale"]) if isinstance(part, Mapping) else (part, "list")
    return Axis(tuple(int(step) for step in values), str(scale))


def _explain(error: Exception) -> str:
    """An error on one line; of several in the analysis, the first."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    path = ".".join(map(str, ("analysis", *first["loc"])))
    return f"{path} is {shown(first['input'])}: {first['msg']}"

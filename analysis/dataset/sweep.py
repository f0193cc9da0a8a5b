"""The resolved sweep as records: what was planned, and what the sweep's author wants shown.

Reads the JSON document that travels with a dataset; reading files is load's job.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.errors import AnalysisError
from sweeps.declare.document_digest import is_altered
from sweeps.declare.terminal import visible

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Axis:
    """One declared axis: its values (numbers, words or None), spaced lin, log, or as a list."""

    values: tuple[Any, ...]
    scale: str


@dataclass(frozen=True)
class PredictionSpec:
    """A predicted boundary, y ∝ x^exponent, over a range of x (None = everywhere)."""

    name: str
    exponent: float
    x_range: tuple[float, float] | None
    source: str
    line: str | None = None  # y* as a column or a formula of columns, constant and all


@dataclass(frozen=True)
class TrendSpec:
    """A fitted quantity to follow over a setting, and what theory says: a power of it, or a limit."""

    setting: str
    of: str  # exponent, kink or shift
    exponent: float | None = None
    limit: float | None = None
    x_range: tuple[float, float] | None = None
    source: str = ""


@dataclass(frozen=True)
class CurveSpec:
    """A curve to show: a measure along x, the predicted one, and the size that goes to a limit.

    `power` is the predicted one of x. Where `recorded`, it is a record along the training, over its steps.
    Lines at y = `inset` stand in small axes of their own.
    """

    measure: str
    predicted: str | None = None
    limit: str | None = None
    source: str = ""
    power: float | None = None
    recorded: bool = False
    inset: float | None = None


@dataclass(frozen=True)
class AnalysisSpec:
    """What to look at: the plane's columns, the measure, its levels, the theory beside, and curves."""

    x: str
    y: str
    measure: str
    levels: tuple[float, ...]
    theory: tuple[PredictionSpec, ...] = ()
    orders: tuple[str, ...] = ()  # order parameters of collapses, as formulas of columns
    across: tuple[TrendSpec, ...] = ()
    curves: tuple[CurveSpec, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """The parts of a resolved sweep that an analysis needs."""

    name: str
    replicates: int
    axes: Mapping[str, Axis]
    fixed: Mapping[str, Any]
    settings: Mapping[str, tuple[Any, ...]]
    view: AnalysisSpec | None
    planned_runs: int
    recording: Axis = Axis((), "list")  # steps at which runs are recorded
    paired: tuple[str, ...] = ()  # settings whose cells share their random draws
    locations: tuple[str, ...] = ()  # columns that say where files were, and tell no runs apart

    @property
    def constants(self) -> dict[str, tuple[Any, ...]]:
        """The one value of every fixed column that all runs of the sweep have."""
        return {name: (v,) for name, v in self.fixed.items() if name not in self.locations}


def parse_sweep(document: Mapping[str, Any], *, where: str) -> Sweep:
    """The sweep that a resolved JSON document describes.

    Args:
        document: the decoded JSON object.
        where: the file it came from, named in errors.
    Raises:
        AnalysisError: another schema version, or a part is missing or malformed.
    """
    given, document = document, _as_words(document)
    _check_version(document.get("schema_version"), where)
    if is_altered(given):
        raise AnalysisError(
            f"{where} was altered since it was written: its digest is of another text. Move it away: each "
            "shard carries the sweep, and the next run of the sweep writes it again."
        )
    try:
        axes = {name: _axis(part) for name, part in document["axes"].items()}
        settings = {name: tuple(values) for name, values in document["settings"].items()}
        fixed = dict(document.get("fixed") or {})
        _check_values([*fixed.values()], *settings.values(), *(a.values for a in axes.values()))
        replicates = _count(document["replicates"])
        planned = replicates * _cells(axes, settings, document.get("zip") or [])
        if (said := document.get("planned_runs", planned)) != planned:
            raise ValueError(f"planned_runs is {said!r}, and its axes make {planned} runs")
        return Sweep(
            name=str(document["name"]),
            replicates=replicates,
            axes=axes,
            fixed=fixed,
            settings=settings,
            view=_view(document.get("analysis")),
            planned_runs=planned,
            paired=tuple(map(str, (document.get("draws") or {}).get("paired") or ())),
            locations=tuple(map(str, document.get("locations") or ())),
            recording=_recording(document.get("trajectory")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise AnalysisError(
            f"{where}: the resolved sweep is malformed ({type(error).__name__}: {error}); expected "
            "name, axes, settings and replicates. Run the sweep again to rewrite it."
        ) from error


def _as_words(part: Any) -> Any:
    """A part of the document whose texts can be drawn and printed: control characters written out."""
    if isinstance(part, Mapping):
        return {visible(str(key)): _as_words(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_as_words(value) for value in part]
    return visible(part) if isinstance(part, str) else part


def _check_version(version: object, where: str) -> None:
    if str(version) != str(SCHEMA_VERSION):
        raise AnalysisError(
            f"{where}: schema version {version!r}, expected {SCHEMA_VERSION}. This release cannot "
            "read it: move the file away, or use the release that wrote it."
        )


def _cells(
    axes: Mapping[str, Axis], settings: Mapping[str, tuple[Any, ...]], zipped: list[list[str]]
) -> int:
    """Cells of a sweep: axes that are zipped vary together."""
    counts = {name: len(axis.values) for name, axis in axes.items()}
    counts |= {name: len(values) for name, values in settings.items()}
    for _, *others in zipped:
        counts |= dict.fromkeys(others, 1)
    return math.prod(counts.values())


def _axis(part: Mapping[str, Any]) -> Axis:
    return Axis(tuple(part["values"]), str(part["scale"]))


def _check_values(*groups: Sequence[Any]) -> None:
    for value in (value for group in groups for value in group):
        if isinstance(value, bool) or not isinstance(value, int | float | str | None):
            raise TypeError(f"received the value {value!r}, expected a number, a word or null")


def _count(value: Any) -> int:
    if type(value) is not int or not 1 <= value < 2**63:
        raise ValueError(f"received the count {value!r}, expected a whole number of at least 1")
    return value


def _recording(part: Any) -> Axis:
    """Steps with the scale that the sweep file gives them; a list has none."""
    if isinstance(part, Mapping):
        return Axis(tuple(int(step) for step in part["values"]), str(part["scale"]))
    return Axis(tuple(int(step) for step in part or ()), "list")


def _view(part: Mapping[str, Any] | None) -> AnalysisSpec | None:
    if part is None:
        return None
    theory = tuple(_theory(entry) for entry in part.get("theory") or ())
    levels = tuple(float(level) for level in part["levels"])
    across = tuple(_across(entry) for entry in part.get("across") or ())
    plane = str(part["x"]), str(part["y"]), str(part["measure"])
    curves = tuple(_asked(entry) for entry in part.get("curves") or ())
    order = (part.get("collapse") or {}).get("order") or ()
    orders = (order,) if isinstance(order, str) else tuple(str(one) for one in order)
    return AnalysisSpec(*plane, levels, theory, orders, across, curves)


def _asked(part: Mapping[str, Any]) -> CurveSpec:
    predicted, limit = (
        None if part.get(name) is None else str(part[name]) for name in ("predicted", "limit")
    )
    power, inset = (
        None if part.get(name) is None else float(part[name]) for name in ("power", "inset")
    )
    return CurveSpec(
        str(part["measure"]),
        predicted,
        limit,
        str(part.get("source") or ""),
        power,
        bool(part.get("recorded")),
        inset,
    )


def _across(part: Mapping[str, Any]) -> TrendSpec:
    exponent, limit = (
        None if part.get(name) is None else float(part[name]) for name in ("exponent", "limit")
    )
    return TrendSpec(
        setting=str(part["setting"]),
        of=str(part["of"]),
        exponent=exponent,
        limit=limit,
        x_range=_range(part),
        source=str(part.get("source") or ""),
    )


def _range(part: Mapping[str, Any]) -> tuple[float, float] | None:
    span = part.get("x_range")
    return None if span is None else (float(span[0]), float(span[1]))


def _theory(part: Mapping[str, Any]) -> PredictionSpec:
    return PredictionSpec(
        name=str(part["name"]),
        exponent=float(part["exponent"]),
        x_range=_range(part),
        source=str(part.get("source") or ""),
        line=part.get("line"),
    )

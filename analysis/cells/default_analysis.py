"""What to show of a sweep that does not say it: the plane, the measure, and the level that cuts it."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from analysis.cells.keys import quoted
from analysis.dataset.files import Dataset
from analysis.dataset.roles import ERROR, role_of
from analysis.dataset.trajectories.files import find_records
from analysis.errors import AnalysisError
from sweeps.declare.analysis_spec import AnalysisSpec, CurveSpec

USUAL_LEVEL = 0.2
"""Of an error that falls from ½: where the shipped sweeps cut it."""
SMALLEST_RANGE = 0.02
"""Of the means of an error: one that varies less is not cut."""
_STATUS = "status"
"""The column after which measures come."""


def default_analysis(dataset: Dataset, **given: Any) -> AnalysisSpec:
    """What to show: the first two axes with several values, and the last error among the measures.

    Of one such axis, or of none, and of a measure that hardly varies, curves are shown and no boundary. An
    error is cut at USUAL_LEVEL where its means are on both sides of it, any other measure in the middle of
    its range.

    Args:
        dataset: the runs; its sweep states no analysis.
        given: fields of `AnalysisSpec` that are stated otherwise.
    Raises:
        AnalysisError: there are not two columns with numbers to make a plane of.
    """
    varied, constant = _varied(dataset), _constant(dataset)
    measure = given.get("measure") or _measure(dataset)
    x = given.get("x") or _first([*varied, *constant], but=given.get("y"))
    y = given.get("y") or _first([*varied, *constant], but=x)
    if x is None or y is None:
        raise AnalysisError(
            f"The sweep '{dataset.sweep.name}' has no two columns of numbers to make a plane of; expected "
            "axes or fixed values that are numbers."
        )
    levels = tuple(given.get("levels") or ())
    if not levels and {x, y} <= set(varied):
        levels = tuple(_level(dataset, measure, x, y))
    return AnalysisSpec(x, y, measure, levels, curves=() if levels else _curves(dataset, measure))


def _curves(dataset: Dataset, measure: str) -> tuple[CurveSpec, ...]:
    """The measure along x, and along the training where that was recorded."""
    along_x = CurveSpec(measure)
    if dataset.sweep.trajectory is None:
        return (along_x,)
    records = find_records(dataset.location)
    recorded = bool(records.pairs) and measure in records.schema(1).names
    return (along_x, CurveSpec(measure, recorded=True)) if recorded else (along_x,)


def _varied(dataset: Dataset) -> list[str]:
    """Axes that have several numbers, in the sweep's order; of those that vary together the first."""
    followers = {name for _, *others in dataset.sweep.zip for name in others}
    return [
        name
        for name, axis in dataset.sweep.axes.items()
        if name not in followers
        and len(axis.values) > 1
        and _are_numbers(dataset, name, axis.values)
    ]


def _constant(dataset: Dataset) -> list[str]:
    """Columns with one number in all runs: axes of one value, then fixed ones."""
    one = {name: axis.values for name, axis in dataset.sweep.axes.items() if len(axis.values) == 1}
    return [
        name
        for name, values in (one | dataset.sweep.constants).items()
        if _are_numbers(dataset, name, values)
    ]


def _are_numbers(dataset: Dataset, name: str, values: Iterable[Any]) -> bool:
    known = name in dataset.schema.names
    return known and all(isinstance(value, int | float) for value in values)


def _first(names: Iterable[str], *, but: str | None) -> str | None:
    return next((name for name in names if name != but), None)


def _measure(dataset: Dataset) -> str:
    """The last error among the measures, which is that against clean labels; else the first measure."""
    names: list[str] = list(dataset.schema.names)
    names = names[names.index(_STATUS) + 1 :] if _STATUS in names else names
    measures = [name for name in names if dataset.schema.field(name).type in ("double", "float")]
    errors = [name for name in measures if role_of(dataset.schema, name) == ERROR]
    if not measures:
        raise AnalysisError(
            f"The dataset of '{dataset.sweep.name}' has no measure; name one: --measure."
        )
    return errors[-1] if errors else measures[0]


def _level(dataset: Dataset, measure: str, x: str, y: str) -> Iterator[float]:
    """A level between the least and the largest mean; none where they are the same."""
    dataset.need_numbers([measure, x, y])
    found = dataset.query(
        f"SELECT min(m) AS low, max(m) AS high FROM (SELECT avg({quoted(measure)}) AS m FROM runs "
        f"WHERE isfinite({quoted(measure)}) GROUP BY {quoted(x)}, {quoted(y)})"
    )
    low, high = (
        np.ma.filled(np.ma.asarray(found[name], float), np.nan)[0] for name in ("low", "high")
    )
    is_error = role_of(dataset.schema, measure) == ERROR
    if is_error and low < USUAL_LEVEL < high:
        yield USUAL_LEVEL
    elif low < high - SMALLEST_RANGE * is_error:
        yield float(f"{(low + high) / 2:.2g}")

"""A sweep held against its model: the cells that follow, or every mistake of the file.

A cell here is a point of the axes under one setting; its columns are every parameter of the model and
every other number that formulas read.
"""

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps import formula
from sweeps.axis import Axis
from sweeps.mistakes import Mistake, SweepError
from sweeps.names import check_names, order
from sweeps.protocol import Model
from sweeps.spec import Spec, read_spec
from sweeps.values import DTYPES, ValueMistake, in_range, rounded, typed

MOST_CELLS = 20_000_000

Arrays = dict[str, NDArray[Any]]


class Cells(NamedTuple):
    """Columns of every cell, shape (cells,) each, and which of them only serve formulas."""

    columns: Arrays
    auxiliary: tuple[str, ...]

    @property
    def number(self) -> int:
        """Number of cells."""
        return int(next(iter(self.columns.values())).size)


@dataclass(frozen=True)
class Resolved:
    """A sweep without mistakes, its model and its cells."""

    spec: Spec
    model: Model
    cells: Cells


def resolve(text: str, name: str, find_model: Callable[[str], Model]) -> Resolved:
    """Read a sweep and hold it against its model.

    Args:
        text: the sweep file's text (YAML or JSON).
        name: what to call it in messages.
        find_model: gives the model of a name, as `sweeps.protocol.load_model` does.
    Raises:
        SweepFileError: every mistake of the file; of one whose model is unknown, those of its form.
    """
    spec, source, mistakes = read_spec(text, name)
    if spec is None:
        raise source.error(mistakes)
    try:
        model = find_model(spec.model)
    except SweepError as error:
        raise source.error([*mistakes, Mistake(("model",), str(error))]) from None
    trees = _parse(spec, mistakes)
    mistakes += check_names(spec, model, trees)
    given = _given(spec, model, mistakes)
    columns = None if mistakes else _columns(spec, model, given, mistakes)
    if columns is not None:
        _derive(columns, trees, model, mistakes)
    if mistakes or columns is None:
        raise source.error(mistakes)
    parameters = [column.name for column in model.parameters]
    numbers = (*spec.axes, *spec.settings, *spec.fixed)
    auxiliary = tuple(sorted(name for name in numbers if name not in parameters))
    cells = Cells({column: columns[column] for column in (*parameters, *auxiliary)}, auxiliary)
    axes = {name: _with_values(axis, given[name]) for name, axis in spec.axes.items()}
    settings = {name: _with_values(axis, given[name]) for name, axis in spec.settings.items()}
    return Resolved(spec._replace(axes=axes, settings=settings), model, cells)


def meanings(resolved: Resolved) -> dict[str, str]:
    """What each auxiliary column means: itself, and the formulas that read it."""
    formulas = resolved.spec.derived
    read = {name: formula.names(formula.parse(text)) for name, text in formulas.items()}
    return {
        name: ", ".join([name, *(f"{to} = {formulas[to]}" for to in formulas if name in read[to])])
        for name in resolved.cells.auxiliary
    }


def _parse(spec: Spec, mistakes: list[Mistake]) -> dict[str, ast.expr]:
    """The trees of the formulas that parse."""
    trees = {}
    for name, text in spec.derived.items():
        try:
            trees[name] = formula.parse(text)
        except formula.FormulaError as error:
            mistakes.append(Mistake(("derived", name), str(error)))
    return trees


def _given(spec: Spec, model: Model, mistakes: list[Mistake]) -> Arrays:
    """Values of axes, settings and fixed names in their columns' types."""
    columns = {column.name: column for column in model.parameters}
    fixed = {name: Axis((value,), "list") for name, value in spec.fixed.items()}
    given = {}
    for section, axes in (("axes", spec.axes), ("settings", spec.settings), ("fixed", fixed)):
        for name, axis in axes.items():
            if axis.unread:
                continue
            try:
                given[name] = typed(axis, columns.get(name))
            except ValueMistake as error:
                mistakes.append(Mistake((section, name), str(error)))
    return given


def _with_values(axis: Axis, values: NDArray[Any]) -> Axis:
    """The axis with the values that its cells have: in the column's type, rounded where it is."""
    return Axis(tuple(None if value != value else value for value in values.tolist()), axis.scale)


def _columns(spec: Spec, model: Model, given: Arrays, mistakes: list[Mistake]) -> Arrays | None:
    """Columns of every combination of axes and settings, with fixed values and defaults.

    The last axis varies fastest, settings faster still, and zipped axes together.
    """
    leader = {name: group[0] for group in spec.zip for name in group}
    varying = [*spec.axes, *spec.settings]
    dimensions = list(dict.fromkeys(leader.get(name, name) for name in varying))
    shape = tuple(given[name].size for name in dimensions)
    count = math.prod(shape)
    if count > MOST_CELLS:
        text = f"make {count:,} cells; at most {MOST_CELLS:,} are planned at once: split the sweep"
        mistakes.append(Mistake(("axes",), text))
        return None
    places = dict(zip(dimensions, np.unravel_index(np.arange(count), shape), strict=True))
    columns = {name: given[name][places[leader.get(name, name)]] for name in varying}
    columns |= {name: np.repeat(given[name], count) for name in spec.fixed}
    for column in model.parameters:
        if column.name not in columns and column.default != "required":
            value = np.nan if column.default is None else column.default
            columns[column.name] = np.full(count, value, dtype=DTYPES[column.type])
    return columns


def _derive(
    columns: Arrays, trees: dict[str, ast.expr], model: Model, mistakes: list[Mistake]
) -> None:
    """Compute the derived columns in place, each after what its formula reads."""
    parameters = {column.name: column for column in model.parameters}
    count = next(iter(columns.values())).size
    for name in order(trees):
        try:
            values = rounded(np.broadcast_to(formula.evaluate(trees[name], columns), count))
            column = parameters.get(name)
            columns[name] = in_range(values, column) if column else values
        except ValueMistake as error:
            hint = "; round() makes whole numbers" if parameters[name].type == "int64" else ""
            mistakes.append(Mistake(("derived", name), f"{error}{hint}"))
            columns[name] = np.full(count, np.nan)
        except ValueError:
            text = "the formula reads a column of words; formulas take numbers"
            mistakes.append(Mistake(("derived", name), text))
            columns[name] = np.full(count, np.nan)

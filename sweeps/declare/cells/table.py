"""The cells of a sweep: points of its axes under its settings, computed where they are needed.

A cell's columns are every parameter of the model and every other number that formulas read. They follow
from its number, so that a plan of many cells takes no more memory than one of few. The last axis varies
fastest, settings faster still, and zipped axes together.
"""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.declare import formula
from sweeps.declare.cells.names import order
from sweeps.declare.cells.values import DTYPES, ColumnValueError, in_range, refused, rounded
from sweeps.declare.file.sweep_file import SweepSpec
from sweeps.models.protocol import ColumnProtocol, Model

Arrays = dict[str, NDArray[Any]]

BLOCK = 1 << 16
"""Cells, or runs, that are looked at together."""


class CellsError(ValueError):
    """Formulas whose values are not valid in some cells, with what is wrong, by name."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__(*texts.values())
        self.texts = texts


@dataclass(frozen=True)
class CellTable:
    """All cells: values of each dimension, what is the same everywhere, and formulas for the rest.

    `dimension` gives the dimension of each varying name; those of one dimension vary together.
    """

    names: tuple[str, ...]
    auxiliary: tuple[str, ...]
    shape: tuple[int, ...]
    dimension: dict[str, int]
    varying: Arrays
    constant: Arrays
    formulas: dict[str, ast.expr]
    parameters: dict[str, ColumnProtocol]

    @property
    def number(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    @property
    def columns(self) -> Arrays:
        """Columns of every cell, shape (cells,) each: for sweeps that are known to be small."""
        return self.take(np.arange(self.number))

    def take(self, cells: NDArray[np.int64]) -> Arrays:
        """Columns of some cells, by their numbers.

        Raises:
            CellsError: a formula gives what its column does not take.
        """
        positions = np.unravel_index(cells, self.shape)
        columns = {name: self.varying[name][positions[d]] for name, d in self.dimension.items()}
        columns |= {name: np.repeat(value, cells.size) for name, value in self.constant.items()}
        self._derive(columns, cells.size)
        return {name: columns[name] for name in self.names}

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], Arrays]]:
        """All cells in blocks: their numbers and columns."""
        for first in range(0, self.number, BLOCK):
            cells = np.arange(first, min(first + BLOCK, self.number))
            yield cells, self.take(cells)

    def slow_dimensions(self, names: tuple[str, ...]) -> list[int]:
        """Dimensions on which any of these columns depends, through formulas too, in order."""
        found: set[int] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name in self.dimension:
                found.add(self.dimension[name])
            elif name in self.formulas:
                todo += formula.columns_of(self.formulas[name])
        return sorted(found)

    def representatives(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Numbers of cells that have all combinations of these columns' values, few of them twice."""
        slow = self.slow_dimensions(names)
        shape = tuple(size if d in slow else 1 for d, size in enumerate(self.shape))
        return np.ravel_multi_index(
            np.unravel_index(np.arange(math.prod(shape)), shape), self.shape
        )

    def are_distinct(self) -> bool:
        """Whether cells differ for sure: all that varies is a parameter, with each value once."""
        return all(
            name in self.parameters and np.unique(values).size == values.size
            for name, values in self.varying.items()
        )

    def _derive(self, columns: Arrays, count: int) -> None:
        """Compute the formulas' columns in place, each after what it reads."""
        errors = {}
        for name in order(self.formulas):
            column = self.parameters.get(name)
            try:
                found = formula.evaluate(self.formulas[name], columns)
                values = rounded(np.broadcast_to(found, count))
                columns[name] = in_range(values, column) if column else values
            except ColumnValueError as error:
                assert column is not None
                whole = "; round() makes whole numbers" if column.type == "int64" else ""
                errors[name] = f"{error}{self._first_refused(name, column, values, columns)}{whole}"
                columns[name] = np.full(count, np.nan)
            except ValueError:
                errors[name] = "the formula reads a column of words; formulas take numbers"
                columns[name] = np.full(count, np.nan)
        if errors:
            raise CellsError(errors)

    def _first_refused(
        self, name: str, column: ColumnProtocol, values: NDArray[Any], columns: Arrays
    ) -> str:
        """What a formula read where it first gave a value that its column does not take."""
        read = sorted(formula.columns_of(self.formulas[name]))
        if column.type == "string" or not read:
            return ""
        first = int(np.argmax(refused(values, column)))
        return ", where " + " and ".join(f"{one} = {columns[one][first]:g}" for one in read)


def lattice(spec: SweepSpec, model: Model, given: Arrays, trees: dict[str, ast.expr]) -> CellTable:
    """The cells of a sweep whose names are in order.

    Args:
        spec: the sweep.
        model: its model.
        given: values of axes, settings and fixed names, in their columns' types.
        trees: the derived values' formulas.
    """
    leader = {name: group[0] for group in spec.zip for name in group}
    varying = [*spec.axes, *spec.settings]
    dimensions = list(dict.fromkeys(leader.get(name, name) for name in varying))
    parameters = {column.name: column for column in model.parameters}
    numbers = (*varying, *spec.fixed)
    auxiliary = tuple(sorted(name for name in numbers if name not in parameters))
    return CellTable(
        names=(*parameters, *auxiliary),
        auxiliary=auxiliary,
        shape=tuple(given[name].size for name in dimensions),
        dimension={name: dimensions.index(leader.get(name, name)) for name in varying},
        varying={name: given[name] for name in varying},
        constant=_constants(spec, model, given, {*numbers, *trees}),
        formulas=trees,
        parameters=parameters,
    )


def _constants(spec: SweepSpec, model: Model, given: Arrays, taken: set[str]) -> Arrays:
    """Fixed values and defaults, shape (1,) each."""
    constants = {name: given[name] for name in spec.fixed}
    for column in model.parameters:
        if column.name not in taken and column.default != "required":
            value = np.nan if column.default is None else column.default
            constants[column.name] = np.full(1, value, dtype=DTYPES[column.type])
    return constants

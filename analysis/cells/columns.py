"""Columns of a dataset on the plane: one value a cell, for formulas and predicted lines."""

from collections.abc import Iterable

import numpy as np

from analysis.cells.aggregate import Cells, rows_of_sweep
from analysis.dataset.files import Dataset
from analysis.dataset.plane import Floats, Ints
from analysis.errors import AnalysisError
from analysis.formula import evaluate, names_in


def on_plane(dataset: Dataset, cells: Cells, formula: str) -> Floats:
    """A formula of the dataset's columns in each cell, shape (x, y); NaN where no run is.

    Raises:
        AnalysisError: a mistaken formula, an unknown column, or one that varies within a cell.
    """
    names = names_in(formula)
    # Checks the formula itself before its columns are read.
    evaluate(formula, dict.fromkeys(names, 1.0))
    return evaluate(formula, _columns(dataset, cells, names))


def along_x(dataset: Dataset, cells: Cells, formula: str) -> Floats:
    """A predicted boundary y*(x) as a column or formula, shape (x,).

    Raises:
        AnalysisError: as for `on_plane`, or it varies with y.
    """
    values = np.broadcast_to(on_plane(dataset, cells, formula), cells.mean.shape[1:])
    first = np.nanmax(values, axis=1)
    if not np.all(np.isclose(values, first[:, None], rtol=1e-9) | np.isnan(values)):
        raise AnalysisError(
            f"The predicted line '{formula}' varies along {cells.plane.y.name}; expected a formula "
            f"of {cells.plane.x.name} and of what is fixed, which gives {cells.plane.y.name}."
        )
    return np.asarray(first)


def _columns(dataset: Dataset, cells: Cells, names: Iterable[str]) -> dict[str, Floats]:
    plane = cells.plane
    rows = rows_of_sweep(dataset)
    at = tuple(
        np.searchsorted(axis.values, dataset.numbers(axis.name)[rows])
        for axis in (plane.x, plane.y)
    )
    return {name: _on_cells(dataset.numbers(name)[rows], at, cells, name) for name in sorted(names)}


def _on_cells(values: Floats, at: tuple[Ints, ...], cells: Cells, name: str) -> Floats:
    grid = np.full(cells.mean.shape[1:], np.nan)
    grid[at] = values
    if np.any((grid[at] != values) & ~np.isnan(values)):
        raise AnalysisError(
            f"Column '{name}' takes several values within a cell, so a formula cannot use it. Use "
            "columns that the plane's axes decide."
        )
    return grid

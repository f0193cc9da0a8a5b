"""Columns of a dataset on the plane: one value a cell, for formulas and predicted lines."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from analysis.cells.cells import Cells
from analysis.cells.groups import Groups, assign_to_cells, float_column
from analysis.cells.keys import identifying_columns, quoted
from analysis.dataset.files import Dataset
from analysis.dataset.plane import Floats
from analysis.errors import AnalysisError, nearest
from sweeps.declare import formula as grammar


def on_plane(dataset: Dataset, cells: Cells, formula: str) -> Floats:
    """A formula of the dataset's columns in each cell.

    Args:
        dataset: the runs.
        cells: theirs on the plane.
        formula: over columns of the dataset.
    Returns:
        Shape (x, y), NaN where no run is.
    Raises:
        AnalysisError: a mistaken formula, an unknown column, or one that varies within a cell.
    """
    names = names_in(formula)
    # Checks the formula itself before its columns are read.
    evaluate(formula, dict.fromkeys(names, 1.0))
    return evaluate(formula, _columns(dataset, cells, names))


def along_x(dataset: Dataset, cells: Cells, formula: str) -> Floats:
    """A predicted boundary y*(x) as a column or formula.

    Args:
        dataset: the runs.
        cells: theirs on the plane.
        formula: over columns of the dataset that do not vary with y.
    Returns:
        In the units of y, shape (x,).
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
    """The one value that each column has in a cell, shape (x, y), whatever the setting."""
    names = sorted(names)
    dataset.need_numbers(names)
    keys = identifying_columns(dataset, cells.plane.x.name, cells.plane.y.name)
    ends = [
        f"{end}({quoted(name)}) AS {quoted(f'({end} {k})')}"
        for k, name in enumerate(names)
        for end in ("min", "max")
    ]
    found = dataset.query(
        f"SELECT {', '.join([keys.sql, *ends])} FROM runs "
        f"WHERE replicate < {dataset.sweep.replicates} GROUP BY ALL"
    )
    groups = assign_to_cells(dataset, keys, found)
    return {name: _one_value(groups, k, name) for k, name in enumerate(names)}


def _one_value(groups: Groups, k: int, name: str) -> Floats:
    """The value of the k-th column in each cell, from the ends of its range in each group."""
    shape = groups.shape[1:]
    cell = groups.cell % (shape[0] * shape[1])
    least, most = np.full(shape, np.inf).ravel(), np.full(shape, -np.inf).ravel()
    np.fmin.at(least, cell, float_column(groups.columns[f"(min {k})"]))
    np.fmax.at(most, cell, float_column(groups.columns[f"(max {k})"]))
    if np.any(least < most):
        raise AnalysisError(
            f"Column '{name}' takes several values within a cell, so a formula cannot use it. Use "
            "columns that the plane's axes decide."
        )
    return np.where(np.isfinite(least), least, np.nan).reshape(shape)


def names_in(text: str) -> set[str]:
    """The columns that a formula reads.

    Raises:
        AnalysisError: it is no formula.
    """
    try:
        return grammar.columns_of(grammar.parse(text))
    except grammar.FormulaError as error:
        raise _refused(text, error) from error


def evaluate(text: str, columns: Mapping[str, Any]) -> Floats:
    """A formula's value over columns, which broadcast; NaN or infinite where it is undefined.

    Args:
        text: a formula, as sweep files have them.
        columns: by name.
    Raises:
        AnalysisError: it is no formula, or names no such column.
    """
    for name in sorted(names_in(text) - columns.keys()):
        raise AnalysisError(f"'{text}': no column '{name}'.{nearest(name, columns)}")
    return grammar.evaluate(grammar.parse(text), columns)


def _refused(text: str, error: grammar.FormulaError) -> AnalysisError:
    return AnalysisError(
        f"Received the formula '{text}' ({error}); expected numbers, column names, + - * / // % **, "
        f"parentheses and {', '.join(grammar.FUNCTIONS)}. Write it as for 'n * mu_norm**4 / d'."
    )

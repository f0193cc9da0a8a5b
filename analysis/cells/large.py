"""Datasets too large to be held: their cells and the columns that formulas read, through the engine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.cells.aggregate import Cells, aggregate
from analysis.cells.summary import BATCHES, batch_cells
from analysis.dataset.files import Dataset, open_dataset
from analysis.dataset.query import Source, open_source, rows_in
from analysis.dataset.sweep import AnalysisSpec, Sweep
from analysis.errors import AnalysisError
from analysis.formula import names_in

# Rows that are read whole, at some 400 bytes each and twice while they are sorted.
MOST_ROWS = 2_000_000
# Values of the measure that are held, 8 bytes each and a few times over; beyond, means of batches.
MOST_VALUES = 50_000_000
# Replicates by which a column that varies within a cell is told.
REPLICATES_CHECKED = 2


def open_cells(
    location: str, choose: Callable[[Sweep], AnalysisSpec], *, include_unconverged: bool = False
) -> tuple[Dataset, AnalysisSpec, Cells]:
    """A dataset, what to look at, and its cells, in memory that does not grow with the rows.

    Beyond MOST_ROWS the dataset holds the first replicates of each cell and the columns that formulas
    read, and cells come from the engine: the same ones up to MOST_VALUES, else those of batches.

    Args:
        location: the dataset's folder or URI.
        choose: what to look at, of a sweep.
        include_unconverged: also use runs that did not reach their stated loss.
    Raises:
        AnalysisError: as for `open_dataset` and `aggregate`.
    """
    if rows_in(location) <= MOST_ROWS:
        dataset = open_dataset(location)
        view = choose(dataset.sweep)
        return dataset, view, aggregate(dataset, view, include_unconverged=include_unconverged)
    source = open_source(location)
    view = choose(source.sweep)
    batches = source.sweep.replicates if source.rows <= MOST_VALUES else BATCHES
    cells = batch_cells(source, view, batches=batches, include_unconverged=include_unconverged)
    return _first_replicates(source, view), view, cells


def _first_replicates(source: Source, view: AnalysisSpec) -> Dataset:
    """The first replicates of each cell, in the columns that tell cells apart or that formulas read."""
    sweep = source.sweep
    formulas = [*view.orders, *(theory.line for theory in view.theory if theory.line)]
    wanted = {"replicate", view.x, view.y, *sweep.axes, *sweep.settings, *sweep.fixed}
    wanted |= {name for formula in formulas for name in _names(formula)}
    names = [name for name in source.schema.names if name in wanted]
    listed = ", ".join(f'"{name}"' for name in names)
    found = source.run(f"SELECT {listed} FROM runs WHERE replicate < {REPLICATES_CHECKED}")
    table = pa.table({name: _array(found[name]) for name in names})
    return Dataset(sweep, table, files=len(source.paths), duplicates=0)


def _names(formula: str) -> set[str]:
    try:
        return names_in(formula)
    except AnalysisError:
        # Told where the formula is used.
        return set()


def _array(column: Any) -> pa.Array:
    return pa.array(np.ma.getdata(column), mask=np.ma.getmaskarray(column))

"""Where theory says that the boundary is: predicted measures on the plane, and where they cross a level."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from analysis.cells.cells import Cells
from analysis.cells.columns import along_x
from analysis.cells.groups import float_column, index_among
from analysis.dataset.files import Dataset
from analysis.dataset.plane import Floats, Plane, PlaneAxis
from analysis.dataset.predictions_file import has_prediction, predicted_measure, read_predictions
from analysis.errors import AnalysisError
from sweeps.declare.analysis_spec import PredictionSpec
from sweeps.declare.file_names import MEDIAN_SUFFIX

MIN_SPLINE_CELLS = 4
"""Cells of a column that theory must speak of: fewer make no cubic spline."""


def predicted_boundary(
    dataset: Dataset, cells: Cells, theory: PredictionSpec, level: float
) -> Floats:
    """Where a prediction puts the boundary of a level.

    Args:
        dataset: the runs.
        cells: theirs on the plane.
        theory: states a line or a prediction.
        level: of the measure.
    Returns:
        y*, in the values of y, shape (settings, x); NaN where theory says nothing, as in settings that it
        is not for, or beyond the grid.
    Raises:
        AnalysisError: as `along_x` and `predicted_on_plane`.
    """
    plane = cells.plane
    if theory.line is not None:
        line = along_x(dataset, cells, theory.line)
        found = np.tile(line, (len(plane.settings), 1))
    else:
        assert theory.prediction is not None
        values = predicted_on_plane(dataset, cells, theory.prediction)
        found = np.array([[crossing(column, level, plane.y) for column in part] for part in values])
    found[[not theory.is_for(plane.values_of(s)) for s in range(len(found))]] = np.nan
    return found


def predicted_median_boundary(
    dataset: Dataset, cells: Cells, theory: PredictionSpec, level: float
) -> Floats | None:
    """Where a prediction puts the boundary of half of the runs: not where it puts that of the mean.

    Args:
        dataset: the runs.
        cells: theirs on the plane.
        theory: states a line, which is that of both, or a prediction.
        level: of the measure.
    Returns:
        As `predicted_boundary`; None where theory predicts the mean alone.
    """
    if theory.prediction is None:
        return predicted_boundary(dataset, cells, theory, level)
    name = theory.prediction + MEDIAN_SUFFIX
    if not has_prediction(dataset.location, name):
        return None
    return predicted_boundary(dataset, cells, replace(theory, prediction=name), level)


def predicted_on_plane(dataset: Dataset, cells: Cells, name: str) -> Floats:
    """A prediction of the measure in every cell of the plane.

    Args:
        dataset: the runs.
        cells: theirs on the plane.
        name: of the prediction.
    Returns:
        Shape (settings, x, y), NaN where theory says nothing.
    Raises:
        AnalysisError: there is no such prediction, it is of another measure, or it takes several values
            in a cell.
    """
    table = read_predictions(dataset.location, name)
    if (measure := predicted_measure(table, name)) != cells.measure:
        raise AnalysisError(f"The prediction '{name}' is of {measure}, not of {cells.measure}.")
    shape = cells.mean.shape
    at = _positions(table, cells.plane)
    known = at >= 0
    values = float_column(_column(table, name))[known]
    low, high = np.full(np.prod(shape), np.inf), np.full(np.prod(shape), -np.inf)
    np.fmin.at(low, at[known], values)
    np.fmax.at(high, at[known], values)
    if np.any(high - low > 1e-9):
        raise AnalysisError(
            f"The prediction '{name}' takes several values in a cell of {cells.plane.x.name} and "
            f"{cells.plane.y.name}. Show a plane whose cells hold one point of the sweep."
        )
    return np.where(np.isfinite(low), low, np.nan).reshape(shape)


def crossing(values: Floats, level: float, y: PlaneAxis) -> float:
    """Where a smooth column crosses the level, on a cubic spline in the axis's own coordinate.

    Args:
        values: of the column, shape (y,), NaN where nothing is known.
        level: where to cut.
        y: the axis.
    Returns:
        In the values of y; NaN unless it crosses once.
    """
    known = np.isfinite(values)
    u, above = y.coordinates[known], values[known] - level
    turns = np.flatnonzero(np.diff(np.signbit(above)))
    if len(u) < MIN_SPLINE_CELLS or len(turns) != 1:
        return np.nan
    k = int(turns[0])
    terms, start = CubicSpline(u, above).c[::-1, k].tolist(), float(u[k])
    return float(y.value(brentq(lambda at: _polynomial(terms, at - start), start, u[k + 1])))


def _polynomial(terms: list[float], at: float) -> float:
    """The sum of terms[k] at^k: of plain floats, which takes a twentieth of an array of one."""
    total, power = 0.0, 1.0
    for term in terms:
        total, power = total + term * power, power * at
    return total


def _positions(table: pa.Table, plane: Plane) -> np.ndarray:
    """The flat position of each row on the plane, −1 for one that is not on it, shape (rows,)."""
    count = table.num_rows
    setting = np.full(count, -1, dtype=np.int64)
    for s, wanted in enumerate(plane.setting_values or ({},)):
        same = np.ones(count, dtype=bool)
        for name, value in wanted.items():
            same &= index_among(_column(table, name), (value,)) == 0
        setting[same] = s
    on_axes = [
        index_among(_column(table, axis.name), tuple(axis.values.tolist()))
        for axis in (plane.x, plane.y)
    ]
    shape = (max(len(plane.settings), 1), len(plane.x.values), len(plane.y.values))
    at = np.full(count, -1, dtype=np.int64)
    known = (setting >= 0) & (on_axes[0] >= 0) & (on_axes[1] >= 0)
    at[known] = np.ravel_multi_index((setting[known], *(part[known] for part in on_axes)), shape)
    return at


def _column(table: pa.Table, name: str) -> np.ma.MaskedArray:
    """A column with nulls masked.

    Raises:
        AnalysisError: cells do not differ in it.
    """
    if name not in table.column_names:
        raise AnalysisError(f"Predictions do not differ by '{name}', so they have no place on it.")
    # Lists, since `to_numpy` would import pandas, if it is there, which takes longer.
    entries = table[name].to_pylist()
    mask = np.array([entry is None for entry in entries], dtype=bool)
    if pa.types.is_floating(table.schema.field(name).type):
        return np.ma.MaskedArray(np.array(entries, dtype=np.float64), mask=mask)
    plain = entries if not mask.any() else np.array(entries, dtype=object)
    return np.ma.MaskedArray(np.asarray(plain), mask=mask)

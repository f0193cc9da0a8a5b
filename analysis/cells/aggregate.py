"""Turns rows into cells: counts by status, mean, standard error, and the bootstrap's cube."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.dataset.files import Dataset
from analysis.dataset.plane import Floats, Ints, Plane, PlaneAxis, is_log, setting_labels
from analysis.dataset.sweep import AnalysisSpec
from analysis.errors import AnalysisError

STATUSES = ("ok", "unconverged", "diverged")


@dataclass(frozen=True, eq=False)
class Cells:
    """The measure on the plane, axes in the order (setting, x, y, replicate).

    `values` holds NaN where a run is missing, failed or left out: a failure never becomes a number.
    """

    plane: Plane
    measure: str
    label: str
    values: Floats
    status: Mapping[str, Ints]
    missing: Ints
    ignored: int
    batched_runs: Ints | None = None  # usable runs of each cell, where values are means of several

    @property
    def runs_used(self) -> Ints:
        """Usable runs, shape (settings, x, y)."""
        return self.used if self.batched_runs is None else self.batched_runs

    @property
    def used(self) -> Ints:
        """Values that enter the mean, shape (settings, x, y): runs, or means of batches of runs."""
        return np.asarray(np.isfinite(self.values).sum(-1))

    @property
    def mean(self) -> Floats:
        """Mean over the runs used, shape (settings, x, y); NaN where there is none."""
        used = self.used
        total = np.nansum(self.values, axis=-1)
        return np.asarray(np.divide(total, used, out=np.full(used.shape, np.nan), where=used > 0))

    @property
    def standard_error(self) -> Floats:
        """Standard error of the mean, shape (settings, x, y); NaN below two runs."""
        used = self.used
        squares = np.nansum((self.values - self.mean[..., None]) ** 2, axis=-1)
        variance = np.divide(
            squares, used * (used - 1), out=np.full(used.shape, np.nan), where=used > 1
        )
        return np.asarray(np.sqrt(variance))


def transposed(cells: Cells) -> Cells:
    """The same cells with x and y exchanged: a boundary found in them is scanned along x.

    Where a boundary turns upright, its columns do not cross it but its rows do.
    """
    plane = replace(cells.plane, x=cells.plane.y, y=cells.plane.x)
    return replace(
        cells,
        plane=plane,
        values=cells.values.swapaxes(1, 2),
        status={name: count.swapaxes(1, 2) for name, count in cells.status.items()},
        missing=cells.missing.swapaxes(1, 2),
    )


def aggregate(dataset: Dataset, view: AnalysisSpec, *, include_unconverged: bool = False) -> Cells:
    """The cells of a dataset in one view.

    Axes of the sweep that the view does not show and that vary within a cell become settings, so
    that unlike runs are never averaged. Rows of an earlier version of the sweep are ignored.

    Args:
        dataset: the runs.
        view: the plane's columns and the measure.
        include_unconverged: also use runs that did not reach their stated loss.
    Raises:
        AnalysisError: an unknown or non-numeric column, no row of the present sweep, or two runs
            in one place.
    """
    rows = rows_of_sweep(dataset)
    x, y = (_plane_axis(dataset, name, rows) for name in (view.x, view.y))
    held, place = _settings(dataset, rows, view=view)
    where = [
        place,
        np.searchsorted(x.values, dataset.numbers(view.x)[rows]),
        np.searchsorted(y.values, dataset.numbers(view.y)[rows]),
    ]
    replicates, replicate = np.unique(dataset.numbers("replicate")[rows], return_inverse=True)
    shape = (len(held), len(x.values), len(y.values))
    _check_places(
        dataset, rows, flat=np.ravel_multi_index((*where, replicate), (*shape, len(replicates)))
    )
    status = _status(dataset)[rows]
    usable = (status == "ok") | ((status == "unconverged") & include_unconverged)
    values = np.full((*shape, len(replicates)), np.nan)
    values[(*where, replicate)] = np.where(usable, dataset.numbers(view.measure)[rows], np.nan)
    values[~np.isfinite(values)] = np.nan
    present = _count(np.ones(len(rows), dtype=bool), where, shape)
    return Cells(
        plane=Plane(x, y, setting_labels(held), held, frozenset(dataset.sweep.paired)),
        measure=view.measure,
        label=dataset.label(view.measure),
        values=values,
        status={name: _count(status == name, where, shape) for name in STATUSES},
        missing=np.maximum(dataset.sweep.replicates - present, 0),
        ignored=dataset.table.num_rows - len(rows),
    )


def _status(dataset: Dataset) -> np.ndarray[Any, Any]:
    return np.asarray(dataset.column("status").to_numpy())


def _count(chosen: np.ndarray[Any, Any], where: list[Any], shape: tuple[int, ...]) -> Ints:
    flat = np.ravel_multi_index(tuple(where), shape)[chosen]
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)


def rows_of_sweep(dataset: Dataset) -> Ints:
    """Indices of the rows that the present version of the sweep plans."""
    sweep = dataset.sweep
    allowed: dict[str, tuple[Any, ...]] = {name: axis.values for name, axis in sweep.axes.items()}
    allowed |= {name: tuple(values) for name, values in sweep.settings.items()}
    allowed |= sweep.constants
    keep = dataset.numbers("replicate") < sweep.replicates
    for name, values in allowed.items():
        if name in dataset.table.column_names:
            keep &= _positions(dataset, name, values) >= 0
    if not keep.any():
        raise AnalysisError(
            f"None of the {len(keep)} rows belongs to the sweep '{sweep.name}' as it stands: its "
            "axes, settings or fixed values were changed since. Run the sweep again."
        )
    return np.flatnonzero(keep)


def _positions(dataset: Dataset, name: str, values: tuple[Any, ...]) -> Ints:
    """Where each row's value stands among the given ones, −1 where it does not, shape (rows,)."""
    column = dataset.column(name)
    if pa.types.is_string(column.type):
        words = [value if isinstance(value, str) else None for value in values]
        index = pc.index_in(column, pa.array(words, column.type))
        return np.asarray(pc.fill_null(index, -1).to_numpy(), dtype=np.int64)
    # No row holds an infinity, nor a word where there are numbers.
    wanted = np.array(
        [np.inf if isinstance(v, str) else np.nan if v is None else v for v in values]
    )
    wanted = wanted.astype(np.float64)
    unique, inverse = np.unique(dataset.numbers(name), return_inverse=True)
    match = (unique[:, None] == wanted) | (np.isnan(unique)[:, None] & np.isnan(wanted))
    return np.where(match.any(1), match.argmax(1), -1)[inverse]


def _plane_axis(dataset: Dataset, name: str, rows: Ints) -> PlaneAxis:
    """A plane axis: as the sweep declares it, or, for a derived column, from its values."""
    declared = dataset.sweep.axes.get(name)
    present = dataset.numbers(name)[rows]
    if np.isnan(present).any():
        raise AnalysisError(
            f"Column '{name}' holds nulls, so it cannot span the plane. Choose another."
        )
    values = np.unique(present if declared is None else np.array(declared.values, np.float64))
    log = is_log(values, "list" if declared is None else declared.scale)
    return PlaneAxis(name, dataset.label(name), values, log)


def _settings(
    dataset: Dataset, rows: Ints, *, view: AnalysisSpec
) -> tuple[tuple[Mapping[str, Any], ...], Ints]:
    """Values of the settings, and each row's position among them, shape (rows,)."""
    chosen: dict[str, tuple[Any, ...]] = {
        name: values for name, values in dataset.sweep.settings.items() if len(values) > 1
    }
    seen: list[Any] = [dataset.numbers(view.x)[rows], dataset.numbers(view.y)[rows]]
    seen += [_positions(dataset, name, values)[rows] for name, values in chosen.items()]
    for name, axis in dataset.sweep.axes.items():
        shown = name in (view.x, view.y) or name not in dataset.table.column_names
        if not shown and _varies_within(_positions(dataset, name, axis.values)[rows], seen):
            chosen[name] = axis.values
    place = np.zeros(len(rows), dtype=np.int64)
    for name, values in chosen.items():
        place = place * len(values) + _positions(dataset, name, values)[rows]
    return combinations(chosen), place


def combinations(chosen: Mapping[str, tuple[Any, ...]]) -> tuple[Mapping[str, Any], ...]:
    """Every combination of the columns' values, in their order; ({},) for no column."""
    return tuple(
        dict(zip(chosen, values, strict=True)) for values in itertools.product(*chosen.values())
    )


def _varies_within(column: Ints, groups: list[Any]) -> bool:
    """Whether a column takes two values within a group of rows that agree in all other columns."""
    order = np.lexsort((column, *groups))
    same = np.ones(max(len(order) - 1, 0), dtype=bool)
    for group in groups:
        same &= group[order][1:] == group[order][:-1]
    return bool(np.any(same & (column[order][1:] != column[order][:-1])))


def _check_places(dataset: Dataset, rows: Ints, *, flat: Any) -> None:
    order = np.argsort(flat, kind="stable")
    clash = np.flatnonzero(flat[order][1:] == flat[order][:-1])
    if not len(clash):
        return
    pair = dataset.table.take(rows[order[clash[0] : clash[0] + 2]]).drop_columns(["run_id"])
    differ = [n for n in pair.column_names if pair[n][0].as_py() != pair[n][1].as_py()]
    raise AnalysisError(
        f"{len(clash)} runs share their cell, setting and replicate with another run; expected one "
        f"run each. The first such pair differs in: {', '.join(differ) or 'nothing'}. The folder "
        "mixes sweeps with other parameters: write each to its own folder."
    )

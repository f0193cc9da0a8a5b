"""The groups of a query on the plane: which belong to the sweep, and the cell of each."""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from analysis.cells.keys import Keys, no_rows
from analysis.dataset.files import Dataset
from analysis.dataset.plane import Floats, Ints, Plane, PlaneAxis, setting_labels
from analysis.errors import AnalysisError
from sweeps.declare.axis import is_log


class Groups(NamedTuple):
    """Groups that the present sweep plans: their columns, and the flat index of each cell, (groups,)."""

    columns: Mapping[str, Any]
    cell: Ints
    plane: Plane

    @property
    def shape(self) -> tuple[int, int, int]:
        """Settings, x values, y values."""
        return len(self.plane.settings), len(self.plane.x.values), len(self.plane.y.values)

    def on_plane(self, name: str) -> Ints:
        """Counts of the groups summed over each cell, shape (settings, x, y)."""
        size = int(np.prod(self.shape))
        counts = np.bincount(self.cell, weights=self.columns[name], minlength=size)
        return counts.astype(np.int64).reshape(self.shape)


def assign_to_cells(dataset: Dataset, keys: Keys, found: Mapping[str, Any]) -> Groups:
    """The groups that the present sweep plans, at their cells.

    Axes that the plane does not show and that vary within a cell become settings, so that unlike runs are
    never averaged.

    Args:
        dataset: for its sweep and labels.
        keys: the columns that identify groups.
        found: columns of the groups by name, nulls masked, each (groups,).
    Raises:
        AnalysisError: no group is of the present sweep, or an axis holds nulls.
    """
    indices = {name: index_among(found[name], values) for name, values in keys.planned.items()}
    keep = np.ones(len(found[keys.x]), dtype=bool)
    for index in indices.values():
        keep &= index >= 0
    if not keep.any():
        raise no_rows(dataset)
    found = {name: column[keep] for name, column in found.items()}
    indices = {name: index[keep] for name, index in indices.items()}
    x, y = (_axis(dataset, name, found[name]) for name in (keys.x, keys.y))
    on_axes = [np.searchsorted(a.values, float_column(found[a.name])) for a in (x, y)]
    settings = _settings(dataset, keys, indices, on_axes)
    setting = np.zeros(len(on_axes[0]), dtype=np.int64)
    within = {**_constant_indices(dataset, settings, len(on_axes[0])), **indices}
    for name, values in settings.items():
        setting = setting * len(values) + within[name]
    values = _combinations(settings)
    plane = Plane(x, y, setting_labels(values), values, frozenset(dataset.sweep.paired))
    shape = len(values), len(x.values), len(y.values)
    return Groups(found, np.ravel_multi_index((setting, *on_axes), shape), plane)


def _settings(
    dataset: Dataset, keys: Keys, indices: Mapping[str, Ints], on_axes: list[Ints]
) -> dict[str, tuple[Any, ...]]:
    """Values of the columns that make settings: those declared, and hidden axes that vary within a cell."""
    sweep = dataset.sweep
    chosen = {name: tuple(v) for name, v in sweep.settings.items() if len(v) > 1}
    constant = _constant_indices(dataset, chosen, len(on_axes[0]))
    within = [*on_axes, *(({**indices, **constant})[name] for name in chosen)]
    for name, axis in sweep.axes.items():
        hidden = name in indices and name not in (keys.x, keys.y)
        if hidden and _varies(indices[name], within):
            chosen[name] = axis.values
    return chosen


def _constant_indices(
    dataset: Dataset, settings: Mapping[str, tuple[Any, ...]], rows: int
) -> dict[str, Ints]:
    """The index among its values, for every row, of each setting that has one value in all files."""
    return {
        name: np.full(rows, list(values).index(dataset.constant[name]), dtype=np.int64)
        for name, values in settings.items()
        if name in dataset.constant
    }


def _combinations(settings: Mapping[str, tuple[Any, ...]]) -> tuple[Mapping[str, Any], ...]:
    """Every combination of the columns' values, in their order; ({},) for no column."""
    return tuple(
        dict(zip(settings, values, strict=True)) for values in itertools.product(*settings.values())
    )


def _varies(column: Ints, within: list[Ints]) -> bool:
    """Whether a column takes two values within groups that agree in all others."""
    cell = np.ravel_multi_index(tuple(within), tuple(int(part.max()) + 1 for part in within))
    pairs = cell * (int(column.max()) + 1) + column
    return len(np.unique(pairs)) > len(np.unique(cell))


def index_among(column: Any, values: tuple[Any, ...]) -> Ints:
    """The index of each entry among values; a masked entry is None.

    Args:
        column: entries, shape (rows,), perhaps masked.
        values: numbers, words or None.
    Returns:
        Shape (rows,), −1 where an entry is none of the values.
    """
    mask, plain = np.ma.getmaskarray(column), np.ma.getdata(column)
    if plain.dtype.kind in "OSU":
        table = {value: k for k, value in reversed(list(enumerate(values)))}
        index = np.array([table.get(entry, -1) for entry in plain], dtype=np.int64)
    else:
        index = _index_of_numbers(plain.astype(np.float64), values)
    absent = next((k for k, value in enumerate(values) if value is None), -1)
    return np.where(mask, absent, index)


def _index_of_numbers(entries: Floats, values: tuple[Any, ...]) -> Ints:
    numbers = [
        (float(v), k) for k, v in enumerate(values) if v is not None and not isinstance(v, str)
    ]
    if not numbers:
        return np.full(len(entries), -1)
    known, index = (np.array(part) for part in zip(*sorted(numbers), strict=True))
    at = np.minimum(np.searchsorted(known, entries), len(known) - 1)
    return np.where(known[at] == entries, index[at], -1)


def _axis(dataset: Dataset, name: str, present: Any) -> PlaneAxis:
    """An axis of the plane: as the sweep declares it, or, for another column, from its values."""
    declared = dataset.sweep.axes.get(name)
    if np.ma.getmaskarray(present).any():
        raise AnalysisError(
            f"Column '{name}' holds nulls, so it cannot span the plane. Choose another."
        )
    values = np.unique(
        float_column(present) if declared is None else np.array(declared.values, np.float64)
    )
    log = is_log(values, "list" if declared is None else declared.scale)
    return PlaneAxis(name, dataset.label(name), values, log)


def float_column(column: Any) -> Floats:
    """A column as float64, masked entries as NaN."""
    return np.asarray(np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan))

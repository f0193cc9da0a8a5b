"""A query's groups on the plane: which columns tell cells apart, the first pass, and each group's place.

What summaries and batches are both made of; the statistics' meaning is summary's.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from analysis.cells.aggregate import STATUSES, combinations
from analysis.dataset.files import column_label
from analysis.dataset.plane import Floats, Ints, Plane, PlaneAxis, is_log, setting_labels
from analysis.dataset.query import Source
from analysis.dataset.sweep import AnalysisSpec
from analysis.errors import AnalysisError


class Keys(NamedTuple):
    """Columns that tell cells apart: the plane's, the settings', and others that are not constant."""

    x: str
    y: str
    settings: Mapping[str, tuple[Any, ...]]
    others: Mapping[str, tuple[Any, ...]]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys([self.x, self.y, *self.settings, *self.others]))

    @property
    def sql(self) -> str:
        return ", ".join(f'"{name}"' for name in self.names)


class Groups(NamedTuple):
    """Groups of the present sweep: their columns, and their flat place on the plane."""

    columns: Mapping[str, Any]
    place: Ints
    plane: Plane
    rows: int  # of the dataset, in groups or not


def keys_of(source: Source, view: AnalysisSpec) -> Keys:
    """The columns that tell cells of the present sweep apart, the constant ones left out.

    Raises:
        AnalysisError: the footers show that no row belongs to the sweep.
    """
    sweep = source.sweep
    known = {name: axis.values for name, axis in sweep.axes.items()}
    known |= {name: tuple(values) for name, values in sweep.settings.items()}
    known |= sweep.constants
    for name, values in known.items():
        if name in source.constant and not _is_one_of(source.constant[name], values):
            raise _none_left(source)
    settings = {name: values for name, values in sweep.settings.items() if len(values) > 1}
    others = {
        name: values
        for name, values in known.items()
        if name in source.schema.names
        and name not in source.constant
        and name not in (view.x, view.y, *settings)
    }
    return Keys(view.x, view.y, settings, others)


def _is_one_of(value: Any, values: tuple[Any, ...]) -> bool:
    return any(value == one for one in values if one is not None)


def _none_left(source: Source) -> AnalysisError:
    return AnalysisError(
        f"None of the {source.rows} rows belongs to the sweep '{source.sweep.name}' as it stands: its "
        "axes, settings or fixed values were changed since. Run the sweep again."
    )


def runs_sql(source: Source, keys: Keys, view: AnalysisSpec, include_unconverged: bool) -> str:
    """The runs that count: keys, replicate, status, and the measure where it is usable."""
    usable = "status IN ('ok', 'unconverged')" if include_unconverged else "status = 'ok'"
    value = f'CAST("{view.measure}" AS DOUBLE)'
    return (
        f"SELECT {keys.sql}, replicate, status, CASE WHEN {usable} AND isfinite({value}) THEN {value} "
        f"END AS v FROM runs WHERE replicate < {source.sweep.replicates}"
    )


def first_pass(
    source: Source, keys: Keys, runs: str, *, level: float | None, shares: tuple[float, ...] | None
) -> Groups:
    """Groups with their statistics; `shares` None asks for the ends of the measure's range instead."""
    parts = [f"count(*) FILTER (status = '{name}') AS {name}" for name in STATUSES]
    parts += ["count(*) AS runs", "count(v) AS used", "avg(v) AS mean", "stddev_samp(v) AS spread"]
    parts += [f"count(*) FILTER (v < {level!r}) AS benign"] if level is not None else []
    if shares is None:
        parts += ["min(v) AS least", "max(v) AS most"]
    elif shares:
        parts += [f"quantile_cont(v, {list(shares)}) AS quantiles"]
    whole = source.rows == source.sweep.planned_runs
    query = f"SELECT {keys.sql}, {{}} FROM ({{}}) GROUP BY ALL"
    found = source.run(query.format(", ".join([*parts, _places_sql(source, whole)]), runs))
    if np.any(found["runs"] != found["places"]):
        # The same rows published twice collapse; others would be two runs in one place.
        once = f"SELECT DISTINCT * FROM ({runs})"
        found = source.run(query.format(", ".join([*parts, _places_sql(source, False)]), once))
    groups = place_groups(source, keys, found)
    _check_places(groups)
    return groups


def _places_sql(source: Source, whole: bool) -> str:
    """How many different replicates a group has.

    A sweep with as many rows as planned is whole unless copies stand for missing runs; the cheap sums of
    replicates and of their squares tell that. Other groups mark each replicate in a string of bits.
    """
    count = source.sweep.replicates
    if not whole:
        return f"bit_count(bitstring_agg(replicate, 0, {count - 1})) AS places"
    total, squares = count * (count - 1) // 2, (count - 1) * count * (2 * count - 1) // 6
    return (
        f"CASE WHEN count(*) = {count} AND sum(replicate) = {total} "
        f"AND sum(CAST(replicate AS BIGINT) * replicate) = {squares} THEN {count} ELSE 0 END AS places"
    )


def _check_places(groups: Groups) -> None:
    clash = groups.columns["runs"] > groups.columns["places"]
    if clash.any():
        raise AnalysisError(
            f"In {int(clash.sum())} cells runs share their replicate; expected one run each. The folder "
            "mixes sweeps with other parameters: write each to its own folder."
        )


def place_groups(source: Source, keys: Keys, found: dict[str, Any]) -> Groups:
    """Groups of the present sweep at their places; other axes that vary within a cell are settings."""
    allowed = {**keys.settings, **keys.others}
    positions = {name: _positions(found[name], values) for name, values in allowed.items()}
    keep = np.all([at >= 0 for at in positions.values()], axis=0) if positions else slice(None)
    found = {name: column[keep] for name, column in found.items()}
    if not len(found[keys.x]):
        raise _none_left(source)
    positions = {name: at[keep] for name, at in positions.items()}
    x, y = (_axis(source, name, found[name]) for name in (keys.x, keys.y))
    i, j = (np.searchsorted(axis.values, plain(found[axis.name])) for axis in (x, y))
    chosen = dict(keys.settings)
    within = [i, j, *(positions[name] for name in chosen)]
    for name, values in keys.others.items():
        if name in source.sweep.axes and _varies(positions[name], within):
            chosen[name] = values
    setting = np.zeros(len(i), dtype=np.int64)
    for name, values in chosen.items():
        setting = setting * len(values) + positions[name]
    held = combinations(chosen)
    plane = Plane(x, y, setting_labels(held), held, frozenset(source.sweep.paired))
    return Groups(found, np.ravel_multi_index((setting, i, j), shape_of(plane)), plane, source.rows)


def _varies(column: Ints, groups: list[Ints]) -> bool:
    rows = np.unique(np.stack([*groups, column], axis=1), axis=0)
    return len(np.unique(rows[:, :-1], axis=0)) < len(rows)


def _positions(column: Any, values: tuple[Any, ...]) -> Ints:
    """Where each value stands among the given ones, −1 where it does not; masked stands for None."""
    mask = np.ma.getmaskarray(column)
    plain = np.ma.getdata(column)
    at = np.full(len(plain), -1)
    for k, value in enumerate(values):
        at[mask if value is None else (plain == value) & ~mask] = k
    return at


def _axis(source: Source, name: str, present: Any) -> PlaneAxis:
    declared = source.sweep.axes.get(name)
    if np.ma.getmaskarray(present).any():
        raise AnalysisError(
            f"Column '{name}' holds nulls, so it cannot span the plane. Choose another."
        )
    values = np.unique(
        plain(present) if declared is None else np.array(declared.values, np.float64)
    )
    log = is_log(values, "list" if declared is None else declared.scale)
    return PlaneAxis(name, column_label(source.schema, name), values, log)


def plain(column: Any) -> Floats:
    """A column as float64, masked values as NaN."""
    return np.asarray(np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan))


def shape_of(plane: Plane) -> tuple[int, int, int]:
    """Settings, x values, y values."""
    return len(plane.settings), len(plane.x.values), len(plane.y.values)


def spread_out(groups: Groups, name: str, shape: tuple[int, ...], empty: float = 0.0) -> Floats:
    """A column of the groups on the plane, `empty` where there is no group."""
    flat = np.full(int(np.prod(shape)), empty)
    flat[groups.place] = plain(groups.columns[name])
    return flat.reshape(shape)

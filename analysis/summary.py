"""Cells of datasets of any size: counts, failures, mean, error, quantiles, benign share, by the engine.

One pass over the columns that are needed; a second one for quantiles of large datasets, which come from
a histogram then. The bootstrap's cube is for datasets that fit in memory (aggregate); `batch_cells`
gives it means of batches of replicates otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from analysis.aggregate import STATUSES, Cells, setting_labels
from analysis.errors import AnalysisError
from analysis.load import column_label
from analysis.plane import Floats, Ints, Plane, PlaneAxis, is_log
from analysis.query import Source
from analysis.spec import View

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Up to this many rows quantiles are exact: the engine holds every value for them.
EXACT_ROWS = 10_000_000
BINS = 200
BATCHES = 40


@dataclass(frozen=True, eq=False)
class Summary:
    """The measure on the plane, arrays (settings, x, y); NaN where no usable run is.

    `resolution` is what quantiles may be off by: 0 where they are exact.
    """

    plane: Plane
    measure: str
    label: str
    used: Ints
    mean: Floats
    standard_error: Floats
    quantiles: Floats  # (shares, settings, x, y)
    shares: tuple[float, ...]
    benign: Floats | None  # share of usable runs below the benign level
    status: Mapping[str, Ints]
    missing: Ints
    ignored: int
    resolution: float


class _Keys(NamedTuple):
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


class _Groups(NamedTuple):
    """Groups of the present sweep: their columns, and their flat place on the plane."""

    columns: Mapping[str, Any]
    place: Ints
    plane: Plane
    rows: int  # of the dataset, in groups or not


def summarise(
    source: Source,
    view: View,
    *,
    benign: float | None = None,
    include_unconverged: bool = False,
    shares: tuple[float, ...] = QUANTILES,
) -> Summary:
    """Every cell's counts, mean, error, quantiles and share of benign runs.

    Args:
        source: the dataset, from `open_source`.
        view: the plane's columns and the measure.
        benign: a run below this level is benign; None takes the view's first level.
        include_unconverged: also use runs that did not reach their stated loss.
        shares: which quantiles.
    Raises:
        AnalysisError: an unknown column, no row of the present sweep, or two runs in one place.
    """
    source.need([view.x, view.y, view.measure])
    keys = _keys(source, view)
    runs = _runs_sql(source, keys, view, include_unconverged)
    level = benign if benign is not None else next(iter(view.levels), None)
    exact = source.rows <= EXACT_ROWS or not shares
    groups = _first_pass(source, keys, runs, level=level, shares=shares if exact else None)
    shape = _shape(groups.plane)
    used = _spread(groups, "used", shape).astype(np.int64)
    spread = _spread(groups, "spread", shape, np.nan)
    quantiles, resolution = (
        (_exact_quantiles(groups, shares, shape), 0.0)
        if exact
        else _binned_quantiles(source, keys, runs, groups=groups, shares=shares)
    )
    return Summary(
        plane=groups.plane,
        measure=view.measure,
        label=column_label(source.schema, view.measure),
        used=used,
        mean=_spread(groups, "mean", shape, np.nan),
        standard_error=spread / np.sqrt(np.maximum(used, 1)),
        quantiles=quantiles,
        shares=shares,
        benign=None
        if level is None
        else np.where(used > 0, _spread(groups, "benign", shape) / np.maximum(used, 1), np.nan),
        status={name: _spread(groups, name, shape).astype(np.int64) for name in STATUSES},
        missing=np.maximum(source.sweep.replicates - _spread(groups, "runs", shape), 0).astype(int),
        ignored=source.rows - int(groups.columns["runs"].sum()),
        resolution=resolution,
    )


def batch_cells(
    source: Source, view: View, *, batches: int = BATCHES, include_unconverged: bool = False
) -> Cells:
    """Cells whose replicates are means of batches of runs: what boundaries need, in bounded memory.

    A mean of batches is the mean of runs where batches are of one size; intervals then have batches − 1
    degrees of freedom. Not for the half-benign definition, which needs single runs.

    Args:
        source: the dataset.
        view: the plane's columns and the measure.
        batches: replicates r and r + batches share a batch; fewer where the sweep has fewer.
        include_unconverged: also use runs that did not reach their stated loss.
    Raises:
        AnalysisError: as for `summarise`.
    """
    source.need([view.x, view.y, view.measure])
    keys = _keys(source, view)
    runs = _runs_sql(source, keys, view, include_unconverged)
    count = min(batches, source.sweep.replicates)
    groups = _first_pass(source, keys, runs, level=None, shares=())
    shape = _shape(groups.plane)
    sql = f"SELECT {keys.sql}, replicate % {count} AS batch, avg(v) AS mean FROM ({runs}) GROUP BY ALL"
    means = _place(source, keys, source.run(sql))
    values = np.full((int(np.prod(shape)), count), np.nan)
    values[means.place, means.columns["batch"].astype(np.int64)] = _plain(means.columns["mean"])
    return Cells(
        plane=groups.plane,
        measure=view.measure,
        label=column_label(source.schema, view.measure),
        values=values.reshape(*shape, count),
        status={name: _spread(groups, name, shape).astype(np.int64) for name in STATUSES},
        missing=np.maximum(source.sweep.replicates - _spread(groups, "runs", shape), 0).astype(int),
        ignored=source.rows - int(groups.columns["runs"].sum()),
    )


def _keys(source: Source, view: View) -> _Keys:
    sweep = source.sweep
    known = {name: axis.values for name, axis in sweep.axes.items()}
    known |= {name: tuple(values) for name, values in sweep.settings.items()}
    known |= {name: (value,) for name, value in sweep.fixed.items()}
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
    return _Keys(view.x, view.y, settings, others)


def _is_one_of(value: Any, values: tuple[Any, ...]) -> bool:
    return any(value == one for one in values if one is not None)


def _none_left(source: Source) -> AnalysisError:
    return AnalysisError(
        f"None of the {source.rows} rows belongs to the sweep '{source.sweep.name}' as it stands: its "
        "axes, settings or fixed values were changed since. Run the sweep again."
    )


def _runs_sql(source: Source, keys: _Keys, view: View, include_unconverged: bool) -> str:
    """The runs that count: keys, replicate, status, and the measure where it is usable."""
    usable = "status IN ('ok', 'unconverged')" if include_unconverged else "status = 'ok'"
    value = f'CAST("{view.measure}" AS DOUBLE)'
    return (
        f"SELECT {keys.sql}, replicate, status, CASE WHEN {usable} AND isfinite({value}) THEN {value} "
        f"END AS v FROM runs WHERE replicate < {source.sweep.replicates}"
    )


def _first_pass(
    source: Source, keys: _Keys, runs: str, *, level: float | None, shares: tuple[float, ...] | None
) -> _Groups:
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
    groups = _place(source, keys, found)
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


def _check_places(groups: _Groups) -> None:
    clash = groups.columns["runs"] > groups.columns["places"]
    if clash.any():
        raise AnalysisError(
            f"In {int(clash.sum())} cells runs share their replicate; expected one run each. The folder "
            "mixes sweeps with other parameters: write each to its own folder."
        )


def _place(source: Source, keys: _Keys, found: dict[str, Any]) -> _Groups:
    """Groups of the present sweep at their places; other axes that vary within a cell are settings."""
    allowed = {**keys.settings, **keys.others}
    positions = {name: _positions(found[name], values) for name, values in allowed.items()}
    keep = np.all([at >= 0 for at in positions.values()], axis=0) if positions else slice(None)
    found = {name: column[keep] for name, column in found.items()}
    if not len(found[keys.x]):
        raise _none_left(source)
    positions = {name: at[keep] for name, at in positions.items()}
    x, y = (_axis(source, name, found[name]) for name in (keys.x, keys.y))
    i, j = (np.searchsorted(axis.values, _plain(found[axis.name])) for axis in (x, y))
    chosen = dict(keys.settings)
    within = [i, j, *(positions[name] for name in chosen)]
    for name, values in keys.others.items():
        if name in source.sweep.axes and _varies(positions[name], within):
            chosen[name] = values
    setting = np.zeros(len(i), dtype=np.int64)
    for name, values in chosen.items():
        setting = setting * len(values) + positions[name]
    plane = Plane(x, y, setting_labels(chosen))
    return _Groups(found, np.ravel_multi_index((setting, i, j), _shape(plane)), plane, source.rows)


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
        _plain(present) if declared is None else np.array(declared.values, np.float64)
    )
    log = is_log(values, "list" if declared is None else declared.scale)
    return PlaneAxis(name, column_label(source.schema, name), values, log)


def _plain(column: Any) -> Floats:
    """A column as float64, masked values as NaN."""
    return np.asarray(np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan))


def _shape(plane: Plane) -> tuple[int, int, int]:
    return len(plane.settings), len(plane.x.values), len(plane.y.values)


def _spread(groups: _Groups, name: str, shape: tuple[int, ...], empty: float = 0.0) -> Floats:
    """A column of the groups on the plane, `empty` where there is no group."""
    flat = np.full(int(np.prod(shape)), empty)
    flat[groups.place] = _plain(groups.columns[name])
    return flat.reshape(shape)


def _exact_quantiles(groups: _Groups, shares: tuple[float, ...], shape: tuple[int, ...]) -> Floats:
    result = np.full((int(np.prod(shape)), len(shares)), np.nan)
    if shares:
        column = groups.columns["quantiles"]
        empty, lists = np.ma.getmaskarray(column), np.ma.getdata(column)
        for place, none, values in zip(groups.place, empty, lists, strict=True):
            result[place] = np.nan if none else values
    return result.T.reshape(len(shares), *shape)


def _binned_quantiles(
    source: Source, keys: _Keys, runs: str, *, groups: _Groups, shares: tuple[float, ...]
) -> tuple[Floats, float]:
    """Quantiles from each cell's histogram over the measure's whole range, and the width of a bin."""
    low, high = (
        float(pick(_plain(groups.columns[name])))
        for pick, name in ((np.nanmin, "least"), (np.nanmax, "most"))
    )
    width = (high - low) / BINS or 1.0
    binned = f"CAST(least(floor((v - {low!r}) / {width!r}), {BINS - 1}) AS SMALLINT)"
    sql = (
        f"SELECT {keys.sql}, {binned} AS bin, count(*) AS many FROM ({runs}) "
        "WHERE v IS NOT NULL GROUP BY ALL"
    )
    found = _place(source, keys, source.run(sql))
    shape = _shape(groups.plane)
    counts = np.zeros((int(np.prod(shape)), BINS))
    counts[found.place, found.columns["bin"].astype(np.int64)] = found.columns["many"]
    total = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, axis=1)], axis=1)
    edges = np.asarray(low + width * np.arange(BINS + 1), dtype=np.float64)
    result = np.stack([_inverse(total, share, edges) for share in shares])
    return result.reshape(len(shares), *shape), width


def _inverse(total: Floats, share: float, edges: Floats) -> Floats:
    """Where each row's running count reaches a share of its all, linear within a bin."""
    wanted = share * total[:, -1:]
    at = np.clip((total[:, 1:] < wanted).sum(axis=1), 0, total.shape[1] - 2)[:, None]
    before, after = (np.take_along_axis(total, at + k, axis=1)[:, 0] for k in (0, 1))
    inside = np.divide(
        wanted[:, 0] - before, after - before, out=np.zeros(len(total)), where=after > before
    )
    value = edges[at[:, 0]] + inside * (edges[1] - edges[0])
    return np.where(total[:, -1] > 0, value, np.nan)

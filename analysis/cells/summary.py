"""Cells of datasets of any size: counts, failures, mean, error, quantiles, benign share, by the engine.

One pass over the columns that are needed; a second one for quantiles of large datasets, which come from
a histogram then. The bootstrap's cube is for datasets that fit in memory (aggregate); `batch_cells`
gives it means of batches of replicates otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.cells.aggregate import STATUSES, Cells
from analysis.cells.groups import (
    Groups,
    Keys,
    first_pass,
    keys_of,
    place_groups,
    plain,
    runs_sql,
    shape_of,
    spread_out,
)
from analysis.dataset.files import column_label
from analysis.dataset.plane import Floats, Ints, Plane
from analysis.dataset.query import Source
from analysis.dataset.sweep import AnalysisSpec

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Up to this many rows quantiles are exact: the engine holds every value for them.
EXACT_ROWS = 10_000_000
BINS = 100
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


def summarise(
    source: Source,
    view: AnalysisSpec,
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
    keys = keys_of(source, view)
    runs = runs_sql(source, keys, view, include_unconverged)
    level = benign if benign is not None else next(iter(view.levels), None)
    exact = source.rows <= EXACT_ROWS or not shares
    groups = first_pass(source, keys, runs, level=level, shares=shares if exact else None)
    shape = shape_of(groups.plane)
    used = spread_out(groups, "used", shape).astype(np.int64)
    spread = spread_out(groups, "spread", shape, np.nan)
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
        mean=spread_out(groups, "mean", shape, np.nan),
        standard_error=spread / np.sqrt(np.maximum(used, 1)),
        quantiles=quantiles,
        shares=shares,
        benign=None
        if level is None
        else np.where(used > 0, spread_out(groups, "benign", shape) / np.maximum(used, 1), np.nan),
        status={name: spread_out(groups, name, shape).astype(np.int64) for name in STATUSES},
        missing=np.maximum(source.sweep.replicates - spread_out(groups, "runs", shape), 0).astype(
            int
        ),
        ignored=source.rows - int(groups.columns["runs"].sum()),
        resolution=resolution,
    )


def batch_cells(
    source: Source, view: AnalysisSpec, *, batches: int = BATCHES, include_unconverged: bool = False
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
    keys = keys_of(source, view)
    runs = runs_sql(source, keys, view, include_unconverged)
    count = min(batches, source.sweep.replicates)
    groups = first_pass(source, keys, runs, level=None, shares=())
    shape = shape_of(groups.plane)
    sql = f"SELECT {keys.sql}, replicate % {count} AS batch, avg(v) AS mean FROM ({runs}) GROUP BY ALL"
    means = place_groups(source, keys, source.run(sql))
    present, batch = np.unique(means.columns["batch"], return_inverse=True)
    values = np.full((int(np.prod(shape)), len(present)), np.nan)
    values[means.place, batch] = plain(means.columns["mean"])
    return Cells(
        plane=groups.plane,
        measure=view.measure,
        label=column_label(source.schema, view.measure),
        values=values.reshape(*shape, len(present)),
        status={name: spread_out(groups, name, shape).astype(np.int64) for name in STATUSES},
        missing=np.maximum(source.sweep.replicates - spread_out(groups, "runs", shape), 0).astype(
            int
        ),
        ignored=source.rows - int(groups.columns["runs"].sum()),
        batched_runs=None
        if count == source.sweep.replicates
        else spread_out(groups, "used", shape).astype(np.int64),
    )


def _exact_quantiles(groups: Groups, shares: tuple[float, ...], shape: tuple[int, ...]) -> Floats:
    result = np.full((int(np.prod(shape)), len(shares)), np.nan)
    if shares:
        column = groups.columns["quantiles"]
        empty, lists = np.ma.getmaskarray(column), np.ma.getdata(column)
        for place, none, values in zip(groups.place, empty, lists, strict=True):
            result[place] = np.nan if none else values
    return result.T.reshape(len(shares), *shape)


def _binned_quantiles(
    source: Source, keys: Keys, runs: str, *, groups: Groups, shares: tuple[float, ...]
) -> tuple[Floats, float]:
    """Quantiles from each cell's histogram over the measure's whole range, and the width of a bin."""
    low, high = (
        float(pick(plain(groups.columns[name])))
        for pick, name in ((np.nanmin, "least"), (np.nanmax, "most"))
    )
    width = (high - low) / BINS or 1.0
    binned = f"CAST(least(floor((v - {low!r}) / {width!r}), {BINS - 1}) AS SMALLINT)"
    sql = (
        f"SELECT {keys.sql}, {binned} AS bin, count(*) AS many FROM ({runs}) "
        "WHERE v IS NOT NULL GROUP BY ALL"
    )
    found = place_groups(source, keys, source.run(sql))
    shape = shape_of(groups.plane)
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

"""Turns rows into cells, whatever their number, by one query of duckdb."""

from typing import NamedTuple

import numpy as np

from analysis.cells.cells import Cells
from analysis.cells.groups import Groups, assign_to_cells, float_column
from analysis.cells.keys import Keys, identifying_columns, literal, quoted
from analysis.dataset.files import Dataset
from analysis.dataset.plane import Floats, Ints
from analysis.dataset.roles import role_of, statuses
from analysis.errors import AnalysisError
from sweeps.declare.analysis_spec import AnalysisSpec

MAX_VALUES = 20_000_000
"""Runs whose values are kept singly, at 8 bytes each and a few times over; beyond, means of batches."""
BATCHES = 40


class _RunsQuery(NamedTuple):
    """The rows that count, as a query, and into how many batches the replicates go."""

    keys: Keys
    sql: str
    statuses: tuple[str, ...]
    replicates: int
    batches: int


def aggregate(
    dataset: Dataset,
    spec: AnalysisSpec,
    *,
    include_unconverged: bool = False,
    batches: int | None = None,
) -> Cells:
    """The cells of a dataset on the plane of an analysis.

    Axes of the sweep that the plane does not show and that vary within a cell become settings, so that
    unlike runs are never averaged. Rows of an earlier version of the sweep are ignored.

    Args:
        dataset: the runs.
        spec: the plane's columns and the measure.
        include_unconverged: also use runs without success that have a value all the same.
        batches: replicates r and r + batches share a value, which is their mean: what boundaries need, in
            bounded memory. Intervals then have batches − 1 degrees of freedom, and the median
            definition is left out. None takes a value a run up to MAX_VALUES runs, else BATCHES.
    Raises:
        AnalysisError: an unknown or non-numeric column, no row of the present sweep, or two runs
            in one cell with the same replicate.
    """
    dataset.need_numbers([spec.x, spec.y, spec.measure])
    replicates = dataset.sweep.replicates
    wanted = batches or (replicates if dataset.rows <= MAX_VALUES else BATCHES)
    rows = _rows(dataset, spec, include_unconverged, batches=min(wanted, replicates))
    groups, copies = _groups(dataset, rows)
    runs = groups.on_plane("(runs)")
    return Cells(
        plane=groups.plane,
        measure=spec.measure,
        label=dataset.label(spec.measure),
        role=role_of(dataset.schema, spec.measure),
        values=_values(groups),
        status={name: groups.on_plane(f"(status {k})") for k, name in enumerate(rows.statuses)},
        missing=np.where(dataset.sweep.sampling is None, np.maximum(replicates - runs, 0), 0),
        ignored=dataset.rows - int(runs.sum()) - copies,
        duplicates=copies,
        batched_runs=None if rows.batches == replicates else groups.on_plane("(used)"),
    )


def _rows(
    dataset: Dataset, spec: AnalysisSpec, include_unconverged: bool, *, batches: int
) -> _RunsQuery:
    """The replicates that the sweep plans: keys, status, and the measure where it is usable."""
    keys, replicates = identifying_columns(dataset, spec.x, spec.y), dataset.sweep.replicates
    words = statuses(dataset.schema)
    usable = "true" if include_unconverged else f"status = {literal(words[0])}"
    value = f"CAST({quoted(spec.measure)} AS DOUBLE)"
    sql = (
        f"SELECT {keys.sql}, run_id, replicate, status, "
        f'CASE WHEN {usable} AND isfinite({value}) THEN {value} END AS "(v)" '
        f"FROM runs WHERE replicate < {replicates}"
    )
    return _RunsQuery(keys, sql, words, replicates, batches)


def _groups(dataset: Dataset, rows: _RunsQuery) -> tuple[Groups, int]:
    """Runs of each cell and batch, and how many rows were copies of others.

    Raises:
        AnalysisError: two runs share their cell and replicate.
    """
    groups = _query(dataset, rows)
    runs = groups.columns["(runs)"]
    if not np.any(runs > groups.columns["(different)"]):
        return groups, 0
    # The same row published twice collapses; others are two runs in one cell.
    distinct = _query(dataset, rows._replace(sql=f"SELECT DISTINCT * FROM ({rows.sql})"))
    clash = distinct.columns["(runs)"] - distinct.columns["(different)"]
    if np.any(clash > 0):
        raise _clash(dataset, rows, distinct, clash)
    return distinct, int(runs.sum() - distinct.columns["(runs)"].sum())


def _query(dataset: Dataset, rows: _RunsQuery) -> Groups:
    """Mean, runs by status, and different replicates of each cell and batch.

    Their names are in parentheses, as no column's name is: a sweep may have an axis `batch`, or `mean`.
    """
    ended = [
        f"count(*) FILTER (status = {literal(word)}) AS {quoted(f'(status {k})')}"
        for k, word in enumerate(rows.statuses)
    ]
    most = (rows.replicates - 1) // rows.batches
    marks = f"bit_count(bitstring_agg(replicate // {rows.batches}, 0, {most}))" if most else "1"
    parts = [
        f'replicate % {rows.batches} AS "(batch)"',
        'avg("(v)") AS "(mean)"',
        'count(*) AS "(runs)"',
        'count("(v)") AS "(used)"',
        f'{marks} AS "(different)"',
        *ended,
    ]
    sql = f"SELECT {rows.keys.sql}, {', '.join(parts)} FROM ({rows.sql}) GROUP BY ALL"
    return assign_to_cells(dataset, rows.keys, dataset.query(sql))


def _clash(dataset: Dataset, rows: _RunsQuery, groups: Groups, clash: Ints) -> AnalysisError:
    """The error that runs share their cell and replicate, with what a pair of them differs in."""
    first = int(np.argmax(clash > 0))
    same = " AND ".join(f"{quoted(name)} IS NOT DISTINCT FROM ?" for name in rows.keys.names)
    pair = dataset.query(
        f"SELECT * FROM runs WHERE {same} AND replicate < {rows.replicates} "
        "QUALIFY count(*) OVER (PARTITION BY replicate) > 1 ORDER BY replicate LIMIT 2",
        [np.ma.asarray(groups.columns[name])[first].item() for name in rows.keys.names],
    )
    differ = [n for n, two in pair.items() if n != "run_id" and two.tolist()[0] != two.tolist()[1]]
    return AnalysisError(
        f"{int(clash.sum())} runs share their cell, setting and replicate with another run; expected one "
        f"run each. The first such pair differs in: {', '.join(differ) or 'nothing'}. The folder "
        "mixes sweeps with other parameters: write each to its own folder."
    )


def _values(groups: Groups) -> Floats:
    """The measure of each cell and batch, shape (settings, x, y, batches that are there)."""
    present, batch = np.unique(groups.columns["(batch)"], return_inverse=True)
    values = np.full((int(np.prod(groups.shape)), len(present)), np.nan)
    values[groups.cell, batch] = float_column(groups.columns["(mean)"])
    return values.reshape(*groups.shape, len(present))

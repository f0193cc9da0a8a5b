"""Runs along their training: medians and bands over replicates, side by side over one axis."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.dataset.labels import column_label
from analysis.dataset.plane import Floats, Ints, equal, setting_labels
from analysis.dataset.roles import LAYER_ROLES, columns_of, statuses
from analysis.dataset.trajectories.cells import Chosen, choose
from analysis.dataset.trajectories.files import (
    Cell,
    Records,
    Run,
    find_records,
    on_log_steps,
    read_cells,
    read_records,
    read_runs,
)
from analysis.training.settling import Ending, ending
from sweeps.declare.document.document import SweepDocument

BAND = 0.8
"""Share of the replicates that a band holds."""


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Quantiles over replicates, axes in the order (measure, setting, panel, step).

    A run that stopped early keeps its last record; one that diverged counts until it did.
    """

    panels: tuple[str, ...]
    settings: tuple[str, ...]
    fixed: str
    measures: tuple[str, ...]
    labels: tuple[str, ...]  # of the measures
    steps: Floats  # (step,)
    log_steps: bool  # whether they are spaced on a logarithmic scale
    median: Floats
    low: Floats
    high: Floats
    runs: Ints  # (setting, panel)
    diverged: Ints  # (setting, panel)
    endings: tuple[tuple[str, str, Ending], ...] = ()  # setting, panel, that of the last measure

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a measure, setting, panel and step; None where no run has a number."""
        return [
            {
                "measure": self.measures[m],
                "setting": self.settings[s],
                "panel": self.panels[p],
                "fixed": self.fixed,
                "step": int(self.steps[t]),
                **{
                    name: float(part[m, s, p, t]) if np.isfinite(part[m, s, p, t]) else None
                    for name, part in (
                        ("low", self.low),
                        ("median", self.median),
                        ("high", self.high),
                    )
                },
                "runs": int(self.runs[s, p]),
                "diverged": int(self.diverged[s, p]),
            }
            for m, s, p, t in np.ndindex(*self.median.shape)
        ]


def open_trajectories(
    location: str,
    sweep: SweepDocument,
    *,
    over: str | None = None,
    at: Mapping[str, Any] | None = None,
    measures: Sequence[str] | None = None,
) -> Trajectories | None:
    """Trajectories of a dataset, side by side over the values of one axis.

    Files are read in batches, and of each panel at most MAX_SHOWN_REPLICATES replicates, the first ones:
    memory does not grow with the number of runs.

    Args:
        location: the dataset's folder or URI.
        sweep: its sweep.
        over: the axis of the panels, at most four of its values; None is the plane's x, or the
            first axis.
        at: values of other axes; those not named are held fixed in their middle.
        measures: the recorded columns; None takes those with the roles of LAYER_ROLES.
    Returns:
        None where nothing was recorded, or where the model does not record these measures.
    Raises:
        AnalysisError: no such axis, or no recorded run there.
    """
    folder = find_records(location)
    cells = read_cells(folder, sweep) if folder.pairs else []
    if not cells:
        return None
    found = folder.schema(1)
    names = _recorded(found, measures)
    if not names:
        return None
    chosen = choose(cells, sweep, over=over or _default_axis(sweep, cells[0]), at=at or {})
    runs = read_runs(folder, sweep, chosen.cells)
    records = read_records(folder, runs, names)
    labels = {name: column_label(found, name) for name in names}
    failure = statuses(folder.schema(0))[-1]
    runs = [{**run, "failed": run["status"] == failure} for run in runs]
    return _summary(chosen, runs, records, labels, log_steps=on_log_steps(sweep))


def _recorded(schema: pa.Schema, measures: Sequence[str] | None) -> list[str]:
    """The recorded columns to show; none where one of them was not recorded."""
    if measures is not None:
        return list(measures) if set(measures) <= set(schema.names) else []
    names = columns_of(schema, LAYER_ROLES)
    return names if len(names) == len(LAYER_ROLES) else []


def _default_axis(sweep: SweepDocument, cell: Cell) -> str:
    view = sweep.analysis
    named = [view.x, view.y] if view else []
    return next(name for name in (*named, *sweep.axes) if name in sweep.axes and name in cell)


def _summary(
    chosen: Chosen,
    found: list[Run],
    records: Records,
    labels: Mapping[str, str],
    *,
    log_steps: bool,
) -> Trajectories:
    """Quantiles over the runs of each setting and panel."""
    settings = list(itertools.product(*chosen.settings.values()))
    shape = (len(settings), len(chosen.values))
    quantiles = np.full((3, len(labels), *shape, len(records.steps)), np.nan)
    runs, diverged = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    panel_names = setting_labels([{chosen.over: value} for value in chosen.values])
    setting_names = setting_labels([dict(zip(chosen.settings, s, strict=True)) for s in settings])
    endings = []
    for s, p in np.ndindex(*shape):
        mine = [
            k
            for k, run in enumerate(found)
            if run[chosen.over] == chosen.values[p]
            and tuple(run[name] for name in chosen.settings) == settings[s]
        ]
        runs[s, p] = len(mine)
        diverged[s, p] = sum(found[k]["failed"] for k in mine)
        if mine:
            quantiles[:, :, s, p] = _quantiles(records.values[:, mine])
            last = ending(records.steps, records.values[-1, mine])
            endings.append((setting_names[s], panel_names[p], last))
    low, median, high = quantiles
    return Trajectories(
        panels=panel_names,
        settings=setting_names,
        fixed=equal(chosen.fixed),
        measures=tuple(labels),
        labels=tuple(labels.values()),
        steps=records.steps,
        log_steps=log_steps,
        median=median,
        low=low,
        high=high,
        runs=runs,
        diverged=diverged,
        endings=tuple(endings),
    )


def _quantiles(values: Floats) -> Floats:
    """Low end, median and high end over the runs of (measure, run, step), NaN where none is."""
    shares = ((1 - BAND) / 2, 0.5, (1 + BAND) / 2)
    result = np.quantile(values, shares, axis=1)
    finite = np.isfinite(values)
    for m, t in np.argwhere(finite.any(axis=1) & ~finite.all(axis=1)):
        result[:, m, t] = np.nanquantile(values[m, :, t], shares)
    return np.asarray(result)

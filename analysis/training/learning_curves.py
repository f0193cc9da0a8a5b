"""Curves along the training: records of every run, as lines over its steps."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import special

from analysis.dataset.labels import column_label
from analysis.dataset.plane import Floats, PlaneAxis, equal
from analysis.dataset.roles import statuses
from analysis.dataset.trajectories.files import (
    STEP,
    Run,
    find_records,
    on_log_steps,
    read_cells,
    read_records,
    read_runs,
)
from analysis.training.curves import CONFIDENCE, Line
from sweeps.declare.analysis_spec import CurveSpec
from sweeps.declare.document.document import SweepDocument

Key = tuple[Any, ...]


def recorded_lines(
    location: str, sweep: SweepDocument, spec: CurveSpec, *, over: str
) -> tuple[list[Line], PlaneAxis | None]:
    """A line for each value of one axis and each setting, over the steps at which there are records.

    Args:
        location: the dataset's folder or URI.
        sweep: its sweep.
        spec: measure and predicted measure, both recorded columns.
        over: the axis whose values the lines are of; the others are labelled as settings.
    Returns:
        The lines and the steps as their abscissa; none where nothing was recorded.
    """
    folder = find_records(location)
    cells = read_cells(folder, sweep) if folder.pairs else []
    success = statuses(folder.schema(0))[0] if cells else ""
    runs = (
        [run for run in read_runs(folder, sweep, cells) if run["status"] == success]
        if cells
        else []
    )
    if not runs:
        return [], None
    names = [name for name in (spec.measure, spec.predicted) if name is not None]
    records = read_records(folder, runs, names)
    values = [*records.values, np.full(records.values.shape[1:], np.nan)][:2]
    varying = [name for name in _varying(sweep, runs) if name != over]
    keys: list[Key] = [(run[over], *(run[name] for name in varying)) for run in runs]
    lines = [
        _line(spec, key, dict(zip(varying, key[1:], strict=True)), records.steps, mine)
        for key in dict.fromkeys(sorted(keys, key=_order))
        for mine in [[part[[k for k, other in enumerate(keys) if other == key]] for part in values]]
    ]
    label = column_label(folder.schema(1), STEP)
    return lines, PlaneAxis(STEP, label, records.steps, log=on_log_steps(sweep))


def _varying(sweep: SweepDocument, runs: list[Run]) -> Iterable[str]:
    """Axes and settings of which the runs have more than one value."""
    named = (*sweep.axes, *sweep.settings)
    return [name for name in named if name in runs[0] and len({run[name] for run in runs}) > 1]


def _order(key: Key) -> Key:
    return tuple(str(part) if isinstance(part, str) else (part or 0.0) for part in key)


def _line(
    spec: CurveSpec, key: Key, others: dict[str, Any], steps: Floats, values: list[Floats]
) -> Line:
    """The means over some runs, shape (runs, steps) in, with intervals."""
    measured, predicted = values
    runs = len(measured)
    student = special.stdtrit(max(runs - 1, 1), (1 + CONFIDENCE) / 2)
    error = measured.std(0, ddof=1) / np.sqrt(runs) if runs > 1 else np.full(len(steps), np.nan)
    return Line(
        spec,
        float(key[0]),
        equal(others),
        None,
        False,
        steps,
        measured.mean(0),
        student * error,
        predicted.mean(0),
        runs,
    )

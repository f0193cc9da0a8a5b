"""Results as rows of plain values, None where there is none, and as CSV files."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.cells.cells import Cells
from analysis.report.verdict import Verdict
from analysis.scaling.broken_power_law import BrokenPowerLaw
from analysis.scaling.data_collapse import Collapse
from analysis.scaling.exponent_by_level import LevelExponent
from analysis.scaling.model_selection import Selection
from analysis.scaling.paired_shift import Shift
from analysis.scaling.power_law import Estimate, PowerLaw
from analysis.scaling.prediction import is_poor_fit
from sweeps.declare.analysis_spec import PredictionSpec
from sweeps.declare.terminal import visible

Row = dict[str, Any]


def cell_rows(cells: Cells) -> list[Row]:
    """One row a cell: place, counts, mean and standard error."""
    mean, error, used = cells.mean, cells.standard_error, cells.runs_used
    x, y = cells.plane.x, cells.plane.y
    return [
        {
            "setting": cells.plane.settings[s],
            x.name: float(x.values[i]),
            y.name: float(y.values[j]),
            "used": int(used[s, i, j]),
            **{name: int(count[s, i, j]) for name, count in cells.status.items()},
            "missing": int(cells.missing[s, i, j]),
            f"mean_{cells.measure}": _finite(mean[s, i, j]),
            "standard_error": _finite(error[s, i, j]),
        }
        for s, i, j in np.ndindex(*mean.shape)
    ]


def boundary_rows(boundary: Boundary) -> list[Row]:
    """One row a setting and column: where the boundary is, its interval, and its state.

    Censored values and open ends are empty; `state` says on which side they lie. `raw` is where the
    means themselves first cross, as a check; `turns` marks columns that come back over the level.
    """
    x, y = boundary.plane.x, boundary.plane.y
    value, low, high = (
        np.where(np.isfinite(part), y.value(part), np.nan)
        for part in (boundary.estimate, boundary.low, boundary.high)
    )
    return [
        {
            "level": boundary.level,
            "setting": boundary.plane.settings[s],
            x.name: float(x.values[i]),
            y.name: _finite(value[s, i]),
            "low": _finite(low[s, i]),
            "high": _finite(high[s, i]),
            "low_open": bool(np.isinf(boundary.low[s, i])),
            "high_open": bool(np.isinf(boundary.high[s, i])),
            "state": boundary.state(s, i),
            "definition": boundary.definition,
            "raw": None if boundary.raw is None else _finite(y.value(boundary.raw[s, i])),
            "turns": None if boundary.recrosses is None else bool(boundary.recrosses[s, i]),
        }
        for s, i in np.ndindex(*value.shape)
    ]


def law_row(
    boundary: Boundary, law: PowerLaw, *, theory: PredictionSpec | None = None, verdict: str = ""
) -> Row:
    """One fitted law; empty fields and a reason where it could not be fitted."""
    return {
        "level": boundary.level,
        "setting": boundary.plane.settings[law.setting],
        "law": law.kind,
        "x_low": law.x_range[0] if law.x_range else None,
        "x_high": law.x_range[1] if law.x_range else None,
        "columns": law.columns,
        "columns_in_range": law.columns_in_range,
        **estimate_columns("slope", law.slope),
        **estimate_columns("intercept", law.intercept),
        "chi2_per_dof": _finite(law.misfit),
        "misfits": is_poor_fit(law),
        "theory": theory.name if theory else None,
        "theory_exponent": theory.exponent if theory else None,
        "source": theory.source if theory else None,
        "verdict": verdict or None,
        "not_fitted": law.reason or None,
    }


def kink_row(boundary: Boundary, kink: BrokenPowerLaw) -> Row:
    """Two regimes and whether they are needed; empty fields where too few columns are closed."""
    return {
        "level": boundary.level,
        "setting": boundary.plane.settings[kink.setting],
        "columns": kink.columns,
        **estimate_columns("below", kink.below),
        **estimate_columns("above", kink.above),
        **estimate_columns("kink", kink.break_x),
        "chi2_gain": _finite(kink.chi2_gain),
        "needed": kink.preferred,
    }


def shift_rows(boundary: Boundary, shift: Shift) -> list[Row]:
    """One row a column, then one for the overall mean (x empty)."""
    x = boundary.plane.x
    common = {
        "level": boundary.level,
        "setting": boundary.plane.settings[shift.setting],
        "against": boundary.plane.settings[0],
        "kind": "factor" if shift.factor else "difference",
        "paired": shift.paired,
    }
    ends = zip(shift.columns, shift.low, shift.high, strict=True)
    rows = [
        {**common, x.name: float(at), **estimate_columns("shift", Estimate(*map(float, end)))}
        for at, end in zip(x.values, ends, strict=True)
    ]
    return [*rows, {**common, x.name: None, **estimate_columns("shift", shift.mean)}]


def level_rows(cells: Cells, found: Iterable[LevelExponent]) -> list[Row]:
    """One row a level, definition and setting: the exponent that this level shows."""
    return [
        {
            "definition": one.definition,
            "setting": cells.plane.settings[one.setting],
            "level": one.level,
            **estimate_columns("exponent", one.law.slope),
            "columns": one.law.columns,
            "columns_in_range": one.law.columns_in_range,
            "chi2_per_dof": _finite(one.law.misfit),
            "not_fitted": one.law.reason or None,
        }
        for one in found
    ]


def selection_rows(boundary: Boundary, selection: Selection) -> list[Row]:
    """One row a competing law, best first; criteria are differences from the least."""
    return [
        {
            "level": boundary.level,
            "setting": boundary.plane.settings[selection.setting],
            "law": one.name,
            "parameters": one.parameters,
            "columns": len(selection.x),
            "chi2": one.chi2,
            "delta_aic": one.delta_aic,
            "delta_bic": one.delta_bic,
            "dispersion": selection.dispersion,
        }
        for one in selection.candidates
    ]


def collapse_rows(cells: Cells, found: Iterable[Collapse]) -> list[Row]:
    """One row an order parameter and setting: quality of the collapse, and the best exponent."""
    return [
        {
            "setting": cells.plane.settings[one.setting],
            "order_parameter": one.name,
            "cells": len(one.order),
            "quality": _finite(one.quality),
            "misfit": _finite(one.misfit),
            **estimate_columns("best_exponent", one.best),
            "best_quality": _finite(one.best_quality),
        }
        for one in found
    ]


def verdict_rows(verdicts: Iterable[Verdict]) -> list[Row]:
    """One row a prediction, level, definition and setting: theory beside what was measured."""
    return [
        {
            "prediction": one.prediction,
            "quantity": one.quantity,
            "predicted": one.predicted,
            **estimate_columns("measured", one.measured),
            "verdict": one.verdict,
            "reason": one.reason or None,
            "level": one.level,
            "definition": one.definition,
            "setting": one.setting,
            "columns": one.columns,
            "decades": one.decades,
            "sweep": one.sweep,
            "source": one.source,
        }
        for one in verdicts
    ]


def write_csv(path: Path, rows: Iterable[Row]) -> Path:
    """Writes rows with the first row's keys as header; None becomes an empty field.

    Text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        header = list(rows[0]) if rows else []
        writer.writerow(map(_inert, header))
        writer.writerows([_inert(row[name]) for name in header] for row in rows)
    return path


def _inert(value: Any) -> Any:
    """A field that no spreadsheet runs and no terminal obeys; numbers stay as they are."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def text_of(row: Row, name: str) -> str:
    """An estimate in a row as text, "value [low, high]"; empty where there is none."""
    if row[name] is None:
        return ""
    low, high = (
        "open" if row[f"{name}_{e}"] is None else f"{row[f'{name}_{e}']:.4g}"
        for e in ("low", "high")
    )
    return f"{row[name]:.4g} [{low}, {high}]"


def estimate_columns(name: str, estimate: Estimate | None) -> Row:
    """An estimate and its interval's ends as three columns; None where there is no number."""
    value, low, high = (
        (None, None, None)
        if estimate is None
        else (_finite(estimate.value), _finite(estimate.low), _finite(estimate.high))
    )
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None

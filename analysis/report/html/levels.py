"""What the page knows of the boundaries that it moves through: plain values, a few digits each."""

from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from analysis.dataset.plane import Floats, PlaneAxis, exact
from analysis.figures.canvas.style import colours, dark, pale
from analysis.report.blocks import LevelCut, LevelsBlock
from analysis.report.words import estimate_words
from analysis.scaling.power_law import PowerLaw
from analysis.scaling.prediction import POOR_FIT, is_poor_fit

DIGITS = 5


def level_data(block: LevelsBlock) -> dict[str, Any]:
    """The boundaries as plain values for JSON.

    Numbers of y are in the axis's own coordinate, log y on a log axis: [setting][x], null without a
    crossing, and "low" or "high" beyond that end of the grid.

    Args:
        block: at least two levels.
    """
    plane = block.cells.plane
    every = range(len(plane.settings))
    inks = [tuple(to_hex(one(colour)) for one in (dark, pale)) for colour in colours(len(every))]
    return {
        "x": _axis(plane.x),
        "y": _axis(plane.y),
        "label": block.cells.label,
        "settings": [name or "all runs" for name in plane.settings],
        "inks": inks,
        "theories": [{"exponent": one.exponent, "range": one.x_range} for one in block.theories],
        "first": block.first,
        "sizes": any(cut.predicted for cut in block.cuts),
        "levels": [
            {
                "level": exact(cut.level),
                "at": [_crossings(cut.estimate[s]) for s in every],
                "low": [_crossings(cut.low[s]) for s in every],
                "high": [_crossings(cut.high[s]) for s in every],
                "laws": [_law(cut, s) for s in every],
                "predicted": {
                    name: [_coordinates(lines[s], plane.y) for s in every]
                    for name, lines in cut.predicted.items()
                },
            }
            for cut in block.cuts
        ],
    }


def _axis(axis: PlaneAxis) -> dict[str, Any]:
    edges = axis.edges[[0, -1]]
    return {
        "name": axis.name,
        "label": axis.label,
        "log": axis.log,
        "positive": bool(np.all(axis.values > 0)),
        "values": [float(f"{value:.6g}") for value in axis.values],
        "ends": [float(f"{value:.8g}") for value in edges],
    }


def _crossings(values: Floats) -> list[float | str | None]:
    return [
        None if np.isnan(v) else ("low" if v < 0 else "high") if np.isinf(v) else _short(v)
        for v in values.tolist()
    ]


def _coordinates(values: Floats, axis: PlaneAxis) -> list[float | None]:
    shown = np.log(values) if axis.log else values
    return [_short(v) if np.isfinite(v) else None for v in shown.tolist()]


def _law(cut: LevelCut, setting: int) -> dict[str, Any]:
    """The law's line, log y over log x, and its exponent in words."""
    found: PowerLaw | None = next((law for law in cut.laws if law.setting == setting), None)
    terms = () if found is None else (found.intercept, found.slope)
    line = [_short(term.value) for term in terms if term is not None and np.isfinite(term.value)]
    if found is None or len(line) < 2:
        return {"words": "no power law", "line": None}
    poor = f", {POOR_FIT}" if is_poor_fit(found) else ""
    return {"words": f"exponent {estimate_words(found.slope)}{poor}", "line": line}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")

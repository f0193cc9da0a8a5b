"""IntervalPoints with intervals, as maps, boundaries and shifts show them."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats
from analysis.figures.canvas.style import marker_size

BAR_WIDTH, RIM_WIDTH = 1.0, 2.0
"""Widths of bars and of what is drawn beneath them, in typographic points."""


class IntervalPoints(NamedTuple):
    """Where points are and how far their intervals reach, each of shape (points,)."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats


def crossings(boundary: Boundary, setting: int) -> IntervalPoints:
    """A setting's crossings inside the grid, in the plane's values; open ends are infinite or 0.

    Args:
        boundary: crossings of all settings.
        setting: position of the setting.
    Returns:
        Points of shape (crossings,).
    """
    inside = np.isfinite(boundary.estimate[setting])
    value, low, high = (
        np.asarray(boundary.plane.y.value(part[setting, inside]))
        for part in (boundary.estimate, boundary.low, boundary.high)
    )
    return IntervalPoints(boundary.plane.x.values[inside], value, low, high)


def draw_points(
    axes: Axes, points: IntervalPoints, *, columns: int, rim: Any = None, **style: Any
) -> None:
    """IntervalPoints with bars that end within the span of the axes.

    Args:
        axes: with their limits set; an open interval is drawn to the edge.
        points: what to draw; a NaN end draws no bar on its side.
        columns: of the plane, which set the size of the marks.
        rim: colour in which the bars are drawn before, wider; None draws no rim.
        style: further options of errorbar.
    """
    size = marker_size(columns)
    # A cap hardly wider than its bar would be a dot at its end.
    cap = size / 2 if size / 2 > BAR_WIDTH else 0.0
    bottom, top = axes.get_ylim()
    low, high = np.maximum(points.low, bottom), np.minimum(points.high, top)
    ends = np.maximum(np.stack([points.y - low, high - points.y]), 0.0)
    if rim is not None:
        below: dict[str, Any] = {
            "fmt": "none",
            "ecolor": rim,
            "elinewidth": RIM_WIDTH,
            "capthick": RIM_WIDTH,
        }
        _join_bars(axes.errorbar(*(points.x, points.y, ends), capsize=cap, **below))
    above = {"ms": size, "elinewidth": BAR_WIDTH, **style}
    _join_bars(axes.errorbar(*(points.x, points.y, ends), capsize=cap, **above))


def _join_bars(drawn: ErrorbarContainer) -> None:
    """Makes all bars one line with gaps, which is drawn many times faster than a line each."""
    for bars in drawn.lines[2]:
        gap = np.full((1, 2), np.nan)
        # A bar with no end, where there is no interval, has no points.
        lines = [np.concatenate([line, gap]) for line in bars.get_segments() if len(line)]
        bars.set_segments([np.concatenate(lines)] if lines else [])

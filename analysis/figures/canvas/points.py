"""IntervalPoints with intervals, as maps, boundaries and shifts show them."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats
from analysis.figures.canvas.style import marker_size


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
    axes: Axes, points: IntervalPoints, *, columns: int, **style: Any
) -> ErrorbarContainer:
    """IntervalPoints with bars that end within the span of the axes.

    Args:
        axes: with their limits set; an open interval is drawn to the edge.
        points: what to draw; a NaN end draws no bar on its side.
        columns: of the plane, which set the size of the marks.
        style: further options of errorbar.
    Returns:
        What was drawn.
    """
    size = marker_size(columns)
    bottom, top = axes.get_ylim()
    low, high = np.maximum(points.low, bottom), np.minimum(points.high, top)
    return axes.errorbar(
        points.x,
        points.y,
        yerr=np.maximum(np.stack([points.y - low, high - points.y]), 0.0),
        ms=size,
        capsize=size / 2,
        elinewidth=1.0,
        **style,
    )

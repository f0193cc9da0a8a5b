"""The shift: how far each setting moves the boundary, column by column, and overall."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import exact
from analysis.figures.canvas.axes import set_scale
from analysis.figures.canvas.points import IntervalPoints, draw_points
from analysis.figures.canvas.style import COLUMN_WIDTH, GREY, Mark, marks, panels, theme, wrapped
from analysis.scaling.paired_shift import Shift


def draw_shift(boundary: Boundary, shifts: Sequence[Shift]) -> Figure:
    """Shifts with intervals, the line of no shift, and the overall mean as a band.

    Args:
        boundary: the boundary that was compared.
        shifts: one for each setting after the first, at least one.
    """
    settings, x = boundary.plane.settings, boundary.plane.x
    styles = marks(len(settings))
    with theme():
        figure, grid = panels(COLUMN_WIDTH, 3.2 + 0.32 * len(shifts))
        axes = grid[0, 0]
        set_scale(axes.xaxis, x.edges[[0, -1]], log=x.log)
        _set_limits(axes, shifts)
        axes.axhline(shifts[0].none, color=GREY, lw=0.8, label="no shift")
        for shift in shifts:
            _draw_one(axes, boundary, shift, styles[shift.setting])
        what = "factor" if shifts[0].factor else "difference"
        axes.set_xlabel(x.label)
        axes.set_ylabel(f"{what} in {boundary.plane.y.name}\ncompared with {settings[0]}")
        title = f"shift of the boundary at {boundary.label} = {exact(boundary.level)}"
        axes.set_title(wrapped(title, 56))
        figure.legend(loc="outside lower center", fontsize="small")
    return figure


def _set_limits(axes: Axes, shifts: Sequence[Shift]) -> None:
    """Limits that hold every closed interval and the line of no shift."""
    ends = np.concatenate([np.concatenate([s.low, s.high, s.columns]) for s in shifts])
    ends = np.append(ends[np.isfinite(ends)], shifts[0].none)
    margin = 0.08 * (float(np.ptp(ends)) or 1.0)
    axes.set_ylim(ends.min() - margin, ends.max() + margin)


def _draw_one(axes: Axes, boundary: Boundary, shift: Shift, mark: Mark) -> None:
    colour = mark.colour
    ok = np.isfinite(shift.columns)
    label = boundary.plane.settings[shift.setting]
    draw_points(
        axes,
        IntervalPoints(
            boundary.plane.x.values[ok], shift.columns[ok], shift.low[ok], shift.high[ok]
        ),
        columns=len(ok),
        fmt=mark.marker,
        color=colour,
        label=f"{label}, {boundary.confidence:.0%} interval",
    )
    if shift.mean is not None:
        mean = shift.mean
        axes.axhspan(mean.low, mean.high, color=colour, alpha=0.18, lw=0)
        text = f"mean, {label}: {mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]"
        axes.axhline(mean.value, color=colour, lw=1.2, ls="--", label=text)

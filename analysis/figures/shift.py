"""The shift: how far each setting moves the boundary, column by column, and overall."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.boundary import Boundary
from analysis.figures.style import colours, marker_size, set_scale, theme, wrapped
from analysis.shift import Shift


def draw_shift(boundary: Boundary, shifts: Sequence[Shift]) -> Figure:
    """Paired shifts with intervals, the line of no shift, and the overall mean as a band.

    Args:
        boundary: the boundary that was compared.
        shifts: one for each setting after the first, at least one.
    """
    settings, x = boundary.plane.settings, boundary.plane.x
    palette = colours(len(settings))
    with theme():
        figure = Figure(figsize=(7.6, 5.4), layout="constrained")
        axes = figure.subplots()
        set_scale(axes.xaxis, x.edges[[0, -1]], log=x.log)
        axes.axhline(shifts[0].none, color="0.35", lw=1.0, label="no shift")
        for shift in shifts:
            _draw_one(axes, boundary, shift, palette[shift.setting])
        what = "factor" if shifts[0].factor else "difference"
        axes.set_xlabel(x.label)
        axes.set_ylabel(f"{what} in {boundary.plane.y.name}\nagainst {settings[0]}")
        axes.set_title(
            wrapped(f"shift of the boundary at {boundary.label} = {boundary.level:g}", 70),
            fontsize="medium",
        )
        figure.legend(loc="outside lower center", fontsize="small")
    return figure


def _draw_one(
    axes: Axes, boundary: Boundary, shift: Shift, colour: tuple[float, float, float]
) -> None:
    ok = np.isfinite(shift.columns)
    label = boundary.plane.settings[shift.setting]
    value = shift.columns[ok]
    error = np.maximum(np.stack([value - shift.low[ok], shift.high[ok] - value]), 0.0)
    axes.errorbar(
        boundary.plane.x.values[ok],
        value,
        yerr=error,
        fmt="o",
        ms=marker_size(len(ok)),
        color=colour,
        capsize=marker_size(len(ok)) / 2,
        elinewidth=1.3,
        label=f"{label}, {boundary.confidence:.0%} interval",
    )
    if shift.mean is not None:
        mean = shift.mean
        axes.axhspan(mean.low, mean.high, color=colour, alpha=0.18, lw=0)
        text = f"mean, {label}: {mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}]"
        axes.axhline(mean.value, color=colour, lw=1.5, ls="--", label=text)

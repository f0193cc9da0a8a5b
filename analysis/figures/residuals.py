"""Residuals of the laws that compete for a boundary: the right one leaves no trend."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import exact
from analysis.figures.canvas.axes import set_scale
from analysis.figures.canvas.style import COLUMN_WIDTH, GREY, colours, marker_size, theme, wrapped
from analysis.scaling.model_selection import Candidate, Selection

RESIDUAL_PANEL_INCHES = (COLUMN_WIDTH, 1.1)
RESIDUAL_BAND = 2.0


def draw_residuals(boundary: Boundary, selection: Selection) -> Figure:
    """One panel a law, best first: residuals in units of the columns' errors, band at ±2.

    Args:
        boundary: the boundary that was fitted.
        selection: at least one candidate.
    """
    count = len(selection.candidates)
    with theme():
        figure = Figure(
            figsize=(RESIDUAL_PANEL_INCHES[0], RESIDUAL_PANEL_INCHES[1] * count + 1.1),
            layout="constrained",
        )
        panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        widest = max(float(np.abs(one.residuals).max()) for one in selection.candidates)
        for axes, candidate in zip(panels, selection.candidates, strict=True):
            _draw_one(axes, selection, candidate)
            axes.set_ylim(-1.15 * max(widest, RESIDUAL_BAND), 1.15 * max(widest, RESIDUAL_BAND))
        x = boundary.plane.x
        set_scale(panels[-1].xaxis, x.edges[[0, -1]], log=x.log)
        panels[-1].set_xlabel(x.label)
        figure.supylabel("residual / error", fontsize="medium")
        label = boundary.plane.settings[selection.setting]
        title = f"{boundary.label} = {exact(boundary.level)}" + (f", {label}" if label else "")
        figure.suptitle(wrapped(title, 48), fontsize="medium")
    return figure


def _draw_one(axes: Axes, selection: Selection, candidate: Candidate) -> None:
    axes.axhspan(-RESIDUAL_BAND, RESIDUAL_BAND, color=GREY, alpha=0.15, lw=0)
    axes.axhline(0.0, color=GREY, lw=1.0)
    size = marker_size(len(selection.x))
    axes.plot(selection.x, candidate.residuals, "o-", ms=size, lw=0.8, color=colours(1)[0])
    text = f"{wrapped(candidate.name, 48)}: ΔAIC {candidate.delta_aic:.1f}, ΔBIC {candidate.delta_bic:.1f}"
    axes.set_title(text, fontsize="small", loc="left")

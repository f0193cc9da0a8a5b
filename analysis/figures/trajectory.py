"""Trajectories: the scales of both layers on one axis, their ratio on the other, a panel a value."""

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.dataset.plane import Floats
from analysis.figures.canvas.axes import scale_steps, set_scale
from analysis.figures.canvas.style import (
    COLUMN_WIDTH,
    Colour,
    colours,
    dark,
    panels,
    theme,
    wrapped,
)
from analysis.training.trajectories import BAND, Trajectories

DASHES_OF_MEASURES = ("-", "--", "-.")
TRAJECTORY_PANEL_INCHES = 2.3
SINGLE_PANEL_INCHES = 3.4


def draw_trajectories(found: Trajectories) -> Figure:
    """Medians (lines) and bands over replicates; rows are settings, columns the panels' values.

    All panels share their scales, so that they can be compared.

    Args:
        found: three measures: two scales for the left axis, their ratio for the right one.
    Source:
        Shang et al. 2024 (arXiv 2410.19139), Fig. 3.
    """
    rows, columns = len(found.settings), len(found.panels)
    with theme():
        size = (max(TRAJECTORY_PANEL_INCHES * columns + 1.2, COLUMN_WIDTH), 2.3 * rows + 1.0)
        figure, grid = panels(*size, down=rows, across=columns)
        for s, p in np.ndindex(rows, columns):
            _draw_panel(grid[s, p], found, (s, p), outer=p == columns - 1)
        for axes in grid[-1]:
            axes.set_xlabel("gradient step")
        for axes in grid[:, 0]:
            axes.set_ylabel("scale of a layer")
        _add_key(figure, found, "outside lower center")
    return figure


def draw_trajectory(found: Trajectories, setting: int, panel: int) -> Figure:
    """One panel of the figure, on the same scales and without its key.

    Args:
        found: trajectories of all settings and panels.
        setting: position of the setting.
        panel: position of the panel.
    """
    with theme():
        figure, grid = panels(SINGLE_PANEL_INCHES, 2.5)
        _draw_panel(grid[0, 0], found, (setting, panel), outer=True)
        grid[0, 0].set(xlabel="gradient step", ylabel="scale of a layer")
    return figure


def draw_trajectory_key(found: Trajectories) -> Figure:
    """The key of the lines, alone."""
    with theme():
        figure = Figure(figsize=(COLUMN_WIDTH, 0.9), layout="constrained")
        _add_key(figure, found, "center")
    return figure


def _add_key(
    figure: Figure, found: Trajectories, location: Literal["center", "outside lower center"]
) -> None:
    sides = ("left", "left", "right")
    lines = [
        Line2D([], [], color=c, ls=dashes, lw=1.4, label=wrapped(f"{side} axis: {label}", 60))
        for c, dashes, side, label in zip(
            colours(3), DASHES_OF_MEASURES, sides, found.labels, strict=True
        )
    ]
    figure.legend(
        handles=lines,
        title=f"median, and middle {BAND:.0%} of {int(found.runs.max())} runs",
        loc=location,
        fontsize="small",
        title_fontsize="small",
    )


def _draw_panel(axes: Axes, found: Trajectories, at: tuple[int, int], *, outer: bool) -> None:
    scale_steps(axes.xaxis, found.steps, log=found.log_steps)
    set_scale(axes.yaxis, _limits(found, slice(0, 2), log=True), log=True)
    right: Any = axes.twinx()
    set_scale(right.yaxis, _limits(found, slice(2, 3), log=False), log=False)
    for k, colour in enumerate(colours(3)):
        _draw_measure(right if k == 2 else axes, found, (k, *at), colour)
    right.tick_params(labelright=outer, colors=dark(colours(3)[2]))
    if outer:
        right.set_ylabel("ratio", color=dark(colours(3)[2]))
    title = [found.panels[at[1]], found.settings[at[0]]]
    if found.diverged[at]:
        title.append(f"{found.diverged[at]} of {found.runs[at]} diverged")
    axes.set_title("\n".join(filter(None, title)))


def _draw_measure(
    axes: Axes, found: Trajectories, at: tuple[int, int, int], colour: Colour
) -> None:
    axes.fill_between(
        found.steps, found.low[at], found.high[at], color=colour, alpha=0.22, linewidth=0
    )
    axes.plot(found.steps, found.median[at], DASHES_OF_MEASURES[at[0]], color=colour, lw=1.4)


def _limits(found: Trajectories, measures: slice, *, log: bool) -> Floats:
    """Ends that hold all bands, with a little room."""
    values = np.concatenate([part[measures].ravel() for part in (found.low, found.high)])
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(values):
        return np.array([0.1, 1.0])
    if log:
        return np.array([values.min() / 1.2, values.max() * 1.2])
    return np.array([min(0.0, values.min()), 1.05 * max(values.max(), 1e-12)])

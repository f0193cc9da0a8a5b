"""Trajectories: the scales of both layers on one axis, their ratio on the other, a panel a value."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.style import WIDTH, Colour, colours, dark, panels, set_scale, theme, wrapped
from analysis.plane import Floats, is_log
from analysis.trajectory import BAND, Trajectories

DASHES = ("-", "--", "-.")
PANEL_INCHES = 2.3


def draw_trajectories(found: Trajectories, *, panel: tuple[int, int] | None = None) -> Figure:
    """Medians (lines) and bands over replicates; rows are settings, columns the panels' values.

    All panels share their scales, so that they can be compared.

    Args:
        found: three measures: two scales for the left axis, their ratio for the right one.
        panel: the one (setting, panel) to show; None shows all.
    Source:
        Shang et al. 2024 (arXiv 2410.19139), Fig. 3.
    """
    rows: Sequence[int] = range(len(found.settings)) if panel is None else panel[:1]
    columns: Sequence[int] = range(len(found.panels)) if panel is None else panel[1:]
    width = WIDTH if len(columns) == 1 else PANEL_INCHES * len(columns) + 1.2
    with theme():
        figure, grid = panels(width, 2.3 * len(rows) + 1.0, down=len(rows), across=len(columns))
        for axes, (s, p) in zip(grid.ravel(), [(s, p) for s in rows for p in columns], strict=True):
            _draw_panel(axes, found, s, p, outer=p == columns[-1])
        for axes in grid[-1]:
            axes.set_xlabel("gradient step")
        for axes in grid[:, 0]:
            axes.set_ylabel("scale of a layer")
        figure.legend(
            handles=_keys(found),
            title=f"median, and middle {BAND:.0%} of {int(found.runs.max())} runs",
            loc="outside lower center",
            fontsize="small",
            title_fontsize="small",
        )
    return figure


def _draw_panel(axes: Axes, found: Trajectories, s: int, p: int, *, outer: bool) -> None:
    steps = found.steps
    log = is_log(steps[steps > 0], "list")
    set_scale(axes.xaxis, np.array([steps[steps > 0][0] if log else steps[0], steps[-1]]), log=log)
    set_scale(axes.yaxis, _limits(found, slice(0, 2), log=True), log=True)
    right: Any = axes.twinx()
    set_scale(right.yaxis, _limits(found, slice(2, 3), log=False), log=False)
    for k, colour in enumerate(colours(3)):
        _draw_measure(right if k == 2 else axes, found, (k, s, p), colour)
    right.tick_params(labelright=outer, colors=dark(colours(3)[2]))
    if outer:
        right.set_ylabel("ratio", color=dark(colours(3)[2]))
    title = [found.panels[p], found.settings[s]]
    if found.diverged[s, p]:
        title.append(f"{found.diverged[s, p]} of {found.runs[s, p]} diverged")
    axes.set_title("\n".join(filter(None, title)))


def _draw_measure(
    axes: Axes, found: Trajectories, at: tuple[int, int, int], colour: Colour
) -> None:
    axes.fill_between(
        found.steps, found.low[at], found.high[at], color=colour, alpha=0.22, linewidth=0
    )
    axes.plot(found.steps, found.median[at], DASHES[at[0]], color=colour, lw=1.4)


def _limits(found: Trajectories, measures: slice, *, log: bool) -> Floats:
    """Ends that hold all bands, with a little room."""
    values = np.concatenate([part[measures].ravel() for part in (found.low, found.high)])
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(values):
        return np.array([0.1, 1.0])
    if log:
        return np.array([values.min() / 1.2, values.max() * 1.2])
    return np.array([min(0.0, values.min()), 1.05 * max(values.max(), 1e-12)])


def _keys(found: Trajectories) -> list[Line2D]:
    sides = ("left", "left", "right")
    return [
        Line2D([], [], color=c, ls=dashes, lw=1.4, label=wrapped(f"{side} axis: {label}", 66))
        for c, dashes, side, label in zip(colours(3), DASHES, sides, found.labels, strict=True)
    ]

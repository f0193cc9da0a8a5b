"""The map: the mean measure on the plane, settings side by side, with the boundary on top."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke

from analysis.aggregate import Cells
from analysis.boundary import Boundary
from analysis.figures.style import bars, marker_size, scale_axes, theme, wrapped
from analysis.plane import Floats

PANEL_INCHES = 4.6
COLUMNS = 3
# Chance level of a classifier of two equally likely labels.
CHANCE = 0.5
OUTLINE = [Stroke(linewidth=2.6, foreground="0.25"), Normal()]
NO_DATA: dict[str, Any] = {
    "facecolor": "0.88",
    "edgecolor": "0.6",
    "hatch": "////",
    "linewidth": 0.0,
}


def draw_map(cells: Cells, boundary: Boundary) -> Figure:
    """Mean measure per cell (colour), contour of the raw means (line), boundary (points with bars).

    Args:
        cells: the aggregated measure.
        boundary: one level's boundary on the same plane.
    """
    settings = cells.plane.settings
    across = min(len(settings), COLUMNS)
    down = -(-len(settings) // across)
    with theme():
        size = (PANEL_INCHES * across + 1.4, 4.2 * down + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        panels = list(grid.ravel())
        for spare in panels[len(settings) :]:
            spare.set_axis_off()
        panels = panels[: len(settings)]
        mean = cells.mean
        span = _span(cells.measure, mean)
        for s, axes in enumerate(panels):
            mesh = _draw_cells(axes, cells, mean[s], span)
            _draw_contour(axes, cells, mean[s], boundary.level)
            _draw_points(axes, boundary, s)
            axes.set_title(_title(cells, s), fontsize="medium")
        for axes in grid[-1]:
            axes.set_xlabel(cells.plane.x.label)
        for axes in grid[:, 0]:
            axes.set_ylabel(cells.plane.y.label)
        figure.colorbar(mesh, ax=grid, label=wrapped(f"mean {cells.label}"), aspect=28, pad=0.02)
        figure.legend(
            handles=_handles(boundary, no_data=bool(np.isnan(mean).any())),
            loc="outside lower center",
            ncols=3,
        )
    return figure


def _span(measure: str, mean: Floats) -> tuple[float, float]:
    """Ends of the colour scale: chance level for errors, else the data's range."""
    finite = mean[np.isfinite(mean)]
    top = float(finite.max()) if len(finite) else 1.0
    if "error" in measure and not measure.endswith("_se"):
        return 0.0, max(CHANCE, top)
    low = float(finite.min()) if len(finite) else 0.0
    return low, top if top > low else low + 1.0


def _draw_cells(axes: Axes, cells: Cells, mean: Floats, span: tuple[float, float]) -> QuadMesh:
    x, y = cells.plane.x, cells.plane.y
    scale_axes(axes, x, y)
    if np.isnan(mean).any():
        axes.patch.set(**NO_DATA)
    return axes.pcolormesh(
        x.edges,
        y.edges,
        np.ma.masked_invalid(mean.T),
        cmap="cividis",
        vmin=span[0],
        vmax=span[1],
        rasterized=True,
    )


def _draw_contour(axes: Axes, cells: Cells, mean: Floats, level: float) -> None:
    finite = mean[np.isfinite(mean)]
    # matplotlib needs a 2 × 2 grid, and warns about a level that nothing reaches.
    if min(mean.shape) < 2 or not len(finite) or not finite.min() < level < finite.max():
        return
    lines = axes.contour(
        cells.plane.x.values,
        cells.plane.y.values,
        np.ma.masked_invalid(mean.T),
        levels=[level],
        colors="white",
        linewidths=1.2,
    )
    lines.set_path_effects(OUTLINE)


def _draw_points(axes: Axes, boundary: Boundary, s: int) -> None:
    plane = boundary.plane
    inside = np.isfinite(boundary.estimate[s])
    low, value, high = (
        np.asarray(plane.y.value(part[s, inside]))
        for part in (boundary.low, boundary.estimate, boundary.high)
    )
    axes.errorbar(
        plane.x.values[inside],
        value,
        yerr=bars(low, value, high, span=plane.y.edges[[0, -1]]),
        fmt="o",
        ms=marker_size(len(inside)),
        color="black",
        mfc="white",
        mec="black",
        ecolor="black",
        elinewidth=1.4,
        capsize=marker_size(len(inside)) / 2,
        clip_on=True,
    )


def _title(cells: Cells, s: int) -> str:
    counts = {name: int(part[s].sum()) for name, part in cells.status.items() if name != "ok"}
    counts["missing"] = int(cells.missing[s].sum())
    failed = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    label = cells.plane.settings[s] or "all runs"
    return f"{label}\n{failed}" if failed else label


def _handles(boundary: Boundary, *, no_data: bool) -> list[Any]:
    point = Line2D(
        [],
        [],
        marker="o",
        ms=5,
        color="black",
        mfc="white",
        label=f"boundary at {boundary.level:g}, {boundary.confidence:.0%} interval",
    )
    line = Line2D(
        [],
        [],
        color="white",
        lw=1.6,
        label=f"raw means at {boundary.level:g}",
        path_effects=OUTLINE,
    )
    patch = [Patch(**NO_DATA, label="no usable run")] if no_data else []
    return [point, line, *patch]

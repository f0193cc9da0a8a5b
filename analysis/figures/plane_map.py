"""The map: the mean measure on the plane, settings side by side, with the boundary on top."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke

from analysis.boundary.mean_crossing import Boundary
from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, exact
from analysis.dataset.roles import ERROR
from analysis.figures.canvas.axes import scale_axes
from analysis.figures.canvas.points import crossings, draw_points
from analysis.figures.canvas.style import COLUMN_WIDTH, panels, theme, wrapped

MAP_PANEL_INCHES = 3.5
MAX_MAPS_ACROSS = 3
# Chance level of a classifier of two equally likely labels.
CHANCE_LEVEL = 0.5
COLOUR_MAP = "cividis"
# Ends of the same scale, so that dark is a small error in both views.
COLOUR_BELOW, COLOUR_ABOVE = "#1f3a6e", "#f2d95c"
POINT_STYLE: dict[str, Any] = {
    "color": "white",
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "markeredgewidth": 0.8,
}
RIM_COLOUR = "0.25"
OUTLINE = [Stroke(linewidth=2.0, foreground=RIM_COLOUR), Normal()]
PREDICTED_STYLE: dict[str, Any] = {"color": "#c1272d", "ls": "--", "lw": 1.4, "zorder": 3}
NO_DATA_STYLE: dict[str, Any] = {
    "facecolor": "0.88",
    "edgecolor": "0.6",
    "hatch": "////",
    "linewidth": 0.0,
}


def draw_map(
    cells: Cells,
    boundary: Boundary,
    *,
    settings: Sequence[int] | None = None,
    two_colours: bool = False,
    predicted: Sequence[Floats] = (),
) -> Figure:
    """Mean measure per cell (colour), contour of the raw means (line), boundary (points with bars).

    Args:
        cells: the aggregated measure.
        boundary: one level's boundary on the same plane.
        settings: positions of the settings to show; None shows all.
        two_colours: show only on which side of the level each mean is, as the papers do.
        predicted: y* of theory, in the values of y, shape (settings, x) each (dashed).
    """
    shown = _shown(cells, settings)
    mean, interpolated = _between_rows(cells)
    with theme():
        figure, axes_of = _plane(cells, shown)
        draw = _draw_sides if two_colours else _draw_means
        keys = draw(figure, axes_of, cells, boundary, {s: mean[s] for s in shown})
        for s, axes in zip(shown, axes_of, strict=True):
            _draw_boundary(axes, boundary, s)
            for lines in predicted:
                axes.plot(cells.plane.x.values, lines[s], **PREDICTED_STYLE)
        if np.isnan(mean[shown]).any():
            keys.append(Patch(**NO_DATA_STYLE, label="no usable run"))
        if interpolated:
            keys.append(Line2D([], [], ls="", label="colours interpolated between rows with runs"))
        if len(predicted):
            keys.append(Line2D([], [], label="predicted boundary", **PREDICTED_STYLE))
        keys = [_point_key(boundary), *keys]
        across = _key_columns(len(keys), len(shown))
        figure.legend(handles=keys, loc="outside lower center", ncols=across)
    return figure


def draw_failures(cells: Cells, settings: Sequence[int] | None = None) -> Figure:
    """The share of a cell's planned runs that enter no mean: failed, left out or missing.

    Args:
        cells: the aggregated measure.
        settings: positions of the settings to show; None shows all.
    """
    shown = _shown(cells, settings)
    share = 1 - cells.runs_used / np.maximum(cells.planned, 1)
    with theme():
        figure, axes_of = _plane(cells, shown)
        for s, axes in zip(shown, axes_of, strict=True):
            top = float(share.max()) or 1.0
            mesh = _draw_cells(axes, cells, share[s], cmap=COLOUR_MAP, vmin=0.0, vmax=top)
        figure.colorbar(mesh, ax=axes_of, label="share of runs not used", aspect=28, pad=0.02)
    return figure


def draw_runs(cells: Cells, settings: Sequence[int] | None = None) -> Figure:
    """Where runs were spent: the planned runs of each cell, on a logarithmic scale of colours.

    Args:
        cells: the aggregated measure.
        settings: positions of the settings to show; None shows all.
    """
    shown = _shown(cells, settings)
    planned = np.where(cells.planned > 0, cells.planned, np.nan)
    scale = LogNorm(1, max(float(cells.planned.max()), 2.0))
    with theme():
        figure, axes_of = _plane(cells, shown)
        for s, axes in zip(shown, axes_of, strict=True):
            mesh = _draw_cells(axes, cells, planned[s], cmap=COLOUR_MAP, norm=scale)
        figure.colorbar(mesh, ax=axes_of, label="runs of a cell", aspect=28, pad=0.02)
        figure.legend(handles=[Patch(**NO_DATA_STYLE, label="no run")], loc="outside lower center")
    return figure


def _shown(cells: Cells, settings: Sequence[int] | None) -> list[int]:
    return list(range(len(cells.plane.settings)) if settings is None else settings)


def _plane(cells: Cells, shown: list[int]) -> tuple[Figure, list[Axes]]:
    """A figure with one labelled panel a setting, side by side."""
    across = min(len(shown), MAX_MAPS_ACROSS)
    down = -(-len(shown) // across)
    width = COLUMN_WIDTH if across == 1 else MAP_PANEL_INCHES * across + 0.9
    figure, grid = panels(width, 3.4 * down + 0.7, down=down, across=across)
    every = list(grid.ravel())
    for spare in every[len(shown) :]:
        spare.set_axis_off()
    for s, axes in zip(shown, every, strict=False):
        axes.set_title(_title(cells, s))
    for axes in every[: len(shown)][-across:]:
        axes.set_xlabel(cells.plane.x.label)
        axes.tick_params(labelbottom=True)  # its column may end above the last row
    for axes in grid[:, 0]:
        axes.set_ylabel(wrapped(cells.plane.y.label))
    return figure, every[: len(shown)]


def _key_columns(count: int, panels: int) -> int:
    """How many keys fit beside each other below the panels."""
    if panels > 1:
        return min(count, min(panels, MAX_MAPS_ACROSS) + 1)
    return count if count < 3 else 1


def _between_rows(cells: Cells) -> tuple[Floats, bool]:
    """Means, shape (settings, x, y), and whether some are interpolated.

    Those are of cells without a planned run, as most are in a sweep that samples adaptively: along y,
    between the rows of the column that have runs.
    """
    mean, planned = cells.mean.copy(), cells.planned
    u, interpolated = cells.plane.y.coordinates, False
    for s, column in zip(*np.nonzero((planned == 0).any(axis=2)), strict=True):
        known, gaps = np.isfinite(mean[s, column]), planned[s, column] == 0
        if known.sum() > 1:
            mean[s, column, gaps] = np.interp(u[gaps], u[known], mean[s, column, known])
            interpolated = True
    return mean, interpolated


def _draw_means(
    figure: Figure,
    panels: list[Axes],
    cells: Cells,
    boundary: Boundary,
    means: Mapping[int, Floats],
) -> list[Any]:
    """Colours by the mean of each setting, their bar, and the contour; the handles of what was drawn."""
    low, high = _span(cells.role, cells.mean)
    for mean, axes in zip(means.values(), panels, strict=True):
        mesh = _draw_cells(axes, cells, mean, cmap=COLOUR_MAP, vmin=low, vmax=high)
        _draw_contour(axes, cells, mean, boundary.level)
    figure.colorbar(mesh, ax=panels, label=wrapped(f"mean {cells.label}"), aspect=28, pad=0.02)
    return [_contour_key(boundary)]


def _draw_sides(
    figure: Figure,
    panels: list[Axes],
    cells: Cells,
    boundary: Boundary,
    means: Mapping[int, Floats],
) -> list[Any]:
    """Two colours, for means up to the level and above it; the handles of what was drawn."""
    for mean, axes in zip(means.values(), panels, strict=True):
        side = np.where(np.isnan(mean), np.nan, mean > boundary.level)
        _draw_cells(
            axes, cells, side, cmap=ListedColormap([COLOUR_BELOW, COLOUR_ABOVE]), vmin=0, vmax=1
        )
    words = (" (benign)", " (harmful)") if cells.role == ERROR else ("", "")
    return [
        Patch(color=colour, label=f"mean {sign} {exact(boundary.level)}{word}")
        for colour, sign, word in zip((COLOUR_BELOW, COLOUR_ABOVE), "≤>", words, strict=True)
    ]


def _span(role: str, mean: Floats) -> tuple[float, float]:
    """Ends of the colour scale: chance level for errors, else the data's range."""
    finite = mean[np.isfinite(mean)]
    top = float(finite.max()) if len(finite) else 1.0
    if role == ERROR:
        return 0.0, max(CHANCE_LEVEL, top)
    low = float(finite.min()) if len(finite) else 0.0
    return low, top if top > low else low + 1.0


def _draw_cells(axes: Axes, cells: Cells, values: Floats, **scale: Any) -> QuadMesh:
    x, y = cells.plane.x, cells.plane.y
    scale_axes(axes, x, y)
    if np.isnan(values).any():
        axes.patch.set(**NO_DATA_STYLE)
    return axes.pcolormesh(
        x.edges, y.edges, np.ma.masked_invalid(values.T), rasterized=True, **scale
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
        linewidths=1.0,
    )
    lines.set_path_effects(OUTLINE)


def _draw_boundary(axes: Axes, boundary: Boundary, s: int) -> None:
    columns = len(boundary.plane.x.values)
    # White with a dark rim: seen on every colour of the map.
    draw_points(
        axes, crossings(boundary, s), columns=columns, rim=RIM_COLOUR, fmt="o", **POINT_STYLE
    )


def _title(cells: Cells, s: int) -> str:
    counts = {
        name: int(part[s].sum()) for name, part in cells.status.items() if name != cells.success
    }
    counts["missing"] = int(cells.missing[s].sum())
    failed = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    label = cells.plane.settings[s] or "all runs"
    return f"{label}\n{failed}" if failed else label


def _point_key(boundary: Boundary) -> Line2D:
    text = f"boundary at {exact(boundary.level)}, {boundary.confidence:.0%} interval"
    return Line2D([], [], marker="o", ms=4, lw=1.0, label=text, path_effects=OUTLINE, **POINT_STYLE)


def _contour_key(boundary: Boundary) -> Line2D:
    text = f"raw means at {exact(boundary.level)}"
    return Line2D([], [], color="white", lw=1.3, label=text, path_effects=OUTLINE)

"""The collapse: cells' means against an order parameter, with the monotone curve through them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from analysis.cells.cells import Cells
from analysis.figures.canvas.axes import power_of_ten
from analysis.figures.canvas.style import COLUMN_WIDTH, Mark, marks, theme, wrapped
from analysis.scaling.data_collapse import Collapse

COLLAPSE_PANEL_INCHES = (COLUMN_WIDTH, 3.6)


# Points of a panel beyond which they are an image within the figure: a drawn point takes a hundred bytes.
MAX_VECTOR_POINTS = 400


def draw_collapse(cells: Cells, found: Sequence[Collapse]) -> Figure:
    """One panel an order parameter; settings in colours.

    Args:
        cells: the aggregated measure.
        found: at least one; those of equal name share a panel.
    """
    names = list(dict.fromkeys(one.name for one in found))
    styles = marks(len(cells.plane.settings))
    with theme():
        figure = Figure(
            figsize=(COLLAPSE_PANEL_INCHES[0] * len(names) + 0.4, COLLAPSE_PANEL_INCHES[1]),
            layout="constrained",
        )
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            for one in (one for one in found if one.name == name):
                _draw_one(axes, one, cells.plane.settings[one.setting], styles[one.setting])
            axes.set_xlabel(name)
            axes.legend(fontsize="small", loc="best")
        panels[0].set_ylabel(wrapped(f"mean {cells.label}"))
    return figure


def _draw_one(axes: Axes, one: Collapse, label: str, mark: Mark) -> None:
    if np.all(one.order > 0):
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(power_of_ten))
    text = f"{label}, " if label else ""
    axes.plot(
        one.order,
        one.mean,
        mark.marker,
        ms=2,
        alpha=0.5,
        color=mark.colour,
        rasterized=len(one.order) > MAX_VECTOR_POINTS,
    )
    axes.plot(
        one.order,
        one.curve,
        "-",
        lw=1.5,
        color=mark.colour,
        label=f"{text}quality {one.quality:.3f}",
    )

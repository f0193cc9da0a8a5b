"""What the figures share: theme, true numeric axes with readable ticks, reproducible files."""

import textwrap
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from analysis.plane import Floats, PlaneAxis

DPI = 160
# Up to this many decades an axis is labelled at 1, 2 and 5 times powers of ten.
FEW_DECADES = 2.5


def theme() -> AbstractContextManager[None]:
    """A context in which figures are made and saved."""
    rc = {
        **sns.axes_style("ticks"),
        **sns.plotting_context("notebook", font_scale=0.9),
        "svg.hashsalt": "analysis",
        "svg.fonttype": "path",
        "legend.frameon": False,
    }
    return mpl.rc_context(rc)


def colours(count: int) -> list[tuple[float, float, float]]:
    """Colour-blind-safe colours, one a setting."""
    return list(sns.color_palette("colorblind", max(count, 1)))


def scale_axes(axes: Axes, x: PlaneAxis, y: PlaneAxis) -> None:
    """Gives the axes the plane's scales, limits at the outer cell edges, and readable ticks."""
    for axis, part in ((axes.xaxis, x), (axes.yaxis, y)):
        set_scale(axis, part.edges[[0, -1]], log=part.log)


def set_scale(axis: Axis, limits: Floats, *, log: bool) -> None:
    """A linear or logarithmic scale over the limits, with plain ticks and no minor labels."""
    low, high = (float(v) for v in limits)
    name = axis.axis_name  # type: ignore[attr-defined]
    axes = axis.axes
    (axes.set_xscale if name == "x" else axes.set_yscale)("log" if log else "linear")
    (axes.set_xlim if name == "x" else axes.set_ylim)(low, high)
    if not log:
        return
    decades = np.log10(high / low)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < FEW_DECADES else (1.0,)))
    axis.set_minor_formatter(NullFormatter())
    if decades < FEW_DECADES:
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def wrapped(label: str, width: int = 40) -> str:
    """A label broken into lines that fit beside a panel."""
    return textwrap.fill(label, width)


def marker_size(columns: int) -> float:
    """Point size that leaves neighbouring columns apart."""
    return float(np.clip(120 / columns, 1.8, 5.0))


def bars(low: Floats, value: Floats, high: Floats, *, span: Floats) -> Floats:
    """Lengths of error bars, shape (2, points); open ends are drawn to the span's edge."""
    low, high = np.maximum(low, span[0]), np.minimum(high, span[1])
    return np.maximum(np.stack([value - low, high - value]), 0.0)


def save(figure: Figure, stem: Path) -> list[Path]:
    """Writes a figure as PNG and SVG, without dates or versions: same figure, same bytes.

    Args:
        figure: the figure.
        stem: path without suffix; its folder exists.
    Returns:
        The two paths.
    """
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    with theme():
        figure.savefig(png, dpi=DPI, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None})
    return [png, svg]

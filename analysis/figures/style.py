"""What the figures share: theme, true numeric axes with readable ticks, reproducible files."""

import io
import textwrap
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from analysis.plane import Floats, PlaneAxis

DPI = 300
# One column of a paper; what is this wide stays readable on a telephone too.
WIDTH = 4.2
# Up to this many decades an axis is labelled at 1, 2 and 5 times powers of ten.
FEW_DECADES = 2.5
INK = "#262626"
GREY = "#595959"
# Lines lie over points of the same colour, in a darker shade, since many points hide them.
SHADE = 0.62
PALETTE = 10

Colour = tuple[float, float, float]


def theme() -> AbstractContextManager[None]:
    """A context in which figures are made and saved."""
    rc = {
        **sns.axes_style("ticks"),
        **sns.plotting_context("paper"),
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        # The figure's own white lies beneath; a page that is dark takes that away.
        "axes.facecolor": "none",
        "legend.frameon": False,
        "svg.hashsalt": "analysis",
        "svg.fonttype": "path",
    }
    return mpl.rc_context(rc)


def colours(count: int) -> list[Colour]:
    """Colour-blind-safe colours, one a setting."""
    return list(sns.color_palette("colorblind", max(count, 1)))


def dark(colour: Colour) -> Colour:
    """The shade of a colour in which lines are drawn over its points."""
    red, green, blue = (SHADE * part for part in colour)
    return red, green, blue


def panels(width: float, height: float, *, down: int = 1, across: int = 1) -> tuple[Figure, Any]:
    """A figure with a grid of panels on common axes; call it within theme().

    Args:
        width: of the figure, in inches.
        height: of the figure, in inches.
        down: rows of panels.
        across: columns of panels.
    Returns:
        The figure, and its axes as an array of shape (down, across).
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)


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
    return float(np.clip(80 / columns, 1.5, 4.0))


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


def page_svg(figure: Figure) -> str:
    """The figure as SVG for a page: on the page's own ground, and in light ink where that is dark.

    Args:
        figure: one that draws its text and frames in the theme's ink.
    """
    stream = io.StringIO()
    with theme():
        figure.savefig(stream, format="svg", metadata={"Date": None}, facecolor="none")
    head, tag, tail = stream.getvalue().rpartition("</svg>")
    return (
        f"{head}<style>@media (prefers-color-scheme: dark) {{{_dark_rules()}}}</style>{tag}{tail}"
    )


def _pale(colour: Colour) -> Colour:
    red, green, blue = (1 - 0.5 * (1 - part) for part in colour)
    return red, green, blue


def _dark_rules() -> str:
    light = {INK: "#e4e4e4", GREY: "#a6a6a6"}
    for colour in colours(PALETTE):
        light[to_hex(dark(colour))] = to_hex(_pale(colour))
    return "".join(
        f'[style*="{part}: {ink}"]{{{part}:{pale}!important}}'
        for ink, pale in light.items()
        for part in ("fill", "stroke")
    )

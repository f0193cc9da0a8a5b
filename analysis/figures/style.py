"""What the figures share: the theme, colours and marks, sizes, and a grid of panels."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

COLUMN_WIDTH = 4.2
"""Inches: one column of a paper; what is this wide stays readable on a telephone too."""
INK = "#262626"
GREY = "#595959"
LINE_SHADE = 0.62
"""Lines are drawn over points of the same colour, in a darker shade, since many points hide them."""
PALETTE_SIZE = 10
MARKERS = "os^Dv<>pP*"
MAX_LABEL_LINES = 4
"""Lines of a label beyond which it would take the space of what it names."""

THEME = {
    **sns.axes_style("ticks"),
    **sns.plotting_context("paper"),
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    # The figure itself is white beneath; a dark page makes it transparent.
    "axes.facecolor": "none",
    "legend.frameon": False,
    "svg.hashsalt": "analysis",
    "svg.fonttype": "path",
    # Names come from sweep files: "$5 to $10" is no formula.
    "text.parse_math": False,
}

Colour = tuple[float, float, float]


@contextmanager
def theme() -> Iterator[None]:
    """A context in which figures are made and saved, whatever matplotlib's user has set."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(THEME)
        yield


def colours(count: int) -> list[Colour]:
    """Colour-blind-safe colours, one a setting."""
    return list(sns.color_palette("colorblind", max(count, 1)))


class Mark(NamedTuple):
    """How the points of one line are drawn: no two lines of a figure alike."""

    colour: Colour
    marker: str


def marks(count: int) -> list[Mark]:
    """Colours and markers of lines: where the colours repeat, the markers differ.

    Of more lines than colours and markers make pairs, each has a colour of its own.
    """
    palette = colours(PALETTE_SIZE)
    if count > PALETTE_SIZE * len(MARKERS):
        palette = [(red, green, blue) for red, green, blue in sns.husl_palette(count)]
    return [
        Mark(palette[k % len(palette)], MARKERS[(k + k // len(palette)) % len(MARKERS)])
        for k in range(count)
    ]


def dark(colour: Colour) -> Colour:
    """The shade of a colour in which lines are drawn over its points."""
    red, green, blue = (LINE_SHADE * part for part in colour)
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


def wrapped(label: str, width: int = 40) -> str:
    """A label broken into lines that fit beside a panel; a very long one ends in dots.

    Args:
        label: any text.
        width: letters in a line, at most.
    """
    return textwrap.fill(label, width, max_lines=MAX_LABEL_LINES, placeholder=" …")


def marker_size(columns: int) -> float:
    """Point size that leaves neighbouring columns apart."""
    return float(np.clip(80 / columns, 1.5, 4.0))

"""What the figures share: the theme, colours and marks, sizes, and a grid of panels."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
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

# The style "ticks" and the context "paper" of seaborn where they differ from matplotlib's defaults, and its
# palette "colorblind". Written out, since importing seaborn takes as long as all else of matplotlib; a test
# compares them with it.
_SEABORN: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.labelsize": 0.8 * 12,
    "axes.linewidth": 1.0,
    "axes.titlesize": 0.8 * 12,
    "font.sans-serif": [
        *("Arial", "DejaVu Sans", "Liberation Sans", "Bitstream Vera Sans", "sans-serif"),
    ],
    "font.size": 0.8 * 12,
    "grid.color": ".8",
    "legend.fontsize": 0.8 * 11,
    "legend.title_fontsize": 0.8 * 12,
    "lines.linewidth": 0.8 * 1.5,
    "lines.markersize": 0.8 * 6,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "patch.linewidth": 0.8,
    "xtick.labelsize": 0.8 * 11,
    "xtick.major.size": 0.8 * 6,
    "xtick.major.width": 1.0,
    "xtick.minor.size": 0.8 * 4,
    "xtick.minor.width": 0.8,
    "ytick.labelsize": 0.8 * 11,
    "ytick.major.size": 0.8 * 6,
    "ytick.major.width": 1.0,
    "ytick.minor.size": 0.8 * 4,
    "ytick.minor.width": 0.8,
}
_COLOURBLIND = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"),
    *("#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"),
)

THEME: dict[Any, Any] = {
    **_SEABORN,
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
    # As publishers want it.
    "pdf.fonttype": 42,
    # Else each drawing looks for ticks above the axes, which have none there.
    "axes.titley": 1.0,
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
    return [to_rgb(_COLOURBLIND[k % PALETTE_SIZE]) for k in range(max(count, 1))]


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
        import seaborn

        palette = [(red, green, blue) for red, green, blue in seaborn.husl_palette(count)]
    return [
        Mark(palette[k % len(palette)], MARKERS[(k + k // len(palette)) % len(MARKERS)])
        for k in range(count)
    ]


def dark(colour: Colour) -> Colour:
    """The shade of a colour in which lines are drawn over its points."""
    red, green, blue = (LINE_SHADE * part for part in colour)
    return red, green, blue


def pale(colour: Colour) -> Colour:
    """The shade of a colour in which lines are drawn on a dark page."""
    red, green, blue = (1 - 0.5 * (1 - part) for part in colour)
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

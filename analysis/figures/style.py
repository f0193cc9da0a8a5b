"""What the figures share: theme, true numeric axes with readable ticks, reproducible files."""

import io
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from analysis.dataset.plane import Floats, PlaneAxis

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
MOST_LINES = 4
"""Lines of a label beyond which it would take the place of what it names."""
MARKERS = "os^Dv<>pP*"
ROOM = 0.03
"""Room beside the first and the last recorded step, as a share of their distance on the axis."""

# Where text is left to the reader, fonts no wider than the one that figures are laid out with.
FONTS = "Arial,Helvetica,'Liberation Sans','DejaVu Sans',sans-serif"
SMALLER = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"<!--.*?-->", ""),
        (r"\s*\n\s*", " "),
        (r"> <", "><"),
        (r'<g id="[^"]*"', "<g"),
        (r"font-family: [^;\"]*; ?", ""),
        (r"(font: [\d.]+px) [^;\"]*", r"\1 sans-serif"),
    )
)

TAG, FINE = re.compile("<[^>]*>"), re.compile(r"(\d\.\d\d)\d+")
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

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
        # Names come from sweep files: "$5 to $10" is no formula.
        "text.parse_math": False,
    }
    return mpl.rc_context(rc)


def colours(count: int) -> list[Colour]:
    """Colour-blind-safe colours, one a setting."""
    return list(sns.color_palette("colorblind", max(count, 1)))


class Mark(NamedTuple):
    """How the points of one line are drawn: no two lines of a figure alike."""

    colour: Colour
    marker: str


def marks(count: int) -> list[Mark]:
    """Colours and markers of lines: the markers move on where the colours come again.

    Of more lines than colours and markers make pairs, each has a colour of its own.
    """
    palette = colours(PALETTE)
    if count > PALETTE * len(MARKERS):
        palette = [(red, green, blue) for red, green, blue in sns.husl_palette(count)]
    return [
        Mark(palette[k % len(palette)], MARKERS[(k + k // len(palette)) % len(MARKERS)])
        for k in range(count)
    ]


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
    decades = np.log10(high) - np.log10(low)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < FEW_DECADES else (1.0,)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(power_of_ten))
    if decades < FEW_DECADES:
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def scale_steps(axis: Axis, steps: Floats, *, log: bool) -> None:
    """A scale over recorded steps: linear, or logarithmic with step 0 beside its first decade.

    Args:
        axis: the axis of the steps.
        steps: rising, ≥ 0, shape (steps,).
        log: whether they are spaced on a logarithmic scale.
    """
    trained = steps[steps > 0]
    if not log or not len(trained):
        first, last = steps[0], max(steps[-1], steps[0] + 1)
        room = ROOM * (last - first)
        set_scale(axis, np.array([first - room, last + room]), log=False)
        return
    first, last = trained[0], max(trained[-1], trained[0] + 1)
    room = (last / first) ** ROOM
    set_scale(axis, np.array([first / room, last * room]), log=True)
    if steps[0] > 0:
        return
    # Linear up to the first step, over half a decade's length.
    axis.axes.set_xscale("symlog", linthresh=first, linscale=0.5)
    axis.axes.set_xlim(-ROOM * first, last * room)
    decades = 10.0 ** np.arange(np.ceil(np.log10(first)), np.floor(np.log10(last)) + 1)
    axis.set_major_locator(FixedLocator([0.0, *decades]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(power_of_ten))


def power_of_ten(value: float, _: Any = None) -> str:
    """A power of ten as a label, 10⁻³: plain text, which is laid out many times faster than a formula."""
    power = float(np.log10(value)) if 0 < value < np.inf else np.nan
    if not np.isclose(power, np.rint(power)):
        return f"{value:g}"
    return f"10{str(round(power)).translate(SUPERSCRIPTS)}"


def wrapped(label: str, width: int = 40) -> str:
    """A label broken into lines that fit beside a panel; a very long one ends in dots."""
    return textwrap.fill(label, width, max_lines=MOST_LINES, placeholder=" …")


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
    with _in_theme("path"):
        _settle(figure)
        own = figure.dpi
        figure.set_dpi(DPI)
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})  # type: ignore[no-untyped-call]
        figure.set_dpi(own)
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return [png, svg]


def page_svg(figure: Figure) -> str:
    """The figure as SVG for a page: on the page's own ground, and in light ink where that is dark.

    Text is text there, in the reader's own font, which takes a fraction of the bytes of drawn letters.

    Args:
        figure: one that draws its text and frames in the theme's ink.
    """
    stream = io.StringIO()
    with _in_theme("none"):
        _settle(figure)
        ground = figure.get_facecolor()
        figure.set_facecolor("none")
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})  # type: ignore[no-untyped-call]
        figure.set_facecolor(ground)
    text, rules = _classed(_small(stream.getvalue()))
    head, tag, tail = text.rpartition("</svg>")
    return f"{head}<style>text{{font-family:{FONTS}}}{rules}</style>{tag}{tail}"


@contextmanager
def _in_theme(words: str) -> Iterator[None]:
    """The theme, where a character that the font does not have is a box and no warning.

    Args:
        words: "path" draws letters, "none" leaves them to the reader's font.
    """
    with theme(), mpl.rc_context({"svg.fonttype": words}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def _settle(figure: Figure) -> None:
    """Lays a figure out once, for all files: matplotlib would do so twice for each."""
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        FigureCanvasAgg(figure)
        engine.execute(figure)
        figure.set_layout_engine("none")


def _small(svg: str) -> str:
    """The same picture in fewer bytes: without indents, unused names, and thousandths of a point."""
    for pattern, instead in SMALLER:
        svg = pattern.sub(instead, svg)
    # In tags alone: what is written in the figure keeps its digits.
    return TAG.sub(lambda tag: FINE.sub(r"\1", tag[0]), svg)


def _pale(colour: Colour) -> Colour:
    red, green, blue = (1 - 0.5 * (1 - part) for part in colour)
    return red, green, blue


def _classed(svg: str) -> tuple[str, str]:
    """The SVG with each style named once, and the rules for those names, on light and on dark ground."""
    names = {style: f"c{k}" for k, style in enumerate(dict.fromkeys(STYLE.findall(svg)))}
    on_dark = {style: _on_dark(style) for style in names}
    light = "".join(f".{name}{{{style}}}" for style, name in names.items())
    dark_ground = "".join(
        f".{names[style]}{{{other}}}" for style, other in on_dark.items() if other != style
    )
    text = STYLE.sub(lambda found: f'class="{names[found[1]]}"', svg)
    return text, f"{light}@media (prefers-color-scheme: dark) {{{dark_ground}}}"


def _on_dark(style: str) -> str:
    """A style with the theme's inks as they are on dark ground."""
    return INKS.sub(lambda found: f"{found[1]}: {_light_inks()[found[2]]}", style)


@cache
def _light_inks() -> dict[str, str]:
    light = {INK: "#e4e4e4", GREY: "#a6a6a6"}
    return light | {to_hex(dark(colour)): to_hex(_pale(colour)) for colour in colours(PALETTE)}


STYLE = re.compile('style="([^"]*)"')
INKS = re.compile(f"(fill|stroke): ({'|'.join(_light_inks())})")

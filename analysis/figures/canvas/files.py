"""Figures as files, the same bytes for the same figure, and as SVG for a page."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from analysis.figures.canvas.style import (
    COLUMN_WIDTH,
    GREY,
    INK,
    PALETTE_SIZE,
    colours,
    dark,
    pale,
    theme,
)
from analysis.figures.canvas.text_layouts import text_layouts_kept
from analysis.figures.canvas.ticks import ticks_kept
from analysis.figures.canvas.twin_svg import text_svg, twin_svg

SVG = "svg"
FORMATS = (SVG, "png", "pdf")
"""Formats that figures are written in; SVG's letters are drawn, so that it looks the same everywhere."""
PNG_DPI = 300
PNG_COMPRESSION = 2
"""Level of zlib: a third of the default's time for a tenth more bytes."""
PAGE_FONTS = "Arial,Helvetica,'Liberation Sans','DejaVu Sans',sans-serif"
"""Where text is left to the reader, fonts no wider than the one that figures are laid out with."""
SHORTENINGS = tuple(
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
TAGS, FINE_DIGITS = re.compile("<[^>]*>"), re.compile(r"(\d\.\d\d)\d+")


def save(figure: Figure, stem: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Writes a figure, without dates or versions: same figure, same bytes.

    Args:
        figure: the figure.
        stem: path without suffix; its folder exists.
        formats: of FORMATS.
    Returns:
        The paths.
    """
    return save_and_show(figure, stem, formats)[0]


def save_and_show(figure: Figure, stem: Path, formats: Sequence[str]) -> tuple[list[Path], str]:
    """Writes a figure as `save` does, and returns it for a page as `page_svg` does: both from one layout.

    Args:
        figure: the figure.
        stem: path without suffix; its folder exists.
        formats: of FORMATS; without any, no file is written.
    Returns:
        The paths, and the SVG for the page.
    """
    files = figure_files(stem, formats)
    with _in_theme("path" if SVG in formats else "none"), ticks_kept(figure), text_layouts_kept():
        text, page = twin_svg(figure) if SVG in formats else ("", text_svg(figure))
        for path in files:
            if path.suffix == f".{SVG}":
                path.write_text(text, encoding="utf-8")
            else:
                _PRINTERS[path.suffix](figure, path)
    white = f'style="fill: {to_hex(figure.get_facecolor())}"'
    return files, _for_page(page.replace(white, 'style="fill: none"', 1))


def figure_files(stem: Path, formats: Sequence[str]) -> list[Path]:
    """The files of a figure, one a format."""
    return [stem.with_name(f"{stem.name}.{each}") for each in formats]


def page_svg(figure: Figure) -> str:
    """The figure as SVG for a page: on the page's own background, and in light ink where that is dark.

    Text stays text, in the reader's own font, which takes a fraction of the bytes of drawn letters.

    Args:
        figure: one that draws its text and frames in the theme's ink.
    """
    return save_and_show(figure, Path(), ())[1]


def _print_png(figure: Figure, path: Path) -> None:
    own = figure.dpi
    figure.set_dpi(PNG_DPI)
    FigureCanvasAgg(figure).print_png(  # type: ignore[no-untyped-call]
        path, metadata={"Software": None}, pil_kwargs={"compress_level": PNG_COMPRESSION}
    )
    figure.set_dpi(own)


def _print_pdf(figure: Figure, path: Path) -> None:
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # takes long to import

    FigureCanvasPdf(figure).print_pdf(  # type: ignore[no-untyped-call]
        path, metadata={"Creator": None, "Producer": None, "CreationDate": None}
    )


def warm_up() -> None:
    """Draws a figure for nobody: fonts and modules are loaded here, and not in each fork."""
    with theme():
        figure = Figure(figsize=(COLUMN_WIDTH, COLUMN_WIDTH), layout="constrained")
        figure.subplots().set(title="0", xlabel="x", ylabel="y", xscale="log")
    page_svg(figure)


def _for_page(svg: str) -> str:
    """An SVG whose text is text, short, and in the page's fonts and inks."""
    text, rules = _with_classes(_shortened(svg))
    head, tag, tail = text.rpartition("</svg>")
    return f"{head}<style>text{{font-family:{PAGE_FONTS}}}{rules}</style>{tag}{tail}"


@contextmanager
def _in_theme(text: str) -> Iterator[None]:
    """The theme, where a character that the font does not have is a box and no warning.

    Args:
        text: "path" draws letters, "none" leaves them to the reader's font.
    """
    with theme(), mpl.rc_context({"svg.fonttype": text}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def _shortened(svg: str) -> str:
    """The same picture in fewer bytes: without indents, unused names, and thousandths of a point."""
    for pattern, instead in SHORTENINGS:
        svg = pattern.sub(instead, svg)
    # In tags alone: what is written in the figure keeps its digits.
    return TAGS.sub(lambda tag: FINE_DIGITS.sub(r"\1", tag[0]), svg)


def _with_classes(svg: str) -> tuple[str, str]:
    """The SVG with each style named once, and the rules for those names on light and dark pages."""
    names = {style: f"c{k}" for k, style in enumerate(dict.fromkeys(STYLES.findall(svg)))}
    on_dark = {style: _on_dark(style) for style in names}
    light = "".join(f".{name}{{{style}}}" for style, name in names.items())
    on_dark_rules = "".join(
        f".{names[style]}{{{other}}}" for style, other in on_dark.items() if other != style
    )
    text = STYLES.sub(lambda found: f'class="{names[found[1]]}"', svg)
    return text, f"{light}@media (prefers-color-scheme: dark) {{{on_dark_rules}}}"


def _on_dark(style: str) -> str:
    """A style with the theme's inks as they are on a dark background."""
    return INKS.sub(lambda found: f"{found[1]}: {_light_inks()[found[2]]}", style)


@cache
def _light_inks() -> dict[str, str]:
    light = {INK: "#e4e4e4", GREY: "#a6a6a6"}
    return light | {to_hex(dark(colour)): to_hex(pale(colour)) for colour in colours(PALETTE_SIZE)}


STYLES = re.compile('style="([^"]*)"')
INKS = re.compile(f"(fill|stroke): ({'|'.join(_light_inks())})")
_PRINTERS = {".png": _print_png, ".pdf": _print_pdf}

"""A figure as SVG: with its letters drawn, with its text left as text, or in both forms from one drawing.

A figure is laid out by the renderer that draws it: a text is measured once for both.
"""

import io
import re
from typing import Any, cast

from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.figure import Figure

# A letter of no alphabet: no comment of a figure is one of these.
PATHS, TEXT, END = "\ue000 paths", "\ue000 text", "\ue000 end"
SVG_DPI = 72


def _between(start: str, end: str) -> re.Pattern[str]:
    return re.compile(f" *<!-- {start} -->\n.*?<!-- {end} -->\n", re.DOTALL)


_PATHS, _TEXT = _between(PATHS, TEXT), _between(TEXT, END)
_MARKS = re.compile(" *<!-- \ue000 [a-z]* -->\n")


class _TwinRenderer(RendererSVG):
    """Writes each text twice, between comments."""

    def _draw_text_as_path(self, *text: Any) -> None:
        writer: Any = self.writer
        base = cast(Any, super())
        writer.comment(PATHS)
        base._draw_text_as_path(*text)
        writer.comment(TEXT)
        base._draw_text_as_text(*text)
        writer.comment(END)


def twin_svg(figure: Figure) -> tuple[str, str]:
    """A figure as SVG, as `print_svg` writes it: with letters as paths, and with text as text.

    Args:
        figure: the style draws letters as paths.
    """
    both = _draw(figure, _TwinRenderer)
    return _MARKS.sub("", _TEXT.sub("", both)), _MARKS.sub("", _PATHS.sub("", both))


def text_svg(figure: Figure) -> str:
    """A figure as SVG, as `print_svg` writes it.

    Args:
        figure: the style leaves text as text.
    """
    return _draw(figure, RendererSVG)


def _draw(figure: Figure, kind: type[RendererSVG]) -> str:
    """Lays the figure out, unless that has been done, and draws it."""
    stream = io.StringIO()
    own, figure.dpi = figure.dpi, SVG_DPI
    width, height = figure.get_size_inches()
    renderer: Any = MixedModeRenderer(  # type: ignore[no-untyped-call]
        figure,
        width,
        height,
        own,
        kind(width * SVG_DPI, height * SVG_DPI, stream, image_dpi=own, metadata={"Date": None}),
    )
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        canvas: Any = FigureCanvasSVG(figure)
        canvas.get_renderer = lambda: renderer
        engine.execute(figure)
        figure.set_layout_engine("none")
    figure.draw(renderer)
    renderer.finalize()
    figure.dpi = own
    return stream.getvalue()

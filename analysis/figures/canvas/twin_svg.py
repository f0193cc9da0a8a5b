"""A figure as SVG in two forms from one drawing: with its letters drawn, and with its text left as text."""

import io
import re
from typing import Any, cast

from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
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
        figure: laid out; the style draws letters as paths.
    """
    stream = io.StringIO()
    dpi = figure.dpi
    figure.dpi = SVG_DPI
    width, height = figure.get_size_inches()
    renderer: Any = MixedModeRenderer(  # type: ignore[no-untyped-call]
        figure,
        width,
        height,
        dpi,
        _TwinRenderer(  # type: ignore[no-untyped-call]
            width * SVG_DPI, height * SVG_DPI, stream, image_dpi=dpi, metadata={"Date": None}
        ),
    )
    figure.draw(renderer)
    renderer.finalize()
    figure.dpi = dpi
    both = stream.getvalue()
    return _MARKS.sub("", _TEXT.sub("", both)), _MARKS.sub("", _PATHS.sub("", both))

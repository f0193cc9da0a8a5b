"""Texts of a figure that is finished: each laid out once for a size, however often its box is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.text import Text


@contextmanager
def text_layouts_kept() -> Iterator[None]:
    """A context in which figures are laid out and drawn, and no text changes but in its words and place.

    A text's layout is that of its own box: where the text is has no part in it.
    """
    lay_out: Any = Text._get_layout  # type: ignore[attr-defined]
    kept: dict[Any, Any] = {}

    def layout(text: Any, renderer: Any) -> Any:
        """The layout, as the text's own method returns it."""
        key = (text, text.get_text(), type(renderer), text.get_figure(root=True).dpi)
        if key not in kept:
            kept[key] = lay_out(text, renderer)
        return kept[key]

    Text._get_layout = layout  # type: ignore[attr-defined]
    try:
        yield
    finally:
        Text._get_layout = lay_out  # type: ignore[attr-defined]

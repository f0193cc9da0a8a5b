"""A table as a notebook shows it, for what sweeps and analysis give to notebooks."""

from collections.abc import Iterable, Sequence
from html import escape

from sweeps.declare.terminal import visible


def html_table(
    title: str, rows: Iterable[Sequence[object]], *, header: Sequence[object] = ()
) -> str:
    """An HTML table of text under a caption; markup in it is shown and not obeyed.

    Args:
        title: the caption.
        rows: cells, row by row.
        header: heads of the columns; none are shown without.
    """
    head = _row("th", header) if header else ""
    body = "".join(_row("td", row) for row in rows)
    return f"<table><caption>{_text(title)}</caption>{head}{body}</table>"


def _row(tag: str, cells: Sequence[object]) -> str:
    parts = (f"<{tag} style='text-align:left'>{_text(cell)}</{tag}>" for cell in cells)
    return f"<tr>{''.join(parts)}</tr>"


def _text(cell: object) -> str:
    return escape(visible(str(cell)))

"""Numbers and names as people read them, and tables of them as Markdown."""

import html
from collections.abc import Sequence

import numpy as np

from analysis.report.rows import finite
from analysis.scaling.power_law import Estimate
from sweeps.declare.terminal import visible


def setting_words(label: str) -> str:
    """A setting's label; "all runs" where there is a single one."""
    return label or "all runs"


def estimate_words(estimate: Estimate | None) -> str:
    """An estimate as "value [low, high]"; empty where there is none."""
    if estimate is None or finite(estimate.value) is None:
        return ""
    low, high = (
        f"{end:.4g}" if np.isfinite(end) else "open" for end in (estimate.low, estimate.high)
    )
    return f"{estimate.value:.4g} [{low}, {high}]"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; what would end a cell, or be more than its text, is escaped.

    Args:
        header: heads of the columns.
        rows: cells, row by row.
    """
    lines = [[plain(cell) for cell in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(text: str) -> str:
    """A text on one line of Markdown: no cell's end, no HTML, no link."""
    escaped = html.escape(visible(text).replace("\\", "\\\\"), quote=False)
    return " ".join(escaped.replace("|", "\\|").replace("](", "]\\(").split())

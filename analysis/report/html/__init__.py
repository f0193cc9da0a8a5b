"""The report's page: one self-contained HTML file, which loads nothing from a network."""

from analysis.report.html.document import Chapter, write_page
from analysis.report.html.view import (
    DrawnFigure,
    DrawnFigures,
    DrawnPanel,
    SectionView,
    draw_figure,
    draw_panels,
    view_of,
)

__all__ = [
    "Chapter",
    "DrawnFigure",
    "DrawnFigures",
    "DrawnPanel",
    "SectionView",
    "draw_figure",
    "draw_panels",
    "view_of",
    "write_page",
]

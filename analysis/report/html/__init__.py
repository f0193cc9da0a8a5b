"""The report's page: one self-contained HTML file, which asks nothing of a network."""

from analysis.report.html.document import Chapter, write_page

__all__ = ["Chapter", "write_page"]

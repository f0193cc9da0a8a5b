"""A section that no report has: how one is added, in a file of its own."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from analysis.report.blocks import FigureBlock, TableBlock, TextBlock, table_of_rows
from analysis.report.predictions import Prediction
from analysis.report.section import Section, has_levels


class Answers(Section):
    """One of everything."""

    title = "An addition"
    needs = (has_levels,)

    def words(self) -> str:
        return "What a section can hold."

    def figures(self) -> list[FigureBlock]:
        return [FigureBlock("added", "Added", draw_line)]

    def tables(self) -> list[TableBlock]:
        rows = [{"answer": 42.5, "known": True, "why": None}]
        return [table_of_rows("answers", "Answers", rows)]

    def texts(self) -> list[TextBlock]:
        return [TextBlock("answer.txt", "The answer", "42.5")]

    def summary(self) -> Iterator[str]:
        yield "the answer is 42.5"

    def predictions(self) -> Iterator[Prediction]:
        yield Prediction("the answer", "value", 42.0, None, "disagrees")


def draw_line() -> Figure:
    """A figure of one line."""
    figure = Figure(layout="constrained")
    figure.subplots().plot([1, 2], [3, 4])
    return figure

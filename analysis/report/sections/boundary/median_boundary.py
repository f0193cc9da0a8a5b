"""The boundary by its other definition: where half of the runs are benign."""

from functools import cached_property

from analysis.report.blocks import MAX_OPEN_ROWS, TableBlock, table_of_rows
from analysis.report.rows import TableRow
from analysis.report.section import Section, has_levels, has_single_runs
from analysis.report.sections.boundary.crossings import boundary_rows
from analysis.report.tasks import Tasks


class MedianBoundary(Section):
    """Where half of the runs are below each level."""

    title = "Median boundary (half of runs benign)"
    needs = (has_levels, has_single_runs)

    def begin(self, tasks: Tasks) -> None:
        """Finds the boundaries."""
        self.results.find_medians(tasks)

    @cached_property
    def rows(self) -> list[TableRow]:
        """One row a level, setting and column."""
        return [row for one in self.results.median_boundaries for row in boundary_rows(one)]

    def words(self) -> str:
        return "Where half of the runs are below the level, by a psychometric curve in each column."

    def tables(self) -> list[TableBlock]:
        folded = len(self.rows) > MAX_OPEN_ROWS
        return [table_of_rows("median-boundary", self.title, self.rows, folded=folded)]

"""The boundary scanned along x, which finds it where it is vertical."""

from analysis.boundary.mean_crossing import find_boundary
from analysis.cells.cells import transposed
from analysis.report.blocks import MAX_OPEN_ROWS, TableBlock, table_of_rows
from analysis.report.rows import TableRow
from analysis.report.section import Section, has_levels
from analysis.report.sections.boundary.crossings import boundary_rows
from analysis.report.tasks import Tasks


class RowScan(Section):
    """Where each row of the plane crosses each level."""

    title = "Crossings along x"
    needs = (has_levels,)
    is_detail = True

    def begin(self, tasks: Tasks) -> None:
        """Finds the crossings."""
        self._found = tasks.submit(self._rows)

    @property
    def rows(self) -> list[TableRow]:
        """One row a level, setting and row of the plane."""
        return self._found.result()

    def _rows(self) -> list[TableRow]:
        rows, results = transposed(self.results.cells), self.results
        found = (
            find_boundary(rows, level, resampling=results.resampling)
            for level in results.spec.levels
        )
        return [row for boundary in found for row in boundary_rows(boundary)]

    def words(self) -> str:
        x = self.results.cells.plane.x.name
        return f"Crossings along {x} in each row, for boundaries that are vertical or nearly so."

    def tables(self) -> list[TableBlock]:
        folded = len(self.rows) > MAX_OPEN_ROWS
        return [table_of_rows("rows", self.title, self.rows, folded=folded)]

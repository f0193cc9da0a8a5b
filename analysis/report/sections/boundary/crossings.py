"""The boundary: crossings, fitted lines and theory's, one figure a level, and the crossings as a table."""

from functools import partial

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Plane, exact
from analysis.figures import draw_boundary
from analysis.report.blocks import FigureBlock, TableBlock
from analysis.report.results import LevelResults
from analysis.report.rows import TableRow, finite
from analysis.report.section import Section, has_levels
from analysis.report.words import setting_words


class BoundaryByColumn(Section):
    """Where the mean crosses each level."""

    title = "Boundary"
    needs = (has_levels,)

    def words(self) -> str:
        return (
            "Where the smoothed mean crosses the level, column by column. A triangle at the edge marks a "
            "column that crosses beyond the grid."
        )

    def figures(self) -> list[FigureBlock]:
        return [boundary_figure(level) for level in self.results.levels]

    def tables(self) -> list[TableBlock]:
        """Crossings of all levels, settings and columns."""
        plane = self.results.cells.plane
        rows = [row for boundary in self.results.boundaries for row in boundary_rows(boundary)]
        header = ("level", "setting", plane.x.name, plane.y.name, "interval", "state")
        cells = [boundary_cells(row, plane) for row in rows]
        caption = "The boundary in each column"
        return [TableBlock("boundary", caption, rows, header, cells, folded=True)]


def boundary_figure(level: LevelResults) -> FigureBlock:
    """The boundary with its laws; a single power law is left out where a broken one is preferred."""
    boundary = level.boundary
    broken = {law.setting for law in level.broken_laws if law.preferred}
    powers = [law for law in level.laws if law.kind == "power" and law.setting not in broken]
    return FigureBlock(
        f"boundary-level-{exact(boundary.level)}",
        f"Boundary at {boundary.label} = {exact(boundary.level)} over {boundary.plane.x.label}",
        partial(
            draw_boundary,
            boundary,
            powers,
            comparisons=level.comparisons,
            broken_laws=level.broken_laws,
            predicted=level.predicted,
        ),
    )


def boundary_rows(boundary: Boundary) -> list[TableRow]:
    """One row a setting and column: where the boundary is, its interval, and its state.

    Censored values and open ends are empty; `state` says on which side they are. `raw` is where the
    means themselves first cross, as a check; `recrosses` marks columns that come back over the level.
    """
    x, y = boundary.plane.x, boundary.plane.y
    value, low, high = (
        np.where(np.isfinite(part), y.value(part), np.nan)
        for part in (boundary.estimate, boundary.low, boundary.high)
    )
    return [
        {
            "level": boundary.level,
            "setting": boundary.plane.settings[s],
            x.name: float(x.values[i]),
            y.name: finite(value[s, i]),
            "low": finite(low[s, i]),
            "high": finite(high[s, i]),
            "low_open": bool(np.isinf(boundary.low[s, i])),
            "high_open": bool(np.isinf(boundary.high[s, i])),
            "state": boundary.state(s, i),
            "definition": boundary.definition,
            "raw": None if boundary.raw is None else finite(y.value(boundary.raw[s, i])),
            "recrosses": None if boundary.recrosses is None else bool(boundary.recrosses[s, i]),
        }
        for s, i in np.ndindex(*value.shape)
    ]


def boundary_cells(row: TableRow, plane: Plane) -> list[str]:
    """A crossing's row as people read it.

    Args:
        row: of boundary.csv.
        plane: names the columns of x and y.
    """
    low, high = (
        "open" if row[f"{end}_open"] else "" if row[end] is None else f"{row[end]:.4g}"
        for end in ("low", "high")
    )
    at = row[plane.y.name]
    return [
        exact(row["level"]),
        setting_words(row["setting"]),
        f"{row[plane.x.name]:g}",
        "" if at is None else f"{at:.4g}",
        f"[{low}, {high}]" if low and high else "",
        row["state"],
    ]

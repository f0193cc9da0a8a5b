"""The plane: means and two-colour views of every level, failures, and the cells' values."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from analysis.cells.cells import Cells
from analysis.dataset.plane import exact
from analysis.figures import draw_failures, draw_map, draw_runs
from analysis.report.blocks import FigureBlock, MapBlock, TableBlock
from analysis.report.results import LevelResults
from analysis.report.rows import TableRow, finite
from analysis.report.section import Section, has_levels


class PlaneView(NamedTuple):
    """One way to see the plane: the file it goes to, its words, and its figure of some settings."""

    name: str
    words: str
    draw: Callable[[tuple[int, ...]], Figure]


class PlaneMap(Section):
    """The mean of every cell, with the boundary on top."""

    title = "Map"
    needs = (has_levels,)

    @cached_property
    def views(self) -> list[PlaneView]:
        """Each level in both kinds of colour, failures if any, and runs where cells have none."""
        cells = self.results.cells
        views = [
            level_view(cells, one, two) for one in self.results.levels for two in (False, True)
        ]
        if (cells.runs_used < cells.planned).any():
            views.append(PlaneView("failures", "runs not used", partial(draw_failures, cells)))
        if (cells.planned == 0).any():
            views.append(PlaneView("runs", "runs of each cell", partial(draw_runs, cells)))
        return views

    @property
    def settings(self) -> tuple[int, ...]:
        """Positions of all settings."""
        return tuple(range(len(self.results.cells.plane.settings)))

    def words(self) -> str:
        """What colours and points are."""
        return (
            f"Colour is the mean over the replicates of a cell: {self.results.cells.label}. Points are the "
            "boundary with its interval. Hover over a cell or use the arrow keys to read its values."
        )

    def map(self) -> MapBlock:
        """Each setting in every view."""
        panels = (
            tuple((view.words, partial(view.draw, (s,))) for view in self.views)
            for s in self.settings
        )
        return MapBlock(self.results.cells, tuple(panels))

    def figures(self) -> list[FigureBlock]:
        """All settings in every view, as files."""
        label, every = self.results.cells.label, self.settings
        return [
            FigureBlock(
                view.name,
                f"{label}, {view.words}",
                partial(view.draw, every),
                on_page=False,
                on_card=view is self.views[0],
            )
            for view in self.views
        ]

    def tables(self) -> list[TableBlock]:
        """The values of the cells, as a file."""
        return [TableBlock("cells", "Values of all cells", cell_rows(self.results.cells))]


def level_view(cells: Cells, found: LevelResults, two_colours: bool) -> PlaneView:
    """The view of one level: means in shades, or their sides of the level in two colours.

    Args:
        cells: means on the plane.
        found: at the level.
        two_colours: whether sides of the level are shown instead of shades.
    """
    level = exact(found.boundary.level)
    kind, words = ("two-colour", "two colours") if two_colours else ("map", "mean")
    return PlaneView(
        f"{kind}-level-{level}",
        f"{words}, level {level}",
        lambda settings: draw_map(
            cells,
            found.boundary,
            settings=settings,
            two_colours=two_colours,
            predicted=tuple(found.predicted.values()),
        ),
    )


def cell_rows(cells: Cells) -> list[TableRow]:
    """One row a cell: where it is, counts, mean and standard error."""
    mean, error, used = cells.mean, cells.standard_error, cells.runs_used
    x, y = cells.plane.x, cells.plane.y
    return [
        {
            "setting": cells.plane.settings[s],
            x.name: float(x.values[i]),
            y.name: float(y.values[j]),
            "used": int(used[s, i, j]),
            **{name: int(count[s, i, j]) for name, count in cells.status.items()},
            "missing": int(cells.missing[s, i, j]),
            f"mean_{cells.measure}": finite(mean[s, i, j]),
            "standard_error": finite(error[s, i, j]),
        }
        for s, i, j in np.ndindex(*mean.shape)
    ]

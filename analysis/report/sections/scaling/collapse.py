"""Data collapse: the cells' means against each order parameter that the sweep names."""

from functools import cached_property, partial
from typing import NamedTuple

from analysis.cells.cells import Cells
from analysis.cells.columns import on_plane
from analysis.errors import AnalysisError
from analysis.figures.collapse import draw_collapse
from analysis.report.blocks import FigureBlock, TableBlock
from analysis.report.rows import TableRow, estimate_columns, finite
from analysis.report.section import Section, has_levels
from analysis.report.words import estimate_words, setting_words
from analysis.scaling.data_collapse import Collapse, collapse


class Collapses(NamedTuple):
    """The collapses by each order parameter, of all settings, and why others could not be computed."""

    found: list[list[Collapse]]
    errors: list[str]


class CollapseByOrder(Section):
    """How well each order parameter collapses the plane."""

    title = "Collapse"
    needs = (has_levels,)
    is_detail = True

    @cached_property
    def collapses(self) -> Collapses:
        """The collapses, computed once for figures and table."""
        cells, how = self.results.cells, self.results.resampling
        settings = range(len(cells.plane.settings))
        found, errors = [], []
        for order in self.results.spec.orders:
            try:
                values = on_plane(self.results.dataset, cells, order)
            except AnalysisError as error:
                errors.append(str(error))
                continue
            found.append([collapse(cells, s, values, name=order, resampling=how) for s in settings])
        return Collapses(found, errors)

    def is_empty(self) -> bool:
        return not any(self.collapses)

    def words(self) -> str:
        """What quality means, and why an order parameter is missing."""
        plane = self.results.cells.plane
        return "".join(
            (
                "Quality is the share of the means' variance that a monotone curve of the order parameter "
                f"explains; the best exponent b is that of {plane.y.name} / {plane.x.name}^b.",
                *(f" Not drawn: {error}" for error in self.collapses.errors),
            )
        )

    def figures(self) -> list[FigureBlock]:
        """One figure an order parameter."""
        return [
            FigureBlock(
                f"collapse-{k}",
                f"Collapse by {group[0].name}",
                partial(draw_collapse, self.results.cells, group),
            )
            for k, group in enumerate(self.collapses.found, start=1)
        ]

    def tables(self) -> list[TableBlock]:
        header = ("order parameter", "setting", "quality", "best exponent b", "its quality")
        found = [one for group in self.collapses.found for one in group]
        rows = [collapse_row(self.results.cells, one) for one in found]
        cells = [collapse_cells(self.results.cells, one) for one in found]
        return [TableBlock("collapse", self.title, rows, header, cells)]


def collapse_row(cells: Cells, found: Collapse) -> TableRow:
    """One order parameter and setting: quality of the collapse, and the best exponent.

    Args:
        cells: names the settings.
        found: the collapse.
    """
    return {
        "setting": cells.plane.settings[found.setting],
        "order_parameter": found.name,
        "cells": len(found.order),
        "quality": finite(found.quality),
        "misfit": finite(found.misfit),
        **estimate_columns("best_exponent", found.best),
        "best_quality": finite(found.best_quality),
    }


def collapse_cells(cells: Cells, found: Collapse) -> list[str]:
    """A collapse as people read it.

    Args:
        cells: names the settings.
        found: the collapse.
    """
    return [
        found.name,
        setting_words(cells.plane.settings[found.setting]),
        _share(found.quality),
        estimate_words(found.best) or "none",
        _share(found.best_quality),
    ]


def _share(value: float) -> str:
    return "" if finite(value) is None else f"{value:.4g}"

"""The boundary's exponent over windows of x, at every level."""

from functools import cached_property, partial
from typing import NamedTuple

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import exact
from analysis.figures.trends import draw_local
from analysis.report.blocks import FigureBlock, TableBlock, table_of_rows
from analysis.report.rows import TableRow, estimate_columns
from analysis.report.section import Section, has_levels
from analysis.scaling.sliding_exponent import LocalExponent, local_exponents


class LevelExponents(NamedTuple):
    """The local exponents of one level's boundary, of all settings."""

    boundary: Boundary
    exponents: list[LocalExponent]


class LocalExponents(Section):
    """Power laws over windows of neighbouring columns."""

    title = "Local exponent"
    needs = (has_levels,)
    is_detail = True

    @cached_property
    def levels(self) -> list[LevelExponents]:
        """The levels at which some window could be fitted."""
        found = (
            LevelExponents(one, [e for s in settings for e in local_exponents(one, s)])
            for one in self.results.boundaries
            for settings in [range(len(one.plane.settings))]
        )
        return [level for level in found if any(e.law.slope for e in level.exponents)]

    def is_empty(self) -> bool:
        return not self.levels

    def words(self) -> str:
        return (
            "Power laws over windows of neighbouring columns: where the boundary is no power law, its "
            "exponent changes along x. Windows overlap, so neighbouring points share columns."
        )

    def figures(self) -> list[FigureBlock]:
        """One figure a level."""
        theories = self.results.spec.theory
        return [
            FigureBlock(
                f"local-level-{exact(boundary.level)}",
                f"Local exponent at {boundary.label} = {exact(boundary.level)}",
                partial(draw_local, boundary, found, theories=theories),
            )
            for boundary, found in self.levels
        ]

    def tables(self) -> list[TableBlock]:
        rows = [row for level in self.levels for row in exponent_rows(level)]
        return [table_of_rows("local", "Exponents of the windows", rows, folded=True)]


def exponent_rows(level: LevelExponents) -> list[TableRow]:
    """One row a window."""
    return [
        {
            "level": level.boundary.level,
            "setting": level.boundary.plane.settings[one.setting],
            "at": one.at,
            "from": one.law.x_range[0] if one.law.x_range else None,
            "to": one.law.x_range[1] if one.law.x_range else None,
            "columns": one.law.columns,
            **estimate_columns("exponent", one.law.slope),
        }
        for one in level.exponents
    ]

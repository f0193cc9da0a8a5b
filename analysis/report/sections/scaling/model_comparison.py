"""The laws that compete for each boundary, by information criteria, with their residuals."""

from functools import cached_property, partial
from typing import NamedTuple

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import exact
from analysis.figures.residuals import draw_residuals
from analysis.report.blocks import MAX_OPEN_ROWS, FigureBlock, TableBlock, table_of_rows
from analysis.report.rows import TableRow
from analysis.report.section import Section, has_levels
from analysis.scaling.model_selection import Selection, select_law


class ComparedModels(NamedTuple):
    """The competing laws of one boundary in one setting."""

    boundary: Boundary
    selection: Selection


class ModelComparison(Section):
    """Power law, linear law, broken power law and theory's exponents on the same columns."""

    title = "Model comparison"
    needs = (has_levels,)
    is_detail = True

    @cached_property
    def comparisons(self) -> list[ComparedModels]:
        """Those of each level and setting in which enough columns cross."""
        spec = self.results.spec
        found = (
            ComparedModels(
                one, select_law(one, s, theories=spec.theory_for(one.plane.values_of(s)))
            )
            for one in self.results.boundaries
            for s in range(len(one.plane.settings))
        )
        return [one for one in found if one.selection.candidates]

    def is_empty(self) -> bool:
        return not self.comparisons

    def words(self) -> str:
        return (
            "Models whose AIC differs by 2 or less are indistinguishable; a difference of 10 or more is "
            "decisive. χ² is divided by the scatter about the best model where that exceeds the columns' "
            "errors."
        )

    def figures(self) -> list[FigureBlock]:
        """Residuals of each model, one figure a level and setting."""
        return [
            FigureBlock(
                f"residuals-level-{exact(boundary.level)}-{selection.setting}",
                _caption(boundary, selection),
                partial(draw_residuals, boundary, selection),
            )
            for boundary, selection in self.comparisons
        ]

    def tables(self) -> list[TableBlock]:
        rows = [row for one in self.comparisons for row in candidate_rows(one)]
        folded = bool(rows) or len(rows) > MAX_OPEN_ROWS
        return [table_of_rows("selection", self.title, rows, folded=folded)]


def _caption(boundary: Boundary, selection: Selection) -> str:
    setting = boundary.plane.settings[selection.setting]
    at = f"Residuals of each model at {boundary.label} = {exact(boundary.level)}"
    return f"{at}, {setting}" if setting else at


def candidate_rows(found: ComparedModels) -> list[TableRow]:
    """One row a competing law, best first; criteria are differences from the least."""
    boundary, selection = found
    return [
        {
            "level": boundary.level,
            "setting": boundary.plane.settings[selection.setting],
            "law": one.name,
            "parameters": one.parameters,
            "columns": len(selection.x),
            "chi2": one.chi2,
            "delta_aic": one.delta_aic,
            "delta_bic": one.delta_bic,
            "dispersion": selection.dispersion,
        }
        for one in selection.candidates
    ]

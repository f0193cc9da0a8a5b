"""The exponent against the level at which the plane is cut, by both definitions of the boundary."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import NamedTuple

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.boundary.smoothed import smoothed_means
from analysis.cells.cells import Cells
from analysis.cells.predicted import predicted_boundary
from analysis.dataset.plane import Floats
from analysis.figures.levels import draw_levels
from analysis.report.blocks import (
    MAX_OPEN_ROWS,
    FigureBlock,
    LevelCut,
    LevelsBlock,
    TableBlock,
    table_of_rows,
)
from analysis.report.rows import TableRow, estimate_columns, finite
from analysis.report.section import Section, has_levels
from analysis.report.tasks import Tasks
from analysis.scaling.exponent_by_level import (
    LevelExponent,
    default_levels,
    exponents,
    in_order,
)
from analysis.scaling.power_law import PowerLaw
from analysis.statistics.curve_likelihood import make_tables


class _FoundLevels(NamedTuple):
    """Exponents at levels, and the boundaries that they are of."""

    exponents: tuple[LevelExponent, ...]
    cuts: list[LevelCut]


class ExponentByLevel(Section):
    """Power laws of the boundary at levels between the least and the largest mean."""

    title = "Exponent by level"
    needs = (has_levels,)
    begins_last = True

    def begin(self, tasks: Tasks) -> None:
        """Finds the boundaries of levels that no other section shows."""
        results = self.results
        levels = default_levels(results.cells)
        self._shown = tuple(level for level in levels if level in results.spec.levels)
        others = tuple(level for level in levels if level not in self._shown)
        if others:
            # Made here, so that the boundaries of all levels share them, whichever process finds them.
            smoothed_means(results.cells, results.resampling)
            u = results.cells.plane.y.coordinates
            if results.cells.batched_runs is None and len(u) > 1:
                make_tables(u)
        self._others = tasks.submit(partial(self._found_at, others))

    @cached_property
    def exponents(self) -> tuple[LevelExponent, ...]:
        """The exponent of each level, definition and setting."""
        results = self.results
        known = (*results.boundaries, *results.median_boundaries)
        shown = self._exponents(self._shown, known)
        return in_order((*shown, *self._others.result().exponents))

    def cuts(self) -> LevelsBlock | None:
        """The boundary at each level, of this section and of the others."""
        theories, results = self.results.spec.theory, self.results
        shown = [
            _cut(
                one.boundary,
                [law for law in one.laws if law.kind == "power"],
                {theory.name: lines for theory, lines in one.predicted.items()},
            )
            for one in results.levels
        ]
        cuts = sorted([*shown, *self._others.result().cuts], key=lambda cut: cut.level)
        stated = [theory for theory in theories if theory.exponent is not None]
        first = next(k for k, cut in enumerate(cuts) if cut.level == results.spec.levels[0])
        return LevelsBlock(results.cells, cuts, stated, first) if len(cuts) > 1 else None

    def _found_at(self, levels: tuple[float, ...]) -> _FoundLevels:
        """Exponents at levels that no other section shows, and the boundaries."""
        results = self.results
        boundaries = [
            find_boundary(results.cells, level, resampling=results.resampling) for level in levels
        ]
        exponents = self._exponents(levels, boundaries)
        theories = [theory for theory in results.spec.theory if theory.states_position]
        cuts = []
        for boundary in boundaries:
            at = (boundary.level, boundary.definition)
            laws = [one.law for one in exponents if (one.level, one.definition) == at]
            predicted = {
                theory.name: predicted_boundary(
                    results.dataset, results.cells, theory, boundary.level
                )
                for theory in theories
            }
            cuts.append(_cut(boundary, laws, predicted))
        return _FoundLevels(exponents, cuts)

    def _exponents(
        self, levels: tuple[float, ...], known: Iterable[Boundary] = ()
    ) -> tuple[LevelExponent, ...]:
        results = self.results
        if not levels:
            return ()
        return exponents(results.cells, levels, resampling=results.resampling, known=known)

    def is_empty(self) -> bool:
        return not self.exponents

    def words(self) -> str:
        return (
            "The exponent of the boundary depends on the level at which the plane is cut, unless the "
            "boundaries of all levels are parallel."
        )

    def figures(self) -> list[FigureBlock]:
        """The exponents, where any was fitted."""
        if not any(one.law.slope for one in self.exponents):
            return []
        theories = self.results.spec.theory
        draw = partial(draw_levels, self.results.cells, self.exponents, theories=theories)
        return [FigureBlock("levels", self.title, draw)]

    def tables(self) -> list[TableBlock]:
        """Every level, definition and setting."""
        rows = [exponent_row(self.results.cells, one) for one in self.exponents]
        fitted = any(one.law.slope for one in self.exponents)
        folded = fitted or len(rows) > MAX_OPEN_ROWS
        return [table_of_rows("levels", self.title, rows, folded=folded)]


def _cut(boundary: Boundary, laws: Sequence[PowerLaw], predicted: Mapping[str, Floats]) -> LevelCut:
    """A boundary as the page moves through it, without its draws."""
    return LevelCut(boundary.level, boundary.estimate, boundary.low, boundary.high, laws, predicted)


def exponent_row(cells: Cells, found: LevelExponent) -> TableRow:
    """One level, definition and setting: the exponent that this level shows.

    Args:
        cells: names the settings.
        found: the exponent at a level.
    """
    return {
        "definition": found.definition,
        "setting": cells.plane.settings[found.setting],
        "level": found.level,
        **estimate_columns("exponent", found.law.slope),
        "columns": found.law.columns,
        "columns_in_range": found.law.columns_in_range,
        "chi2_per_dof": finite(found.law.misfit),
        "not_fitted": found.law.reason or None,
    }

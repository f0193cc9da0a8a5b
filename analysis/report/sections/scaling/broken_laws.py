"""Two power laws that join at a break, and whether the second one is preferred."""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import exact
from analysis.report.blocks import TableBlock
from analysis.report.findings import Finding
from analysis.report.rows import TableRow, estimate_columns, finite
from analysis.report.section import Section, has_levels
from analysis.report.words import estimate_words, setting_words
from analysis.scaling.broken_power_law import BrokenPowerLaw


class FittedBreak(NamedTuple):
    """A broken power law of one boundary."""

    boundary: Boundary
    law: BrokenPowerLaw

    @property
    def setting(self) -> str:
        """The setting whose boundary was fitted."""
        return self.boundary.plane.settings[self.law.setting]

    @property
    def exponents(self) -> tuple[str, str, str]:
        """The exponents below and above the break, and the break, with their intervals."""
        law = self.law
        return tuple(map(estimate_words, (law.below, law.above, law.break_x)))  # type: ignore[return-value]


class BrokenLaws(Section):
    """Broken power laws through each boundary."""

    title = "Broken power laws"
    needs = (has_levels,)

    @cached_property
    def laws(self) -> list[FittedBreak]:
        """Every broken power law, those that could not be fitted too."""
        return [
            FittedBreak(level.boundary, law)
            for level in self.results.levels
            for law in level.broken_laws
        ]

    @cached_property
    def fitted(self) -> list[FittedBreak]:
        """Those that were fitted."""
        return [one for one in self.laws if one.exponents[2]]

    def words(self) -> str:
        """What preferred means, or that nothing could be fitted."""
        if not self.fitted:
            return "Too few columns cross inside the grid to distinguish two power laws from one."
        return (
            "Two power laws that join at a break. They are preferred where χ² falls by more than a "
            "criterion of the Bayesian kind (BIC) charges for the two additional parameters."
        )

    def tables(self) -> list[TableBlock]:
        """All broken power laws, those that were fitted on the page."""
        header = (
            *("level", "setting", "exponent below", "exponent above", "break at"),
            "preferred by BIC",
        )
        cells = [
            [
                exact(one.boundary.level),
                setting_words(one.setting),
                *one.exponents,
                "yes" if one.law.preferred else "no",
            ]
            for one in self.fitted
        ]
        rows = [break_row(one) for one in self.laws]
        caption = "Exponents on both sides of the break"
        return [TableBlock("kinks", caption, rows, header if self.fitted else (), cells)]

    def findings(self) -> list[Finding]:
        """The first bent boundary at the first level, where no exponent is predicted of it."""
        if any(theory.exponent is not None for theory in self.results.spec.theory):
            return []
        boundary = self.results.levels[0].boundary
        bent = [one for one in self.fitted if one.law.preferred and one.boundary is boundary]
        return [break_finding(one) for one in bent[:1]]

    def summary(self) -> Iterator[str]:
        for one in self.fitted:
            if one.law.preferred:
                below, above, at = one.exponents
                where = f"level {exact(one.boundary.level)}, {setting_words(one.setting)}"
                yield f"{where}: a broken power law, {below} then {above}, break at {at}"


def break_finding(found: FittedBreak) -> Finding:
    """Both exponents of a bent boundary, and where it bends."""
    below, above, at = found.exponents
    x, where = found.boundary.plane.x.name, f" ({found.setting})" if found.setting else ""
    return Finding(
        f"Exponent of the boundary in {x}: {below} below {x} = {at}, {above} above{where}"
    )


def break_row(found: FittedBreak) -> TableRow:
    """Broken power laws and whether they are preferred; empty fields where too few columns are closed."""
    law = found.law
    return {
        "level": found.boundary.level,
        "setting": found.setting,
        "columns": law.columns,
        **estimate_columns("below", law.below),
        **estimate_columns("above", law.above),
        **estimate_columns("kink", law.break_x),
        "chi2_gain": finite(law.chi2_gain),
        "preferred_by_bic": law.preferred,
    }

"""Every fitted law beside theory's exponent, and its verdict."""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import exact
from analysis.report.blocks import TableBlock
from analysis.report.findings import Finding
from analysis.report.results import LevelResults
from analysis.report.rows import TableRow, estimate_columns, finite
from analysis.report.section import Section, has_levels
from analysis.report.words import estimate_words, setting_words
from analysis.scaling.model_selection import LAW_NAMES
from analysis.scaling.power_law import PowerLaw
from analysis.scaling.prediction import POOR_FIT, is_poor_fit
from sweeps.declare.analysis_spec import PredictionSpec


class FittedLaw(NamedTuple):
    """A law of one boundary, and theory beside it where theory speaks of it."""

    boundary: Boundary
    law: PowerLaw
    theory: PredictionSpec | None = None
    verdict: str = ""

    @property
    def setting(self) -> str:
        """The setting whose boundary was fitted."""
        return self.boundary.plane.settings[self.law.setting]


class PowerLaws(Section):
    """Power laws and linear laws of each boundary."""

    title = "Laws of the boundary"
    needs = (has_levels,)

    @cached_property
    def laws(self) -> list[FittedLaw]:
        """Every fit, level by level: power laws and linear laws, then theory's ranges."""
        return [law for level in self.results.levels for law in fitted_laws(level)]

    def words(self) -> str:
        return (
            "A power law's exponent, a linear law's slope, and where theory states an exponent "
            "whether the measured one agrees. Intervals come from refitting resampled replicates."
        )

    def tables(self) -> list[TableBlock]:
        """All laws, beside theory where it states an exponent."""
        header = (
            *("level", "setting", "law", "x range", "columns", "exponent or slope", "χ²/dof"),
            *("theory", "verdict"),
        )
        rows, cells = [law_row(law) for law in self.laws], [law_cells(law) for law in self.laws]
        return [TableBlock("laws", "Laws of the boundary, beside theory", rows, header, cells)]

    def findings(self) -> list[Finding]:
        """The first exponent at the first level, where no prediction is compared with it."""
        first = self.results.levels[0]
        if any(theory.exponent is not None for theory in self.results.spec.theory):
            return []
        bent = {law.setting for law in first.broken_laws if law.preferred}
        laws = [law for law in first.laws if law.kind == "power" and law.setting not in bent]
        return [law_finding(first.boundary, law) for law in laws[:1]]

    def summary(self) -> Iterator[str]:
        yield from map(law_line, self.laws)


def fitted_laws(level: LevelResults) -> Iterator[FittedLaw]:
    """The laws of one level; one that theory is compared with comes once, with theory."""
    repeated = {found.law for found in level.comparisons if found.law.x_range is None}
    for law in level.laws:
        if law not in repeated:
            yield FittedLaw(level.boundary, law)
    for found in level.comparisons:
        yield FittedLaw(level.boundary, found.law, found.theory, found.words)


def law_finding(boundary: Boundary, law: PowerLaw) -> Finding:
    """An exponent that nothing is predicted of, or why there is none."""
    setting = boundary.plane.settings[law.setting]
    where = f" ({setting})" if setting else ""
    return Finding(f"Exponent of the boundary in {boundary.plane.x.name}: {_slope(law)}{where}")


def law_row(found: FittedLaw) -> TableRow:
    """One fitted law; empty fields and a reason where it could not be fitted."""
    law, theory = found.law, found.theory
    return {
        "level": found.boundary.level,
        "setting": found.setting,
        "law": LAW_NAMES[law.kind],
        "x_low": law.x_range[0] if law.x_range else None,
        "x_high": law.x_range[1] if law.x_range else None,
        "columns": law.columns,
        "columns_in_range": law.columns_in_range,
        **estimate_columns("slope", law.slope),
        **estimate_columns("intercept", law.intercept),
        "chi2_per_dof": finite(law.misfit),
        "poor_fit": is_poor_fit(law),
        "theory": theory.name if theory else None,
        "theory_exponent": theory.exponent if theory else None,
        "source": theory.source if theory else None,
        "verdict": found.verdict or None,
        "not_fitted": law.reason or None,
    }


def law_cells(found: FittedLaw) -> list[str]:
    """A law as people read it."""
    law = found.law
    return [
        exact(found.boundary.level),
        setting_words(found.setting),
        LAW_NAMES[law.kind],
        _range(law) or "all",
        f"{law.columns} of {law.columns_in_range}",
        _slope(law),
        _chi2(law),
        _theory(found),
        _verdict(found),
    ]


def law_line(found: FittedLaw) -> str:
    """A law as the command prints it."""
    law = found.law
    chi2, x_range, theory = _chi2(law), _range(law), _theory(found)
    where = f"level {exact(found.boundary.level)}, {setting_words(found.setting)}"
    parts = [
        f"{where}: {LAW_NAMES[law.kind]} {_slope(law)}",
        f"χ²/dof {chi2}" if chi2 else "",
        f"{law.columns} of {law.columns_in_range} columns" + (f", x {x_range}" if x_range else ""),
        f"theory {theory}" if theory else "",
        _verdict(found),
    ]
    return "; ".join(filter(None, parts))


def _range(law: PowerLaw) -> str:
    return f"{law.x_range[0]:g} … {law.x_range[1]:g}" if law.x_range else ""


def _slope(law: PowerLaw) -> str:
    return estimate_words(law.slope) or f"not fitted: {law.reason or None}"


def _chi2(law: PowerLaw) -> str:
    return "" if finite(law.misfit) is None else f"{law.misfit:.2f}"


def _theory(found: FittedLaw) -> str:
    return f"{found.theory.exponent:g} ({found.theory.name})" if found.theory else ""


def _verdict(found: FittedLaw) -> str:
    return found.verdict or (POOR_FIT if is_poor_fit(found.law) else "")

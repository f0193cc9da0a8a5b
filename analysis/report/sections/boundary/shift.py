"""How far settings move the boundary."""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import NamedTuple

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import exact
from analysis.figures import draw_shift
from analysis.report.blocks import FigureBlock, TableBlock, table_of_rows
from analysis.report.findings import Finding
from analysis.report.rows import TableRow, estimate_columns
from analysis.report.section import Section, has_levels, has_several_settings
from analysis.report.words import estimate_words
from analysis.scaling.paired_shift import Shift
from analysis.scaling.power_law import Estimate
from analysis.scaling.prediction import INCONCLUSIVE


class LevelShift(NamedTuple):
    """The shift of one setting's boundary from the first one's, at one level."""

    boundary: Boundary
    shift: Shift

    @property
    def setting(self) -> str:
        """The setting that is shifted."""
        return self.boundary.plane.settings[self.shift.setting]

    @property
    def reference(self) -> str:
        """The setting that it is compared with."""
        return self.boundary.plane.settings[0]

    @property
    def kind(self) -> str:
        """Whether a shift is a factor, as on a logarithmic axis, or a difference."""
        return "factor" if self.shift.factor else "difference"

    @property
    def words(self) -> str:
        """The mean shift with its interval."""
        return estimate_words(self.shift.mean) or INCONCLUSIVE


class ShiftOfBoundary(Section):
    """Each setting's boundary compared with the first one's."""

    title = "Shift of the boundary"
    needs = (has_levels, has_several_settings)

    @cached_property
    def shifts(self) -> list[LevelShift]:
        """All shifts, level by level."""
        return [
            LevelShift(level.boundary, shift)
            for level in self.results.levels
            for shift in level.shifts
        ]

    def words(self) -> str:
        """What the dataset says of random draws that settings share with the first one."""
        first = self.results.levels[0]
        found = [one for one in self.shifts if one.boundary is first.boundary]
        paired, apart = (
            [one.setting for one in found if one.shift.paired is which] for which in (True, False)
        )
        if not apart:
            return "Settings share their random draws, so the shift is a paired difference."
        alone = (
            "the shift is a difference of independent boundaries and its intervals include the noise of "
            "both"
        )
        if not paired:
            return f"Settings draw random numbers of their own, so {alone}."
        return (
            f"{'; '.join(paired)}: random draws are shared with {found[0].reference}, and the shift is a "
            f"paired difference. {'; '.join(apart)}: random numbers are drawn anew, so {alone}."
        )

    def figures(self) -> list[FigureBlock]:
        """Shifts of all settings, one figure a level."""
        return [
            FigureBlock(
                f"shift-level-{exact(level.boundary.level)}",
                f"Shift of the boundary at {level.boundary.label} = {exact(level.boundary.level)}",
                partial(draw_shift, level.boundary, level.shifts),
            )
            for level in self.results.levels
        ]

    def tables(self) -> list[TableBlock]:
        """The mean shift of each setting, and the shift of each column."""
        header = ("level", "setting", "compared with", "kind", "mean shift")
        cells = [
            [exact(one.boundary.level), one.setting, one.reference, one.kind, one.words]
            for one in self.shifts
        ]
        rows = [row for one in self.shifts for row in shift_rows(one)]
        return [
            TableBlock("", "Mean shift of the boundary", header=header, cells=cells),
            table_of_rows("shift", "The shift in each column", rows, folded=True),
        ]

    def findings(self) -> list[Finding]:
        """The shift of the last setting at the first level, where it could be measured."""
        first = self.results.levels[0].boundary
        measured = [one for one in self.shifts if one.boundary is first and one.shift.mean]
        return [
            Finding(
                f"Shift of the boundary from {one.reference} to {one.setting}: {one.kind} {one.words}"
            )
            for one in measured[-1:]
        ]

    def summary(self) -> Iterator[str]:
        for one in self.shifts:
            yield (
                f"level {exact(one.boundary.level)}: mean shift, {one.setting} compared with "
                f"{one.reference}: {one.kind} {one.words}"
            )


def shift_rows(found: LevelShift) -> list[TableRow]:
    """One row a column, then one for the overall mean (x empty)."""
    x, shift = found.boundary.plane.x, found.shift
    common = {
        "level": found.boundary.level,
        "setting": found.setting,
        "against": found.reference,
        "kind": found.kind,
        "paired": shift.paired,
    }
    ends = zip(shift.columns, shift.low, shift.high, strict=True)
    rows = [
        {**common, x.name: float(at), **estimate_columns("shift", Estimate(*map(float, end)))}
        for at, end in zip(x.values, ends, strict=True)
    ]
    return [*rows, {**common, x.name: None, **estimate_columns("shift", shift.mean)}]

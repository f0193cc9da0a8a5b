"""Fits to a boundary that show and draw themselves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.boundary.mean_crossing import Boundary
from analysis.names import load_name
from analysis.notebook.shown import ShownRecord
from analysis.scaling.broken_power_law import MIN_COLUMNS_FOR_BREAK, BrokenPowerLaw
from analysis.scaling.paired_shift import Shift, boundary_shift
from analysis.scaling.power_law import Estimate, PowerLaw
from analysis.scaling.prediction import POOR_FIT, is_poor_fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class OpenedLaw(ShownRecord, PowerLaw):
    """A power law of one setting, and the boundary that it was fitted to."""

    boundary: Boundary

    def figure(self) -> "Figure":
        """The boundary and the law."""
        figure: Figure = load_name("draw_boundary")(self.boundary, [self])
        return figure

    def _title(self) -> str:
        plane = self.boundary.plane
        where = plane.settings[self.setting] or "all runs"
        return f"{plane.y.name} ∝ {plane.x.name}^b, {where}" + (
            f": not fitted, {self.reason}" if self.slope is None else ""
        )

    def _rows(self) -> Sequence[Sequence[object]]:
        return [
            ("quantity", "value", "interval"),
            ("exponent b (slope)", *_estimate(self.slope)),
            ("log constant (intercept)", *_estimate(self.intercept)),
            ("χ²/dof (misfit)", f"{self.misfit:.3g}", POOR_FIT if is_poor_fit(self) else ""),
            ("columns", f"{self.columns} of {self.columns_in_range}", ""),
        ]


@dataclass(frozen=True, eq=False, repr=False)
class OpenedBrokenLaw(ShownRecord, BrokenPowerLaw):
    """A power law that changes its exponent at a break, and the boundary that it was fitted to."""

    boundary: Boundary

    def _title(self) -> str:
        plane = self.boundary.plane
        where = plane.settings[self.setting] or "all runs"
        title = f"{plane.y.name} ∝ {plane.x.name}^b below and above a break, {where}"
        if self.break_x is None:
            return (
                f"{title}: not fitted, {self.columns} of at least {MIN_COLUMNS_FOR_BREAK} columns"
            )
        return title

    def _rows(self) -> Sequence[Sequence[object]]:
        return [
            ("quantity", "value", "interval"),
            ("exponent below", *_estimate(self.below)),
            ("exponent above", *_estimate(self.above)),
            (f"break ({self.boundary.plane.x.name})", *_estimate(self.break_x)),
            ("preferred by BIC", "yes" if self.preferred else "no", ""),
        ]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OpenedShift(ShownRecord, Shift):
    """The shift of a setting's boundary from the first setting's, and the boundary."""

    boundary: Boundary

    def figure(self) -> "Figure":
        """The shifts of every setting, column by column and overall."""
        others = range(1, len(self.boundary.plane.settings))
        shifts = [boundary_shift(self.boundary, setting) for setting in others]
        figure: Figure = load_name("draw_shift")(self.boundary, shifts)
        return figure

    def _title(self) -> str:
        plane = self.boundary.plane
        first, other = plane.settings[0], plane.settings[self.setting]
        kind = "factor" if self.factor else "difference"
        draws = "the same random numbers" if self.paired else "random numbers of their own"
        return f"Shift of {plane.y.name} as a {kind}, {other} against {first}, on {draws}"

    def _rows(self) -> Sequence[Sequence[object]]:
        x = self.boundary.plane.x
        parts = zip(x.values, self.columns, self.low, self.high, strict=True)
        return [
            (x.name, "shift", "interval"),
            *((f"{at:g}", *_estimate(Estimate(*map(float, one)))) for at, *one in parts),
            ("mean", *_estimate(self.mean)),
        ]


def _estimate(estimate: Estimate | None) -> tuple[str, str]:
    """Value and interval as text; empty without a value."""
    if estimate is None or math.isnan(estimate.value):
        return "", ""
    return f"{estimate.value:.4g}", f"[{estimate.low:.4g}, {estimate.high:.4g}]"

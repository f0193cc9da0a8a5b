"""Fits to a boundary that show and draw themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.boundary.mean_crossing import Boundary
from analysis.names import load_name
from analysis.notebook.shown import ShownRecord
from analysis.scaling.power_law import Estimate, PowerLaw

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
            ("exponent b", *_estimate(self.slope)),
            ("log constant", *_estimate(self.intercept)),
            ("χ²/dof", f"{self.misfit:.3g}", ""),
            ("columns", f"{self.columns} of {self.columns_in_range}", ""),
        ]


def _estimate(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "", ""
    return f"{estimate.value:.4g}", f"[{estimate.low:.4g}, {estimate.high:.4g}]"

"""Holds a fitted power law against the exponent that theory predicts."""

from dataclasses import dataclass

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats
from analysis.scaling.once import once_per_boundary
from analysis.scaling.power_law import Estimate, PowerLaw, closed_columns, estimate, fit_power_law
from sweeps.declare.analysis_spec import PredictionSpec

# Fewer columns leave less than two degrees of freedom to judge whether a power law holds at all.
MIN_COLUMNS_TO_JUDGE = 4
# An interval this wide holds every exponent that anyone would propose.
MAX_INTERVAL_WIDTH = 0.5
# χ²/dof beyond this has probability below 1 % from 8 columns on, with room for bootstrap errors
# that are a tenth too small.
MAX_CHI2_PER_DOF = 3.0
# Over less than this many decades of x most curves look like a power law.
MIN_DECADES = 0.5
AGREES, DISAGREES, INCONCLUSIVE = "agrees", "disagrees", "inconclusive"
AGREES_AT_FINITE_SIZE = "agrees with the finite-size prediction, not with the asymptotic one"
POOR_FIT = "poor fit"


@dataclass(frozen=True)
class Comparison:
    """A power law over theory's range, beside theory's exponent.

    `constant` is log A with the slope fixed at theory's exponent: it draws theory's line.
    """

    theory: PredictionSpec
    exponent: float
    law: PowerLaw
    constant: Estimate | None
    verdict: str
    reason: str = ""  # why it is inconclusive

    @property
    def words(self) -> str:
        """The verdict, and whether the fit is poor where there were columns enough to judge that."""
        poor = is_poor_fit(self.law) and self.law.columns >= MIN_COLUMNS_TO_JUDGE
        return f"{self.verdict}; {POOR_FIT}" if poor else self.verdict


@once_per_boundary
def compare(boundary: Boundary, setting: int, *, theory: PredictionSpec) -> Comparison:
    """Fits a power law over theory's range and judges theory's exponent.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        theory: exponent and range.
    Returns:
        The verdict is "agrees" (exponent within the interval), "disagrees", or "inconclusive" (too few
        columns, too narrow a range or too wide an interval, which `reason` says).
    Raises:
        ValueError: theory states no exponent.
    """
    if theory.exponent is None:
        raise ValueError(f"received the prediction {theory.name!r}, which states no exponent")
    law = fit_power_law(boundary, setting, x_range=theory.x_range)
    constant = _fixed_exponent_constant(boundary, law, theory.exponent)
    x = closed_columns(boundary, setting, kind="power", x_range=theory.x_range).x
    verdict, reason = judge_slope(law.slope, theory.exponent, log_x=x, columns=law.columns)
    return Comparison(theory, theory.exponent, law, constant, verdict, reason)


def is_poor_fit(law: PowerLaw) -> bool:
    """Whether the columns scatter about a law by more than their errors explain."""
    return bool(law.misfit > MAX_CHI2_PER_DOF)


def judge_slope(
    slope: Estimate | None, exponent: float, *, log_x: Floats, columns: int, tolerance: float = 0.0
) -> tuple[str, str]:
    """Whether a fitted exponent is the predicted one.

    Args:
        slope: the fitted exponent, if any.
        exponent: the predicted one.
        log_x: of the columns with closed intervals.
        columns: how many the fit used.
        tolerance: by how much theory itself may be off.
    Returns:
        The verdict, and why it is inconclusive.
    """
    if slope is None or columns < MIN_COLUMNS_TO_JUDGE:
        return INCONCLUSIVE, f"{columns} of at least {MIN_COLUMNS_TO_JUDGE} columns"
    if not len(log_x) or np.ptp(log_x) / np.log(10) < MIN_DECADES:
        return INCONCLUSIVE, f"range too narrow: under {MIN_DECADES} decades"
    if not slope.high - slope.low <= MAX_INTERVAL_WIDTH * max(abs(exponent), 1.0):
        return INCONCLUSIVE, "interval too wide"
    agrees = slope.low - tolerance <= exponent <= slope.high + tolerance
    return (AGREES if agrees else DISAGREES), ""


def _fixed_exponent_constant(boundary: Boundary, law: PowerLaw, exponent: float) -> Estimate | None:
    points = closed_columns(boundary, law.setting, kind="power", x_range=law.x_range)
    if not len(points.x):
        return None
    offsets = np.concatenate([points.y[None], points.draws]) - exponent * points.x
    ok = np.isfinite(offsets)
    weights = np.where(ok, 1 / points.error**2, 0.0)
    means = (weights * np.where(ok, offsets, 0.0)).sum(1) / weights.sum(1)
    return estimate(float(means[0]), means[1:], boundary)

"""Holds a fitted power law against the exponent that theory predicts."""

from dataclasses import dataclass

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.sweep import Theory
from analysis.scaling.power_law import Estimate, Law, estimate, fit_law, points_of

# Fewer columns leave less than two degrees of freedom to judge whether a power law holds at all.
FEWEST_COLUMNS = 4
# An interval this wide holds every exponent that anyone would propose.
WIDEST_INTERVAL = 0.5
# χ²/dof beyond this has probability below 1 % from 8 columns on, with room for bootstrap errors
# that are a tenth too small.
MISFIT = 3.0
# Over less than this many decades of x most curves look like a power law.
NARROWEST_DECADES = 0.5
AGREES, DISAGREES, CANNOT_TELL = "agrees", "disagrees", "cannot tell"


@dataclass(frozen=True)
class Comparison:
    """A power law over theory's range, beside theory.

    `constant` is log A with the slope held at theory's exponent: it draws theory's line.
    """

    theory: Theory
    law: Law
    constant: Estimate | None
    verdict: str
    reason: str = ""  # why nothing can be told


def compare(boundary: Boundary, setting: int, *, theory: Theory) -> Comparison:
    """Fits a power law over theory's range and judges theory's exponent.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        theory: exponent and range.
    Returns:
        The verdict is "agrees" (exponent within the interval), "disagrees", or "cannot tell" (too few
        columns, too narrow a range or too wide an interval, which `reason` says), with
        "; law misfits" beyond MISFIT.
    """
    law = fit_law(boundary, setting, x_range=theory.x_range)
    constant = _locked_constant(boundary, law, theory)
    verdict, reason = _verdict(boundary, law, theory)
    if misfits(law) and law.columns >= FEWEST_COLUMNS:
        verdict = f"{verdict}; law misfits"
    return Comparison(theory, law, constant, verdict, reason)


def misfits(law: Law) -> bool:
    """Whether the columns scatter about a law by more than their errors explain."""
    return bool(law.misfit > MISFIT)


def _verdict(boundary: Boundary, law: Law, theory: Theory) -> tuple[str, str]:
    if law.slope is None or law.columns < FEWEST_COLUMNS:
        return CANNOT_TELL, f"{law.columns} of at least {FEWEST_COLUMNS} columns"
    x = points_of(boundary, law.setting, kind="power", x_range=theory.x_range).x
    if not len(x) or np.ptp(x) / np.log(10) < NARROWEST_DECADES:
        return CANNOT_TELL, f"range too narrow: under {NARROWEST_DECADES} decades"
    slope = law.slope
    if not slope.high - slope.low <= WIDEST_INTERVAL * max(abs(theory.exponent), 1.0):
        return CANNOT_TELL, "interval too wide"
    return (AGREES if slope.low <= theory.exponent <= slope.high else DISAGREES), ""


def _locked_constant(boundary: Boundary, law: Law, theory: Theory) -> Estimate | None:
    points = points_of(boundary, law.setting, kind="power", x_range=theory.x_range)
    if not len(points.x):
        return None
    offsets = np.concatenate([points.y[None], points.draws]) - theory.exponent * points.x
    ok = np.isfinite(offsets)
    weights = np.where(ok, 1 / points.error**2, 0.0)
    means = (weights * np.where(ok, offsets, 0.0)).sum(1) / weights.sum(1)
    return estimate(float(means[0]), means[1:], boundary)

"""Compares laws of the boundary on the same columns, by information criteria and residuals."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats
from analysis.scaling.broken_power_law import fit_broken_power_law
from analysis.scaling.power_law import fit_power_law, law_at, measured_columns
from analysis.scaling.prediction import MIN_COLUMNS_TO_JUDGE, compare
from sweeps.declare.analysis_spec import PredictionSpec

LINEAR, POWER_LAW, BROKEN_POWER_LAW = "linear", "power law", "broken power law"
LAW_NAMES = {"power": POWER_LAW, "line": LINEAR}
"""Names of LAW_KINDS in reports and tables."""
FIXED_EXPONENT = "fixed exponent: "
"""Before the name of a theory, whose exponent is kept and whose constant alone is fitted."""
LAW_PARAMETERS = {POWER_LAW: 2, LINEAR: 2, BROKEN_POWER_LAW: 4}
"""Fitted parameters; with a fixed exponent it is one."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One law's fit. Residuals are in units of the columns' errors; criteria are less their least.

    `name` is one of LAW_PARAMETERS, or FIXED_EXPONENT and the theory's name. Akaike's criterion suits
    prediction, the Bayesian one identification of the true law; they can differ.
    """

    name: str
    parameters: int
    chi2: float
    delta_aic: float
    delta_bic: float
    residuals: Floats  # (columns,)


@dataclass(frozen=True, eq=False)
class Selection:
    """Candidates at one level and setting, best by the Bayesian criterion first; () with too few.

    `dispersion` divides χ²: how much the columns scatter beyond their errors about the best law.
    """

    setting: int
    x: Floats  # (columns,)
    candidates: tuple[Candidate, ...]
    dispersion: float


def select_law(
    boundary: Boundary, setting: int, *, theories: Iterable[PredictionSpec] = ()
) -> Selection:
    """Linear law, power law, broken power law and theory's fixed exponents on the same columns.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        theories: those without a range compete; a range would leave them fewer columns.
    Source:
        Burnham and Anderson 2002, Model Selection, sections 2.2 and 6.4; QAIC for the dispersion.
    """
    points = measured_columns(boundary, setting, kind="line", x_range=None)
    chosen = boundary.closed[setting, points.columns]
    x = boundary.plane.x.values[points.columns[chosen]]
    if chosen.sum() < MIN_COLUMNS_TO_JUDGE:
        return Selection(setting, x, (), np.nan)
    fits = {
        name: at for name, at in _laws(boundary, setting, x, theories) if np.all(np.isfinite(at))
    }
    residuals = {name: (points.y[chosen] - at) / points.error[chosen] for name, at in fits.items()}
    return _selection(setting, x, residuals)


def _laws(
    boundary: Boundary, setting: int, x: Floats, theories: Iterable[PredictionSpec]
) -> Iterable[tuple[str, Floats]]:
    """Each law's name, and its y coordinate at x; NaN where it cannot be fitted."""
    log = boundary.plane.y.log
    yield LINEAR, law_at(fit_power_law(boundary, setting, kind="line"), x, log=log)
    if np.any(x <= 0):
        return
    yield POWER_LAW, law_at(fit_power_law(boundary, setting), x, log=log)
    broken = fit_broken_power_law(boundary, setting)
    if broken.below and broken.above and broken.break_x:
        change = (broken.above.value - broken.below.value) * np.log(
            np.maximum(x / broken.break_x.value, 1.0)
        )
        single = broken.log_constant + broken.below.value * np.log(x)
        yield BROKEN_POWER_LAW, _own(single + change, log)
    for theory in theories:
        if theory.exponent is None or theory.x_range is not None:
            continue
        constant = compare(boundary, setting, theory=theory).constant
        if constant is not None:
            line = constant.value + theory.exponent * np.log(x)
            yield FIXED_EXPONENT + theory.name, _own(line, log)


def _own(log_y: Floats, log: bool) -> Floats:
    return log_y if log else np.exp(log_y)


def _selection(setting: int, x: Floats, residuals: dict[str, Floats]) -> Selection:
    count = len(x)
    chi2 = {name: float(np.sum(r**2)) for name, r in residuals.items()}
    free = {name: LAW_PARAMETERS.get(name, 1) for name in residuals}
    scatter = min(chi2[n] / (count - free[n]) for n in chi2 if count > free[n])
    dispersion = max(1.0, scatter)
    aic = {n: chi2[n] / dispersion + 2 * free[n] for n in chi2}
    bic = {n: chi2[n] / dispersion + np.log(count) * free[n] for n in chi2}
    least = min(aic.values()), min(bic.values())
    candidates = [
        Candidate(n, free[n], chi2[n], aic[n] - least[0], float(bic[n] - least[1]), residuals[n])
        for n in sorted(chi2, key=lambda n: (bic[n], free[n]))
    ]
    return Selection(setting, x, tuple(candidates), dispersion)

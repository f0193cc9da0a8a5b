"""A fitted quantity followed over a setting: how an exponent, a break or a shift moves with d, n or p."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats, equal
from analysis.scaling.broken_power_law import fit_broken_power_law
from analysis.scaling.paired_shift import boundary_shift
from analysis.scaling.power_law import Estimate, fit_power_law
from analysis.scaling.prediction import AGREES, DISAGREES, INCONCLUSIVE, MAX_INTERVAL_WIDTH
from sweeps.declare.analysis_spec import TrendSpec

# A power of the setting has two parameters, and a third point to be judged by.
MIN_VALUES = 3


@dataclass(frozen=True, eq=False)
class Trend:
    """One quantity at every value of a setting, the other settings held fixed.

    `power` is the exponent b of quantity ∝ setting^b, None where `reason` says why there is none. Where the
    spec gives a limit, the verdict compares the last value with it.
    """

    spec: TrendSpec
    others: str  # the settings held fixed, "" for none
    level: float
    values: Floats  # of the setting, sorted, (values,)
    settings: tuple[int, ...]  # positions in the plane of the values
    estimates: tuple[Estimate | None, ...]
    power: Estimate | None
    verdict: str
    reason: str


def follow(boundary: Boundary, spec: TrendSpec) -> list[Trend]:
    """The quantity over a setting, once for every choice of the other settings.

    Args:
        boundary: crossings of all settings.
        spec: which quantity and setting, and theory's prediction for them.
    Returns:
        One trend for each choice of the others; [] where the boundary's settings do not name it.
    """
    settings = boundary.plane.setting_values
    if not all(spec.setting in one for one in settings):
        return []
    others = [{k: v for k, v in one.items() if k != spec.setting} for one in settings]
    groups = [group for k, group in enumerate(others) if group not in others[:k]]
    return [_trend(boundary, spec, group) for group in groups]


def _trend(boundary: Boundary, spec: TrendSpec, group: Mapping[str, Any]) -> Trend:
    settings = {
        float(one[spec.setting]): s
        for s, one in enumerate(boundary.plane.setting_values)
        if one == {**group, spec.setting: one[spec.setting]}
    }
    values = sorted(settings)
    measure = QUANTITIES[spec.of]
    estimates = tuple(measure(boundary, settings[value], spec) for value in values)
    power, reason = fit_power(np.array(values), estimates, confidence=boundary.confidence)
    verdict = _judge(spec, power, estimates)
    return Trend(
        spec=spec,
        others=equal(group),
        level=boundary.level,
        values=np.array(values),
        settings=tuple(settings[value] for value in values),
        estimates=estimates,
        power=power,
        verdict=verdict,
        reason=reason,
    )


def fit_power(
    x: Floats, y: Sequence[Estimate | None], *, confidence: float
) -> tuple[Estimate | None, str]:
    """The exponent b of y ∝ x^b by weighted least squares of the logs, each y independent.

    Settings that are not paired draw random numbers of their own, so their estimates are independent.
    Paired ones share noise, which moves all points alike: the interval is then wider than it need be. An
    error is half an interval's width; where the points scatter by more than their errors the interval is
    widened by that and by Student's t.

    Args:
        x: values of the setting, shape (values,).
        y: estimates; those that are missing, open or not positive are left out.
        confidence: of their intervals, and of the one returned.
    Returns:
        The exponent, or None and the reason.
    """
    ok = np.array([v > 0 and _closed(e) for v, e in zip(x, y, strict=True)], dtype=bool)
    if ok.sum() < MIN_VALUES:
        return None, f"{ok.sum()} of at least {MIN_VALUES} values with a closed interval"
    kept = [e for e, used in zip(y, ok, strict=True) if used and e is not None]
    log_x, log_y = np.log(x[ok]), np.log([e.value for e in kept])
    normal = float(special.ndtri((1 + confidence) / 2))
    width = np.log([e.high for e in kept]) - np.log([e.low for e in kept])
    weight = 1 / np.maximum(width / (2 * normal), 1e-9) ** 2
    centre = np.average(log_x, weights=weight)
    spread = float(np.sum(weight * (log_x - centre) ** 2))
    if spread == 0:
        return None, "all values of the setting are the same"
    slope = float(np.sum(weight * (log_x - centre) * log_y)) / spread
    residual = log_y - np.average(log_y, weights=weight) - slope * (log_x - centre)
    dof = len(log_x) - 2
    scatter = np.sqrt(float(np.sum(weight * residual**2)) / dof)
    student = float(special.stdtrit(dof, (1 + confidence) / 2))
    half = max(normal, student * scatter) / np.sqrt(spread)
    return Estimate(slope, slope - half, slope + half), ""


def _closed(e: Estimate | None) -> bool:
    return e is not None and e.low > 0 and bool(np.isfinite([e.value, e.low, e.high]).all())


def _judge(spec: TrendSpec, power: Estimate | None, estimates: Sequence[Estimate | None]) -> str:
    """The verdict on theory's power, or on its limit by the last value; "" where it says nothing."""
    if spec.exponent is not None:
        return judge_number(power, spec.exponent)
    if spec.limit is not None:
        return judge_number(estimates[-1], spec.limit)
    return ""


def judge_number(measured: Estimate | None, predicted: float) -> str:
    """The verdict on a predicted number: agrees where it is in a measured interval that is not too wide.

    Args:
        measured: with its interval, None where nothing was measured.
        predicted: what theory says.
    """
    if measured is None:
        return INCONCLUSIVE
    if not measured.high - measured.low <= MAX_INTERVAL_WIDTH * max(abs(predicted), 1.0):
        return INCONCLUSIVE
    return AGREES if measured.low <= predicted <= measured.high else DISAGREES


def _exponent(boundary: Boundary, setting: int, spec: TrendSpec) -> Estimate | None:
    return fit_power_law(boundary, setting, x_range=spec.x_range).slope


def _kink(boundary: Boundary, setting: int, spec: TrendSpec) -> Estimate | None:
    return fit_broken_power_law(boundary, setting).break_x


def _shift(boundary: Boundary, setting: int, spec: TrendSpec) -> Estimate | None:
    found = boundary_shift(boundary, setting)
    return found.mean if setting else Estimate(found.none, found.none, found.none)


QUANTITIES: dict[str, Callable[[Boundary, int, TrendSpec], Estimate | None]] = {
    "exponent": _exponent,
    "kink": _kink,
    "shift": _shift,
}
"""Quantities that can be followed: the power law's exponent, the break's x, the shift from the first."""

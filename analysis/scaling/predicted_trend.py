"""A quantity that is followed over a setting, as a predicted boundary has it at the sizes of the sweep."""

from dataclasses import replace

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats
from analysis.scaling.broken_power_law import find_break
from analysis.scaling.power_law import Estimate, FitColumns, closed_columns
from analysis.scaling.prediction import MIN_COLUMNS_TO_JUDGE
from analysis.scaling.trend import Trend, fit_power
from sweeps.declare.analysis_spec import TrendSpec


def predicted_values(boundary: Boundary, trend: Trend, line: Floats) -> tuple[float, ...]:
    """The quantity of a predicted boundary, fitted as the measured one: over its columns, by its weights.

    Args:
        boundary: the measured one.
        trend: the quantity followed over it.
        line: predicted y*, in the values of y, shape (settings, x); NaN where theory is silent.
    Returns:
        One for each value of the trend's setting; NaN where too few columns are predicted and measured.
    """
    if trend.spec.of == "shift":
        return tuple(_shift(boundary, s, line) for s in trend.settings)
    return tuple(_fitted(boundary, s, line[s], trend.spec) for s in trend.settings)


def predicted_power(trend: Trend, values: tuple[float, ...], confidence: float) -> float | None:
    """The power of the setting in predicted values, weighted as the measured ones.

    Args:
        trend: the measured quantity.
        values: predicted, one for each value of the setting.
        confidence: of the measured intervals.
    Returns:
        None where too few values are predicted and measured.
    """
    moved = [
        None if one is None or not value > 0 else _moved(one, value)
        for one, value in zip(trend.estimates, values, strict=True)
    ]
    power = fit_power(trend.values, moved, confidence=confidence)[0]
    return None if power is None else power.value


def _moved(measured: Estimate, value: float) -> Estimate:
    """A value with the measured one's relative interval, which is its weight."""
    factor = value / measured.value
    return Estimate(value, factor * measured.low, factor * measured.high)


def _fitted(boundary: Boundary, setting: int, line: Floats, spec: TrendSpec) -> float:
    """The exponent or the break of a predicted line over the columns of the measured fit."""
    points = _predicted_columns(boundary, setting, line, spec)
    if len(points.x) < MIN_COLUMNS_TO_JUDGE:
        return np.nan
    if spec.of == "kink":
        return find_break(points)
    return float(np.polyfit(points.x, points.y, 1, w=1 / points.error)[0])


def _predicted_columns(
    boundary: Boundary, setting: int, line: Floats, spec: TrendSpec
) -> FitColumns:
    """The measured fit's columns with log y* as predicted, without draws."""
    x_range = spec.x_range if spec.of == "exponent" else None
    measured = closed_columns(boundary, setting, kind="power", x_range=x_range)
    predicted = line[measured.columns]
    ok = (predicted > 0) & np.isfinite(predicted)
    return replace(
        measured,
        x=measured.x[ok],
        y=np.log(predicted[ok]),
        error=measured.error[ok],
        draws=np.empty((0, int(ok.sum()))),
        columns=measured.columns[ok],
    )


def _shift(boundary: Boundary, setting: int, line: Floats) -> float:
    """The predicted shift from the first setting, the mean over columns that both have."""
    axis = boundary.plane.y
    both = boundary.closed[0] & boundary.closed[setting] & np.isfinite(line[[0, setting]]).all(0)
    if not both.any():
        return np.nan
    first, other = (np.log(line[s, both]) if axis.log else line[s, both] for s in (0, setting))
    return float(axis.value(np.mean(other - first)))

"""Fits laws to a boundary: a power law y* = A x^b, and a straight line y* = a + b x."""

from dataclasses import dataclass

import numpy as np

from analysis.bootstrap import robust_error, student_interval
from analysis.boundary import Boundary
from analysis.plane import Floats

KINDS = ("power", "line")
FEWEST = 2
# No column weighs more than the median one: with few replicates a small error is mostly luck.
# Simulated with floors of 1/4, 1/2, 3/4, 1 medians, 3 to 40 replicates and 16 or 40 cells: stated
# 95 % intervals of the slope cover 78-98, 78-98, 87-99, 90-99 %; χ²/dof is 1.3, 1.2, 1.2, 0.9.
ERROR_FLOOR = 1.0
TINY = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN ends where draws cannot tell."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Law:
    """A fitted law, or the reason why there is none.

    `slope` is the exponent of a power law. `intercept` is log A, or a. `misfit` is χ² per degree
    of freedom of the residuals against the columns' bootstrap errors: about 1 where the law holds.
    """

    kind: str
    setting: int
    x_range: tuple[float, float] | None
    columns: int
    columns_in_range: int
    slope: Estimate | None
    intercept: Estimate | None
    misfit: float
    reason: str


@dataclass(frozen=True, eq=False)
class Points:
    """Columns in a law's coordinates: x, y and error (columns,), draws (draws, columns)."""

    x: Floats
    y: Floats
    error: Floats
    draws: Floats
    in_range: int


def fit_law(
    boundary: Boundary,
    setting: int,
    *,
    kind: str = "power",
    x_range: tuple[float, float] | None = None,
) -> Law:
    """Weighted least squares over the columns that cross inside the grid with a closed interval.

    Columns with an open interval stay out: near the grid's edge they are seen only when chance
    moves them inward. A power law leaves out columns at x ≤ 0, or whose interval reaches y ≤ 0.
    Intervals come from refitting every draw.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        kind: "power" (fits log y* = a + b log x) or "line" (y* = a + b x).
        x_range: use only columns within, ends included; None uses all.
    """
    points = points_of(boundary, setting, kind=kind, x_range=x_range)
    count, total = len(points.x), points.in_range
    if count < FEWEST:
        reason = (
            f"{count} of at least {FEWEST} columns cross inside the grid with a closed interval"
        )
        return Law(kind, setting, x_range, count, total, None, None, np.nan, reason)
    weights = 1 / points.error**2
    a, b = _least_squares(points.x, points.y[None], weights)
    draws_a, draws_b = _least_squares(points.x, points.draws, weights)
    residual = (points.y - a - b * points.x) / points.error
    misfit = float(np.sum(residual**2) / (count - 2)) if count > 2 else np.nan
    slope, intercept = (
        estimate(float(one[0]), draws, boundary)
        for one, draws in ((b, draws_b), (a, draws_a))
    )
    return Law(kind, setting, x_range, count, total, slope, intercept, misfit, "")


def points_of(
    boundary: Boundary, setting: int, *, kind: str, x_range: tuple[float, float] | None
) -> Points:
    """A setting's closed columns in a law's coordinates; those with logs, for a power law."""
    axis_x, axis_y = boundary.plane.x, boundary.plane.y
    x = axis_x.values
    inside = (
        np.ones(len(x), dtype=bool) if x_range is None else (x >= x_range[0]) & (x <= x_range[1])
    )
    chosen = inside & boundary.closed[setting]
    if kind == "power":
        chosen &= (x > 0) & (axis_y.log | (boundary.low[setting] > 0))
    y, draws = (
        _to_law(v, axis_y.log, kind)
        for v in (boundary.estimate[setting, chosen], boundary.draws[:, setting, chosen])
    )
    law_x = np.log(x[chosen]) if kind == "power" else x[chosen]
    return Points(law_x, y, floored_error(draws), draws, int(inside.sum()))


def floored_error(draws: Floats) -> Floats:
    """Robust errors of the columns of draws (draws, columns), none below ERROR_FLOOR medians."""
    error = robust_error(draws)
    floor = ERROR_FLOOR * float(np.median(error)) if len(error) else 0.0
    # The tiny number lets a boundary without any noise be fitted, all columns alike.
    return np.maximum(error, max(floor, TINY))


def estimate(value: float, draws: Floats, boundary: Boundary) -> Estimate:
    """A value with the interval of its draws, shape (draws,), at the boundary's confidence."""
    low, high = student_interval(
        np.array([value]),
        draws[:, None],
        confidence=boundary.confidence,
        freedom=boundary.freedom,
    )
    return Estimate(value, float(low[0]), float(high[0]))


def _to_law(coordinate: Floats, log: bool, kind: str) -> Floats:
    """Crossings from the axis's coordinate to the law's; draws off the logs' domain become NaN."""
    if kind == "power" and not log:
        return np.log(np.where(coordinate > 0, coordinate, np.nan))
    if kind == "line" and log:
        return np.where(np.isfinite(coordinate), np.exp(coordinate), np.nan)
    return coordinate


def _least_squares(x: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Intercepts and slopes of weighted lines, one per row of y, over its finite points."""
    ok = np.isfinite(y)
    w = np.where(ok, weights, 0.0)
    total = w.sum(axis=1)
    safe = np.where(ok, y, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre_x, centre_y = (w * x).sum(axis=1) / total, (w * safe).sum(axis=1) / total
        spread = x - centre_x[:, None]
        slope = (w * spread * safe).sum(axis=1) / (w * spread**2).sum(axis=1)
    slope = np.where(np.isfinite(slope) & (ok.sum(axis=1) > 1), slope, np.nan)
    return centre_y - slope * centre_x, slope

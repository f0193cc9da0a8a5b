"""Fits laws to a boundary: a power law y* = A x^b, and a straight line y* = a + b x."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from analysis.bootstrap import robust_error, student_interval
from analysis.boundary import Boundary
from analysis.plane import Floats, Ints

KINDS = ("power", "line")
FEWEST = 2
# No column weighs more than the median one: with few replicates a small error is mostly luck.
# Simulated with floors of 1/4, 1/2, 3/4, 1 medians, 3 to 40 replicates and 16 or 40 cells: stated
# 95 % intervals of the slope cover 78-98, 78-98, 87-99, 90-99 %; χ²/dof is 1.3, 1.2, 1.2, 0.9.
ERROR_FLOOR = 1.0
TINY = 1e-12
# Gauss–Newton steps: two meet six digits from the start that is used.
STEPS = 5
# Columns beyond the grid come in by expectation, which converges by their share of the columns.
CENSORED_STEPS = 30


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
    columns: Ints  # positions in the plane


def fit_law(
    boundary: Boundary,
    setting: int,
    *,
    kind: str = "power",
    x_range: tuple[float, float] | None = None,
) -> Law:
    """Censored least squares: columns inside the grid by their crossing, others by their side of it.

    Leaving out the columns that cross beyond the grid would keep those that chance moved inward.
    Residuals are taken in the y axis's own coordinate (log y on a log axis), where errors belong: in
    another one a column that errs downwards would weigh more. A power law leaves out columns at
    x ≤ 0 or y* ≤ 0. Intervals come from refitting every draw.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        kind: "power" (fits log y* = a + b log x) or "line" (y* = a + b x).
        x_range: use only columns within, ends included; None uses all.
    Source:
        Tobin 1958 (censored regression); Dempster, Laird and Rubin 1977 (its iteration).
    """
    points = censored_points(boundary, setting, kind=kind, x_range=x_range)
    crosses = np.isfinite(points.y)
    count, total = int(crosses.sum()), points.in_range
    if count < FEWEST or not np.isfinite(points.error).all():
        reason = f"{count} of at least {FEWEST} columns cross inside the grid, with an interval"
        return Law(kind, setting, x_range, count, total, None, None, np.nan, reason)
    bend = _bend(kind, boundary.plane.y.log)
    edges = boundary.plane.y.coordinates[[0, -1]]
    rows = np.concatenate([points.y[None], points.draws])
    a, b = fit_censored(points, rows, bend=bend, edges=edges)
    residual = (points.y - bend.value(a[0] + b[0] * points.x)) / points.error
    misfit = float(np.sum(residual[crosses] ** 2) / (count - 2)) if count > 2 else np.nan
    slope, intercept = (estimate(float(one[0]), one[1:], boundary) for one in (b, a))
    return Law(kind, setting, x_range, count, total, slope, intercept, misfit, "")


def law_at(law: Law, x: Floats, *, log: bool) -> Floats:
    """A fitted law's y coordinate (log y on a log axis) at values of x, shape of x; NaN without."""
    if law.slope is None or law.intercept is None:
        return np.full(x.shape, np.nan)
    at = np.log(x) if law.kind == "power" else x
    return _bend(law.kind, log).value(law.intercept.value + law.slope.value * at)


def points_of(
    boundary: Boundary, setting: int, *, kind: str, x_range: tuple[float, float] | None
) -> Points:
    """A setting's closed columns in a law's coordinates; those with logs, for a power law."""
    own = censored_points(boundary, setting, kind=kind, x_range=x_range)
    axis = boundary.plane.y
    closed = boundary.closed[setting, own.columns]
    if kind == "power" and not axis.log:
        closed = closed & (boundary.low[setting, own.columns] > 0)
    y, draws = (_to_law(v, axis.log, kind) for v in (own.y[closed], own.draws[:, closed]))
    return Points(own.x[closed], y, floored_error(draws), draws, own.in_range, own.columns[closed])


def censored_points(
    boundary: Boundary, setting: int, *, kind: str, x_range: tuple[float, float] | None
) -> Points:
    """A setting's columns, x in the law's coordinate, y in the axis's own; ±inf beyond the grid."""
    x, axis = boundary.plane.x.values, boundary.plane.y
    inside = (
        np.ones(len(x), dtype=bool) if x_range is None else (x >= x_range[0]) & (x <= x_range[1])
    )
    measured = ~np.isnan(boundary.estimate[setting]) & ~np.isnan(boundary.draws[:, setting]).all(0)
    chosen = inside & measured
    if kind == "power":
        chosen &= (x > 0) & (axis.log | (boundary.estimate[setting] > 0))
    y, draws = boundary.estimate[setting, chosen], boundary.draws[:, setting, chosen]
    law_x = np.log(x[chosen]) if kind == "power" else x[chosen]
    columns = np.flatnonzero(chosen)
    return Points(law_x, y, floored_error(draws), draws, int(inside.sum()), columns)


def floored_error(draws: Floats) -> Floats:
    """Robust errors of the columns of draws (draws, columns), none below ERROR_FLOOR medians.

    A column whose draws leave the grid has the median error; NaN where all do.
    """
    error = robust_error(np.where(np.isfinite(draws), draws, np.nan))
    known = np.isfinite(error) & np.isfinite(draws).any(axis=0)
    floor = ERROR_FLOOR * float(np.median(error[known])) if known.any() else np.nan
    # The tiny number lets a boundary without any noise be fitted, all columns alike.
    return np.maximum(np.where(known, error, floor), max(floor, TINY))


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


class Bend(NamedTuple):
    """What turns a law's straight line into the axis's coordinate, its derivative, and the way back."""

    value: Callable[[Floats], Floats]
    derivative: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]
    straight: bool


def _bend(kind: str, log: bool) -> Bend:
    if kind == "line" and log:
        return Bend(_safe_log, lambda t: 1 / np.maximum(t, TINY), np.exp, False)
    if kind == "power" and not log:
        return Bend(np.exp, np.exp, _safe_log, False)
    return Bend(lambda t: t, np.ones_like, lambda t: t, True)


def _safe_log(t: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(t, TINY)))


def fit_censored(
    points: Points, rows: Floats, *, bend: Bend, edges: Floats
) -> tuple[Floats, Floats]:
    """Intercepts and slopes of the censored least-squares law of each row of crossings.

    Args:
        points: x and error of the columns.
        rows: crossings, shape (rows, columns); ±inf beyond the grid, NaN where there is none.
        bend: from the law's straight line to the axis's coordinate.
        edges: coordinates of the grid's first and last cell.
    Returns:
        Each (rows,); NaN for a row with fewer than two crossings inside.
    """
    weights = 1 / points.error**2
    inside = np.isfinite(rows)
    if bend.straight and inside.all():
        return _least_squares(points.x, rows, np.broadcast_to(weights, rows.shape))
    # The line through the bent-back crossings is near; its weights are those of the bent errors.
    start = np.where(inside, bend.back(np.where(inside, rows, 1.0)), np.nan)
    a, b = _least_squares(points.x, start, weights * bend.derivative(start) ** 2)
    for _ in range(STEPS if inside.all() else CENSORED_STEPS):
        line = a[:, None] + b[:, None] * points.x
        slant = bend.derivative(line)
        expected = _expected(rows, bend.value(line), error=points.error, edges=edges)
        working = line + (expected - bend.value(line)) / slant
        a, b = _least_squares(points.x, working, weights * slant**2)
    few = inside.sum(axis=1) < FEWEST
    return np.where(few, np.nan, a), np.where(few, np.nan, b)


def _expected(rows: Floats, law: Floats, *, error: Floats, edges: Floats) -> Floats:
    """Crossings, and for those beyond the grid what the law expects of them there."""
    beyond = np.isinf(rows)
    side = np.sign(rows[beyond])
    at, scale = law[beyond], np.broadcast_to(error, rows.shape)[beyond]
    outward = np.where(side > 0, edges[1] - at, at - edges[0]) / scale
    # The normal hazard φ(z)/Φ(−z), by logarithms: both vanish far beyond the grid.
    hazard = np.exp(-0.5 * outward**2 - special.log_ndtr(-outward)) / np.sqrt(2 * np.pi)
    expected = rows.copy()
    expected[beyond] = at + side * scale * hazard
    return expected


def _least_squares(x: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Intercepts and slopes of weighted lines, one per row of y, over its finite points."""
    ok = np.isfinite(y) & np.isfinite(weights)
    w = np.where(ok, weights, 0.0)
    total = w.sum(axis=1)
    safe = np.where(ok, y, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre_x, centre_y = (w * x).sum(axis=1) / total, (w * safe).sum(axis=1) / total
        spread = x - centre_x[:, None]
        slope = (w * spread * safe).sum(axis=1) / (w * spread**2).sum(axis=1)
    slope = np.where(np.isfinite(slope) & (ok.sum(axis=1) > 1), slope, np.nan)
    return centre_y - slope * centre_x, slope

"""Fits laws to a boundary: a power law y* = A x^b, and a straight line y* = a + b x."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats, Ints
from analysis.scaling.once import once_per_boundary
from analysis.statistics.bootstrap import (
    robust_error,
    shrink_errors,
    shrink_nonlinear,
    student_interval,
)
from analysis.statistics.estimating_equations import (
    MIN_COLUMNS_TO_FIT,
    FitProblem,
    linearized_coefficients,
    link_of,
    solve_all,
)

LAW_KINDS = ("power", "line")
# Share of a column's draws inside the grid from which on their spread is its error.
MIN_FINITE_SHARE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN ends where draws cannot bound it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
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
class FitColumns:
    """Columns in a law's coordinates: x, y and error (columns,), draws (draws, columns)."""

    x: Floats
    y: Floats
    error: Floats
    draws: Floats
    in_range: int
    columns: Ints  # positions in the plane


@once_per_boundary
def fit_power_law(
    boundary: Boundary,
    setting: int,
    *,
    kind: str = "power",
    x_range: tuple[float, float] | None = None,
) -> PowerLaw:
    """Fits the law by an estimating equation: the weighted excess over the level, on the law, sums to zero.

    Columns count where the law is inside the grid, not where they happen to cross: choosing those
    would keep what chance moved inward. Near a crossing this is least squares of the crossings, in
    the y axis's own coordinate (log y on a log axis), where errors belong. A power law leaves out
    columns at x ≤ 0 or y* ≤ 0. Intervals come from refitting every draw.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        kind: "power" (fits log y* = a + b log x) or "line" (y* = a + b x).
        x_range: use only columns within, ends included; None uses all.
    Source:
        Godambe 1991, Estimating Functions, chapter 1.
    """
    points = measured_columns(boundary, setting, kind=kind, x_range=x_range)
    crosses = np.isfinite(points.y)
    count = int(crosses.sum())
    made = partial(
        PowerLaw,
        kind=kind,
        setting=setting,
        x_range=x_range,
        columns=count,
        columns_in_range=points.in_range,
    )
    if count < MIN_COLUMNS_TO_FIT or not np.isfinite(points.error).all():
        reason = f"{count} of at least {MIN_COLUMNS_TO_FIT} columns cross inside the grid, with an interval"
        return made(slope=None, intercept=None, misfit=np.nan, reason=reason)
    link = link_of(kind, boundary.plane.y.log)
    task = problem_of(boundary, setting, points, kind=kind)
    rows = solve_all(task, points.y)
    a, b = shrink_nonlinear(rows, linearized_coefficients(task, rows[0]), boundary.t_inflation).T
    residual = (points.y - link.value(a[0] + b[0] * points.x)) / points.error
    misfit = float(np.sum(residual[crosses] ** 2) / (count - 2)) if count > 2 else np.nan
    slope, intercept = (estimate(float(one[0]), one[1:], boundary) for one in (b, a))
    return made(slope=slope, intercept=intercept, misfit=misfit, reason="")


def law_at(law: PowerLaw, x: Floats, *, log: bool) -> Floats:
    """A fitted law at values of x.

    Args:
        law: a fit.
        x: in the plane's values; > 0 for a power law.
        log: whether y is logarithmic.
    Returns:
        y, or log y on a logarithmic axis, shape of x; NaN where there is no fit.
    """
    if law.slope is None or law.intercept is None:
        return np.full(x.shape, np.nan)
    at = np.log(x) if law.kind == "power" else x
    return link_of(law.kind, log).value(law.intercept.value + law.slope.value * at)


def problem_of(boundary: Boundary, setting: int, points: FitColumns, *, kind: str) -> FitProblem:
    """The fit of a straight line, in a law's coordinates, to measured columns.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        points: measured columns.
        kind: "power" or "line".
    """
    return FitProblem(
        boundary.profiles.of(setting, points.columns),
        np.stack([np.ones(len(points.x)), points.x], axis=1),
        points.error,
        link_of(kind, boundary.plane.y.log),
        boundary.dof,
    )


def closed_columns(
    boundary: Boundary, setting: int, *, kind: str, x_range: tuple[float, float] | None
) -> FitColumns:
    """A setting's closed columns in a law's coordinates; those with logs, for a power law.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        kind: "power" or "line".
        x_range: of the columns, both ends included; None takes all.
    """
    own = measured_columns(boundary, setting, kind=kind, x_range=x_range)
    axis = boundary.plane.y
    closed = boundary.closed[setting, own.columns]
    if kind == "power" and not axis.log:
        closed = closed & (boundary.low[setting, own.columns] > 0)
    y, draws = (_to_law(v, axis.log, kind) for v in (own.y[closed], own.draws[:, closed]))
    return FitColumns(
        own.x[closed],
        y,
        column_errors(draws, boundary.dof),
        draws,
        own.in_range,
        own.columns[closed],
    )


def measured_columns(
    boundary: Boundary, setting: int, *, kind: str, x_range: tuple[float, float] | None
) -> FitColumns:
    """A setting's columns, x in the law's coordinate, y in the axis's own; ±inf beyond the grid.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        kind: "power" or "line".
        x_range: of the columns, both ends included; None takes all.
    """
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
    return FitColumns(
        law_x, y, column_errors(draws, boundary.dof), draws, int(inside.sum()), columns
    )


def column_errors(draws: Floats, dof: float) -> Floats:
    """Robust errors of the columns, shrunk towards their common size.

    A column whose draws leave the grid has the common error: those that stay would make it small.

    Args:
        draws: of the columns, shape (draws, columns), may be infinite.
        dof: degrees of freedom of an error.
    Returns:
        Shape (columns,), NaN where no column has an error.
    """
    known = np.isfinite(draws).mean(axis=0) >= MIN_FINITE_SHARE
    if not known.any():
        known = np.isfinite(draws).any(axis=0)
    error = robust_error(np.where(np.isfinite(draws) & known, draws, np.nan))
    return shrink_errors(error, dof)


def estimate(value: float, draws: Floats, boundary: Boundary) -> Estimate:
    """A value with the interval of its draws, shape (draws,), at the boundary's confidence.

    Args:
        value: the estimate.
        draws: about it, shape (draws,), may be infinite.
        boundary: gives the confidence and the degrees of freedom.
    """
    low, high = student_interval(
        np.array([value]),
        draws[:, None],
        confidence=boundary.confidence,
        dof=boundary.dof,
    )
    return Estimate(value, float(low[0]), float(high[0]))


def _to_law(coordinate: Floats, log: bool, kind: str) -> Floats:
    """Crossings from the axis's coordinate to the law's; draws off the logs' domain become NaN."""
    if kind == "power" and not log:
        return np.log(np.where(coordinate > 0, coordinate, np.nan))
    if kind == "line" and log:
        return np.where(np.isfinite(coordinate), np.exp(coordinate), np.nan)
    return coordinate

"""Collapse: does the error depend on the plane through one order parameter alone?

Cells are put in order of Q(x, y) and a monotone master curve is drawn through their means. What it
leaves unexplained is the quality; the exponent b of Q = y/x^b that explains most is the best one.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.optimize import isotonic_regression

from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats
from analysis.errors import AnalysisError
from analysis.scaling.power_law import Estimate
from analysis.statistics.bootstrap import Resampling, draw_means, multipliers, student_interval

EXPONENT_CANDIDATES = 81
# The fine search reaches this many coarse steps about the best candidate, a parabola this many fine ones.
FINE_HALF_WIDTH = 6
PARABOLA_HALF_WIDTH = 6
KNOTS = 10
# Cells below which a curve through that many knots says nothing.
MIN_CELLS = 24
# No standard error counts for less than this share of the median one: some cells hardly vary.
MIN_RELATIVE_ERROR = 0.5
# Each draw searches anew; a percentile needs no more.
MAX_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Collapse:
    """How well an order parameter collapses the cells of one setting.

    `quality` is the share of the means' variance that a monotone curve of the order parameter
    explains, and `misfit` what remains per cell in squared standard errors. `best` is the exponent b
    of y/x^b whose smooth curve leaves least, `best_quality` its quality; None where an axis has no
    logarithm.
    """

    setting: int
    name: str
    order: Floats  # (cells,) the order parameter, sorted
    mean: Floats  # (cells,) in that order
    curve: Floats  # (cells,) the monotone master curve
    quality: float
    misfit: float
    best: Estimate | None
    best_quality: float


@dataclass(frozen=True, eq=False)
class _Cloud:
    """Cells of a setting: log x, log y, mean, weight, each (cells,); draws of means (draws, cells)."""

    x: Floats
    y: Floats
    mean: Floats
    weight: Floats
    draws: Floats


def collapse(
    cells: Cells, setting: int, order: Floats, *, name: str, resampling: Resampling | None = None
) -> Collapse:
    """Quality of an order parameter, and the best exponent with its interval.

    Args:
        cells: the aggregated measure.
        setting: position of the setting.
        order: the order parameter in each cell, shape (x, y), e.g. from `columns.on_plane`.
        name: what to call it.
        resampling: draws (at most MAX_DRAWS are used), confidence and seed.
    Raises:
        AnalysisError: fewer than three cells hold both a mean and a finite order parameter.
    """
    how = resampling or Resampling()
    flat = np.broadcast_to(order, cells.mean.shape[1:]).ravel()
    mean, used = cells.mean[setting].ravel(), cells.used[setting].ravel().astype(np.float64)
    ok = np.isfinite(flat) & (used > 0)
    if ok.sum() < 3:
        raise AnalysisError(
            f"{int(ok.sum())} cells have both a mean and a finite order parameter '{name}'; expected at "
            "least 3. Check the formula's domain."
        )
    ranking = np.argsort(flat[ok], kind="stable")
    curve = _master(mean[ok][ranking], used[ok][ranking])
    error = cells.standard_error[setting].ravel()[ok][ranking]
    varies = error > 0
    misfit = np.nan
    if varies.any():
        floored = np.fmax(error, MIN_RELATIVE_ERROR * float(np.median(error[varies])))
        misfit = float(np.mean(((mean[ok][ranking] - curve) / floored) ** 2))
    best, best_quality = _best(cells, setting, how)
    return Collapse(
        setting=setting,
        name=name,
        order=flat[ok][ranking],
        mean=mean[ok][ranking],
        curve=curve,
        quality=_quality(mean[ok][ranking], curve, used[ok][ranking]),
        misfit=misfit,
        best=best,
        best_quality=best_quality,
    )


def _best(cells: Cells, setting: int, how: Resampling) -> tuple[Estimate | None, float]:
    x, y = cells.plane.x.values, cells.plane.y.values
    if (
        np.any(x <= 0)
        or np.any(y <= 0)
        or min(len(x), len(y)) < 2
        or cells.mean[setting].size < MIN_CELLS
    ):
        return None, np.nan
    cloud = _cloud(cells, setting, how)
    rows = np.concatenate([cloud.mean[None], cloud.draws])
    widest = 2 * float(np.ptp(cloud.y) / np.ptp(cloud.x))
    coarse = np.linspace(-widest, widest, EXPONENT_CANDIDATES)
    near = coarse[np.argmin(_losses(cloud, rows[:1], coarse)[:, 0])]
    window = FINE_HALF_WIDTH * (coarse[1] - coarse[0])
    fine = near + np.linspace(-window, window, EXPONENT_CANDIDATES)
    found = _lowest(fine, _losses(cloud, rows, fine))
    dof = how.dof(cells.used[setting].max())
    low, high = student_interval(found[:1], found[1:, None], confidence=how.confidence, dof=dof)
    ranking = np.argsort(cloud.y - found[0] * cloud.x, kind="stable")
    mean, weight = cloud.mean[ranking], cloud.weight[ranking]
    quality = _quality(mean, _master(mean, weight), weight)
    return Estimate(float(found[0]), float(low[0]), float(high[0])), quality


def _cloud(cells: Cells, setting: int, how: Resampling) -> _Cloud:
    few = Resampling(min(how.draws, MAX_DRAWS), how.confidence, how.seed, how.resample_jointly)
    values = cells.values[setting].reshape(1, -1, cells.values.shape[3])
    weights = multipliers(few, values.shape[2], column=(0, values.shape[1]))
    used = cells.used[setting].ravel()
    x, y = np.meshgrid(np.log(cells.plane.x.values), np.log(cells.plane.y.values), indexing="ij")
    ok = used > 0
    return _Cloud(
        x.ravel()[ok],
        y.ravel()[ok],
        cells.mean[setting].ravel()[ok],
        used[ok].astype(np.float64),
        draw_means(values, weights)[:, 0, ok],
    )


def _losses(cloud: _Cloud, rows: Floats, grid: Floats) -> Floats:
    """Residual squares of the means about a smooth curve of the order parameter, (candidates, rows).

    A cubic spline with a fixed number of knots: a monotone curve bends to every cell, and neighbours'
    distances depend on how the plane's lattice falls together, which favours certain exponents.
    """
    root = np.sqrt(cloud.weight)
    scaled = rows * root
    total = np.sum(scaled**2, axis=1)
    losses = np.empty((len(grid), len(rows)))
    for k, exponent in enumerate(grid):
        basis = np.linalg.qr(_spline(cloud.y - exponent * cloud.x) * root[:, None])[0]
        losses[k] = total - np.sum((scaled @ basis) ** 2, axis=1)
    return losses


def _spline(order: Floats) -> Floats:
    """Cubic B-splines of an order parameter with knots at its quantiles, (cells, functions)."""
    inner = np.quantile(order, np.linspace(0, 1, KNOTS))
    ends = np.full(3, inner[0]), np.full(3, inner[-1])
    # A tiny rise keeps knots apart where many cells share a value.
    knots = np.concatenate([ends[0], inner, ends[1]])
    knots[3:-3] += np.linspace(0.0, 1e-9, KNOTS)
    knots[-3:] = knots[-4]
    return np.asarray(BSpline.design_matrix(order, knots, 3).toarray())


def _lowest(grid: Floats, losses: Floats) -> Floats:
    """Where a parabola through each column of losses near its least is least, (rows,)."""
    found = np.empty(losses.shape[1])
    for k, loss in enumerate(losses.T):
        top = int(np.argmin(loss))
        part = slice(max(top - PARABOLA_HALF_WIDTH, 0), top + PARABOLA_HALF_WIDTH + 1)
        bend, slope, _ = np.polyfit(grid[part] - grid[top], loss[part], 2)
        step = -slope / (2 * bend) if bend > 0 else 0.0
        inside = grid[part][0] - grid[top] <= step <= grid[part][-1] - grid[top]
        found[k] = grid[top] + (step if inside else 0.0)
    return found


def _master(mean: Floats, weight: Floats) -> Floats:
    """The monotone curve through ordered means, in the direction that they take."""
    ranks = np.arange(len(mean))
    rises = np.sum(weight * (ranks - np.average(ranks, weights=weight)) * mean) >= 0
    return np.asarray(isotonic_regression(mean, weights=weight, increasing=bool(rises)).x)


def _quality(mean: Floats, curve: Floats, weight: Floats) -> float:
    total = np.sum(weight * (mean - np.average(mean, weights=weight)) ** 2)
    return float(1 - np.sum(weight * (mean - curve) ** 2) / total) if total > 0 else np.nan

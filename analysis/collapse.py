"""Collapse: does the error depend on the plane through one order parameter alone?

Cells are put in order of Q(x, y) and a monotone master curve is drawn through their means. What it
leaves unexplained is the quality; the exponent b of Q = y/x^b that explains most is the best one.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from analysis.aggregate import Cells
from analysis.bootstrap import Resampling, draw_means, multipliers, student_interval
from analysis.errors import AnalysisError
from analysis.laws import Estimate
from analysis.plane import Floats

CANDIDATES = 61
NEAR = 21
# Each draw searches anew; a percentile needs no more.
MOST_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Collapse:
    """How well an order parameter collapses the cells of one setting.

    `quality` is the share of the means' variance that a monotone curve of the order parameter
    explains, and `misfit` what remains per cell in squared standard errors. `best` is the exponent b
    of y/x^b with the highest quality, `best_quality`; None where the axes have no logarithms.
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
        resampling: draws (at most MOST_DRAWS are used), confidence and seed.
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
    place = np.argsort(flat[ok], kind="stable")
    curve = _master(mean[ok][place], used[ok][place])
    error = cells.standard_error[setting].ravel()[ok][place]
    seen = error > 0
    misfit = np.mean(((mean[ok][place] - curve)[seen] / error[seen]) ** 2) if seen.any() else np.nan
    best, best_quality = _best(cells, setting, how)
    return Collapse(
        setting=setting,
        name=name,
        order=flat[ok][place],
        mean=mean[ok][place],
        curve=curve,
        quality=_quality(mean[ok][place], curve, used[ok][place]),
        misfit=float(misfit),
        best=best,
        best_quality=best_quality,
    )


def _best(cells: Cells, setting: int, how: Resampling) -> tuple[Estimate | None, float]:
    x, y = cells.plane.x.values, cells.plane.y.values
    if np.any(x <= 0) or np.any(y <= 0) or min(len(x), len(y)) < 2:
        return None, np.nan
    cloud = _cloud(cells, setting, how)
    widest = 2 * np.ptp(cloud.y) / np.ptp(cloud.x)
    near, quality = _search(cloud, cloud.mean, np.linspace(-widest, widest, CANDIDATES))
    window = 6 * 2 * widest / (CANDIDATES - 1)
    grid = near + np.linspace(-window, window, NEAR)
    value, quality = _search(cloud, cloud.mean, grid)
    draws = np.array([_search(cloud, mean, grid)[0] for mean in cloud.draws])
    freedom = how.freedom(cells.used[setting].max())
    low, high = student_interval(
        np.array([value]), draws[:, None], confidence=how.confidence, freedom=freedom
    )
    return Estimate(value, float(low[0]), float(high[0])), quality


def _cloud(cells: Cells, setting: int, how: Resampling) -> _Cloud:
    few = Resampling(min(how.draws, MOST_DRAWS), how.confidence, how.seed, how.together)
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


def _search(cloud: _Cloud, mean: Floats, grid: Floats) -> tuple[float, float]:
    """The candidate exponent of highest quality, refined by a parabola, and that quality."""
    found = np.array([_at(cloud, mean, b) for b in grid])
    top = int(found.argmax())
    inner = min(max(top, 1), len(grid) - 2)
    left, middle, right = found[inner - 1 : inner + 2]
    bend = 2 * middle - left - right
    if top != inner or bend <= 0:
        return float(grid[top]), float(found[top])
    return float(grid[top] + (right - left) / (2 * bend) * (grid[1] - grid[0])), float(found[top])


def _at(cloud: _Cloud, mean: Floats, exponent: float) -> float:
    place = np.argsort(cloud.y - exponent * cloud.x, kind="stable")
    ordered, weight = mean[place], cloud.weight[place]
    return _quality(ordered, _master(ordered, weight), weight)


def _master(mean: Floats, weight: Floats) -> Floats:
    """The monotone curve through ordered means, in the direction that they take."""
    ranks = np.arange(len(mean))
    rises = np.sum(weight * (ranks - np.average(ranks, weights=weight)) * mean) >= 0
    return np.asarray(isotonic_regression(mean, weights=weight, increasing=bool(rises)).x)


def _quality(mean: Floats, curve: Floats, weight: Floats) -> float:
    total = np.sum(weight * (mean - np.average(mean, weights=weight)) ** 2)
    return float(1 - np.sum(weight * (mean - curve) ** 2) / total) if total > 0 else np.nan

"""The boundary: where, in each column of the plane, the mean measure crosses a level."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.aggregate import Cells
from analysis.bootstrap import Resampling, interval, resample_means, tail
from analysis.crossing import Crossings, cross_zero
from analysis.plane import Floats, Plane
from analysis.smooth import choose_bandwidth, smoother


@dataclass(frozen=True, eq=False)
class Boundary:
    """Crossings per setting and column, in the y axis's coordinate (log y on a log axis).

    −inf stands for a crossing below the grid, +inf for one above it, NaN for a column without
    usable runs; an interval end can be infinite too (open). `draws` keeps the joint bootstrap.
    """

    plane: Plane
    label: str  # of the measure
    level: float
    confidence: float  # of all intervals
    rising: NDArray[np.bool_]  # (settings,): does the measure rise with y?
    estimate: Floats  # (settings, x)
    low: Floats  # (settings, x)
    high: Floats  # (settings, x)
    draws: Floats  # (draws, settings, x)
    runs: Floats  # (settings, x): replicates in the column's fullest cell

    @property
    def closed(self) -> NDArray[np.bool_]:
        """Columns whose estimate and both interval ends lie inside the grid, (settings, x)."""
        return np.isfinite(self.estimate) & np.isfinite(self.low) & np.isfinite(self.high)

    def state(self, setting: int, column: int) -> str:
        """Whether a column crosses "inside", "below grid", "above grid", or has "no data"."""
        estimate = self.estimate[setting, column]
        if np.isnan(estimate):
            return "no data"
        if np.isinf(estimate):
            return "below grid" if estimate < 0 else "above grid"
        return "inside"


def find_boundary(cells: Cells, level: float, *, resampling: Resampling | None = None) -> Boundary:
    """The boundary of one level, with bootstrap intervals over replicates.

    Each column's means are smoothed along y (local-linear, one bandwidth per dataset), made
    monotone (isotonic), and the crossing read off a monotone cubic. Intervals are expanded
    percentiles of draws that repeat all of this on resampled means, plus the error that the grid
    itself leaves. Simulated against planted boundaries (two noise families, three levels, 6 to
    100 cells across the grid, 10 or 40 replicates), before the grid's error is added: RMS error
    0.078 in log y against 0.098 for raw first crossings, with 0.010 against 0.034 of bias; stated
    95 % intervals cover 94 % (raw: 87 %, falling to 32 % on the densest grid). Without the
    smoother the RMS error is 0.087; with linear interpolation the coverage is 92 %.

    Args:
        cells: the aggregated measure.
        level: where to cut, in the measure's unit.
        resampling: draws, confidence and seed; the default states 95 %.
    """
    how = resampling or Resampling()
    u = cells.plane.y.coordinates
    mean, used = cells.mean, cells.used
    rising = np.array([_rises(m, w, u) for m, w in zip(mean, used, strict=True)])
    flat = (-1, len(u))
    bandwidth = choose_bandwidth(u, mean.reshape(flat), used.reshape(flat).astype(np.float64))
    estimate = np.full(mean.shape[:2], np.nan)
    draws = np.full((how.draws, *mean.shape[:2]), np.nan)
    for x in range(mean.shape[1]):
        # A generator for each column: its interval does not depend on the other columns.
        rng = np.random.default_rng([how.seed, x])
        resampled = resample_means(cells.values[:, x], how.draws, rng=rng)
        for s in range(len(mean)):
            column = _Column(u, used[s, x].astype(np.float64), bandwidth)
            sign = 1.0 if rising[s] else -1.0
            profiles = sign * (np.concatenate([mean[None, s, x], resampled[:, s]]) - level)
            estimate[s, x], draws[:, s, x] = _column_crossings(column, profiles, rng)
    most = used.max(axis=2).astype(np.float64)
    # One run a cell measures no spread: no interval, rather than one of width zero.
    draws[:, most < 2] = np.nan
    low, high = interval(draws, tail(how.confidence, most))
    return Boundary(
        plane=cells.plane,
        label=cells.label,
        level=level,
        confidence=how.confidence,
        rising=rising,
        estimate=estimate,
        low=low,
        high=high,
        draws=draws,
        runs=most,
    )


@dataclass(frozen=True, eq=False)
class _Column:
    u: Floats
    used: Floats
    bandwidth: float


def _rises(mean: Floats, used: Any, u: Floats) -> bool:
    """Direction of a whole setting's trend along y: the sign of its pooled covariance."""
    weight = np.where(np.isfinite(mean), used, 0)
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1)
    centre = (weight * u).sum(axis=1, keepdims=True) / total
    return bool(np.nansum(weight * (u - centre) * np.nan_to_num(mean)) > 0)


def _column_crossings(
    column: _Column, profiles: Floats, rng: np.random.Generator
) -> tuple[float, Floats]:
    """The observed crossing (row 0 of profiles) and those of the draws, grid error included."""
    ok = column.used > 0
    if not ok.any():
        return np.nan, np.full(len(profiles) - 1, np.nan)
    u, used = column.u[ok], column.used[ok]
    smooth = profiles[:, ok] @ smoother(u, used, column.bandwidth).T
    found = cross_zero(smooth, used, u)
    return float(found.position[0]), (found.position + _grid_error(found, smooth[0], rng))[1:]


def _grid_error(found: Crossings, profile: Floats, rng: np.random.Generator) -> Floats:
    """Random offsets for what interpolation cannot know, uniform within half a step at most.

    With f the share of a column's whole range that falls within the step of the crossing, the
    half-width is f²(3 − 2f)/2 steps: none where many cells resolve the transition, the whole step
    where the measure jumps within it. Measured as the cubic's error on logistic, probit and
    Gompertz profiles of all widths: RMS 0.01, 0.08, 0.16, 0.21, 0.25 steps at f = 0.15, 0.35,
    0.55, 0.75, 1 (this rule: 0.02, 0.08, 0.17, 0.24, 0.29).
    """
    share = np.clip(found.jump / max(float(np.ptp(profile)), 1e-300), 0.0, 1.0)
    half = found.gap * share**2 * (3 - 2 * share) / 2
    return np.asarray(rng.uniform(-1.0, 1.0, len(half)) * half)

"""The boundary: where, in each column of the plane, the mean measure crosses a level."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.boundary.scan import scan
from analysis.boundary.smoothed import SmoothedMeans, smoothed_means
from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, Ints, Plane
from analysis.statistics.bootstrap import Resampling, student_interval, t_inflation
from analysis.statistics.isotonic import cross_zero, raw_crossing
from analysis.statistics.profiles import Profiles
from analysis.statistics.tolerance import NEGLIGIBLE

MEAN = "mean"
MEDIAN = "median"
# A cell this improbable on the wrong side of the crossing says that the column turns back.
WRONG_SIDE = 1e-3


@dataclass(frozen=True, eq=False)
class Boundary:
    """Crossings per setting and column, in the y axis's coordinate (log y on a log axis).

    −inf means a crossing below the grid, +inf one above it, NaN a column without
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
    runs: Floats  # (settings, x): replicates behind the column's errors
    profiles: Profiles  # what crossings were read from, and laws are fitted to
    resample_jointly: bool = True  # were replicates drawn for all cells at once?
    definition: str = MEAN
    raw: Floats | None = None  # (settings, x): first crossing of the raw means, as a check
    recrosses: NDArray[np.bool_] | None = (
        None  # (settings, x): does the column come back over the level?
    )

    @property
    def dof(self) -> float:
        """Degrees of freedom of what is fitted to several columns: those of one replicate set."""
        runs = self.runs[np.isfinite(self.runs) & (self.runs > 0)]
        known = float(runs.max(initial=1.0))
        if np.any(runs < known):
            known = 1 + 1 / float(np.mean(1 / np.maximum(runs - 1, 1)))
        return float(Resampling(resample_jointly=self.resample_jointly).dof(known))

    @property
    def t_inflation(self) -> float:
        """By how much Student's t widens the intervals of what is fitted to several columns."""
        return float(t_inflation(self.confidence, self.dof))

    @property
    def closed(self) -> NDArray[np.bool_]:
        """Columns whose estimate and both interval ends are inside the grid, (settings, x)."""
        return np.isfinite(self.estimate) & np.isfinite(self.low) & np.isfinite(self.high)

    def state(self, setting: int, column: int) -> str:
        """Whether a column crosses "inside", "below grid", "above grid", or has "no data".

        Args:
            setting: position of the setting.
            column: position of x.
        """
        estimate = self.estimate[setting, column]
        if np.isnan(estimate):
            return "no data"
        if np.isinf(estimate):
            return "below grid" if estimate < 0 else "above grid"
        return "inside"


def find_boundary(cells: Cells, level: float, *, resampling: Resampling | None = None) -> Boundary:
    """The boundary of one level of the mean, with bootstrap intervals over replicates.

    Each column's means are smoothed along y (local-linear, one bandwidth per dataset), made
    monotone (isotonic), and the crossing read off a monotone cubic. Intervals are percentiles of draws
    that repeat all of this on drawn means, stretched to Student's t, plus the error that the grid
    itself leaves. How often they hold planted boundaries: docs/explanation/coverage.md.

    Args:
        cells: the aggregated measure; `aggregate.transposed` scans along x instead.
        level: where to cut, in the measure's unit.
        resampling: draws, confidence and seed; the default states 95 %.
    """
    how = resampling or Resampling()
    u = cells.plane.y.coordinates
    mean, used = cells.mean, cells.used
    runs = _runs_behind(used)
    wide = t_inflation(how.confidence, how.dof(runs))
    means = smoothed_means(cells, how)
    profiles, crossings = scan(means, level, cells=cells, wide=wide, how=how)
    estimate, draws = crossings[0], crossings[1:]
    # One run a cell measures no spread: no interval, rather than one of width zero.
    draws[:, runs < 2] = np.nan
    ends = _ends(estimate, draws, u=u, how=how, runs=runs)
    low, high = _bounded(ends, estimate, means, level=level, wide=wide)
    above = means.sign[:, None, None] * (mean - level)
    return Boundary(
        plane=cells.plane,
        label=cells.label,
        level=level,
        confidence=how.confidence,
        rising=means.rising,
        estimate=estimate,
        low=low,
        high=high,
        draws=draws,
        runs=runs,
        profiles=profiles,
        resample_jointly=how.resample_jointly,
        raw=raw_crossing(above, u),
        recrosses=_recrosses(
            above / np.maximum(cells.standard_error, NEGLIGIBLE), estimate, u=u, dof=runs - 1
        ),
    )


def _runs_behind(used: Ints) -> Floats:
    """Replicates behind each column's errors, (settings, x), from the runs of its cells, (settings, x, y).

    Where cells have different runs, those with many decide the column's crossing: degrees of freedom are
    their harmonic mean, weighted by the square of the runs.
    """
    most, weight = used.max(axis=2), used.astype(np.float64) ** 2
    parts = (weight / np.maximum(used - 1, 1)).sum(axis=2)
    runs = 1 + np.divide(weight.sum(axis=2), parts, out=np.zeros(parts.shape), where=parts > 0)
    equal = np.where(used > 0, used, most[..., None]).min(axis=2) == most
    return np.asarray(np.where(equal | (most < 2), most, runs), dtype=np.float64)


def _ends(
    estimate: Floats, draws: Floats, *, u: Floats, how: Resampling, runs: Floats
) -> tuple[Floats, Floats]:
    """Interval ends, open where they leave the grid; a censored column is stretched from its edge."""
    low, high = student_interval(
        np.clip(estimate, u[0], u[-1]), draws, confidence=how.confidence, dof=how.dof(runs)
    )
    # A boundary beyond the grid is bounded by its edge at least.
    low, high = np.minimum(low, u[-1]), np.maximum(high, u[0])
    return np.where(low < u[0], -np.inf, low), np.where(high > u[-1], np.inf, high)


def _bounded(
    ends: tuple[Floats, Floats],
    estimate: Floats,
    means: SmoothedMeans,
    *,
    level: float,
    wide: Floats,
) -> tuple[Floats, Floats]:
    """Interval ends (settings, x), those of columns that cross beyond the grid from their profiles.

    Distances cannot be measured from a crossing that is beyond the grid. There the interval ends where
    the profile's own bound crosses: where it first differs from the level, by Student's t.
    """
    low, high = (end.copy() for end in ends)
    u, levels = means.grid, means.sign * level
    for s, x in np.argwhere(np.isinf(estimate) & np.isfinite(wide) & ~np.isnan(ends[0])).tolist():
        middle = means.values[0, s, x] - levels[s]
        bounds = np.stack(means.bounds(s, x)) - levels[s]
        below, above = middle + wide[s, x] * (bounds - middle)
        # The upper bound of the profile crosses first.
        found = cross_zero(np.stack([above, below]), np.ones(len(u)), u).position
        low[s, x], high[s, x] = min(found[0], u[-1]), max(found[1], u[0])
    return low, high


def _recrosses(score: Floats, estimate: Floats, *, u: Floats, dof: Floats) -> NDArray[np.bool_]:
    """Columns with a cell clearly on the wrong side, over a step from their crossing, (settings, x).

    Args:
        score: standard errors by which each cell's mean is over the level, (settings, x, y).
        estimate: crossings, (settings, x).
    """
    least = -np.asarray(special.stdtrit(np.maximum(dof, 1), WRONG_SIDE))[..., None]
    step = np.diff(u).max(initial=0.0)
    beyond, before = u > estimate[..., None] + step, u < estimate[..., None] - step
    return np.asarray(np.any((score < -least) & beyond | (score > least) & before, axis=-1))

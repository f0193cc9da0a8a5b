"""The boundary by its other definition: where half of the runs are benign."""

import numpy as np
from scipy import special

from analysis.boundary.mean_crossing import MEDIAN, Boundary
from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats
from analysis.errors import AnalysisError
from analysis.statistics.bootstrap import Resampling, multipliers, t_inflation
from analysis.statistics.curve_likelihood import LAPSES, Counts
from analysis.statistics.isotonic import raw_crossing
from analysis.statistics.overdispersion import dispersion
from analysis.statistics.profiles import straight_profiles
from analysis.statistics.psychometric import (
    Curves,
    fit_curves,
    most_likely_thresholds,
    quantiles,
    scores,
)
from analysis.statistics.tolerance import NEGLIGIBLE

HALF = 0.5


def find_median_boundary(
    cells: Cells,
    level: float,
    *,
    link: str = "probit",
    lapses: tuple[float, ...] = LAPSES,
    resampling: Resampling | None = None,
) -> Boundary:
    """The boundary where half of the runs have a measure below the level.

    Each column's share of benign runs is a psychometric curve fitted by likelihood to binomial counts.
    The interval is that of the normalized profile likelihood; where replicates are drawn jointly it is
    widened by how much more the replicates' scores vary than independent runs would, and by Student's t.
    Draws follow that distribution in each column, with the correlation that the scores have between
    columns. How often intervals hold: docs/explanation/coverage.md.

    Args:
        cells: the aggregated measure.
        level: a run below it is benign.
        link: "probit" or "logistic".
        lapses: candidates for the shares of runs on the wrong side far from the boundary.
        resampling: draws, confidence and seed; the default states 95 %.
    Raises:
        AnalysisError: an unknown link, or cells of batches.
    """
    how = resampling or Resampling()
    if cells.batched_runs is not None:
        raise AnalysisError(
            "Received cells whose values are means of batches of runs; expected single runs, of which a "
            "share can be benign. Take as many batches as replicates."
        )
    u = cells.plane.y.coordinates
    benign = np.where(np.isfinite(cells.values), cells.values < level, np.nan)
    rising = np.array([_rises(one, u) for one in benign])
    upper = np.where(rising[:, None, None, None], benign, 1 - benign)
    most = cells.used.max(axis=2).astype(np.float64)
    if len(u) < 2:
        raise AnalysisError(
            f"The axis '{cells.plane.y.name}' has {len(u)} value; expected at least 2 to cross. Add values."
        )
    settings = [
        _setting(fit_curves(_counts(one), u, link=link, lapses=lapses), one, u=u, how=how)
        for one in upper
    ]
    *thresholds, crossings = (np.stack(parts, axis=-2) for parts in zip(*settings, strict=True))
    estimate, low, high, draws = (_censored(part, u) for part in thresholds)
    share = np.stack([_share(one) for one in upper])
    return Boundary(
        plane=cells.plane,
        label=cells.label,
        level=level,
        confidence=how.confidence,
        rising=~rising,
        estimate=estimate,
        low=low,
        high=high,
        draws=draws,
        runs=most,
        # Thresholds are estimated beyond the grid too, so that laws need not censor them.
        profiles=straight_profiles(crossings, (2 * u[0] - u[-1], 2 * u[-1] - u[0])),
        resample_jointly=how.resample_jointly,
        definition=MEDIAN,
        raw=raw_crossing(share - HALF, u),
    )


def _counts(upper: Floats) -> Counts:
    return Counts(np.nansum(upper, axis=-1), np.isfinite(upper).sum(-1).astype(np.float64))


def _share(upper: Floats) -> Floats:
    count = _counts(upper)
    blank = np.full(count.runs.shape, np.nan)
    return np.asarray(np.divide(count.upper, count.runs, out=blank, where=count.runs > 0))


def _rises(benign: Floats, u: Floats) -> bool:
    """Whether the share of benign runs rises with y over a whole setting."""
    present = np.isfinite(benign)
    weight = present.sum(-1)
    centre = (weight * u).sum(1, keepdims=True) / np.maximum(weight.sum(1, keepdims=True), 1)
    return bool(np.sum(np.where(present, benign, 0.0).sum(-1) * (u - centre)) > 0)


def _setting(curves: Curves, upper: Floats, *, u: Floats, how: Resampling) -> tuple[Floats, ...]:
    """Estimates and interval ends (columns,), draws, and what laws are fitted to; NaN without runs."""
    runs = np.isfinite(upper).sum(-1).max(axis=1).astype(np.float64)
    middle = quantiles(curves, np.full((1, len(upper)), HALF))[0]
    each, information = scores(curves, upper, u, threshold=middle)
    each = each - each.mean(axis=1, keepdims=True)
    varies = (each**2).sum(axis=1) > NEGLIGIBLE
    estimated = varies & (information > NEGLIGIBLE) & how.resample_jointly
    # Where no replicate differs from another, as between cleanly separated cells, the likelihood is kept.
    units = each[estimated] / np.sqrt(information[estimated])[:, None]
    inflation, dof = np.ones(len(estimated)), np.asarray(how.dof(runs), dtype=np.float64)
    found = dispersion(units)
    inflation[estimated], dof[estimated] = np.sqrt(found.size), found.dof
    inflation_t = t_inflation(how.confidence, how.dof(runs))
    # A sum over columns: squares with each one's own dof, products of two columns with the replicates' dof.
    alone = 1 / max(int(estimated.sum()), 1)
    of_sum = t_inflation(how.confidence, 1 / (alone / dof + (1 - alone) / how.dof(runs)))
    wide = np.maximum(inflation * t_inflation(how.confidence, dof), 1.0)
    end = special.ndtri((1 + how.confidence) / 2)
    shares = special.ndtr(np.array([[-end], [end]])) * np.ones(len(upper))
    ends = middle + np.where(estimated, wide, 1.0) * (quantiles(curves, shares) - middle)
    z = _joint_normals(each, how)
    up, down = (quantiles(curves, special.ndtr(side)) - middle for side in (z, -z))
    # Laws are fitted to the most likely thresholds, which the grid's edges pull less than medians, and to
    # draws without skew: thresholds of end columns are skewed outwards, which would tilt laws' intervals.
    # Those will be widened by Student's t, which must not apply to what the likelihood alone says.
    even = inflation * (up - down) / 2 * np.where(estimated, of_sum, 1.0) / inflation_t
    peak = most_likely_thresholds(curves)
    rows = np.concatenate([peak[None], peak + even])
    draws = middle + np.maximum(inflation, 1.0) * up
    empty = np.isnan(upper).all(axis=(1, 2))
    return tuple(np.where(empty, np.nan, part) for part in (middle, *ends, draws, rows))


def _joint_normals(each: Floats, how: Resampling) -> Floats:
    """Standard normals (draws, columns), correlated as the replicates' scores are.

    Replicates weigh the same in all settings, so settings stay paired; where cells are apart, each
    column has weights of its own.
    """
    columns, replicates = each.shape
    length = np.sqrt((each**2).sum(axis=1))
    weights = multipliers(how, replicates, column=(0, columns))
    shared = np.einsum(
        "bcr,cr->bc", np.broadcast_to(weights, (how.draws, columns, replicates)), each
    )
    alone = np.random.default_rng([how.seed, 1]).standard_normal((how.draws, columns))
    return np.where(length > NEGLIGIBLE, shared / np.maximum(length, NEGLIGIBLE), alone)


def _censored(thresholds: Floats, u: Floats) -> Floats:
    """Thresholds with ±inf for those beyond the grid."""
    return np.where(thresholds < u[0], -np.inf, np.where(thresholds > u[-1], np.inf, thresholds))

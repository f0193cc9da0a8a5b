"""Psychometric curves: the threshold at which half of the runs are benign, by binomial likelihood.

P(u) = floor + (1 − floor − gap) Ψ((u − c)/s + k), k such that P(c) = 1/2: Ψ is the normal or the
logistic distribution function and u the y axis's coordinate. Threshold c, width s, floor and gap run over
a grid that is computed once for all columns, so no iteration can fail and nothing needs a start.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from analysis.dataset.plane import Floats
from analysis.errors import AnalysisError, nearest
from analysis.statistics.curve_likelihood import LAPSES, LINKS, Counts, curve, grid_likelihood
from analysis.statistics.tolerance import NEGLIGIBLE, SMALLEST_DIVISOR

# A likelihood much sharper than a step is parabolic, which a spline between thresholds follows.
SPLINE_REFINEMENT = 8
# Thresholds whose log likelihood is this near the largest are equally likely.
LOG_LIKELIHOOD_TOLERANCE = 0.02
# Relative step of numerical derivatives.
DERIVATIVE_STEP = 1e-4


@dataclass(frozen=True, eq=False)
class Curves:
    """Fitted curves of columns: the likelihood of each one's threshold.

    `likelihood` is the log profile likelihood over `thresholds`, largest over the width; `width` is that of
    the most likely curve. `floor` and `gap` are shared by all columns.
    """

    thresholds: Floats  # (thresholds,) candidates, sorted
    likelihood: Floats  # (columns, thresholds)
    prior: Floats  # (columns, thresholds), in logarithms: Jeffreys', half the log information
    width: Floats  # (columns,)
    floor: float
    gap: float
    link: str


def fit_curves(
    counts: Counts, u: Floats, *, link: str = "probit", lapses: tuple[float, ...] = LAPSES
) -> Curves:
    """The most likely psychometric curve of each column, and the profile likelihood of its threshold.

    Args:
        counts: runs on the upper side, of all runs; columns of one setting.
        u: coordinates of the cells, shape (cells,), sorted, at least two.
        link: "probit" or "logistic".
        lapses: candidates for floor and gap; (0,) fixes both at 0.
    Raises:
        AnalysisError: an unknown link.
    Source:
        Wichmann and Hill 2001, Perception & Psychophysics 63, 1293 (curves with lapses).
    """
    if link not in LINKS:
        raise AnalysisError(
            f"Received link '{link}'; expected one of its names.{nearest(link, LINKS)}"
        )
    # One floor and one gap for all columns: far from the boundary each column alone says little.
    floor, gap, thresholds, likelihood, width = grid_likelihood(counts, u, link=link, lapses=lapses)
    top = likelihood.argmax(axis=1)
    best = width[np.arange(len(top)), top]
    flat = np.zeros(likelihood.shape)
    curves = Curves(u[0] + thresholds, likelihood, flat, best, floor, gap, link)
    return replace(curves, prior=_prior(counts.runs, u, curves))


def most_likely_thresholds(curves: Curves) -> Floats:
    """The most likely threshold of each column, (columns,); the mean of those about as likely."""
    thresholds, fine = _fine(curves, curves.likelihood)
    top = fine > fine.max(axis=1, keepdims=True) - LOG_LIKELIHOOD_TOLERANCE
    return np.asarray((top * thresholds).sum(axis=1) / top.sum(axis=1))


@lru_cache(maxsize=1)  # quantiles of the same curves are read several times
def confidence_distribution(curves: Curves) -> tuple[Floats, Floats]:
    """Confidence distribution of each threshold by its normalized profile likelihood and Jeffreys' prior.

    The prior takes away what a flat one would add beyond the grid, where cells carry little
    information. The 2.5 and 97.5 % points are the profile-likelihood interval where that is symmetric;
    between two cells that separate all runs cleanly it is nearly uniform, as it should be.

    Returns:
        Thresholds (fine,), SPLINE_REFINEMENT to a step of the curves', and shares (columns, fine).
    """
    thresholds, fine = _fine(curves, curves.likelihood + curves.prior)
    density = np.exp(fine - fine.max(axis=1, keepdims=True))
    steps = (density[:, 1:] + density[:, :-1]) / 2
    total = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    return thresholds, total / total[:, -1:]


def _fine(curves: Curves, logs: Floats) -> tuple[Floats, Floats]:
    """Thresholds, SPLINE_REFINEMENT to a step of the curves', and logarithms there, (columns, fine)."""
    coarse = curves.thresholds
    thresholds = np.linspace(coarse[0], coarse[-1], SPLINE_REFINEMENT * (len(coarse) - 1) + 1)
    # The same offsets in all steps: four products for all of them, where a spline would look each up.
    spline = CubicSpline(coarse, logs, axis=1).c
    offsets = np.diff(coarse)[:, None, None] * (
        np.arange(SPLINE_REFINEMENT)[:, None] / SPLINE_REFINEMENT
    )
    cube, square, slope, start = (part[:, None] for part in spline)
    values = ((cube * offsets + square) * offsets + slope) * offsets + start
    fine = np.concatenate([values.reshape(-1, len(logs)), logs[:, -1:].T])
    return thresholds, np.ascontiguousarray(fine.T)


def quantiles(curves: Curves, shares: Floats) -> Floats:
    """Thresholds at shares of the confidence distribution.

    Args:
        curves: fitted.
        shares: in [0, 1], shape (..., columns).
    Returns:
        In the y axis's coordinate, shape of the shares.
    """
    thresholds, distribution = confidence_distribution(curves)
    # A tiny slope keeps flat parts invertible.
    ramp = np.linspace(0.0, 1e-9, len(thresholds))
    columns = [
        np.interp(shares[..., c], one + ramp, thresholds) for c, one in enumerate(distribution)
    ]
    return np.stack(columns, axis=-1)


def scores(curves: Curves, upper: Floats, u: Floats, *, threshold: Floats) -> tuple[Floats, Floats]:
    """Each replicate's score for the threshold, and the information that independent runs would give.

    Args:
        curves: fitted.
        upper: whether each run is on the upper side, (columns, cells, replicates), NaN where missing.
        u: coordinates of the cells.
        threshold: of each curve, (columns,).
    Returns:
        Efficient scores (columns, replicates), with the width's part taken out, and information
        (columns,). Without correlation between cells the scores' sum of squares is the information.
    """
    at: dict[str, Any] = {
        "width": curves.width[:, None],
        "lapses": (curves.floor, curves.gap),
        "link": curves.link,
    }
    nearby = threshold[:, None] + DERIVATIVE_STEP * curves.width[:, None]
    value = curve(u, threshold=threshold[:, None], **at)
    by_threshold = (curve(u, threshold=nearby, **at) - value) / (nearby - threshold[:, None])
    wider = at | {"width": curves.width[:, None] * (1 + DERIVATIVE_STEP)}
    by_width = (curve(u, threshold=threshold[:, None], **wider) - value) / DERIVATIVE_STEP
    present = np.isfinite(upper)
    weight = present.sum(-1) / (value * (1 - value))
    cross = (weight * by_threshold * by_width).sum(1) / np.maximum(
        (weight * by_width**2).sum(1), SMALLEST_DIVISOR
    )
    direction = by_threshold - cross[:, None] * by_width
    residual = np.where(present, upper - value[..., None], 0.0)
    each = (residual * (direction / (value * (1 - value)))[..., None]).sum(axis=1)
    return each, np.asarray((weight * direction**2).sum(axis=1))


def _prior(runs: Floats, u: Floats, curves: Curves) -> Floats:
    """Half the log information on each threshold, (columns, thresholds).

    Source:
        Welch and Peers 1963, J. R. Statist. Soc. B 25, 318 (the prior whose quantiles are intervals).
    """
    # Curves narrower than a step would put the prior's peaks on the cells.
    width = np.maximum(curves.width, np.median(np.diff(u)))
    at: dict[str, Any] = {"lapses": (curves.floor, curves.gap), "link": curves.link}
    # Many columns have the same width and runs, and each has an array as large as many priors.
    kinds, kind = np.unique(np.column_stack([width, runs]), axis=0, return_inverse=True)
    information = np.empty((len(kinds), len(curves.thresholds)))
    for k, (own, *counts) in enumerate(kinds):
        step = DERIVATIVE_STEP * own
        value, moved = (
            curve(u, threshold=curves.thresholds[:, None] + shift, width=own, **at)
            for shift in (0.0, step)
        )
        each = ((moved - value) / step) ** 2 / (value * (1 - value))
        information[k] = np.einsum("cpk,ck->cp", each[None], np.array([counts]))[0]
    return np.asarray(np.log(np.maximum(information, NEGLIGIBLE)) / 2)[kind.ravel()]

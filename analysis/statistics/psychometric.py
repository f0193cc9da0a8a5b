"""Psychometric curves: the threshold at which half of the runs are benign, by binomial likelihood.

P(u) = floor + (1 − floor − gap) Ψ((u − c)/s + k), k such that P(c) = 1/2: Ψ is the normal or the
logistic distribution function and u the y axis's coordinate. Threshold c, width s, floor and gap run over
a grid that is computed once for all columns, so no iteration can fail and nothing needs a start.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy import special
from scipy.interpolate import CubicSpline

from analysis.dataset.plane import Floats, Ints
from analysis.errors import AnalysisError, nearest
from analysis.statistics.tolerance import NEGLIGIBLE, SMALLEST_DIVISOR

LINKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "probit": (special.ndtr, special.ndtri),
    "logistic": (special.expit, special.logit),
}
# Shares of runs that are on the wrong side far from the boundary.
LAPSES = (0.0, 0.03, 0.12)
THRESHOLDS_PER_STEP = 6
WIDTH_CANDIDATES = 30
# A likelihood much sharper than a step is parabolic, which a spline between thresholds follows.
SPLINE_REFINEMENT = 8
# A probability of exactly 0 or 1 would forbid what finite numbers of runs cannot exclude.
MIN_PROBABILITY = 1e-6
# Decimals of the coordinate to which planes share their tables.
COORDINATE_DECIMALS = 10
# Thresholds whose log likelihood is this near the largest are equally likely.
LOG_LIKELIHOOD_TOLERANCE = 0.02
# Relative step of numerical derivatives.
DERIVATIVE_STEP = 1e-4


class Counts(NamedTuple):
    """Runs on the upper side of each cell and all its runs, each (columns, cells), rising with u."""

    upper: Floats
    runs: Floats


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
    steps = tuple(np.round(u - u[0], COORDINATE_DECIMALS).tolist())
    thresholds, widths = _grid(np.array(steps))
    pairs = [(floor, gap) for floor in lapses for gap in lapses]
    # One floor and one gap for all columns: far from the boundary each column alone says little.
    pair, likelihood, width = max(
        ((pair, *_best_width(counts, _table(steps, pair, link), widths)) for pair in pairs),
        key=lambda found: found[1].max(1).sum(),
    )
    top = likelihood.argmax(axis=1)
    best = width[np.arange(len(top)), top]
    flat = np.zeros(likelihood.shape)
    curves = Curves(u[0] + thresholds, likelihood, flat, best, *pair, link)
    return replace(curves, prior=_prior(counts.runs, u, curves))


def curve(
    u: Floats, *, threshold: Floats, width: Floats, lapses: tuple[float, float], link: str
) -> Floats:
    """P(u) of curves, shapes broadcast; 1/2 at the threshold.

    Args:
        lapses: floor and gap.
    """
    forward, back = LINKS[link]
    floor, gap = lapses
    rise = 1 - floor - gap
    value = floor + rise * forward((u - threshold) / width + back((0.5 - floor) / rise))
    return np.asarray(np.clip(value, MIN_PROBABILITY, 1 - MIN_PROBABILITY))


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
    thresholds = np.linspace(
        curves.thresholds[0],
        curves.thresholds[-1],
        SPLINE_REFINEMENT * (len(curves.thresholds) - 1) + 1,
    )
    return thresholds, CubicSpline(curves.thresholds, logs, axis=1)(thresholds)


def quantiles(curves: Curves, shares: Floats) -> Floats:
    """Thresholds at shares of the confidence distribution, shape of shares: (..., columns)."""
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
    width = np.maximum(curves.width, np.median(np.diff(u)))[:, None, None]
    at: dict[str, Any] = {"lapses": (curves.floor, curves.gap), "link": curves.link}
    information = np.empty((len(runs), len(curves.thresholds)))
    # Column by column: of all together each step would be as large as a table of likelihoods.
    for c in range(len(runs)):
        column = slice(c, c + 1)
        step = DERIVATIVE_STEP * width[column]
        value, moved = (
            curve(u, threshold=curves.thresholds[:, None] + shift, width=width[column], **at)
            for shift in (0.0, step)
        )
        each = ((moved - value) / step) ** 2 / (value * (1 - value))
        information[column] = np.einsum("cpk,ck->cp", each, runs[column])
    return np.asarray(np.log(np.maximum(information, NEGLIGIBLE)) / 2)


class _Table(NamedTuple):
    """log P and log(1 − P) of every threshold and width, (thresholds · widths, cells)."""

    upper: Floats
    lower: Floats


def _grid(u: Floats) -> tuple[Floats, Floats]:
    """Thresholds over the grid and half its span beyond either end, and widths between step and span."""
    step, span = float(np.median(np.diff(u))), float(u[-1] - u[0])
    count = 1 + int(np.ceil(2 * span / step * THRESHOLDS_PER_STEP))
    thresholds = np.linspace(u[0] - span / 2, u[-1] + span / 2, count)
    return thresholds, np.geomspace(step / 30, 2 * span, WIDTH_CANDIDATES)


@lru_cache(maxsize=4 * len(LAPSES) ** 2)
def _table(steps: tuple[float, ...], lapses: tuple[float, float], link: str) -> _Table:
    """The table for cells at given distances from the first: all columns and levels share it."""
    u = np.array(steps)
    thresholds, widths = _grid(u)
    value = curve(
        u, threshold=thresholds[:, None, None], width=widths[:, None], lapses=lapses, link=link
    ).reshape(-1, len(u))
    return _Table(np.log(value), np.log1p(-value))


def _best_width(counts: Counts, table: _Table, widths: Floats) -> tuple[Floats, Floats]:
    """Largest log likelihood over widths, and the width there, each (columns, thresholds)."""
    loss = counts.upper @ table.upper.T + (counts.runs - counts.upper) @ table.lower.T
    loss = loss.reshape(len(loss), -1, len(widths))
    at = loss.argmax(axis=2)
    return _peak(loss, at), widths[at]


def _peak(loss: Floats, at: Ints) -> Floats:
    """The top of the parabola through each maximum and its neighbours, on the log width's grid."""
    middle = np.clip(at, 1, loss.shape[2] - 2)
    left, top, right = (
        np.take_along_axis(loss, (middle + k)[..., None], axis=2)[..., 0] for k in (-1, 0, 1)
    )
    bend = 2 * top - left - right
    gain = np.divide((right - left) ** 2, 8 * bend, out=np.zeros_like(top), where=bend > NEGLIGIBLE)
    highest = np.take_along_axis(loss, at[..., None], axis=2)[..., 0]
    return np.where(at == middle, top + np.minimum(gain, bend), highest)

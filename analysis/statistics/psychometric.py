"""Psychometric curves: the place where half of the runs are benign, by likelihood of binomial counts.

P(u) = floor + (1 − floor − gap) Ψ((u − c)/s + k), k such that P(c) = 1/2: Ψ is the normal or the
logistic distribution function and u the y axis's coordinate. Place c, width s, floor and gap run over
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

LINKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "probit": (special.ndtr, special.ndtri),
    "logistic": (special.expit, special.logit),
}
# Shares of runs that are on the wrong side far from the boundary.
LAPSES = (0.0, 0.03, 0.12)
PLACES_A_STEP = 6
WIDTHS = 30
# A likelihood much sharper than a step is parabolic, which a spline between places follows.
FINER = 8
# A probability of exactly 0 or 1 would forbid what finite numbers of runs cannot exclude.
SMALLEST = 1e-6
# Decimals of the coordinate to which planes share their tables.
DIGITS = 10
# Places whose logarithm of likelihood is this near the largest are equally likely.
PLATEAU = 0.02
# Information below this is none.
TINIEST = 1e-12
# Relative step of numerical derivatives.
SMALL_STEP = 1e-4


class Counts(NamedTuple):
    """Runs on the upper side of each cell and all its runs, each (columns, cells), rising with u."""

    upper: Floats
    runs: Floats


@dataclass(frozen=True, eq=False)
class Curves:
    """Fitted curves of columns: what the likelihood says of each one's place.

    `likelihood` is the log profile likelihood over `places`, largest over the width; `width` is that of
    the most likely curve. `floor` and `gap` are shared by all columns.
    """

    places: Floats  # (places,)
    likelihood: Floats  # (columns, places)
    prior: Floats  # (columns, places), in logarithms: Jeffreys', half the log information
    width: Floats  # (columns,)
    floor: float
    gap: float
    link: str


def fit_curves(
    counts: Counts, u: Floats, *, link: str = "probit", lapses: tuple[float, ...] = LAPSES
) -> Curves:
    """The most likely psychometric curve of each column, and the profile likelihood of its place.

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
    steps = tuple(np.round(u - u[0], DIGITS).tolist())
    places, widths = _grid(np.array(steps))
    pairs = [(floor, gap) for floor in lapses for gap in lapses]
    # One floor and one gap for all columns: far from the boundary each column alone says little.
    total = [
        _best_width(counts, _table(steps, pair, link), widths)[0].max(1).sum() for pair in pairs
    ]
    pair = pairs[int(np.argmax(total))]
    likelihood, width = _best_width(counts, _table(steps, pair, link), widths)
    top = likelihood.argmax(axis=1)
    best = width[np.arange(len(top)), top]
    flat = np.zeros(likelihood.shape)
    curves = Curves(u[0] + places, likelihood, flat, best, *pair, link)
    return replace(curves, prior=_prior(counts.runs, u, curves))


def curve(
    u: Floats, *, place: Floats, width: Floats, lapses: tuple[float, float], link: str
) -> Floats:
    """P(u) of curves, shapes broadcast; 1/2 at the place.

    Args:
        lapses: floor and gap.
    """
    forward, back = LINKS[link]
    floor, gap = lapses
    rise = 1 - floor - gap
    value = floor + rise * forward((u - place) / width + back((0.5 - floor) / rise))
    return np.asarray(np.clip(value, SMALLEST, 1 - SMALLEST))


def peaks(curves: Curves) -> Floats:
    """The most likely place of each column, (columns,); the middle of those that are about as likely."""
    places, fine = _fine(curves, curves.likelihood)
    top = fine > fine.max(axis=1, keepdims=True) - PLATEAU
    return np.asarray((top * places).sum(axis=1) / top.sum(axis=1))


def confidence_distribution(curves: Curves) -> tuple[Floats, Floats]:
    """Each place's distribution function by its normalized profile likelihood and Jeffreys' prior.

    The prior takes away what a flat one would say of places beyond the grid, of which cells tell
    little. The 2.5 and 97.5 % points are the profile-likelihood interval where that is symmetric;
    between two cells that part all runs cleanly it is nearly uniform, as it should be.

    Returns:
        Places (fine,), FINER times as many as the curves', and shares (columns, fine).
    """
    places, fine = _fine(curves, curves.likelihood + curves.prior)
    density = np.exp(fine - fine.max(axis=1, keepdims=True))
    steps = (density[:, 1:] + density[:, :-1]) / 2
    total = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    return places, total / total[:, -1:]


def _fine(curves: Curves, logs: Floats) -> tuple[Floats, Floats]:
    """Places FINER times as many as the curves', and logarithms there, (columns, fine)."""
    places = np.linspace(curves.places[0], curves.places[-1], FINER * (len(curves.places) - 1) + 1)
    return places, CubicSpline(curves.places, logs, axis=1)(places)


def quantiles(curves: Curves, shares: Floats) -> Floats:
    """Places at shares of the confidence distribution, shape of shares: (..., columns)."""
    places, distribution = confidence_distribution(curves)
    # A tiny slope keeps flat parts invertible.
    ramp = np.linspace(0.0, 1e-9, len(places))
    columns = [np.interp(shares[..., c], one + ramp, places) for c, one in enumerate(distribution)]
    return np.stack(columns, axis=-1)


def scores(curves: Curves, upper: Floats, u: Floats, *, place: Floats) -> tuple[Floats, Floats]:
    """What each replicate says of the place, and the information that independent runs would give.

    Args:
        curves: fitted.
        upper: whether each run is on the upper side, (columns, cells, replicates), NaN where missing.
        u: coordinates of the cells.
        place: of each curve, (columns,).
    Returns:
        Efficient scores (columns, replicates), with the width's part taken out, and information
        (columns,). Without correlation between cells the scores' sum of squares is the information.
    """
    at: dict[str, Any] = {
        "width": curves.width[:, None],
        "lapses": (curves.floor, curves.gap),
        "link": curves.link,
    }
    nearby = place[:, None] + SMALL_STEP * curves.width[:, None]
    value = curve(u, place=place[:, None], **at)
    by_place = (curve(u, place=nearby, **at) - value) / (nearby - place[:, None])
    wider = at | {"width": curves.width[:, None] * (1 + SMALL_STEP)}
    by_width = (curve(u, place=place[:, None], **wider) - value) / SMALL_STEP
    present = np.isfinite(upper)
    weight = present.sum(-1) / (value * (1 - value))
    cross = (weight * by_place * by_width).sum(1) / np.maximum(
        (weight * by_width**2).sum(1), 1e-300
    )
    direction = by_place - cross[:, None] * by_width
    residual = np.where(present, upper - value[..., None], 0.0)
    each = (residual * (direction / (value * (1 - value)))[..., None]).sum(axis=1)
    return each, np.asarray((weight * direction**2).sum(axis=1))


def _prior(runs: Floats, u: Floats, curves: Curves) -> Floats:
    """Half the log information on each place, (columns, places).

    Source:
        Welch and Peers 1963, J. R. Statist. Soc. B 25, 318 (the prior whose quantiles are intervals).
    """
    # Curves narrower than a step would put the prior's peaks on the cells.
    width = np.maximum(curves.width, np.median(np.diff(u)))[:, None, None]
    at: dict[str, Any] = {"lapses": (curves.floor, curves.gap), "link": curves.link}
    step = SMALL_STEP * width
    value, moved = (
        curve(u, place=curves.places[:, None] + shift, width=width, **at) for shift in (0.0, step)
    )
    each = ((moved - value) / step) ** 2 / (value * (1 - value))
    return np.asarray(np.log(np.maximum(np.einsum("cpk,ck->cp", each, runs), TINIEST)) / 2)


class _Table(NamedTuple):
    """log P and log(1 − P) of every place and width, (places · widths, cells)."""

    upper: Floats
    lower: Floats


def _grid(u: Floats) -> tuple[Floats, Floats]:
    """Places over the grid and half its span beyond either end, and widths between step and span."""
    step, span = float(np.median(np.diff(u))), float(u[-1] - u[0])
    count = 1 + int(np.ceil(2 * span / step * PLACES_A_STEP))
    places = np.linspace(u[0] - span / 2, u[-1] + span / 2, count)
    return places, np.geomspace(step / 30, 2 * span, WIDTHS)


@lru_cache(maxsize=4 * len(LAPSES) ** 2)
def _table(steps: tuple[float, ...], lapses: tuple[float, float], link: str) -> _Table:
    """The table for cells at given distances from the first: all columns and levels share it."""
    u = np.array(steps)
    places, widths = _grid(u)
    value = curve(
        u, place=places[:, None, None], width=widths[:, None], lapses=lapses, link=link
    ).reshape(-1, len(u))
    return _Table(np.log(value), np.log1p(-value))


def _best_width(counts: Counts, table: _Table, widths: Floats) -> tuple[Floats, Floats]:
    """Largest log likelihood over widths, and the width there, each (columns, places)."""
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
    gain = np.divide((right - left) ** 2, 8 * bend, out=np.zeros_like(top), where=bend > 1e-12)
    highest = np.take_along_axis(loss, at[..., None], axis=2)[..., 0]
    return np.where(at == middle, top + np.minimum(gain, bend), highest)

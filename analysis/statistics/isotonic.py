"""Where monotone fits of many noisy profiles cross zero: isotonic regression and a monotone cubic.

The isotonic fit is never formed. The cell after which it turns positive is where the running sum
of weighted values is least, and its values beside that cut are extremes of block averages, so a
thousand bootstrap profiles cost a few array operations. Tested against scipy's isotonic_regression.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.dataset.plane import Floats, Ints

# Bisections of one grid step: 2⁻²⁴ of it is far below any interval.
BISECTIONS = 24
VALUES_PER_BLOCK = 1024
"""Profiles that are worked on at once."""
NEARBY = 6
"""Cells on either side of a crossing that nearly always decide its isotonic values."""
CLEARLY = 1e-6
"""Share of the largest value by which averages differ for certain, whatever rounding did to them."""


class Crossings(NamedTuple):
    """Where profiles cross, and how well the grid resolves them; each of shape (profiles,).

    position: coordinate; −inf where all is above zero ("below grid"), +inf where all is below.
    gap: distance between the two cells beside the crossing; 0 where it does not cross.
    jump: rise of the isotonic fit between those cells; 0 where it does not cross.
    """

    position: Floats
    gap: Floats
    jump: Floats


def cross_zero(profiles: Floats, weights: Floats, u: Floats) -> Crossings:
    """Zero crossings of the increasing isotonic fits of profiles, by monotone cubic interpolation.

    Args:
        profiles: shape (profiles, cells), finite, increasing up to noise.
        weights: of the cells, shape (cells,), > 0.
        u: coordinates of the cells, shape (cells,), sorted.
    Source:
        Barlow et al. 1972 (min-max formulas); Fritsch and Butland 1984 (the cubic's slopes).
    """
    # Blocks of profiles stay in the processor's cache.
    parts = [
        _cross_zero(profiles[first : first + VALUES_PER_BLOCK], weights, u)
        for first in range(0, max(len(profiles), 1), VALUES_PER_BLOCK)
    ]
    return Crossings(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _cross_zero(profiles: Floats, weights: Floats, u: Floats) -> Crossings:
    cells = len(u)
    sums = _running(profiles * weights)
    mass = _running(weights[None, :])[0]
    cut = np.argmin(sums, axis=1)
    crosses = (cut > 0) & (cut < cells)
    position = np.where(cut == 0, -np.inf, np.inf)
    gap, jump = np.zeros(len(profiles)), np.zeros(len(profiles))
    if crosses.any():
        inside = _Cuts(profiles, sums, mass, cut)
        values, knots = _around(inside if crosses.all() else inside.of(crosses), u)
        position[crosses] = _root(knots, values)
        gap[crosses] = knots[:, 2] - knots[:, 1]
        jump[crosses] = values[:, 2] - values[:, 1]
    return Crossings(position, gap, jump)


def raw_crossing(profiles: Floats, u: Floats) -> Floats:
    """First upward crossing of zero of profiles as they are, by linear interpolation: a check.

    Args:
        profiles: shape (..., cells); NaN where a cell has no mean, which breaks the line.
        u: coordinates of the cells, shape (cells,), sorted.
    Returns:
        Shape (...), NaN where neighbouring cells nowhere cross.
    """
    below, above = profiles[..., :-1], profiles[..., 1:]
    crosses = (below < 0) & (above >= 0)
    share = np.divide(-below, above - below, out=np.full(below.shape, np.nan), where=crosses)
    position = u[:-1] + share * np.diff(u)
    first = crosses.argmax(axis=-1)[..., None] if len(u) > 1 else None
    if first is None:
        return np.full(profiles.shape[:-1], np.nan)
    return np.asarray(np.take_along_axis(position, first, axis=-1)[..., 0])


class _Cuts(NamedTuple):
    profiles: Floats  # (profiles, cells)
    sums: Floats  # running sums of weighted values, (profiles, cells + 1)
    mass: Floats  # running sums of weights, (cells + 1,)
    cut: Ints  # the number of cells before the crossing, (profiles,)

    def of(self, rows: NDArray[np.bool_]) -> "_Cuts":
        """Those of some profiles."""
        return _Cuts(self.profiles[rows], self.sums[rows], self.mass, self.cut[rows])


class _Beside(NamedTuple):
    """Isotonic values of the two cells on either side of the cut, each (profiles,).

    The outer ones count where the inner cell is a block of its own.
    """

    lower: Floats
    low: Floats
    low_length: Ints
    high: Floats
    high_length: Ints
    higher: Floats


def _running(values: Floats) -> Floats:
    """Sums of the first 0, 1, … cells of each row, (rows, cells + 1)."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _block_averages(part: _Cuts) -> Floats:
    """Averages of the blocks between the cut and each cell, (profiles, cells + 1), NaN at it."""
    at = np.take_along_axis(part.sums, part.cut[:, None], axis=1)
    mass = part.mass[None, :] - part.mass[part.cut][:, None]
    blank = np.full(part.sums.shape, np.nan)
    return np.asarray(np.divide(part.sums - at, mass, out=blank, where=mass != 0))


def _last_before(part: _Cuts) -> tuple[Floats, Ints]:
    """Value of the isotonic fit in the cell before the cut, and its block's length."""
    before = np.arange(part.sums.shape[1]) < part.cut[:, None]
    averages = np.where(before, _block_averages(part), -np.inf)
    return averages.max(axis=1), part.cut - averages.argmax(axis=1)


def _first_after(part: _Cuts) -> tuple[Floats, Ints]:
    """Value of the isotonic fit in the cell after the cut, and its block's length."""
    after = np.arange(part.sums.shape[1]) > part.cut[:, None]
    averages = np.where(after, _block_averages(part), np.inf)
    return averages.min(axis=1), averages.argmin(axis=1) - part.cut


def _everywhere(part: _Cuts) -> _Beside:
    """The values beside the cut, from the averages of all blocks."""
    low, low_length = _last_before(part)
    high, high_length = _first_after(part)
    lower, _ = _last_before(part._replace(cut=part.cut - 1))
    higher, _ = _first_after(part._replace(cut=part.cut + 1))
    return _Beside(lower, low, low_length, high, high_length, higher)


def _nearby(part: _Cuts) -> tuple[_Beside, NDArray[np.bool_]]:
    """The values beside the cut, from blocks of at most NEARBY cells, and in which profiles they hold.

    A longer block's average is between the shorter ones' best and the best of its own further cells. It
    cannot be the extreme one where all further cells are clearly worse than the best of the short blocks.
    """
    count = len(part.mass)
    near = part.cut[:, None] + np.arange(-NEARBY, NEARBY + 1)
    index = np.clip(near, 0, count - 1)
    present = near == index
    sums, mass = np.take_along_axis(part.sums, index, axis=1), part.mass[index]

    def averages(cut: Ints, chosen: NDArray[np.bool_], blank: float) -> Floats:
        """Averages of the blocks between a cut and the chosen cells near the crossing, else `blank`."""
        at = np.take_along_axis(part.sums, np.clip(cut, 0, count - 1)[:, None], axis=1)
        span = mass - part.mass[np.clip(cut, 0, count - 1)][:, None]
        found = np.full(near.shape, blank)
        return np.asarray(
            np.divide(sums - at, span, out=found, where=chosen & present & (span != 0))
        )

    rows, middle = np.arange(len(part.cut)), part.cut[:, None]
    before = averages(part.cut, near < middle, -np.inf)
    after = averages(part.cut, near > middle, np.inf)
    first, last = before.argmax(axis=1), after.argmin(axis=1)
    beside = _Beside(
        lower=averages(part.cut - 1, near < middle - 1, -np.inf).max(axis=1),
        low=before[rows, first],
        low_length=part.cut - near[rows, first],
        high=after[rows, last],
        high_length=near[rows, last] - part.cut,
        higher=averages(part.cut + 1, near > middle + 1, np.inf).min(axis=1),
    )
    return beside, _are_extreme(part, beside)


def _are_extreme(part: _Cuts, beside: _Beside) -> NDArray[np.bool_]:
    """Whether all cells further from the cut than NEARBY are clearly worse than the values beside it."""
    cells = np.arange(part.profiles.shape[1])
    clearly = CLEARLY * max(float(part.profiles.max()), -float(part.profiles.min()))
    floor = np.minimum(beside.low, beside.lower) - clearly
    ceiling = np.maximum(beside.high, beside.higher) + clearly
    below = (part.profiles < floor[:, None]) | (cells >= (part.cut - NEARBY)[:, None])
    above = (part.profiles > ceiling[:, None]) | (cells < (part.cut + NEARBY)[:, None])
    return np.asarray((below & above).all(axis=1))


def _beside(part: _Cuts) -> _Beside:
    """The values beside the cut: from short blocks where these suffice."""
    beside, holds = _nearby(part)
    if not holds.all():
        for found, exact in zip(beside, _everywhere(part.of(~holds)), strict=True):
            found[~holds] = exact
    return beside


def _around(part: _Cuts, u: Floats) -> tuple[Floats, Floats]:
    """Isotonic values and coordinates of the four cells around the cut, each (profiles, 4).

    Beyond the grid's ends the values are infinite, which `_slope` reads as "no neighbour".
    """
    found = _beside(part)
    outer = (
        np.where(found.low_length > 1, found.low, found.lower),
        np.where(found.high_length > 1, found.high, found.higher),
    )
    values = np.stack([outer[0], found.low, found.high, outer[1]], axis=1)
    padded = np.concatenate([[u[0] - 1.0], u, [u[-1] + 1.0]])
    return values, padded[part.cut[:, None] + np.arange(-1, 3)]


def _slope(steps: Floats, secants: Floats, inner: Floats) -> Floats:
    """Slope at the knot between two secants: their weighted harmonic mean, 0 beside a flat one."""
    w = np.stack([2 * steps[:, 1] + steps[:, 0], steps[:, 1] + 2 * steps[:, 0]], axis=1)
    rising = np.all(secants > 0, axis=1) & np.isfinite(secants).all(axis=1)
    safe = np.where(rising[:, None], secants, 1.0)
    mean = w.sum(axis=1) / (w / safe).sum(axis=1)
    edge = ~np.isfinite(secants).all(axis=1)
    return np.where(edge, inner, np.where(rising, mean, 0.0))


def _root(knots: Floats, values: Floats) -> Floats:
    """Where the monotone cubic through four knots is zero between the middle two, by bisection."""
    steps = np.diff(knots, axis=1)
    secants = np.diff(values, axis=1) / steps
    inner, width = secants[:, 1], steps[:, 1]
    start = width * _slope(steps[:, :2], secants[:, :2], inner)
    end = width * _slope(steps[:, 1:], secants[:, 1:], inner)
    low, high = np.zeros(len(width)), np.ones(len(width))
    for _ in range(BISECTIONS):
        t = (low + high) / 2
        s = 1 - t
        level = s * s * ((1 + 2 * t) * values[:, 1] + t * start)
        level += t * t * ((1 + 2 * s) * values[:, 2] - s * end)
        low, high = np.where(level < 0, t, low), np.where(level < 0, high, t)
    return np.asarray(knots[:, 1] + width * (low + high) / 2)

"""Where monotone fits of many noisy profiles cross a level: isotonic regression and a monotone cubic.

The isotonic fit is never formed. The cell after which it is above the level is where the running sum of
weighted differences is least, and its values beside that cut are extremes of block averages, so a thousand
bootstrap profiles cost a few array operations. Most profiles are monotone around their crossing, and the
cells there are the fit itself. Tested against scipy's isotonic_regression.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.dataset.plane import Floats, Ints
from analysis.statistics.block_averages import Cuts, isotonic_values, running_sums
from analysis.statistics.monotone_cubic import root

PROFILES_PER_BLOCK = 2048
"""Profiles that are worked on at once."""
NEIGHBOURS = np.arange(-2, 2)[:, None]
"""The cells on either side of a cut, by their distance from it."""


class Crossings(NamedTuple):
    """Where profiles cross, and how well the grid resolves them; each of shape (profiles,).

    position: coordinate; −inf where all is above zero ("below grid"), +inf where all is below.
    gap: distance between the two cells beside the crossing; 0 where it does not cross.
    jump: rise of the isotonic fit between those cells; 0 where it does not cross.
    """

    position: Floats
    gap: Floats
    jump: Floats


class Extremes(NamedTuple):
    """Cells of profiles that are extreme on one side, (..., cells): all levels share them.

    highest: no cell before is higher.
    lowest: no cell after is lower.
    """

    highest: NDArray[np.bool_]
    lowest: NDArray[np.bool_]


def extremes(profiles: Floats) -> Extremes:
    """Extreme cells of profiles, shape (..., cells)."""
    lowest = np.minimum.accumulate(profiles[..., ::-1], axis=-1)[..., ::-1]
    return Extremes(np.maximum.accumulate(profiles, axis=-1) == profiles, lowest == profiles)


def cross_zero(profiles: Floats, weights: Floats, u: Floats) -> Crossings:
    """Zero crossings of the increasing isotonic fits of profiles, by monotone cubic interpolation.

    Args:
        profiles: shape (profiles, cells), finite, increasing up to noise.
        weights: of the cells, shape (cells,), > 0.
        u: coordinates of the cells, shape (cells,), sorted.
    Source:
        Barlow et al. 1972 (min-max formulas); Fritsch and Butland 1984 (the cubic's slopes).
    """
    return cross(profiles, extremes(profiles), weights, u=u, level=0.0)


def cross(
    profiles: Floats, extreme: Extremes, weights: Floats, *, u: Floats, level: float
) -> Crossings:
    """Crossings of a level, as `cross_zero` finds those of zero.

    Args:
        profiles: shape (..., cells), finite, increasing up to noise.
        extreme: of these profiles.
        weights: of the cells, shape (cells,), > 0.
        u: coordinates of the cells, shape (cells,), sorted.
        level: to cross.
    Returns:
        Each part of shape (...).
    """
    # Blocks of profiles stay in the processor's cache.
    step = max(1, PROFILES_PER_BLOCK // max(int(np.prod(profiles.shape[1:-1])), 1))
    flat = (-1, len(u))
    parts = [
        _cross(
            profiles[first : first + step].reshape(flat),
            Extremes(*(part[first : first + step].reshape(flat) for part in extreme)),
            weights,
            u=u,
            level=level,
        )
        for first in range(0, max(len(profiles), 1), step)
    ]
    shape = profiles.shape[:-1]
    return Crossings(*(np.concatenate(each).reshape(shape) for each in zip(*parts, strict=True)))


def _cross(
    profiles: Floats, extreme: Extremes, weights: Floats, *, u: Floats, level: float
) -> Crossings:
    """The crossings of a block, shape (profiles, cells)."""
    cut, holds = _plain_cuts(profiles, extreme, level)
    values = _neighbours(profiles, cut) - level
    others = np.flatnonzero(~holds)
    if len(others):
        rest = profiles[others] - level
        sums = running_sums(rest * weights)
        cut[others] = np.argmin(sums, axis=1)
        part = Cuts(rest, sums, running_sums(weights[None, :])[0], cut[others])
        inside = (part.cut > 0) & (part.cut < len(u))
        if inside.any():
            values[:, others[inside]] = isotonic_values(part.of(inside))
    crosses = (cut > 0) & (cut < len(u))
    position = np.where(cut == 0, -np.inf, np.inf)
    gap, jump = np.zeros(len(profiles)), np.zeros(len(profiles))
    if crosses.any():
        values = values[:, crosses]
        at = np.concatenate([[u[0] - 1.0], u, [u[-1] + 1.0]])[cut[crosses] + NEIGHBOURS + 1]
        position[crosses] = root(at, values)
        gap[crosses], jump[crosses] = at[2] - at[1], values[2] - values[1]
    return Crossings(position, gap, jump)


def _plain_cuts(
    profiles: Floats, extreme: Extremes, level: float
) -> tuple[Ints, NDArray[np.bool_]]:
    """The first cell that is not below the level, and whether the isotonic fit is plain around it.

    It is where the two cells on either side rise, and all cells further out are beyond the outer ones: then
    the fit has the values of these four cells, since no block of several cells has a more extreme average.
    """
    below = profiles < level
    cut = below.argmin(axis=1)
    cells = profiles.shape[1]
    cut[(cut == 0) & below[:, 0]] = cells
    _, low, high, _ = values = _neighbours(profiles, cut)
    rising = (values[0] <= low) & (high <= values[3])
    left, right = np.maximum(cut - 2, 0), np.minimum(cut + 1, cells - 1)
    # Where all cells are on one side of the cut, the first or the last one decides.
    right[cut == 0] = 0
    rows = np.arange(len(profiles))
    return cut, rising & extreme.highest[rows, left] & extreme.lowest[rows, right]


def _neighbours(profiles: Floats, cut: Ints) -> Floats:
    """The two cells on either side of a cut, (4, profiles); infinite beyond the ends."""
    at = cut + NEIGHBOURS
    index = np.clip(at, 0, profiles.shape[1] - 1)
    values = profiles.ravel()[index + profiles.shape[1] * np.arange(len(profiles))]
    values[at < 0] = -np.inf
    values[at > index] = np.inf
    return np.asarray(values)


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

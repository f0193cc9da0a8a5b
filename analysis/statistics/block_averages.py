"""Isotonic values of the cells beside a cut, as extremes of averages of blocks of cells.

Where the isotonic fit crosses, `isotonic` finds; the fit itself is never formed.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.dataset.plane import Floats, Ints

NEARBY = 6
"""Cells on either side of a crossing that nearly always decide its isotonic values."""
CLEARLY = 1e-6
"""Share of the largest value by which averages differ for certain, whatever rounding did to them."""


class Cuts(NamedTuple):
    profiles: Floats  # (profiles, cells)
    sums: Floats  # running sums of weighted values, (profiles, cells + 1)
    mass: Floats  # running sums of weights, (cells + 1,)
    cut: Ints  # the number of cells before the crossing, (profiles,)

    def of(self, rows: NDArray[np.bool_]) -> "Cuts":
        """Those of some profiles."""
        return Cuts(self.profiles[rows], self.sums[rows], self.mass, self.cut[rows])


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


def running_sums(values: Floats) -> Floats:
    """Sums of the first 0, 1, … cells of each row, (rows, cells + 1)."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _block_averages(part: Cuts) -> Floats:
    """Averages of the blocks between the cut and each cell, (profiles, cells + 1), NaN at it."""
    at = np.take_along_axis(part.sums, part.cut[:, None], axis=1)
    mass = part.mass[None, :] - part.mass[part.cut][:, None]
    blank = np.full(part.sums.shape, np.nan)
    return np.asarray(np.divide(part.sums - at, mass, out=blank, where=mass != 0))


def _last_before(part: Cuts) -> tuple[Floats, Ints]:
    """Value of the isotonic fit in the cell before the cut, and its block's length."""
    before = np.arange(part.sums.shape[1]) < part.cut[:, None]
    averages = np.where(before, _block_averages(part), -np.inf)
    return averages.max(axis=1), part.cut - averages.argmax(axis=1)


def _first_after(part: Cuts) -> tuple[Floats, Ints]:
    """Value of the isotonic fit in the cell after the cut, and its block's length."""
    after = np.arange(part.sums.shape[1]) > part.cut[:, None]
    averages = np.where(after, _block_averages(part), np.inf)
    return averages.min(axis=1), averages.argmin(axis=1) - part.cut


def _everywhere(part: Cuts) -> _Beside:
    """The values beside the cut, from the averages of all blocks."""
    low, low_length = _last_before(part)
    high, high_length = _first_after(part)
    lower, _ = _last_before(part._replace(cut=part.cut - 1))
    higher, _ = _first_after(part._replace(cut=part.cut + 1))
    return _Beside(lower, low, low_length, high, high_length, higher)


def _nearby(part: Cuts) -> tuple[_Beside, NDArray[np.bool_]]:
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


def _are_extreme(part: Cuts, beside: _Beside) -> NDArray[np.bool_]:
    """Whether all cells further from the cut than NEARBY are clearly worse than the values beside it."""
    cells = np.arange(part.profiles.shape[1])
    clearly = CLEARLY * max(float(part.profiles.max()), -float(part.profiles.min()))
    floor = np.minimum(beside.low, beside.lower) - clearly
    ceiling = np.maximum(beside.high, beside.higher) + clearly
    below = (part.profiles < floor[:, None]) | (cells >= (part.cut - NEARBY)[:, None])
    above = (part.profiles > ceiling[:, None]) | (cells < (part.cut + NEARBY)[:, None])
    return np.asarray((below & above).all(axis=1))


def _beside(part: Cuts) -> _Beside:
    """The values beside the cut: from short blocks where these suffice."""
    beside, holds = _nearby(part)
    if not holds.all():
        for found, exact in zip(beside, _everywhere(part.of(~holds)), strict=True):
            found[~holds] = exact
    return beside


def isotonic_values(part: Cuts) -> Floats:
    """Isotonic values of the four cells around the cut, (4, profiles).

    Beyond the grid's ends the values are infinite, which the cubic reads as "no neighbour".
    """
    found = _beside(part)
    lower = np.where(found.low_length > 1, found.low, found.lower)
    higher = np.where(found.high_length > 1, found.high, found.higher)
    return np.stack([lower, found.low, found.high, higher])

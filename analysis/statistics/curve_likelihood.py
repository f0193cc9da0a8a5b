"""The likelihood of psychometric curves over a grid of thresholds, widths, floors and gaps.

The grid is computed once for all columns of a plane. Fitted curves are in `psychometric`.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.dataset.plane import Floats, Ints
from analysis.statistics.tolerance import NEGLIGIBLE

LINKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "probit": (special.ndtr, special.ndtri),
    "logistic": (special.expit, special.logit),
}
# Shares of runs that are on the wrong side far from the boundary.
LAPSES = (0.0, 0.03, 0.12)
THRESHOLDS_PER_STEP = 6
WIDTH_CANDIDATES = 30
# A probability of exactly 0 or 1 would forbid what finite numbers of runs cannot exclude.
MIN_PROBABILITY = 1e-6
# Floors and gaps are chosen by one in so many thresholds; those that are behind by less than so many times
# what a full grid gains are compared in full.
COARSENING = 3
COARSE_MARGIN = 4.0
# Thresholds of a table that are worked on at once, so that they stay in the processor's cache.
THRESHOLDS_PER_BLOCK = 16
# Decimals of the coordinate to which planes share their tables.
COORDINATE_DECIMALS = 10


class Counts(NamedTuple):
    """Runs on the upper side of each cell and all its runs, each (columns, cells), rising with u."""

    upper: Floats
    runs: Floats


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


class GridLikelihood(NamedTuple):
    """The most likely floor and gap of all columns, and each column's likelihood under them."""

    floor: float
    gap: float
    thresholds: Floats  # (thresholds,), the first cell at 0
    likelihood: Floats  # (columns, thresholds), in logarithms, largest over the width
    width: Floats  # (columns, thresholds), the most likely one


def grid_likelihood(
    counts: Counts, u: Floats, *, link: str, lapses: tuple[float, ...]
) -> GridLikelihood:
    """The likelihood of columns over thresholds and widths, under the floor and gap that suit all best.

    A coarse grid comes first, which misses a little of each pair's likelihood: all pairs of a floor and a
    gap are computed in full that are behind by less than several times what the first of them gained by it.

    Args:
        counts: runs on the upper side, of all runs; columns of one setting.
        u: coordinates of the cells, shape (cells,), sorted, at least two.
        link: one of LINKS.
        lapses: candidates for floor and gap.
    """
    steps = _steps(u)
    thresholds, widths = _grid(np.array(steps))
    pairs = [(floor, gap) for floor in lapses for gap in lapses]
    coarse = [_coarse_likelihood(counts, _coarse_table(steps, pair, link)) for pair in pairs]
    first = int(np.argmax(coarse))
    full = {first: _best_width(counts, _table(steps, pairs[first], link), widths)}
    most = full[first][0].max(1).sum()
    least = most - COARSE_MARGIN * max(most - coarse[first], 1.0)
    for k, pair in enumerate(pairs):
        if k != first and coarse[k] >= least:
            full[k] = _best_width(counts, _table(steps, pair, link), widths)
    best = max(sorted(full), key=lambda k: full[k][0].max(1).sum())
    return GridLikelihood(*pairs[best], thresholds, *full[best])


def make_tables(u: Floats, *, link: str = "probit", lapses: tuple[float, ...] = LAPSES) -> None:
    """Makes the coarse tables of a grid of cells, which are kept: forks of this process share them.

    Args:
        u: coordinates of the cells, shape (cells,), sorted, at least two.
        link: one of LINKS.
        lapses: candidates for floor and gap.
    """
    for floor in lapses:
        for gap in lapses:
            _coarse_table(_steps(u), (floor, gap), link)


def _steps(u: Floats) -> tuple[float, ...]:
    """Distances of the cells from the first, to which planes share their tables."""
    return tuple(np.round(u - u[0], COORDINATE_DECIMALS).tolist())


class _Table(NamedTuple):
    """log P − log(1 − P) and log(1 − P) of every threshold and width, (thresholds · widths, cells)."""

    odds: NDArray[np.floating[Any]]
    lower: NDArray[np.floating[Any]]

    def loss(self, counts: Counts) -> NDArray[np.floating[Any]]:
        """Log likelihood of each column, (columns, thresholds · widths)."""
        upper, runs = (part.astype(self.lower.dtype) for part in counts)
        # Most columns have the same runs.
        rows, column = np.unique(runs, axis=0, return_inverse=True)
        same = rows @ self.lower.T
        found = upper @ self.odds.T
        found += same if len(same) == 1 else same[column.ravel()]
        return np.asarray(found)


def _grid(u: Floats) -> tuple[Floats, Floats]:
    """Thresholds over the grid and half its span beyond either end, and widths between step and span."""
    step, span = float(np.median(np.diff(u))), float(u[-1] - u[0])
    count = 1 + int(np.ceil(2 * span / step * THRESHOLDS_PER_STEP))
    thresholds = np.linspace(u[0] - span / 2, u[-1] + span / 2, count)
    return thresholds, np.geomspace(step / 30, 2 * span, WIDTH_CANDIDATES)


@lru_cache(maxsize=2)
def _table(steps: tuple[float, ...], lapses: tuple[float, float], link: str) -> _Table:
    """The table for cells at given distances from the first: all columns and levels share it."""
    return _logarithms(steps, lapses, link=link, every=1, kind=np.float64)


@lru_cache(maxsize=len(LAPSES) ** 2)
def _coarse_table(steps: tuple[float, ...], lapses: tuple[float, float], link: str) -> _Table:
    """The same for some of the thresholds, in single precision."""
    return _logarithms(steps, lapses, link=link, every=COARSENING, kind=np.float32)


def _logarithms(
    steps: tuple[float, ...],
    lapses: tuple[float, float],
    *,
    link: str,
    every: int,
    kind: type[np.floating[Any]],
) -> _Table:
    u = np.array(steps)
    thresholds, widths = _grid(u)
    thresholds = thresholds[::every, None, None]
    shape = len(thresholds), len(widths), len(u)
    odds, lower = np.empty(shape, kind), np.empty(shape, kind)
    for first in range(0, len(thresholds), THRESHOLDS_PER_BLOCK):
        part = slice(first, first + THRESHOLDS_PER_BLOCK)
        value = curve(
            u, threshold=thresholds[part], width=widths[:, None], lapses=lapses, link=link
        )
        below = np.log1p(-value)
        odds[part], lower[part] = np.log(value) - below, below
    return _Table(odds.reshape(-1, len(u)), lower.reshape(-1, len(u)))


def _coarse_likelihood(counts: Counts, table: _Table) -> float:
    """Largest log likelihood of each column, summed."""
    return float(table.loss(counts).max(axis=1).sum(dtype=np.float64))


def _best_width(counts: Counts, table: _Table, widths: Floats) -> tuple[Floats, Floats]:
    """Largest log likelihood over widths, and the width there, each (columns, thresholds)."""
    loss: Floats = (
        table.loss(counts).reshape(len(counts.runs), -1, len(widths)).astype(np.float64, copy=False)
    )
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

"""What a target says of a boundary as a whole, exponents, kinks and shifts, with half widths of intervals.

Each is linear in the crossings to first order, and has the variance that their errors give it. `analysis`
fits the same quantities to profiles, with draws.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from sweeps.declare.cells.sampling_names import FEWEST_FOR_KINK
from sweeps.sampling.crossings import LevelCrossings
from sweeps.sampling.lattice import Floats, Ints, Lattice

TARGET_CONFIDENCE = 0.95
LEAST_RUNS = 16
"""Runs that a crossing needs before its error counts: with fewer, chance has led the search too often."""
FEWEST = 2
"""Columns that a power law needs."""
KINK_CANDIDATES = 60


class LawFit(NamedTuple):
    """An exponent, kink or shift, with the half width of its interval: of log x, or of a factor's log."""

    value: float
    half_width: float


class LineWeights(NamedTuple):
    """A straight line at a place: what each column's crossing adds to its height and slope, (columns,)."""

    height: Floats
    slope: Floats


class Crossed(NamedTuple):
    """Columns of one setting that cross inside the grid, each part of shape (columns,).

    Attributes:
        x: log x.
        y: the crossing in a law's coordinate, log y.
        variance: of y.
        dof: degrees of freedom of the variance.
        known: whether runs are many enough for the variance to count.
    """

    x: Floats
    y: Floats
    variance: Floats
    dof: Floats
    known: NDArray[np.bool_]

    @property
    def weight(self) -> Floats:
        """What a fit weighs the columns by, at most 1."""
        weight = 1 / np.maximum(self.variance, np.finfo(float).tiny)
        return np.asarray(weight / weight.max(initial=0.0))


def half_width_of(influence: Floats, variance: Floats, dof: Floats) -> float:
    """Half width of the interval of a sum of crossings.

    Args:
        influence: their factors, shape (crossings,).
        variance: of each.
        dof: degrees of freedom of each variance.
    Source:
        Satterthwaite 1946, Biometrics Bulletin 2, 110 (degrees of freedom of a sum).
    """
    parts = influence**2 * variance
    known = parts.sum() / np.sum(parts / dof) if parts.sum() > 0 else 1.0
    return float(scipy.special.stdtrit(known, (1 + TARGET_CONFIDENCE) / 2) * np.sqrt(parts.sum()))


def exponents(
    found: LevelCrossings, lattice: Lattice, columns: NDArray[np.bool_]
) -> list[LawFit | None]:
    """The exponent of each setting; None with too few columns, a width of ∞ with too few runs.

    Args:
        found: crossings of one level.
        lattice: the columns.
        columns: those that a law goes through, shape (columns,).
    """
    return [_exponent(own) for own in _by_setting(found, lattice, columns)]


def _exponent(own: Crossed) -> LawFit | None:
    """Weighted least squares: the slope."""
    if len(own.x) < FEWEST:
        return None
    return _fit(line_at(own.x, 0.0, own.weight).slope, own)


def kinks(
    found: LevelCrossings, lattice: Lattice, columns: NDArray[np.bool_]
) -> list[LawFit | None]:
    """Where the power law of each setting changes its exponent, in the values of x; None with few columns.

    Args:
        found: crossings of one level.
        lattice: the columns.
        columns: those that a law goes through, shape (columns,).
    """
    return [_kink(own) for own in _by_setting(found, lattice, columns)]


def _kink(own: Crossed) -> LawFit | None:
    influence = kink_influence(own, own.weight)
    if influence is None:
        return None
    fit = _fit(influence[1], own)
    return LawFit(float(np.exp(influence[0])), fit.half_width)


def kink_influence(own: Crossed, weight: Floats) -> tuple[float, Floats] | None:
    """The kink's log x, and what each column's crossing moves it by, shape (columns,).

    The law is two lines that meet, so that to first order the kink moves by the difference of their heights
    there over that of their slopes.

    Args:
        own: columns of a setting.
        weight: of each in the fit of the lines.
    Returns:
        None with too few columns.
    """
    if len(own.x) < FEWEST_FOR_KINK:
        return None
    kink = _search_kink(own)
    split = int(np.clip(np.searchsorted(own.x, kink, side="right"), FEWEST, len(own.x) - FEWEST))
    sides = np.split(np.arange(len(own.x)), [split])
    lines = [_on(own, side, kink, weight) for side in sides]
    bend = float((lines[0].slope - lines[1].slope) @ own.y)
    influence = (lines[1].height - lines[0].height) / (bend or np.finfo(float).tiny)
    return kink, influence


def _search_kink(own: Crossed) -> float:
    """The kink with the least squares: the best of some, then where lines on its two sides meet."""
    x, root = own.x, np.sqrt(own.weight)
    candidates = np.linspace(x[1], x[-2], KINK_CANDIDATES)
    loss = [_loss(x, own.y, root, kink) for kink in candidates]
    best = float(candidates[int(np.argmin(loss))])
    split = int(np.clip(np.searchsorted(x, best, side="right"), FEWEST, len(x) - FEWEST))
    lines = [_on(own, side, best, own.weight) for side in np.split(np.arange(len(x)), [split])]
    bend = float((lines[0].slope - lines[1].slope) @ own.y)
    step = float((lines[1].height - lines[0].height) @ own.y)
    meet = best + step / bend if bend else best
    return meet if x[split - 1] <= meet <= x[split] else best


def _loss(x: Floats, y: Floats, root: Floats, kink: float) -> float:
    """Weighted squares about the best law with a kink there."""
    design = np.stack([np.ones(len(x)), x, np.maximum(x - kink, 0.0)], axis=1) * root[:, None]
    rest = y * root - design @ np.linalg.lstsq(design, y * root, rcond=None)[0]
    return float(rest @ rest)


def _on(own: Crossed, side: Ints, at: float, weight: Floats) -> LineWeights:
    """The line through some columns, as a sum over all of them."""
    line = line_at(own.x[side], at, weight[side])
    whole = np.zeros((2, len(own.x)))
    whole[:, side] = line
    return LineWeights(*whole)


def line_at(x: Floats, at: float, weight: Floats) -> LineWeights:
    """Weighted least squares: what each y adds to the line's height at a place and to its slope.

    Args:
        x: shape (columns,), at least two values.
        at: the place.
        weight: of each column.
    """
    share = weight / weight.sum()
    centred = x - share @ x
    slope = share * centred / np.sum(share * centred**2)
    return LineWeights(share + (at - share @ x) * slope, slope)


def shifts(
    found: LevelCrossings, lattice: Lattice, columns: NDArray[np.bool_]
) -> list[LawFit | None]:
    """How far each setting but the first moves the boundary from the first's, in the mean over columns.

    A factor on a logarithmic axis, else a difference. Noise that two settings share is counted twice, so
    that widths are rather too wide; `analysis` pairs their runs.

    Args:
        found: crossings of one level.
        lattice: the columns.
        columns: those that a shift is the mean of, shape (columns,).
    Returns:
        One for each setting but the first; None where no column crosses in both.
    """
    return [_shift(found, lattice, columns, setting) for setting in np.unique(lattice.setting)[1:]]


def _shift(
    found: LevelCrossings, lattice: Lattice, columns: NDArray[np.bool_], setting: int
) -> LawFit | None:
    """The mean weighs columns by the inverse variances of their differences."""
    one, two = (np.flatnonzero(lattice.setting == s) for s in (lattice.setting.min(), setting))
    both = found.inside[one] & found.inside[two] & columns[one] & columns[two]
    if not both.any():
        return None
    pair = np.stack([one[both], two[both]])
    weight = 1 / np.maximum(np.sum(found.error[pair] ** 2, axis=0), np.finfo(float).tiny)
    weight /= weight.sum()
    mean = float(weight @ (found.u[pair[1]] - found.u[pair[0]]))
    variance, dof = (found.error[pair] ** 2).ravel(), found.dof[pair].ravel()
    half = half_width_of(np.tile(weight, 2), variance, dof)
    known = np.all(found.runs[pair] >= LEAST_RUNS)
    return LawFit(float(np.exp(mean)) if lattice.log else mean, half if known else np.inf)


FITS: dict[str, Callable[[LevelCrossings, Lattice, NDArray[np.bool_]], list[LawFit | None]]] = {
    "exponent": exponents,
    "kink": kinks,
    "shift": shifts,
}
"""What a target other than the boundary itself is of a level's crossings."""


def _by_setting(
    found: LevelCrossings, lattice: Lattice, columns: NDArray[np.bool_]
) -> Iterator[Crossed]:
    """The columns of each setting that cross inside the grid."""
    for setting in np.unique(lattice.setting):
        yield crossed(found, lattice, columns & (lattice.setting == setting))


def crossed(found: LevelCrossings, lattice: Lattice, columns: NDArray[np.bool_]) -> Crossed:
    """Those of some columns that cross inside the grid, x rising.

    Args:
        found: crossings of one level.
        lattice: the columns.
        columns: of one setting, shape (columns,).
    """
    own = np.flatnonzero(columns & found.inside)
    own = own[np.argsort(lattice.x[own], kind="stable")]
    y, variance = found.u[own], found.error[own] ** 2
    if not lattice.log:  # a law is fitted to log y
        variance, y = variance / y**2, np.log(np.maximum(y, np.finfo(float).tiny))
    known = np.asarray(found.runs[own] >= LEAST_RUNS)
    return Crossed(np.log(lattice.x[own]), y, variance, found.dof[own], known)


def _fit(influence: Floats, own: Crossed) -> LawFit:
    """What a sum of crossings is, and its half width."""
    half = half_width_of(influence, own.variance, own.dof)
    return LawFit(float(influence @ own.y), half if own.known.all() else np.inf)

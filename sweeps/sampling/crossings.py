"""Where columns cross a level and how precisely that is known: the estimator that decides where runs go.

Near its crossing a column is taken for straight: every row there says where the crossing is, û = u − z / b
with z the mean's excess over the level and b the slope. Noise of a run and slope are each column's own,
drawn towards those that its setting has in common. `analysis` estimates with more care and assumes less.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.sampling.lattice import Floats, Ints, Lattice, Observed
from sweeps.sampling.plateaus import Rows, ends_of

POOLED_DOF = 8.0
"""Degrees of freedom that the noise of a setting counts beside a column's own."""
SLOPE_SCATTER = 0.1, 0.3
"""Slopes of a setting's columns are taken to differ by a share of their common one: by as much as they
scatter beyond chance, within these bounds."""
STRAIGHT = 0.5
"""A column is straight up to this share of the way from the level to the nearer end of the measure."""
ITERATIONS = 4
"""Of crossings, slopes and the rows that are near; the last moves are far below an error."""
WIDTHS = 24
"""Widths of the common transition that are tried, from a quarter of a step to a quarter of the grid."""
LEAST_END = 1e-12


@dataclass(frozen=True, eq=False)
class LevelCrossings:
    """Crossings of a level, each part but one of shape (columns,).

    Attributes:
        low: the row with runs before the crossing, −1 where it is below the grid.
        high: the row with runs after it, the number of rows where it is above the grid.
        u: coordinate of the crossing; ±inf beyond the grid.
        error: its standard error; NaN beyond the grid.
        unit: the standard error that a single run would give; NaN beyond the grid.
        reach: distance from it up to which the column is taken for straight; runs there tell where it is.
        dof: degrees of freedom of its error.
        steepness: share of the measure's range by which the mean changes for a unit of u.
        beyond: whether it is beyond the grid for sure.
        level_off: whether the column levels off at the level, so that no run tells where it crosses;
            then u is infinite.
        probe: the cells whose runs are to be doubled before that is known, shape (columns, y).
    """

    low: Ints
    high: Ints
    u: Floats
    error: Floats
    unit: Floats
    reach: Floats
    dof: Floats
    steepness: Floats
    beyond: NDArray[np.bool_]
    level_off: NDArray[np.bool_]
    probe: NDArray[np.bool_]

    @property
    def runs(self) -> Floats:
        """Runs that would give these errors if each told as much as it can, shape (columns,)."""
        known = self.error > 0
        return np.asarray(
            (np.divide(self.unit, self.error, out=np.zeros_like(self.u), where=known)) ** 2
        )

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Columns that cross on the grid, as far as is known."""
        return np.isfinite(self.u)


class _Outer(NamedTuple):
    """What the outer parts of the grid say of columns.

    Attributes:
        flat: whether a column levels off at the level, at its lower and upper end, shape (columns, 2).
        doubt: whether one that seems to cross beyond the grid may cross on it, shape (columns,).
        probe: the cells that need more runs to tell, shape (columns, y).
    """

    flat: NDArray[np.bool_]
    doubt: NDArray[np.bool_]
    probe: NDArray[np.bool_]


class _Setting(NamedTuple):
    """Columns of one setting: runs (columns, y), excess over the level, turned to rise, and noise."""

    u: Floats
    used: Ints
    z: Floats
    variance: Floats
    noise: float
    span: float
    straight: float


def find_crossings(seen: Observed, lattice: Lattice, level: float) -> LevelCrossings:
    """The crossings of a level in all columns.

    Args:
        seen: what is known of the cells.
        lattice: the columns.
        level: of the measure.
    """
    settings = (np.flatnonzero(lattice.setting == s) for s in np.unique(lattice.setting))
    found = [_of_setting(seen, lattice.u, level, columns) for columns in settings]
    parts = zip(*(vars(each).values() for each in found), strict=True)
    return LevelCrossings(*(np.concatenate(part) for part in parts))


def _of_setting(seen: Observed, u: Floats, level: float, columns: Ints) -> LevelCrossings:
    own = _setting(seen, u, level, columns)
    sides = np.array([_side(*row) for row in zip(own.used, own.z, strict=True)], dtype=np.int64)
    edge = np.array([_edge(used, side) for used, side in zip(own.used, sides, strict=True)])
    outer = _outer(own, sides, edge)
    level_off = np.asarray(outer.flat.any(axis=1))
    inside = (sides == 0) & ~level_off
    below = np.where(level_off, outer.flat[:, 0], sides < 0)
    found = LevelCrossings(
        low=np.where(sides < 0, -1, edge),
        high=np.where(sides > 0, len(u), edge),
        u=np.where(below, -np.inf, np.inf),
        error=np.full(len(sides), np.nan),
        unit=np.full(len(sides), np.nan),
        reach=np.zeros(len(sides)),
        dof=np.ones(len(sides)),
        steepness=np.zeros(len(sides)),
        beyond=(sides != 0) & ~level_off & ~outer.doubt,
        level_off=level_off,
        probe=outer.probe,
    )
    if inside.any():
        some = np.flatnonzero(inside)
        part = own._replace(used=own.used[some], z=own.z[some], variance=own.variance[some])
        _measure(found, part, some)
    return found


def _outer(own: _Setting, sides: Ints, edge: Ints) -> _Outer:
    """Both ends of columns that cross on the grid, and of the others the end beyond which they do.

    Args:
        own: the columns of a setting.
        sides: of the grid on which they cross, 0 on it.
        edge: the last row with runs of those that cross beyond it.
    """
    ends = ends_of(Rows(own.u, own.used, own.z, own.variance, own.noise))
    asked = np.stack([sides <= 0, sides >= 0], axis=1)
    flat = np.asarray(ends.flat & asked)
    open_ = asked & ~np.asarray(flat.any(axis=1))[:, None]
    probe = np.asarray((ends.probe & open_[..., None]).any(axis=1))
    doubt = np.asarray((open_ & ~ends.sure).any(axis=1) & (sides != 0))
    probe[np.flatnonzero(doubt), edge[doubt]] = True
    return _Outer(flat, doubt, probe)


def _setting(seen: Observed, u: Floats, level: float, columns: Ints) -> _Setting:
    used, mean, variance = seen.used[columns], seen.mean[columns], seen.variance[columns]
    weight = used.astype(np.float64)
    centre = (weight * u).sum(axis=1, keepdims=True) / np.maximum(
        weight.sum(axis=1, keepdims=True), 1
    )
    rises = np.sum(weight * (u - centre) * np.nan_to_num(mean)) > 0
    z = np.where(used > 0, (mean - level) * (1.0 if rises else -1.0), 0.0)
    ends = float(z.min()), float(z.max())
    span = ends[1] - ends[0] or 1.0
    near = (used > 1) & (np.abs(z) < span / 4)
    dof = np.where(near if near.any() else used > 1, used - 1, 0).astype(np.float64)
    noise = float(np.sum(dof * np.nan_to_num(variance)) / max(dof.sum(), 1))
    straight = STRAIGHT * max(min(-ends[0], ends[1]), span / 100)
    return _Setting(u, used, z, np.nan_to_num(variance), noise, span, straight)


def _side(used: Ints, z: Floats) -> int:
    """Whether a column crosses below its rows (−1), above them (1) or among them (0).

    It crosses where the running sum of runs × excess is least, as an isotonic fit has it.
    """
    rows = np.flatnonzero(used)
    cut = int(np.argmin(np.concatenate([[0.0], np.cumsum(used[rows] * z[rows])])))
    return -1 if cut == 0 else int(cut == len(rows))


def _edge(used: Ints, side: int) -> int:
    """The row with runs next to a crossing that is beyond all of them."""
    rows = np.flatnonzero(used)
    return int(rows[-1 if side > 0 else 0]) if rows.size else 0


def _measure(found: LevelCrossings, own: _Setting, at: Ints) -> None:
    """Write the crossings of columns that cross on the grid into `found`, at their columns `at`."""
    crossing, first = _common_transition(own)
    common, tiny = first, np.finfo(float).tiny
    for _ in range(ITERATIONS):
        distance = np.where(own.used > 0, np.abs(own.u - crossing[:, None]), np.inf)
        # The two nearest rows count, however far they are.
        reach = np.maximum(own.straight / common, np.sort(distance, axis=1)[:, 1])
        near = distance <= reach[:, None]
        weight = np.where(near, own.used, 0)
        total = weight.sum(axis=1)
        centre = (weight * own.u).sum(axis=1) / total
        excess = (weight * own.z).sum(axis=1) / total
        far = own.u - centre[:, None]
        squares, products = (weight * far**2).sum(axis=1), (weight * far * own.z).sum(axis=1)
        common = float(np.clip(products.sum() / max(squares.sum(), tiny), first / 2, 2 * first))
        noise = np.maximum(_noise(own, near), tiny)
        prior = 1 / (_scatter(products, squares, noise, common) * common) ** 2
        known = squares / noise + prior
        slope = np.clip((products / noise + prior * common) / known, common / 2, 2 * common)
        crossing = np.clip(centre - excess / slope, own.u[0], own.u[-1])
    variance = noise / total + (crossing - centre) ** 2 / known
    found.u[at], found.error[at] = crossing, np.sqrt(variance) / slope
    found.unit[at], found.reach[at] = np.sqrt(noise) / slope, own.straight / slope
    found.steepness[at] = slope / own.span
    found.dof[at] = total / np.sum(weight / np.maximum(weight - 1, 1), axis=1)
    for column, k in enumerate(at):
        rows = np.flatnonzero(own.used[column])
        above = np.clip(np.searchsorted(own.u[rows], crossing[column]), 1, len(rows) - 1)
        found.low[k], found.high[k] = rows[above - 1], rows[above]


def _scatter(products: Floats, squares: Floats, noise: Floats, common: float) -> float:
    """By which share of their common slope those of columns differ beyond chance.

    Args:
        products: of the columns' regressions, shape (columns,).
        squares: of them; 0 where a column says nothing of its slope.
        noise: variance of a run, shape (columns,).
        common: the slope that columns have in common.
    Source:
        DerSimonian and Laird 1986, Controlled Clinical Trials 7, 177.
    """
    known = squares > 0
    if known.sum() < 2:
        return SLOPE_SCATTER[1]
    chance = noise[known] / squares[known]
    least = float(chance.min())
    weight = least / chance
    apart = float(weight @ (products[known] / squares[known] - common) ** 2)
    spare = weight.sum() - weight @ weight / weight.sum()
    excess = max(apart - least * (len(weight) - 1), 0.0) / spare
    return float(np.clip(np.sqrt(excess) / common, *SLOPE_SCATTER))


def _common_transition(own: _Setting) -> tuple[Floats, float]:
    """Crossings, (columns,), and the slope at the level, of a logistic transition that columns share.

    Of widths and positions on a grid those with the least squares, weighted by runs: a row with few runs
    misleads neither.
    """
    rows = np.flatnonzero(own.used.any(axis=0))
    weight, z, u = own.used[:, rows].astype(np.float64), own.z[:, rows], own.u
    low, high = min(float(z.min()), -LEAST_END), max(float(z.max()), LEAST_END)
    least, most = float(np.diff(u).min()) / 4, float(u[-1] - u[0]) / 4
    widths = np.geomspace(least, max(most, 2 * least), WIDTHS)
    distance = (u[rows][None, :] - u[:, None]) / widths[:, None, None]
    centred = np.clip(distance + np.log(-low / high), -500, 500)
    curves = (low + (high - low) / (1 + np.exp(-centred))).reshape(-1, len(rows))
    loss = (
        (weight * z**2).sum(axis=1)[:, None] - 2 * (weight * z) @ curves.T + weight @ (curves**2).T
    )
    loss = loss.reshape(len(z), WIDTHS, len(u))
    width = int(np.argmin(loss.min(axis=2).sum(axis=0)))
    slope = -low * high / (high - low) / widths[width]
    return u[np.argmin(loss[:, width], axis=1)], float(slope)


def _noise(own: _Setting, near: NDArray[np.bool_]) -> Floats:
    """Variance of a run near the crossings, (columns,), each column's own drawn towards the setting's."""
    dof = np.where(near, np.maximum(own.used - 1, 0), 0)
    total = (dof * own.variance).sum(axis=1)
    return np.asarray((total + POOLED_DOF * own.noise) / (dof.sum(axis=1) + POOLED_DOF))

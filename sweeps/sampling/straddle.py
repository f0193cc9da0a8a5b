"""The strategy "straddle": runs go where a smooth surface may be on either side of the level.

For boundaries that turn, split or close, which columns cross more than once. The measure of each setting is
a Gaussian process over the plane. A pick is the cell of which 1.96 standard errors exceed the distance from
the level by most, in units of the plane; a cell that the boundary passes is at the level. Its runs are
counted as known at once, so that the next pick is elsewhere. Picks follow from means and runs, in an order
that no half width changes.

Source:
    Bryan et al. 2005, Advances in Neural Information Processing Systems 18 (the straddle heuristic).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from sweeps.declare.axis import is_log
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.lattice import Floats, Ints, Lattice, Observed
from sweeps.sampling.surface import Points, Surface, surface_at
from sweeps.sampling.targets import State

FIRST_ROWS, FIRST_RUNS = 9, 2
"""Rows of a column in round 0, about, and runs in each."""
SHARE_OF_PICK = 200
"""A pick has one run for so many before it, and FIRST_RUNS at least."""
TWO_SIDED = 1.959964
"""Standard errors of a 95 % interval."""
UNEXPLORED = 0.25
"""Of the measure's range: a cell is unexplored where the interval is wider and holds the level."""


@dataclass(frozen=True, eq=False)
class Straddle:
    """The strategy on a lattice, for some levels of the measure."""

    lattice: Lattice
    levels: tuple[float, ...]
    spec: SamplingSpec

    def first(self) -> Ints:
        """Runs of each cell in round 0, shape (columns, y)."""
        rows = np.unique(np.linspace(0, len(self.lattice.u) - 1, FIRST_ROWS).astype(np.int64))
        runs = np.zeros(self.lattice.cells.shape, dtype=np.int64)
        runs[:, rows] = min(FIRST_RUNS, self.lattice.replicates)
        return runs

    def state(self, seen: Observed) -> State:
        """How well the boundary is known: distances across it, in the unit of y.

        Args:
            seen: what is known of the cells.
        """
        widths: list[float] = []
        unexplored = 0
        for columns in self._settings():
            if not seen.used[columns].any():
                unexplored += len(columns) * len(self.levels)
                continue
            relief = _Relief(self._surface(seen, columns), self._shape(columns))
            for level in self.levels:
                found = _boundary(relief, level)
                widths += (found.widths * self._span).tolist()
                unexplored += found.unexplored
        none = np.inf if unexplored else 0.0
        return State(
            levels=(),
            half_width=max(widths, default=none),
            middle=float(np.median(widths)) if widths else none,
            estimates=(),
            without=0,
            columns=len(self.lattice.x) * len(self.levels),
            beyond=0,
            level_off=0,
            open=unexplored,
        )

    def more(self, seen: Observed, state: State, budget: int) -> Ints:
        """Runs that each cell gets in the next round, shape (columns, y); none where no cell can get any.

        Args:
            seen: what is known of the cells.
            state: what is known of the target.
            budget: runs of the round, about.
        """
        settings = [own for own in self._settings() if seen.used[own].any()]
        pickers = [
            _Picker(
                _Relief(self._surface(seen, own), self._shape(own)),
                self.levels,
                noise=self._noise(seen, own),
                room=(self.lattice.replicates - seen.runs[own]).ravel(),
            )
            for own in settings
        ]
        runs = max(FIRST_RUNS, int(seen.runs.sum()) // SHARE_OF_PICK)
        picked = 0
        while pickers and picked < budget:
            best = max(pickers, key=lambda one: one.score)
            if best.score == -np.inf:
                break
            picked += best.pick(runs)
        more = np.zeros_like(seen.runs)
        for own, picker in zip(settings, pickers, strict=True):
            more[own] = picker.runs.reshape(self._shape(own))
        return more

    @property
    def _span(self) -> float:
        """The range of the coordinate of y."""
        return float(self.lattice.u[-1] - self.lattice.u[0])

    def _settings(self) -> list[Ints]:
        """The columns of each setting."""
        setting = self.lattice.setting
        return [np.flatnonzero(setting == s) for s in np.unique(setting)]

    def _shape(self, columns: Ints) -> tuple[int, int]:
        return len(columns), len(self.lattice.u)

    def _places(self, columns: Ints) -> Floats:
        """Coordinates of all cells of a setting as shares of the plane, shape (cells, 2)."""
        x = self.lattice.x[columns]
        if is_log(np.unique(x), "list"):
            x = np.log(x)
        across = (x - x.min()) / (np.ptp(x) or 1.0)
        along = (self.lattice.u - self.lattice.u[0]) / self._span
        grid = np.meshgrid(across, along, indexing="ij")
        return np.stack([part.ravel() for part in grid], axis=1)

    def _noise(self, seen: Observed, columns: Ints) -> float:
        """Variance of a run, of cells within a quarter of the range from a level; of all, if none is."""
        used, mean = seen.used[columns], seen.mean[columns]
        variance = np.nan_to_num(seen.variance[columns])
        many = used > 1
        span = float(np.ptp(mean[many])) if many.any() else 0.0
        apart = np.min([np.abs(np.nan_to_num(mean) - level) for level in self.levels], axis=0)
        near = many & (apart < span / 4)
        dof = np.where(near if near.any() else many, used - 1, 0)
        return float(np.sum(dof * variance) / max(dof.sum(), 1))

    def _surface(self, seen: Observed, columns: Ints) -> Surface:
        places = self._places(columns)
        used = seen.used[columns].ravel()
        some = np.flatnonzero(used)
        noise = self._noise(seen, columns) / used[some]
        return surface_at(places, Points(places[some], seen.mean[columns].ravel()[some], noise))


@dataclass(frozen=True, eq=False)
class _Relief:
    """A surface on the cells of a setting, and how steep it is."""

    surface: Surface
    shape: tuple[int, int]

    @cached_property
    def mean(self) -> Floats:
        """Of the measure, shape (columns, y)."""
        return self.surface.mean.reshape(self.shape)

    @cached_property
    def slope(self) -> Floats:
        """Across the contour, with x in units of y by the length scales of both, shape (columns, y)."""
        ratio = self.surface.lengths[1] / self.surface.lengths[0]
        steps = [1 / max(length - 1, 1) for length in self.shape]
        across = scipy.ndimage.sobel(self.mean, axis=0) / (8 * steps[0]) * ratio
        along = scipy.ndimage.sobel(self.mean, axis=1) / (8 * steps[1])
        return np.maximum(np.hypot(across, along), np.finfo(float).tiny)

    def passed(self, level: float) -> NDArray[np.bool_]:
        """The cells beside which the mean changes sides, shape (columns, y)."""
        above = self.mean > level
        passed = np.zeros(self.shape, dtype=bool)
        along, across = above[:, 1:] != above[:, :-1], above[1:] != above[:-1]
        passed[:, 1:] |= along
        passed[:, :-1] |= along
        passed[1:] |= across
        passed[:-1] |= across
        return passed

    def apart(self, level: float) -> Floats:
        """Distance of the mean from the level, 0 of cells that the boundary passes, (columns, y)."""
        return np.where(self.passed(level), 0.0, np.abs(self.mean - level))


class _Picker:
    """Picks cells of one setting, one after the other."""

    def __init__(
        self, relief: _Relief, levels: tuple[float, ...], *, noise: float, room: Ints
    ) -> None:
        self._surface, self._noise, self._room = relief.surface, noise, room
        self._apart = np.min([relief.apart(level) for level in levels], axis=0).ravel()
        # In flat parts a little more of the measure is no longer way.
        self._slope = np.maximum(relief.slope, np.ptp(relief.mean)).ravel()
        self._factors, self._variance = self._surface.factors, self._surface.variance.copy()
        self.runs = np.zeros(len(room), dtype=np.int64)

    @property
    def _scores(self) -> Floats:
        score = (TWO_SIDED * np.sqrt(self._variance) - self._apart) / self._slope
        return np.where(self.runs < self._room, score, -np.inf)

    @property
    def score(self) -> float:
        """Of the best cell; −∞ where none can get a run."""
        return float(self._scores.max())

    def pick(self, runs: int) -> int:
        """Give runs to the best cell; how many."""
        cell = int(np.argmax(self._scores))
        given = int(min(runs, self._room[cell] - self.runs[cell]))
        self.runs[cell] += given
        shared = self._surface.covariance(cell, self._factors)
        least = np.finfo(float).tiny
        known = shared / np.sqrt(max(self._variance[cell] + self._noise / given, least))
        self._factors = np.concatenate([self._factors, known[None]])
        self._variance = np.maximum(self._variance - known**2, 0.0)
        return given


class _Boundary(NamedTuple):
    """A level's boundary on a surface.

    Attributes:
        widths: half widths across it at each of its cells, as shares of the axis y.
        unexplored: columns with a cell of which nearly nothing is known.
    """

    widths: Floats
    unexplored: int


def _boundary(relief: _Relief, level: float) -> _Boundary:
    """The half width is that of the mean's interval over its slope across the boundary."""
    interval = TWO_SIDED * np.sqrt(relief.surface.variance).reshape(relief.shape)
    wide = interval > UNEXPLORED * np.ptp(relief.mean)
    lost = wide & (interval > np.abs(relief.mean - level))
    widths = (interval / relief.slope)[relief.passed(level)]
    return _Boundary(widths, int(lost.any(axis=1).sum()))

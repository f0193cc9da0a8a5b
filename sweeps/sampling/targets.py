"""How narrow the intervals are that a target names, and which columns it takes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.crossings import LevelCrossings
from sweeps.sampling.lattice import Floats, Lattice

TARGET_CONFIDENCE = 0.95
FEWEST = 2
"""Columns that a law needs."""
LEAST_RUNS = 16
"""Runs that a crossing needs before its error counts: with fewer, chance has led the search too often."""


@dataclass(frozen=True)
class State:
    """What is known of a target.

    Attributes:
        levels: crossings of each level.
        half_width: the widest of its intervals' half widths; infinite while there is none.
        exponents: of each level and setting, where the target is an exponent.
        columns: crossings that the plane has: columns × levels.
        beyond: those of them that are beyond the grid for sure.
        open: those that are not located yet.
    """

    levels: tuple[LevelCrossings, ...]
    half_width: float
    exponents: tuple[float, ...]
    columns: int
    beyond: int
    open: int

    def reached(self, spec: SamplingSpec) -> bool:
        """Whether its intervals are narrow enough.

        Args:
            spec: the target.
        """
        return not self.open and self.half_width <= spec.half_width

    def words(self, spec: SamplingSpec) -> str:
        """The present widths for a person.

        Args:
            spec: the target.
        """
        values = ", ".join(f"{value:.4g}" for value in self.exponents if np.isfinite(value))
        named = f"{spec.target} {values}".strip()
        width = f"± {self.half_width:.3g}" if np.isfinite(self.half_width) else "not bounded yet"
        text = f"{named} {width} (target ± {spec.half_width:g})"
        counts = {"beyond the grid": self.beyond, "being located": self.open}
        some = [f"{count:,} {what}" for what, count in counts.items() if count]
        return f"{text}; of {self.columns:,} crossings {', '.join(some)}" if some else text


def chosen(spec: SamplingSpec, lattice: Lattice) -> NDArray[np.bool_]:
    """The columns that a target is about, shape (columns,).

    Args:
        spec: the target.
        lattice: the columns.
    """
    if spec.x_range is None:
        return np.ones(len(lattice.x), dtype=bool)
    return np.asarray((lattice.x >= spec.x_range[0]) & (lattice.x <= spec.x_range[1]))


def grid_error(gap: Floats | float, jump: Floats | float) -> Floats | float:
    """How far off a crossing can be by what interpolation between two rows cannot know.

    Args:
        gap: between the rows.
        jump: share of the measure's range that lies between them.
    Source:
        `analysis.boundary.scan`, where it is measured on transitions of three forms.
    """
    return gap * jump**2 * (3 - 2 * jump) / 2


def half_widths(found: LevelCrossings) -> Floats:
    """Half widths of the crossings' intervals, shape (columns,); NaN beyond the grid, ∞ with few runs."""
    wide = special.stdtrit(found.dof, (1 + TARGET_CONFIDENCE) / 2)
    return np.where(found.inside & (found.runs < LEAST_RUNS), np.inf, wide * found.error)


def exponents(
    found: LevelCrossings, lattice: Lattice, columns: NDArray[np.bool_]
) -> list[tuple[float, float]]:
    """The exponent of each setting and the half width of its interval; ∞ with too few columns or runs.

    Args:
        found: crossings of one level.
        lattice: the columns.
        columns: those that a law goes through, shape (columns,).
    """
    pairs = []
    for setting in np.unique(lattice.setting):
        own = columns & found.inside & (lattice.setting == setting)
        x, y = np.log(lattice.x[own]), found.u[own]
        variance = found.error[own] ** 2
        if not lattice.log:  # a law is fitted to log y
            variance, y = variance / y**2, np.log(np.maximum(y, np.finfo(float).tiny))
        value, half = _slope(x, y, variance, found.dof[own])
        pairs.append((value, half if np.all(found.runs[own] >= LEAST_RUNS) else np.inf))
    return pairs


def _slope(x: Floats, y: Floats, variance: Floats, dof: Floats) -> tuple[float, float]:
    """Weighted least squares: the slope and the half width of its interval."""
    if len(x) < FEWEST:
        return np.nan, np.inf
    weight = 1 / np.maximum(variance, np.finfo(float).tiny)
    weight = weight / weight.max()
    centred = x - np.sum(weight * x) / weight.sum()
    total = np.sum(weight * centred**2)
    factor = weight * centred / total
    parts = factor**2 * variance
    known = parts.sum() / np.sum(parts / dof) if parts.sum() > 0 else 1.0
    wide = special.stdtrit(known, (1 + TARGET_CONFIDENCE) / 2)
    return float(np.sum(factor * y)), float(wide * np.sqrt(parts.sum()))


def state_of(
    spec: SamplingSpec,
    lattice: Lattice,
    levels: tuple[LevelCrossings, ...],
    open_: Sequence[NDArray[np.bool_]],
) -> State:
    """What is known of a target.

    Args:
        spec: the target.
        lattice: the columns.
        levels: crossings of each level.
        open_: the columns that are not located yet, for each level.
    """
    columns, fits, widths = chosen(spec, lattice), [], []
    for found in levels:
        if spec.target == "exponent":
            fits += exponents(found, lattice, columns)
        else:
            widths += half_widths(found)[columns & found.inside].tolist()
    widths += [width for _, width in fits]
    return State(
        levels=levels,
        half_width=max(widths, default=0.0),
        exponents=tuple(value for value, _ in fits),
        columns=len(columns) * len(levels),
        beyond=sum(int(found.beyond.sum()) for found in levels),
        open=sum(int(np.sum(some & columns)) for some in open_),
    )

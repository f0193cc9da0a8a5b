"""How narrow the intervals are that a target names, and which columns it takes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.sampling.crossings import LevelCrossings
from sweeps.sampling.lattice import Floats, Lattice
from sweeps.sampling.laws import FITS, LEAST_RUNS, TARGET_CONFIDENCE, LawFit


@dataclass(frozen=True)
class State:
    """What is known of a target.

    Attributes:
        levels: crossings of each level.
        half_width: the widest of its intervals' half widths; infinite while there is none.
        middle: the median of these half widths.
        estimates: what the target is, of each level and setting that has it; none for a boundary.
        without: levels and settings in which too few columns cross for it.
        columns: crossings that the plane has: columns × levels.
        beyond: those of them that are beyond the grid for sure.
        level_off: those of columns that level off at the level.
        open: those that are not located yet.
    """

    levels: tuple[LevelCrossings, ...]
    half_width: float
    middle: float
    estimates: tuple[float, ...]
    without: int
    columns: int
    beyond: int
    level_off: int
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
        values = ", ".join(f"{value:.4g}" for value in self.estimates if np.isfinite(value))
        if self.without and not self.estimates:
            return f"no {spec.target}: too few columns cross on the grid"
        named = f"{spec.target} {values}".strip()
        width = f"± {self.half_width:.3g}" if np.isfinite(self.half_width) else "not bounded yet"
        text = f"{named} {width} (target ± {spec.half_width:g})"
        counts = {
            "beyond the grid": self.beyond,
            "in columns that level off at the level": self.level_off,
            "being located": self.open,
        }
        some = [f"{count:,} {what}" for what, count in counts.items() if count]
        text += f"; of {self.columns:,} crossings {', '.join(some)}" if some else ""
        return text + (f"; {self.without:,} without {spec.target}" if self.without else "")


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
    wide = scipy.special.stdtrit(found.dof, (1 + TARGET_CONFIDENCE) / 2)
    return np.where(found.inside & (found.runs < LEAST_RUNS), np.inf, wide * found.error)


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
    columns, widths = chosen(spec, lattice), []
    fits: list[LawFit | None] = []
    for found in levels:
        if spec.target == "boundary":
            widths += half_widths(found)[columns & found.inside].tolist()
        else:
            fits += FITS[spec.target](found, lattice, columns)
    known = [fit for fit in fits if fit is not None]
    open_columns = sum(int(np.sum(some & columns)) for some in open_)
    widths += [fit.half_width for fit in known]
    none = np.inf if fits and open_columns else 0.0
    return State(
        levels=levels,
        half_width=max(widths, default=none),
        middle=float(np.median(widths)) if widths else none,
        estimates=tuple(fit.value for fit in known),
        without=0 if open_columns else len(fits) - len(known),
        columns=len(columns) * len(levels),
        beyond=sum(int(found.beyond.sum()) for found in levels),
        level_off=sum(int(found.level_off.sum()) for found in levels),
        open=open_columns,
    )

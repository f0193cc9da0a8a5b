"""The exponent against the level: where a boundary is cut decides the exponent that it shows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from analysis.boundary.mean_crossing import MEAN, MEDIAN, Boundary, find_boundary
from analysis.boundary.median_crossing import find_median_boundary
from analysis.cells.cells import Cells
from analysis.scaling.power_law import PowerLaw, fit_power_law
from analysis.statistics.bootstrap import Resampling

# Shares of the way from the least to the largest mean at which the plane is cut.
LEVEL_SHARES = (0.15, 0.3, 0.5, 0.7, 0.85)
LEVEL_DIGITS = 2


@dataclass(frozen=True)
class LevelExponent:
    """The power law of one level, by one definition of the boundary, in one setting."""

    level: float
    definition: str
    setting: int
    law: PowerLaw


def default_levels(cells: Cells) -> tuple[float, ...]:
    """Levels that cut between the plane's least and largest mean; () where all means are equal."""
    mean = cells.mean[np.isfinite(cells.mean)]
    if not len(mean) or mean.max() <= mean.min():
        return ()
    levels = mean.min() + np.array(LEVEL_SHARES) * (mean.max() - mean.min())
    return tuple(dict.fromkeys(float(f"{level:.{LEVEL_DIGITS}g}") for level in levels))


def exponents(
    cells: Cells,
    levels: tuple[float, ...] = (),
    *,
    x_range: tuple[float, float] | None = None,
    resampling: Resampling | None = None,
    known: Iterable[Boundary] = (),
) -> tuple[LevelExponent, ...]:
    """Power laws of the boundary at each level, by both definitions, in each setting.

    Cells of batches have the definition by the mean alone.

    Args:
        cells: the aggregated measure.
        levels: where to cut; () takes `default_levels`.
        x_range: columns to fit; None takes all.
        resampling: as for `find_boundary`.
        known: boundaries of these cells that were found already, with the same resampling.
    """
    kept = {(one.level, one.definition): one for one in known}
    finders: dict[str, Callable[..., Boundary]] = {MEAN: find_boundary}
    if cells.batched_runs is None:
        finders[MEDIAN] = find_median_boundary
    found = []
    for level, definition in product(levels or default_levels(cells), finders):
        boundary = kept.get((level, definition)) or finders[definition](
            cells, level, resampling=resampling
        )
        laws = (
            fit_power_law(boundary, s, x_range=x_range) for s in range(len(cells.plane.settings))
        )
        found += [LevelExponent(level, definition, law.setting, law) for law in laws]
    return in_order(found)


def in_order(found: Iterable[LevelExponent]) -> tuple[LevelExponent, ...]:
    """By definition, that by the mean first, then by setting and level."""
    return tuple(sorted(found, key=lambda one: (one.definition != MEAN, one.setting, one.level)))

"""Which cells of two datasets differ by more than their errors: after an upgrade, or on another device.

Welch's t of the difference of two means, with Šidák's correction for as many cells as were compared: where
nothing has changed, none of them is found with the probability `confidence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, Ints
from analysis.errors import AnalysisError


class CellDifference(NamedTuple):
    """A cell whose mean differs: where it is, both means, half the width of the difference's interval."""

    setting: str
    x: float
    y: float
    first: float
    other: float
    half: float

    @property
    def difference(self) -> float:
        """The other mean less the first."""
        return self.other - self.first


@dataclass(frozen=True)
class Differences:
    """Two datasets, cell by cell.

    Attributes:
        compared: cells with at least two runs in both, or with the same values.
        same: of those, the ones with the same values, bit for bit.
        moved: cells that differ by more than their errors, the largest difference first.
        only_first: cells with runs in the first alone.
        only_other: cells with runs in the other alone.
        confidence: that nothing is found where nothing has changed.
    """

    compared: int
    same: int
    moved: tuple[CellDifference, ...]
    only_first: int
    only_other: int
    confidence: float


class _Common(NamedTuple):
    """The values of the cells that both planes have: flat positions in each, and where they are."""

    first: Ints
    other: Ints
    where: list[tuple[str, float, float]]


def differences(first: Cells, other: Cells, *, confidence: float = 0.95) -> Differences:
    """The cells of two datasets whose means differ by more than their errors.

    Args:
        first: cells on a plane.
        other: cells of the same measure on the same plane, with some of its values and settings.
        confidence: probability that none is found where nothing has changed.
    Raises:
        AnalysisError: the planes or measures are not the same, or have no cell in common.
    """
    common = _common(first, other)
    means = _at(common, first.mean, other.mean)
    errors = _at(common, first.standard_error, other.standard_error)
    used = _at(common, first.used, other.used)
    same = _same(first, other, common)
    both = (used[0] > 0) & (used[1] > 0)
    compared = both & (same | ((used[0] > 1) & (used[1] > 1)))
    half = _half(errors, used, confidence ** (1 / max(int(compared.sum()), 1)))
    apart = compared & ~same & (np.abs(means[1] - means[0]) > half)
    moved = [
        CellDifference(*common.where[k], float(means[0][k]), float(means[1][k]), float(half[k]))
        for k in np.flatnonzero(apart)
    ]
    return Differences(
        compared=int(compared.sum()),
        same=int((same & both).sum()),
        moved=tuple(sorted(moved, key=lambda cell: -abs(cell.difference))),
        only_first=int((first.used > 0).sum() - both.sum()),
        only_other=int((other.used > 0).sum() - both.sum()),
        confidence=confidence,
    )


def _at(common: _Common, first: Any, other: Any) -> tuple[Any, Any]:
    """The common cells' values of what both planes have, shape (cells,) each."""
    return first.ravel()[common.first], other.ravel()[common.other]


def _half(errors: Sequence[Floats], used: Sequence[Ints], confidence: float) -> Floats:
    """Half the width of the interval of each difference, by Welch, shape (cells,)."""
    variances = [error**2 for error in errors]
    total = variances[0] + variances[1]
    spread = sum(v**2 / np.maximum(n - 1, 1) for v, n in zip(variances, used, strict=True))
    with np.errstate(invalid="ignore"):
        dof = np.divide(total**2, spread, out=np.ones_like(total), where=spread > 0)
    return np.asarray(special.stdtrit(dof, (1 + confidence) / 2) * np.sqrt(total))


def _same(first: Cells, other: Cells, common: _Common) -> np.ndarray:
    """Whether a cell has the same values, replicate by replicate, shape (cells,)."""
    if first.values.shape[-1] != other.values.shape[-1]:
        return np.zeros(len(common.where), dtype=bool)
    one, two = (
        cells.values.reshape(-1, cells.values.shape[-1])[at]
        for cells, at in ((first, common.first), (other, common.other))
    )
    return np.asarray(np.all((one == two) | (np.isnan(one) & np.isnan(two)), axis=-1))


def _common(first: Cells, other: Cells) -> _Common:
    """The cells that both planes have."""
    for cells in (first, other):
        names = cells.measure, cells.plane.x.name, cells.plane.y.name
        if names != (first.measure, first.plane.x.name, first.plane.y.name):
            raise AnalysisError(
                f"The datasets show {first.measure} over {first.plane.x.name} and "
                f"{first.plane.y.name}, and {names[0]} over {names[1]} and {names[2]}; expected the "
                "same: --x, --y and --measure."
            )
    positions = [
        {
            (setting, float(x), float(y)): (s * len(plane.x.values) + i) * len(plane.y.values) + j
            for s, setting in enumerate(plane.settings)
            for i, x in enumerate(plane.x.values)
            for j, y in enumerate(plane.y.values)
        }
        for plane in (first.plane, other.plane)
    ]
    where = [cell for cell in positions[0] if cell in positions[1]]
    if not where:
        raise AnalysisError(
            "The datasets have no cell in common; expected the same axes and settings."
        )
    first_at, other_at = (np.array([at[cell] for cell in where]) for at in positions)
    return _Common(first_at, other_at, where)

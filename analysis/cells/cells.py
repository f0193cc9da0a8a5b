"""Cells: the measure on the plane, one value a replicate, and how its runs ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dataset.plane import Floats, Ints, Plane


@dataclass(frozen=True, eq=False)
class Cells:
    """The measure on the plane, axes in the order (setting, x, y, replicate).

    `values` holds NaN where a run is missing, failed or left out: a failure never becomes a number. Of very
    large datasets they are means of batches of runs, and `batched_runs` counts the runs of each cell.
    """

    plane: Plane
    measure: str
    label: str
    values: Floats
    status: Mapping[str, Ints]  # runs of each status, (settings, x, y)
    missing: Ints  # planned runs without a row, (settings, x, y)
    ignored: int  # rows that the present sweep does not plan
    duplicates: int = 0  # rows that are copies of others
    batched_runs: Ints | None = None
    role: str = ""  # of the measure, one of roles.ROLES or none

    @property
    def success(self) -> str:
        """The status of runs that ended as they should."""
        return next(iter(self.status))

    @property
    def planned(self) -> Ints:
        """Planned runs, shape (settings, x, y)."""
        return np.asarray(self.missing + np.sum(list(self.status.values()), axis=0))

    @property
    def runs_used(self) -> Ints:
        """Usable runs, shape (settings, x, y)."""
        return self.used if self.batched_runs is None else self.batched_runs

    @cached_property
    def used(self) -> Ints:
        """Values that enter the mean, shape (settings, x, y): runs, or means of batches of runs."""
        return _read_only(np.asarray(np.isfinite(self.values).sum(-1)))

    @cached_property
    def mean(self) -> Floats:
        """Mean over the runs used, shape (settings, x, y); NaN where there is none."""
        used = self.used
        total = np.nansum(self.values, axis=-1)
        mean = np.divide(total, used, out=np.full(used.shape, np.nan), where=used > 0)
        return _read_only(np.asarray(mean))

    @cached_property
    def standard_error(self) -> Floats:
        """Standard error of the mean, shape (settings, x, y); NaN below two runs."""
        used, error = self.used, np.full(self.used.shape, np.nan)
        some = used > 1
        squares = np.nansum((self.values[some] - self.mean[some, None]) ** 2, axis=-1)
        error[some] = np.sqrt(squares / (used[some] * (used[some] - 1)))
        return _read_only(error)


def _read_only(part: NDArray[Any]) -> NDArray[Any]:
    """The same array, which is kept with the cells: nobody may change it."""
    part.flags.writeable = False
    return part


def transposed(cells: Cells) -> Cells:
    """The same cells with x and y exchanged: a boundary found in them is scanned along x.

    Where a boundary turns upright, its columns do not cross it but its rows do.
    """
    plane = replace(cells.plane, x=cells.plane.y, y=cells.plane.x)
    return replace(
        cells,
        plane=plane,
        values=cells.values.swapaxes(1, 2),
        status={name: count.swapaxes(1, 2) for name, count in cells.status.items()},
        missing=cells.missing.swapaxes(1, 2),
        batched_runs=None if cells.batched_runs is None else cells.batched_runs.swapaxes(1, 2),
    )

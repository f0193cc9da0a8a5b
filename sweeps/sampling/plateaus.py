"""Columns that level off at the level: their measure comes to it and hardly goes on.

Where label flips lift the floor of the error to the level, the mean comes so near to it that where it
crosses, if it does, is a matter of chance, and no number of runs tells it well. Whether a column is one of
those is seen in the outer part of the grid: in its last row, and a fifth of the grid before that.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.sampling.lattice import Floats, Ints

SURE = 3.0
"""Standard errors by which a row is on one side of the level for sure."""
OUTER = 0.2
"""Share of the grid that is its outer part, at each end."""
ENOUGH = 64
"""Runs of a row after which it levels off at the level if it is not sure: the mean then is so near to it
(3/8 of what single runs scatter) that a crossing would take thousands of runs."""
OWN_DOF = 8
"""Degrees of freedom from which on a row's own variance counts, and not that of the setting."""


class Rows(NamedTuple):
    """Cells of one setting's columns, each (columns, y), and what they have in common.

    Attributes:
        u: the coordinate of y, shape (y,).
        used: runs with a value.
        z: excess of the mean over the level.
        variance: of a run.
        noise: variance of a run, in the whole setting.
    """

    u: Floats
    used: Ints
    z: Floats
    variance: Floats
    noise: float


class Ends(NamedTuple):
    """What the outer part of a grid says, for its lower and its upper end, each part (columns, 2).

    Attributes:
        sure: whether the last row is on one side of the level for sure.
        flat: whether neither it nor the row a fifth of the grid before it is, for all their runs.
        probe: the rows that need more runs before that is known, shape (columns, 2, y).
    """

    sure: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    probe: NDArray[np.bool_]


def ends_of(cells: Rows) -> Ends:
    """The two ends of each column.

    Args:
        cells: of one setting.
    """
    count, y = cells.used.shape
    sure, few = np.abs(cells.z) > SURE * _errors(cells), cells.used < ENOUGH
    columns = np.arange(count)[:, None]
    edge, before = _rows(cells)
    doubt = ~sure[columns, edge] & ~sure[columns, before]
    probe = np.zeros((count, 2, y), dtype=bool)
    for rows in (edge, before):
        needs = doubt & few[columns, rows]
        np.put_along_axis(probe, rows[..., None], needs[..., None], axis=2)
    return Ends(sure[columns, edge], doubt & ~probe.any(axis=2), probe)


def _errors(cells: Rows) -> Floats:
    """Standard errors of the cells' means; ∞ without runs."""
    variance = np.where(cells.used > OWN_DOF, cells.variance, cells.noise)
    return np.where(cells.used > 0, np.sqrt(variance / np.maximum(cells.used, 1)), np.inf)


def _rows(cells: Rows) -> tuple[Ints, Ints]:
    """The last row with runs at each end, and the last a fifth of the grid before it, (columns, 2)."""
    some, apart = cells.used > 0, OUTER * (cells.u[-1] - cells.u[0])
    pairs = np.array([_of_column(np.flatnonzero(own), cells.u, apart) for own in some])
    return pairs[..., 0], pairs[..., 1]


def _of_column(rows: Ints, u: Floats, apart: float) -> list[list[int]]:
    """The rows of one column: (last, before) at the lower and at the upper end; 0 of one without runs."""
    if not rows.size:
        return [[0, 0], [0, 0]]
    low, high = int(rows[0]), int(rows[-1])
    inner = rows[u[rows] >= u[low] + apart * (1 - 1e-9)]
    outer = rows[u[rows] <= u[high] - apart * (1 - 1e-9)]
    return [
        [low, int(inner[0]) if inner.size else high],
        [high, int(outer[-1]) if outer.size else low],
    ]

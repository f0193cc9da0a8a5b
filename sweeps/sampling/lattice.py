"""The cells of a sweep as columns of its plane, and what is known of each cell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.declare.axis import is_log
from sweeps.declare.cells.resolve import ResolvedSweep

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lattice:
    """Columns of the plane: every value of x under every setting, and in each the cells along y.

    Attributes:
        cells: numbers of the cells, shape (columns, y), y rising.
        u: the coordinate of y, log y on a logarithmic axis, shape (y,), rising.
        y: the values of y, shape (y,).
        x: the values of x, shape (columns,).
        setting: position of each column's setting, shape (columns,).
        replicates: runs that a cell may have, at most.
        log: whether the coordinate is log y.
    """

    cells: Ints
    u: Floats
    y: Floats
    x: Floats
    setting: Ints
    replicates: int
    log: bool


def lattice_of(resolved: ResolvedSweep) -> Lattice:
    """The lattice of a sweep with an analysis, whose x and y are numbers; all other axes are settings.

    Args:
        resolved: the sweep.
    """
    table, plane = resolved.cells, resolved.spec.analysis
    assert plane is not None
    dims = (table.dimension[plane.x], table.dimension[plane.y])
    cells = np.moveaxis(np.arange(table.number).reshape(table.shape), dims, (-2, -1))
    settings, count = cells.size // (cells.shape[-2] * cells.shape[-1]), cells.shape[-2]
    y = table.varying[plane.y].astype(np.float64)
    order = np.argsort(y)
    log = is_log(y[order], resolved.spec.axes[plane.y].scale)
    return Lattice(
        cells=cells.reshape(settings * count, -1)[:, order],
        u=np.log(y[order]) if log else y[order],
        y=y[order],
        x=np.tile(table.varying[plane.x].astype(np.float64), settings),
        setting=np.repeat(np.arange(settings), count),
        replicates=resolved.spec.replicates,
        log=log,
    )


@dataclass(frozen=True, eq=False)
class Observed:
    """What is known of the cells of a lattice, each of shape (columns, y).

    Attributes:
        runs: runs that were proposed and are published: replicates 0 … runs − 1 of the cell.
        used: those of them with a value.
        mean: of the measure; NaN without a value.
        variance: of single runs; NaN below two values.
    """

    runs: Ints
    used: Ints
    mean: Floats
    variance: Floats

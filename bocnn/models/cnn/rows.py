"""Results of engines as the columns that the model gives."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.engines.cpu.runs import RunResults
from bocnn.measure.measures import Measures
from bocnn.measure.trajectory import TrajectoryPoint
from bocnn.parameters.measured import STATUSES


def measured_columns(status: Ints, measured: Array) -> dict[str, NDArray[Any]]:
    """The measured columns of runs, shape (runs,) each.

    Args:
        status: index into the statuses, shape (runs,).
        measured: shape (runs, measures).
    """
    named = dict(zip(Measures._fields, measured.T, strict=True))
    return {"status": np.array(STATUSES, dtype=object)[status], **named}


def recorded_columns(results: RunResults) -> dict[str, NDArray[Any]]:
    """The recorded columns in order of runs and steps, with `run`, the index of the run.

    Args:
        results: with a trajectory of each run.
    """
    kept = np.arange(results.trajectory.shape[1]) < results.lengths[:, None]
    recorded = zip(TrajectoryPoint._fields, results.trajectory[kept].T, strict=True)
    return {"run": np.nonzero(kept)[0], **dict(recorded)}

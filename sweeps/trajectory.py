"""Runs recorded along their training: the steps that a sweep asks for, their cost, and the training.

A sweep without the key `trajectory` trains as if this file were not there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.axis import AxisError, read_axis
from sweeps.mistakes import shown
from sweeps.protocol import Columns, Model, Tracing

MOST_STEPS = 10_000
LAST_STEP = 10**15

Steps = tuple[int, ...] | None


def read_steps(raw: Any) -> tuple[int, ...]:
    """Steps in the form of an axis, rising; those of a range are rounded, each once.

    Raises:
        AxisError: an unknown form, a value that is no step, too many of them.
    """
    axis = read_axis(raw)
    values = axis.values
    if axis.scale != "list":
        values = tuple(round(v) if isinstance(v, float) else v for v in values)
    for value in values:
        if isinstance(value, str) or value is None or not _is_step(value):
            raise AxisError(f"received the step {shown(value)}; expected whole numbers ≥ 0")
    steps = tuple(sorted({int(value) for value in values if value is not None}))
    if len(steps) > MOST_STEPS:
        raise AxisError(f"received {len(steps):,} steps; expected at most {MOST_STEPS:,}")
    return steps


def _is_step(value: float) -> bool:
    return value == int(value) and 0 <= value <= LAST_STEP


def cost(model: Model, columns: Columns, steps: Steps) -> NDArray[Any]:
    """Flops of each run, with its records, shape (runs,)."""
    if steps is None:
        return np.asarray(model.flops(columns), dtype=np.float64)
    return np.asarray(_tracing(model).trace_flops(columns, np.array(steps)), dtype=np.float64)


def train(
    model: Model, columns: Columns, steps: Steps
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Measured columns of the runs, and recorded ones with `run`; none where no steps are asked for."""
    if steps is None:
        return model.run(columns), {}
    return _tracing(model).trace(columns, np.array(steps))


def _tracing(model: Model) -> Tracing:
    """The model, which a resolved sweep with steps has shown to record."""
    assert isinstance(model, Tracing)
    return model

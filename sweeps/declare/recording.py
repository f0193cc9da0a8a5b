"""Runs recorded along their training: the steps that a sweep requests, their cost, and the training.

A sweep without the key `trajectory` trains as if this file were not there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.declare.axis import Axis, AxisError, read_axis
from sweeps.errors import listed
from sweeps.models.protocol import Columns, Model, RecordsTrajectory

MAX_RECORDED_STEPS = 10_000
MAX_STEP = 10**15

Steps = Axis | None
"""Whole numbers, rising, and the scale on which they are spaced, or none."""


def read_steps(raw: Any) -> Axis:
    """Steps in the form of an axis, rising; those of a range are rounded, each once.

    A range on scale log may begin with 0: its other steps are spaced from 1 on.

    Raises:
        AxisError: an unknown form, values that are no steps, too many of them.
    """
    axis = read_axis(_from_one(raw))
    values: list[Any] = [0, *axis.values] if _from_one(raw) is not raw else list(axis.values)
    if axis.scale != "list":
        values = [round(v) if isinstance(v, float) else v for v in values]
    wrong = [value for value in values if not _is_step(value)]
    if wrong:
        raise AxisError(f"received the step {listed(wrong)}; expected whole numbers ≥ 0")
    steps = tuple(sorted({int(value) for value in values}))
    if len(steps) > MAX_RECORDED_STEPS:
        raise AxisError(f"received {len(steps):,} steps; expected at most {MAX_RECORDED_STEPS:,}")
    return Axis(steps, axis.scale)


def to_form(steps: Steps) -> Any:
    """Steps in the form that `read_steps` reads back: a list where they have no scale."""
    if steps is None or steps.scale == "list":
        return None if steps is None else list(steps.values)
    return {"values": list(steps.values), "scale": steps.scale}


def _from_one(raw: Any) -> Any:
    """A range on scale log that begins with 0, without it; any other form as it is."""
    match raw:
        case {"log": [0, last, int(count)]} if len(raw) == 1 and count > 2:
            return {"log": [1, last, count - 1]}
    return raw


def _is_step(value: Any) -> bool:
    return isinstance(value, int | float) and value == int(value) and 0 <= value <= MAX_STEP


def cost(model: Model, columns: Columns, steps: Steps) -> NDArray[Any]:
    """Cost of each run, with its records.

    Args:
        model: the model.
        columns: every parameter, shape (runs,) each.
        steps: at which runs are recorded; None records nothing.
    Returns:
        Floating-point operations, shape (runs,).
    """
    if steps is None:
        return np.asarray(model.flops(columns), dtype=np.float64)
    return np.asarray(
        _tracing(model).trajectory_flops(columns, np.array(steps.values)), dtype=np.float64
    )


def train(
    model: Model, columns: Columns, steps: Steps
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Train runs, and record them at some steps.

    Args:
        model: the model; one that records where there are steps.
        columns: `seed`, `replicate` and every parameter, shape (runs,) each.
        steps: at which runs are recorded; None records nothing.
    Returns:
        Measured columns, shape (runs,) each; and recorded ones with `run`, the index of the run, {}
        without steps.
    """
    if steps is None:
        return model.run(columns), {}
    return _tracing(model).record(columns, np.array(steps.values))


def _tracing(model: Model) -> RecordsTrajectory:
    """The model, which a resolved sweep with steps has shown to record."""
    assert isinstance(model, RecordsTrajectory)
    return model

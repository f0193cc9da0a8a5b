"""What a plan will take, before anything runs: seconds, bytes on disk, memory."""

import time
from typing import NamedTuple

import numpy as np

from sweeps.mistakes import SweepError
from sweeps.plan import NOMINAL_FLOPS_PER_S, ROW_BYTES, Plan

_SAMPLE = 16
_SAMPLE_FLOPS = NOMINAL_FLOPS_PER_S


class Forecast(NamedTuple):
    """Seconds of one core, bytes of the dataset, bytes of memory of the largest run."""

    core_s: float
    dataset_bytes: float
    memory_bytes: float
    measured: bool


def forecast(plan: Plan) -> Forecast:
    """Predict from a sample of the plan's own runs, trained here and thrown away.

    Runs too dear to be sampled are predicted from the nominal rate; `measured` says which it was.
    """
    flops = float(plan.flops[plan.todo_cells].sum())
    memory = float(np.max(plan.model.memory_bytes(plan.resolved.cells.columns)))
    rate = _measured_rate(plan)
    core_s = flops / (rate or NOMINAL_FLOPS_PER_S)
    return Forecast(core_s, float(plan.todo_cells.size * ROW_BYTES), memory, rate is not None)


def check_memory(plan: Plan, available: float) -> None:
    """Refuse a plan whose largest run does not fit.

    Raises:
        SweepError: gives both figures.
    """
    needed = float(np.max(plan.model.memory_bytes(plan.resolved.cells.columns)))
    if needed > available:
        raise SweepError(
            f"the largest run needs {needed / 1e9:.1f} GB of memory and this machine has "
            f"{available / 1e9:.1f} GB; take smaller {' or '.join(plan.model.shape_columns)}"
        )


def _measured_rate(plan: Plan) -> float | None:
    """Flops per second of a few runs spread over the plan, None where they would take too long."""
    places = np.unique(np.linspace(0, plan.todo_cells.size - 1, _SAMPLE).astype(np.int64))
    if not plan.todo_cells.size or plan.flops[plan.todo_cells[places]].sum() > _SAMPLE_FLOPS:
        return None
    columns = plan.columns(plan.take(places))
    plan.model.run({name: values[:1] for name, values in columns.items()})
    start = time.perf_counter()
    plan.model.run(columns)
    return float(plan.flops[plan.todo_cells[places]].sum()) / (time.perf_counter() - start)

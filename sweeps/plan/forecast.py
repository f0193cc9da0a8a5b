"""Forecast of a plan before anything runs: seconds, bytes on disk, memory."""

import time
from typing import NamedTuple

import numpy as np

from sweeps.declare import recording as trajectory
from sweeps.errors import SweepError
from sweeps.models.protocol import CompilesCode, UsesGpu
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S, RECORD_BYTES, ROW_BYTES, Plan
from sweeps.plan.shard import Positions

_SAMPLE = 16
_SAMPLE_FLOPS = NOMINAL_FLOPS_PER_S
_GPU_SAMPLE = 1024
_BUSY_S, _MOST_AT_ONCE = 0.25, 65536
_RAY_START_S = 10.0
"""Seconds that starting Ray takes, about: 5 to 25 s were seen on two cores."""


class Forecast(NamedTuple):
    """Seconds of one core, bytes of the dataset, bytes of memory of the largest run.

    `basis` says what the seconds are from, `measured` that it is a sample.
    """

    core_s: float
    dataset_bytes: float
    memory_bytes: float
    measured: bool
    basis: str


def forecast(plan: Plan) -> Forecast:
    """Predict from a sample of the plan's own runs, trained here and thrown away.

    Runs too dear to be sampled, or for which code would have to be compiled, are predicted from the
    nominal rate.
    """
    rate, basis = _rate(plan)
    core_s = plan.flops / (rate or NOMINAL_FLOPS_PER_S)
    size = plan.todo * _run_bytes(plan)
    return Forecast(core_s, size, plan.memory_bytes, rate is not None, basis)


class TimesAsked(NamedTuple):
    """What time a forecast states: on how many cores, all of this machine's if None; and that of a GPU."""

    cores: int | None = None
    gpu_hours: bool = False


HERE = TimesAsked()
"""On this machine's cores."""


class GpuForecast(NamedTuple):
    """Seconds of one GPU for the runs that it can train, and seconds of one core for the others."""

    gpu_s: float
    core_s: float


def forecast_gpu(plan: Plan, core_s: float) -> GpuForecast:
    """Predict what a GPU trains, from the rate of this process's GPU on many of the plan's runs at once.

    Args:
        plan: of the sweep.
        core_s: seconds of one core for all of its runs.
    Raises:
        SweepError: a GPU can train none of them, or there is none here.
    """
    positions = gpu_sample(plan)
    if not positions.size:
        raise SweepError(
            "received --gpu-hours; there is no run left that a GPU can train: leave it out"
        )
    assert isinstance(plan.model, UsesGpu)
    count, why = plan.model.gpus_here()
    if not count:
        raise SweepError(
            f"received --gpu-hours; this machine has no GPU to measure{why and f': {why}'}; let a node of "
            "the cluster plan: ray job submit --entrypoint-num-gpus 1 … -- bocnn plan … --gpu-hours"
        )
    sample = plan.sample(_GPU_SAMPLE)
    cost = plan.cost(sample)
    share = float(cost[plan.on_gpu(sample)].sum() / cost.sum())
    rate = saturated_throughput(plan, positions)
    return GpuForecast(plan.flops * share / rate, core_s * (1 - share))


def _run_bytes(plan: Plan) -> float:
    """Bytes of a run on disk: its row, and its records if it is recorded at all steps requested."""
    steps = plan.resolved.spec.trajectory
    return float(ROW_BYTES + (0 if steps is None else RECORD_BYTES * (len(steps.values) + 1)))


def saves_ray(core_s: float, cores: int, basis: str = "a nominal rate") -> str:
    """That training takes less time than Ray's start; nothing where it takes longer.

    Args:
        core_s: seconds of one core.
        cores: of this machine.
        basis: what the seconds are from.
    """
    if not 0 < core_s / cores < _RAY_START_S:
        return ""
    return (
        f"training takes about {core_s / cores:.1f} s on {cores:,} cores (from {basis}) and Ray's start "
        f"about {_RAY_START_S:.0f} s: --executor local trains the same rows without Ray"
    )


def check_memory(plan: Plan, available: float) -> None:
    """Refuse a plan whose largest run does not fit.

    Args:
        plan: of the sweep.
        available: bytes.
    Raises:
        SweepError: gives both figures.
    """
    needed = plan.memory_bytes
    if needed > available:
        raise SweepError(
            f"the largest run needs {needed / 1e9:.1f} GB of memory and this machine has "
            f"{available / 1e9:.1f} GB; take smaller {' or '.join(plan.model.shape_columns)}"
        )


def gpu_sample(plan: Plan) -> Positions:
    """Positions of runs that a GPU can train, spread over those still to train."""
    positions = plan.sample(_GPU_SAMPLE) if plan.todo else np.zeros(0, dtype=np.int64)
    return positions[plan.on_gpu(positions)]


def saturated_throughput(plan: Plan, positions: Positions) -> float:
    """Flops per second of this process's GPU on many runs at once.

    Its results are discarded. The number of runs is doubled until they take a quarter of a second.

    Args:
        plan: the sweep; spans are not needed.
        positions: of a few of its runs, which are repeated.
    """
    runs = 64
    while True:
        some = positions[np.linspace(0, positions.size - 1, runs).astype(np.int64)]
        columns = plan.columns(some)
        plan.model.run(columns)  # what it compiles is not timed
        start = time.perf_counter()
        plan.model.run(columns)
        seconds = time.perf_counter() - start
        if seconds > _BUSY_S or runs >= _MOST_AT_ONCE:
            return float(plan.cost(some).sum()) / seconds
        runs *= 2


def _rate(plan: Plan) -> tuple[float | None, str]:
    """Flops per second of a few runs spread over the plan, None where they are not trained; and why."""
    nominal = "a nominal rate"
    if not plan.todo:
        return None, nominal
    positions = plan.sample(_SAMPLE)
    flops = float(plan.cost(positions).sum())
    if flops > _SAMPLE_FLOPS:
        return None, nominal
    columns, model = plan.columns(positions), plan.model
    steps = plan.resolved.spec.trajectory
    if isinstance(model, CompilesCode) and not model.is_compiled(columns, steps is not None):
        return (
            None,
            f"{nominal}: the first run on this machine compiles the engine",
        )
    trajectory.train(model, {name: values[:1] for name, values in columns.items()}, steps)
    start = time.perf_counter()
    trajectory.train(model, columns, steps)
    return flops / (time.perf_counter() - start), "a sample of its runs, timed here"

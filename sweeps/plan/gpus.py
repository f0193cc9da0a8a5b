"""Whether trials get GPUs where nobody says it, and what is said of it: one line, or none without a GPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sweeps.models.protocol import UsesGpu
from sweeps.plan.forecast import gpu_sample
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S, Plan

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_SHORT_S = 30.0
"""Seconds on a machine's cores up to which its GPUs are left: their kernels are compiled first."""


class GpuUse(NamedTuple):
    """A trial's share of a GPU, and what is said of it: nothing where there is no GPU to speak of."""

    share: float
    words: str = ""


def gpus_here(plan: Plan) -> GpuUse:
    """What trials get of the GPUs of this machine.

    Args:
        plan: of the sweep.
    """
    if not (plan.todo and isinstance(plan.model, UsesGpu)):
        return GpuUse(0.0)
    count, reason = plan.model.gpus_here()
    if not count:
        return unused(reason) if reason else GpuUse(0.0)
    seconds, cores = plan.flops / NOMINAL_FLOPS_PER_S, os.cpu_count() or 1
    if seconds / cores < _SHORT_S:
        about = (
            f"training takes about {seconds / cores:.1f} s on {cores:,} cores, at a nominal rate"
        )
        return unused(f"{about}; --gpus 1 takes them all the same")
    return _of(plan, count, "this machine")


def gpus_there(plan: Plan, count: float, address: str) -> GpuUse:
    """What trials get of the GPUs of a cluster.

    Args:
        plan: of the sweep.
        count: GPUs that the cluster has now.
        address: its address.
    """
    return _of(plan, int(count), f"the cluster at {address}") if count >= 1 else GpuUse(0.0)


def unused(reason: str) -> GpuUse:
    """None of the GPUs that there are.

    Args:
        reason: why.
    """
    return GpuUse(0.0, f"none is used: {reason}")


@contextmanager
def hidden_gpus() -> Iterator[None]:
    """This process sees no GPU that it does not use yet."""
    before = os.environ.get(_VISIBLE)
    os.environ[_VISIBLE] = ""
    try:
        yield
    finally:
        del os.environ[_VISIBLE]
        if before is not None:
            os.environ[_VISIBLE] = before


def _of(plan: Plan, count: int, place: str) -> GpuUse:
    if not gpu_sample(plan).size:
        return unused("the GPU engine accepts no run of this sweep")
    words = f"{count:,} of {place}, one for each trial that can use one"
    return GpuUse(1.0, f"{words}; --gpus 0 trains on CPUs alone")

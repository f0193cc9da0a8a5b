"""How a shape is launched on the GPU, and the buffers of a batch."""

import math
from typing import Any, NamedTuple

import torch

from bocnn.engines.gpu.records import CENTRES, BatchSizes, Drawn, Measured, Trained
from bocnn.measure.measures import Measures

_RESIDENT = 8192
"""Most pre-activations of a run that is trained in registers."""

_TILE = 32


class LaunchPlan(NamedTuple):
    """How a shape is launched.

    P, K: samples and filters rounded up. tile: samples of a tile, P where the state is resident. warps: of
    the training kernel. precision: of its products, "ieee" or "tf32x3". registers: of a thread of it, at
    most; 0 leaves them to the compiler.
    """

    P: int
    K: int
    tile: int
    warps: int
    precision: str = "ieee"
    registers: int = 0

    @property
    def resident(self) -> bool:
        """Whether a run's whole state is in registers."""
        return self.tile == self.P


class KernelFeatures(NamedTuple):
    """Features that a batch's training kernel must have.

    coupled: noise patches overlap the signal directions or have a bias. moving: momentum or weight decay.
    stopping: a loss at which training ends.
    """

    coupled: bool
    moving: bool
    stopping: bool


PLAIN = KernelFeatures(coupled=False, moving=False, stopping=False)
"""Gradient descent for a fixed number of steps: the kernel with the fewest registers."""


def plan_of(n: int, filters: int, features: KernelFeatures = PLAIN) -> LaunchPlan:
    """The launch of a shape; warps and registers were the fastest on an H200 (docs/explanation/gpu.md).

    Args:
        n: training samples.
        filters: 2m.
        features: features of its training kernel.
    """
    K, P = max(16, power_of_two(filters)), max(16, power_of_two(n))
    if P * K <= 2048:
        # Momentum keeps a velocity beside every coefficient: twice the threads hold them.
        return LaunchPlan(P, K, P, max(1, P * K // 1024) * (2 if features.moving else 1))
    if P <= 128 and P * K <= _RESIDENT:
        return LaunchPlan(P, K, P, P * K // 512, registers=128)
    tiles = _TILE * math.ceil(n / _TILE)
    if features.moving:
        return LaunchPlan(tiles, K, _TILE, 16 if K == 128 else 8)
    return LaunchPlan(tiles, K, _TILE, 2 if K <= 32 else 4, registers=128)


def power_of_two(size: int) -> int:
    """The next power of two."""
    return 1 << (size - 1).bit_length()


def bytes_of(plan: LaunchPlan, sizes: BatchSizes) -> int:
    """Bytes of a run's buffers."""
    drawn = sizes.rows * (sizes.rows + plan.P) + 8 * sizes.rows
    trained = plan.K * (4 * plan.P + 16)
    return 4 * (drawn + trained + plan.K * (sizes.rows + 2 * plan.K) + 100)


def allocate_drawn(runs: int, sizes: BatchSizes, plan: LaunchPlan, device: str) -> Drawn:
    """Buffers for the draws of runs.

    Args:
        runs: in the batch.
        sizes: of every run.
        plan: of the launch.
        device: of torch.
    Returns:
        Tensors that hold nothing yet.
    """
    real: dict[str, Any] = {"dtype": torch.float32, "device": device}
    return Drawn(
        torch.empty((runs, plan.P), **real),
        torch.empty((runs, plan.P), dtype=torch.int32, device=device),
        torch.empty((runs, 3, sizes.rows), **real),
        torch.empty((runs, 2, plan.K), **real),
        torch.empty((runs, sizes.rows), dtype=torch.float64, device=device),
        torch.empty((runs, sizes.rows, sizes.rows), **real),
        torch.empty((runs, sizes.rows, plan.P), **real),
    )


def allocate_trained(runs: int, plan: LaunchPlan, features: KernelFeatures, device: str) -> Trained:
    """Buffers for the results of training and, where the state is not resident, its working memory.

    Args:
        runs: in the batch.
        plan: of the launch.
        features: without momentum and decay there is no velocity.
        device: of torch.
    Returns:
        Tensors that hold nothing yet; the state is empty where it stays in registers.
    """
    real: dict[str, Any] = {"dtype": torch.float32, "device": device}
    state = (runs, plan.K, plan.P)
    nothing = (runs, 0, 0)
    return Trained(
        torch.empty(state, **real),
        torch.empty(state, **real),
        torch.empty((runs, 2, plan.K, CENTRES.value), **real),
        torch.empty((runs, 2, plan.K), **real),
        torch.empty(runs, **real),
        torch.empty((runs, plan.P), **real),
        torch.empty((runs, 2), dtype=torch.int64, device=device),
        torch.empty(nothing if plan.resident else state, **real),
        torch.empty(nothing if plan.resident or not features.moving else state, **real),
    )


def allocate_measured(runs: int, sizes: BatchSizes, plan: LaunchPlan, device: str) -> Measured:
    """Buffers for the measures.

    Args:
        runs: in the batch.
        sizes: of every run.
        plan: of the launch.
        device: of torch.
    Returns:
        Tensors that hold nothing yet but `root`, which is zero.
    """
    real: dict[str, Any] = {"dtype": torch.float64, "device": device}
    return Measured(
        torch.empty((runs, sizes.rows, plan.K), dtype=torch.float32, device=device),
        torch.empty((runs, 3, plan.K), **real),
        torch.zeros((runs, plan.K, plan.K), **real),
        torch.empty((runs, len(Measures._fields)), **real),
    )

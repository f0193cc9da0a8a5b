"""How a shape is launched on the card, and the buffers of a batch."""

import math
from typing import NamedTuple

import torch

from bocnn.gpu.records import CENTRES, Drawn, Measured, Sizes, Trained
from bocnn.measures import Measures

_RESIDENT = 8192
"""Most pre-activations of a run that is trained in registers."""


class Plan(NamedTuple):
    """How a shape is launched.

    P, K: samples and filters rounded up. block: edge of a product's blocks. tile: samples of a tile, P
    where the state is resident. warps: of the training kernel. precision: of its products.
    """

    P: int
    K: int
    block: int
    tile: int
    warps: int
    precision: str = "ieee"

    @property
    def resident(self) -> bool:
        """Whether a run's whole state is in registers."""
        return self.tile == self.P


def plan_of(n: int, filters: int) -> Plan:
    """The launch of a shape."""
    K = max(16, power_of_two(filters))
    P = max(16, power_of_two(n))
    if P * K <= _RESIDENT and P <= 128:
        return Plan(P, K, min(32, P), P, max(1, P * K // 1024))
    P = 64 * math.ceil(n / 64)
    return Plan(P, K, 32, 64, 8)


def power_of_two(size: int) -> int:
    """The next power of two."""
    return 1 << (size - 1).bit_length()


class Kind(NamedTuple):
    """What a batch's kernel must be able to do."""

    coupled: bool
    moving: bool


def bytes_of(plan: Plan, sizes: Sizes) -> int:
    """Bytes of a run's buffers."""
    drawn = sizes.rows * (sizes.rows + plan.P) + 8 * sizes.rows
    trained = plan.K * (4 * plan.P + 16)
    return 4 * (drawn + trained + plan.K * (sizes.rows + 2 * plan.K) + 100)


def room_drawn(runs: int, sizes: Sizes, plan: Plan, device: str) -> Drawn:
    """Room for what runs start from."""
    real = {"dtype": torch.float32, "device": device}
    return Drawn(
        torch.empty((runs, plan.P), **real),
        torch.empty((runs, plan.P), dtype=torch.int32, device=device),
        torch.empty((runs, 3, sizes.rows), **real),
        torch.empty((runs, 2, plan.K), **real),
        torch.empty((runs, sizes.rows), dtype=torch.float64, device=device),
        torch.empty((runs, sizes.rows, sizes.rows), **real),
        torch.empty((runs, sizes.rows, plan.P), **real),
    )


def room_trained(runs: int, plan: Plan, kind: Kind, device: str) -> Trained:
    """Room for what training leaves and, where the state is not resident, works in."""
    real = {"dtype": torch.float32, "device": device}
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
        torch.empty(nothing if plan.resident or not kind.moving else state, **real),
    )


def room_measured(runs: int, sizes: Sizes, plan: Plan, device: str) -> Measured:
    """Room for what is measured."""
    real = {"dtype": torch.float64, "device": device}
    return Measured(
        torch.empty((runs, sizes.rows, plan.K), dtype=torch.float32, device=device),
        torch.empty((runs, 3, plan.K), **real),
        torch.zeros((runs, plan.K, plan.K), **real),
        torch.empty((runs, len(Measures._fields)), **real),
    )



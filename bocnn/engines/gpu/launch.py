"""The launches of one batch, in order: draws, training, measures.

A run's numbers never depend on its batch: one program a run, block sizes that follow from n and m alone.
"""

import math
from typing import Any, NamedTuple

import torch

from bocnn.engines.gpu.buffers import (
    KernelFeatures,
    LaunchPlan,
    allocate_drawn,
    allocate_measured,
    allocate_trained,
    power_of_two,
)
from bocnn.engines.gpu.kernels.measure import fit, noise_root, trained_filters, trained_head
from bocnn.engines.gpu.kernels.resident import train_resident
from bocnn.engines.gpu.kernels.risk import test_error
from bocnn.engines.gpu.kernels.start import draw_factor, draw_inner, draw_vectors
from bocnn.engines.gpu.kernels.tiled import train_tiled
from bocnn.engines.gpu.records import BatchSizes, Drawn, Measured, RunParameters, Trained

_FUSED = {"enable_fp_fusion": True}
_EDGE = 32
"""Edge of the blocks of a product."""


class Batch(NamedTuple):
    """Runs of one shape on the device, and how their kernels are launched."""

    runs: RunParameters
    sizes: BatchSizes
    plan: LaunchPlan
    features: KernelFeatures

    @property
    def run_count(self) -> int:
        """Runs in the batch."""
        return int(self.runs.ints.shape[0])

    @property
    def device(self) -> str:
        """Where they are."""
        return str(self.runs.ints.device)


def train_batch(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Launch draws, training and measures.

    Returns:
        On the device: status, int64 (runs,), and measures, float64 (runs, MEASURE_COUNT), whatever the
        status.
    """
    drawn = allocate_drawn(batch.run_count, batch.sizes, batch.plan, batch.device)
    draw(batch, drawn)
    trained = allocate_trained(batch.run_count, batch.plan, batch.features, batch.device)
    train(batch, drawn, trained)
    measured = allocate_measured(batch.run_count, batch.sizes, batch.plan, batch.device)
    measure(batch, drawn, trained, measured)
    return trained.ended[:, 0], measured.rows


def draw(batch: Batch, drawn: Drawn) -> None:
    """Launch the draws, which write `drawn`."""
    runs, sizes, plan, _ = batch
    width = power_of_two(max(sizes.rows, plan.P))
    draw_vectors[(batch.run_count,)](
        runs, drawn, sizes, plan.P, plan.K, width, num_warps=4, **_FUSED
    )
    blocks = (batch.run_count, math.ceil(sizes.rows**2 / 1024))
    draw_factor[blocks](runs, drawn, sizes, 1024, num_warps=4, **_FUSED)
    edge = min(_EDGE, plan.P)
    tiles = (batch.run_count, math.ceil(sizes.rows / edge), math.ceil(plan.P / edge))
    draw_inner[tiles](runs, drawn, sizes, plan.P, edge, num_warps=4, **_FUSED)


def train(batch: Batch, drawn: Drawn, trained: Trained) -> None:
    """Launch the training, which writes `trained`: one launch, whatever the steps.

    Args:
        batch: the runs.
        drawn: as `draw` left it.
        trained: written.
    """
    runs, sizes, plan, features = batch
    grid, shape = (batch.run_count,), (plan.P, plan.K)
    options = {"num_warps": plan.warps, **_FUSED}
    options |= {"maxnreg": plan.registers} if plan.registers else {}
    if plan.resident:
        flags: tuple[Any, ...] = (*features, plan.precision)
        train_resident[grid](runs, drawn, trained, sizes, *shape, *flags, **options)
    else:
        flags = (plan.tile, features.moving, features.stopping, plan.precision)
        train_tiled[grid](runs, drawn, trained, sizes, *shape, *flags, **options)


def measure(batch: Batch, drawn: Drawn, trained: Trained, measured: Measured) -> None:
    """Launch the measures and the test, which write `measured`.

    Args:
        batch: the runs.
        drawn: as `draw` left it.
        trained: as `train` left it.
        measured: written.
    """
    runs, sizes, (P, K) = batch.runs, batch.sizes, (batch.plan.P, batch.plan.K)
    edge, warps, grid = min(_EDGE, P), max(1, K // 16), (batch.run_count,)
    blocks = (batch.run_count, math.ceil(sizes.rows / edge))
    every = (runs, drawn, trained, measured, sizes, P, K, edge)
    trained_filters[blocks](*every, num_warps=4, **_FUSED)
    trained_head[grid](*every, num_warps=4, **_FUSED)
    noise_root[grid](runs, measured, sizes, K, num_warps=2 * warps, **_FUSED)
    fit[grid](*every, num_warps=4, **_FUSED)
    test_error[grid](runs, trained, measured, sizes, K, num_warps=warps, **_FUSED)

"""Runs on the GPU: cut into batches of one shape, started, and their rows collected."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.dynamics.activation import LEAKY
from bocnn.engines.cpu.stages import DIVERGED, Runs
from bocnn.engines.gpu.buffers import KernelFeatures, bytes_of, plan_of
from bocnn.engines.gpu.launch import Batch, train_batch
from bocnn.engines.gpu.records import FLOATS, INTS, REPLICATE, BatchSizes, RunParameters
from bocnn.measure.measures import Measures

_INTERPRETED_BYTES = 2**26
_MUST_BE_FINITE = [
    Measures._fields.index(name)
    for name in ("train_loss", "test_error", "max_w_xi", "w_norm", "v_norm")
]


class CellParameters(NamedTuple):
    """Runs by their cells: the parameters of each cell, and of each run its cell and replicate."""

    cells: Runs
    cell: NDArray[np.intp]
    replicate: Ints


class StartedBatch(NamedTuple):
    """Runs under way: their indices, and where status and measures will be, on the device."""

    rows: NDArray[np.intp]
    status: torch.Tensor
    measured: torch.Tensor


def start_all(parameters: CellParameters, device: str) -> list[StartedBatch]:
    """Start to train and measure runs; returns before the device has done it.

    Args:
        parameters: of the runs, every one of which the GPU engine accepts.
        device: "cuda", or "cpu" where Triton interprets.
    """
    started = []
    of_cells = RunParameters(*(_sent(part, device) for part in pack(parameters.cells)))
    for rows_of_shape, sizes, features in _shapes(parameters):
        plan = plan_of(sizes.n, sizes.filters, features)
        for rows in _cut(rows_of_shape, bytes_of(plan, sizes), device):
            cell = _sent(parameters.cell[rows], device)
            runs = RunParameters(of_cells.floats[cell], of_cells.ints[cell])
            runs.ints[:, REPLICATE.value] = _sent(parameters.replicate[rows], device)
            started.append(StartedBatch(rows, *train_batch(Batch(runs, sizes, plan, features))))
    return started


def _sent(part: NDArray[Any], device: str) -> torch.Tensor:
    """An array on its way to the device; from pinned memory, so that the host need not wait."""
    here = torch.from_numpy(part)
    return here.pin_memory().to(device, non_blocking=True) if device == "cuda" else here


def collect(started: list[StartedBatch], count: int) -> tuple[Ints, Array]:
    """Rows of `count` runs, as `bocnn.engines.cpu.stages.run_all` gives them in float32.

    Returns:
        Status, int8, shape (runs,); and measures, float64, shape (runs, len(Measures._fields)), NaN
        where a run diverged.
    """
    status, measured = np.empty(count, np.int8), np.empty((count, len(Measures._fields)))
    for batch in started:
        found = batch.measured.cpu().numpy()
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(found[:, _MUST_BE_FINITE].sum(axis=1))
        status[batch.rows] = np.where(finite, batch.status.cpu().numpy(), DIVERGED)
        measured[batch.rows] = found
    measured[status == DIVERGED] = math.nan
    return status, measured


def pack(runs: Runs) -> tuple[Array, Ints]:
    """Floats and ints of runs, as `bocnn.engines.gpu.records` orders them."""
    columns: dict[str, Any] = runs._asdict()
    columns["key"] = (runs.key0 | (runs.key1 << np.uint64(32))).view(np.int64)
    columns["leak"] = np.where(runs.activation == LEAKY, runs.leak, 0.0)
    floats = np.stack([columns[name].astype(np.float64) for name in FLOATS], axis=1)
    ints = np.stack([columns[name].astype(np.int64) for name in INTS], axis=1)
    return floats, ints


def _shapes(
    parameters: CellParameters,
) -> Iterator[tuple[NDArray[np.intp], BatchSizes, KernelFeatures]]:
    """Indices of the runs of each shape and kind, and what they share."""
    cells = parameters.cells
    coupled = (cells.isotropic != 0) | (cells.bias != 0)
    moving = (cells.momentum != 0) | (cells.weight_decay != 0)
    kinds = np.stack([cells.n, cells.m, coupled, moving, cells.loss_tol > 0], axis=1)
    found, kind_of = np.unique(kinds, axis=0, return_inverse=True)
    of_run = kind_of.reshape(-1)[parameters.cell]
    for number, (n, m, *kind) in enumerate(found.tolist()):
        rows = np.flatnonzero(of_run == number)
        yield rows, BatchSizes(n, 2 * m, n + 2 * m), KernelFeatures(*map(bool, kind))


def _cut(rows: NDArray[np.intp], bytes_a_run: int, device: str) -> list[NDArray[np.intp]]:
    """Runs cut so that a batch takes at most an eighth of the GPU's memory, which trials may share."""
    whole = torch.cuda.get_device_properties(0).total_memory if device == "cuda" else 0
    most = max(1, (whole // 8 or _INTERPRETED_BYTES) // bytes_a_run)
    return [rows[first : first + most] for first in range(0, rows.size, most)]

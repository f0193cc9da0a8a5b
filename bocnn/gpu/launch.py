"""Runs on the card: batches of one shape, their buffers, and the launches, in order.

A run's numbers never depend on its batch: one program a run, block sizes that follow from n and m alone.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.cpu.engine import DIVERGED
from bocnn.cpu.engine import Runs as Given
from bocnn.dynamics.activation import LEAKY
from bocnn.gpu.buffers import (
    Kind,
    Plan,
    bytes_of,
    plan_of,
    power_of_two,
    room_drawn,
    room_measured,
    room_trained,
)
from bocnn.gpu.measure import fit, noise_root, trained_filters, trained_head
from bocnn.gpu.records import FLOATS, INTS, REPLICATE, Drawn, Measured, Runs, Sizes, Trained
from bocnn.gpu.resident import train_resident
from bocnn.gpu.risk import test_error
from bocnn.gpu.start import draw_factor, draw_inner, draw_vectors
from bocnn.gpu.tiled import train_tiled
from bocnn.measure.measures import Measures

_INTERPRETED_BYTES = 2**26


class Cells(NamedTuple):
    """Runs by their cells: the parameters of each cell, and of each run its cell and replicate."""

    given: Given
    cell: NDArray[np.intp]
    replicate: Ints


class Started(NamedTuple):
    """Runs under way: their places, and where status and measures will be, on the card."""

    places: NDArray[np.intp]
    status: torch.Tensor
    rows: torch.Tensor


def start_all(cells: Cells, device: str) -> list[Started]:
    """Start to train and measure runs; returns before the card has done it.

    Args:
        cells: the runs; every one fits (`bocnn.gpu.choice.fits`).
        device: "cuda", or "cpu" where Triton interprets.
    """
    started = []
    of_cells = Runs(*(_sent(part, device) for part in pack(cells.given)))
    for places, sizes, kind in _shapes(cells):
        plan = plan_of(sizes.n, sizes.filters, kind)
        for rows in _batches(places, bytes_of(plan, sizes), device):
            cell = _sent(cells.cell[rows], device)
            runs = Runs(of_cells.floats[cell], of_cells.ints[cell])
            runs.ints[:, REPLICATE.value] = _sent(cells.replicate[rows], device)
            started.append(Started(rows, *train_batch(runs, sizes, plan, kind)))
    return started


def _sent(part: NDArray[Any], device: str) -> torch.Tensor:
    """An array on its way to the card; from pinned memory, so that the host need not wait."""
    here = torch.from_numpy(part)
    return here.pin_memory().to(device, non_blocking=True) if device == "cuda" else here


def collect(started: list[Started], count: int) -> tuple[Ints, Array]:
    """What `count` runs gave, as `bocnn.cpu.engine.run_all` gives it in float32.

    Returns:
        Status, int8, shape (runs,); and measures, float64, shape (runs, len(Measures._fields)), NaN
        where a run diverged.
    """
    status, measured = np.empty(count, np.int8), np.empty((count, len(Measures._fields)))
    for places, ended, rows in started:
        found = rows.cpu().numpy()
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(found[:, _FINITE].sum(axis=1))
        status[places] = np.where(finite, ended.cpu().numpy(), DIVERGED)
        measured[places] = found
    measured[status == DIVERGED] = math.nan
    return status, measured


def pack(given: Given) -> tuple[Array, Ints]:
    """Floats and ints of runs, as `bocnn.gpu.records` orders them."""
    columns: dict[str, Any] = given._asdict()
    columns["key"] = (given.key0 | (given.key1 << np.uint64(32))).view(np.int64)
    columns["leak"] = np.where(given.activation == LEAKY, given.leak, 0.0)
    floats = np.stack([columns[name].astype(np.float64) for name in FLOATS], axis=1)
    ints = np.stack([columns[name].astype(np.int64) for name in INTS], axis=1)
    return floats, ints


def _shapes(cells: Cells) -> Iterator[tuple[NDArray[np.intp], Sizes, Kind]]:
    """Places of the runs of each shape and kind, and what they share."""
    given = cells.given
    coupled = (given.isotropic != 0) | (given.bias != 0)
    moving = (given.momentum != 0) | (given.weight_decay != 0)
    kinds = np.stack([given.n, given.m, coupled, moving, given.loss_tol > 0], axis=1)
    found, kind_of = np.unique(kinds, axis=0, return_inverse=True)
    of_run = kind_of.reshape(-1)[cells.cell]
    for number, (n, m, *kind) in enumerate(found.tolist()):
        places = np.flatnonzero(of_run == number)
        yield places, Sizes(n, 2 * m, n + 2 * m), Kind(*map(bool, kind))


def _batches(places: NDArray[np.intp], bytes_a_run: int, device: str) -> list[NDArray[np.intp]]:
    """Runs cut so that a batch takes at most an eighth of the card's memory, which trials may share."""
    card = torch.cuda.get_device_properties(0).total_memory if device == "cuda" else 0
    room = card // 8 or _INTERPRETED_BYTES
    most = max(1, room // bytes_a_run)
    return [places[first : first + most] for first in range(0, places.size, most)]


def train_batch(
    runs: Runs, sizes: Sizes, plan: Plan, kind: Kind
) -> tuple[torch.Tensor, torch.Tensor]:
    """Launch draws, training and measures of runs of one shape and kind.

    Returns:
        On the device: status, int64 (runs,), and measures, float64 (runs, 13), whatever the status.
    """
    device = str(runs.ints.device)
    count = runs.ints.shape[0]
    drawn = room_drawn(count, sizes, plan, device)
    draw(runs, drawn, sizes, plan)
    trained = room_trained(count, plan, kind, device)
    train(runs, drawn, trained, sizes=sizes, plan=plan, kind=kind)
    measured = room_measured(count, sizes, plan, device)
    measure(runs, drawn, trained, measured, sizes=sizes, plan=plan)
    return trained.ended[:, 0], measured.rows


_FINITE = [
    Measures._fields.index(name)
    for name in ("train_loss", "test_error", "max_w_xi", "w_norm", "v_norm")
]
_FUSED = {"enable_fp_fusion": True}
_EDGE = 32
"""Edge of the blocks of a product."""


def draw(runs: Runs, drawn: Drawn, sizes: Sizes, plan: Plan) -> None:
    """Launch the draws."""
    count = runs.ints.shape[0]
    width = power_of_two(max(sizes.rows, plan.P))
    draw_vectors[(count,)](runs, drawn, sizes, plan.P, plan.K, width, num_warps=4, **_FUSED)
    blocks = (count, math.ceil(sizes.rows**2 / 1024))
    draw_factor[blocks](runs, drawn, sizes, 1024, num_warps=4, **_FUSED)
    edge = min(_EDGE, plan.P)
    tiles = (count, math.ceil(sizes.rows / edge), math.ceil(plan.P / edge))
    draw_inner[tiles](runs, drawn, sizes, plan.P, edge, num_warps=4, **_FUSED)


def train(
    runs: Runs, drawn: Drawn, trained: Trained, *, sizes: Sizes, plan: Plan, kind: Kind
) -> None:
    """Launch the training: one launch, whatever the steps."""
    grid, shape = (runs.ints.shape[0],), (plan.P, plan.K)
    how = {"num_warps": plan.warps, **_FUSED}
    how |= {"maxnreg": plan.registers} if plan.registers else {}
    if plan.resident:
        train_resident[grid](runs, drawn, trained, sizes, *shape, *kind, plan.precision, **how)
    else:
        flags: tuple[Any, ...] = (plan.tile, kind.moving, kind.stopping, plan.precision)
        train_tiled[grid](runs, drawn, trained, sizes, *shape, *flags, **how)


def measure(
    runs: Runs, drawn: Drawn, trained: Trained, measured: Measured, *, sizes: Sizes, plan: Plan
) -> None:
    """Launch the measures and the test."""
    count, (P, K) = runs.ints.shape[0], (plan.P, plan.K)
    edge, warps = min(_EDGE, P), max(1, K // 16)
    blocks = (count, math.ceil(sizes.rows / edge))
    both = (runs, drawn, trained, measured, sizes, P, K, edge)
    trained_filters[blocks](*both, num_warps=4, **_FUSED)
    trained_head[(count,)](*both, num_warps=4, **_FUSED)
    noise_root[(count,)](runs, measured, sizes, K, num_warps=2 * warps, **_FUSED)
    fit[(count,)](*both, num_warps=4, **_FUSED)
    test_error[(count,)](runs, trained, measured, sizes, K, num_warps=warps, **_FUSED)

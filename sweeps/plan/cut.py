"""Shards are cut from the runs still to train: of one array shape and of about equal cost."""

import math
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.errors import SweepError
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S, Plan, blocks_of
from sweeps.plan.shard import Positions, Shard, shard_of

MAX_SHARDS = 1_000_000
"""Shards of one plan, at most: each is a file."""

MAX_GPU_RUNS = 1_000_000
"""Runs of a shard for a GPU, about at most: a worker holds about 400 bytes for each."""


class ShardSize(NamedTuple):
    """How shards are cut: a fixed number of runs, or seconds of a trial; the rate of its GPU, if any."""

    runs: int | None = None
    seconds: float = 20.0
    gpu_flops_per_s: float | None = None


def cut_shards(plan: Plan, shard_size: ShardSize) -> list[Shard]:
    """Cut the runs still to train into shards of one array shape and of about equal cost.

    Shards take `cut.seconds` of one core at the nominal rate; a small sweep is cut into at least 16,
    so that all workers have something to do. Where trials have a GPU, runs that it can train are cut
    at its rate and apart from the others.

    Args:
        plan: of the sweep.
        shard_size: a fixed number of runs, or seconds of a trial; the rate of its GPU, if any.
    Raises:
        SweepError: more shards than a folder can sensibly hold.
    """
    shards: list[Shard] = []
    kinds = (None,) if shard_size.gpu_flops_per_s is None else (True, False)
    for (gpu, *_), pieces in groupby(_pieces(plan, shard_size, kinds), key=itemgetter(0)):
        shard = shard_of(np.concatenate([positions for _, positions in pieces]))
        shards.append(shard._replace(gpu=bool(gpu)))
        if len(shards) > MAX_SHARDS:
            raise SweepError(
                f"the sweep makes more than {MAX_SHARDS:,} shards, each a file; take larger "
                "--shard-runs or --shard-seconds"
            )
    return shards


def _chosen(plan: Plan, gpu: bool | None) -> Iterator[Positions]:
    """Runs still to train, a block at a time: those a GPU can train, those it cannot, or with None all."""
    for positions in blocks_of(plan.spans, plan.runs_per_shape()):
        some = positions if gpu is None else positions[plan.on_gpu(positions) == gpu]
        if some.size:
            yield some


def _target(plan: Plan, shard_size: ShardSize, gpu: bool | None) -> float:
    """Flops of a shard."""
    rate = (gpu and shard_size.gpu_flops_per_s) or NOMINAL_FLOPS_PER_S
    if gpu is None or shard_size.runs:
        flops = plan.flops
    else:
        flops = sum(float(plan.cost(positions).sum()) for positions in _chosen(plan, gpu))
    return min(shard_size.seconds * rate, max(flops / 16, rate / 4))


def _numbers(cost: NDArray[Any], target: float, total: float) -> NDArray[Any]:
    """Shards, as rising whole numbers, of the runs that are at some cost along the plan.

    They cost `target` each, and an eighth of the rest where that is less, so that no worker waits
    long for the last: down to a second of a core.
    """
    least = min(target, NOMINAL_FLOPS_PER_S)
    left = np.maximum(total - cost, 0.0)
    last, end = 8 * target, 8 * least
    shrunk = 8 * np.log(last / np.clip(left, end, last))
    whole = np.minimum(cost, total - last) / target
    return np.asarray(np.floor(whole + shrunk + np.maximum(end - left, 0.0) / least))


def _pieces(
    plan: Plan, shard_size: ShardSize, kinds: tuple[bool | None, ...]
) -> Iterator[tuple[tuple[bool | None, int, int], Positions]]:
    """Positions that belong into one shard, piece by piece, with the kind and number of their shard."""
    runs_per_shape = plan.runs_per_shape()
    for gpu in kinds:
        target = _target(plan, shard_size, gpu)
        least = target / MAX_GPU_RUNS if gpu else 0.0
        total = plan.flops if gpu is None else math.inf
        group, before, count = -1, 0.0, 0
        for positions in _chosen(plan, gpu):
            if positions[0] // runs_per_shape != group:
                group, count = int(positions[0] // runs_per_shape), 0
            if shard_size.runs:
                number = ((count + np.arange(positions.size)) // shard_size.runs).astype(np.float64)
                count += positions.size
            else:
                cost = np.maximum(plan.cost(positions), least)
                number = _numbers(before + np.cumsum(cost) - cost / 2, target, total)
                before += float(cost.sum())
            for part in np.split(positions, np.flatnonzero(np.diff(number)) + 1):
                yield (gpu, group, int(number[np.searchsorted(positions, part[0])])), part

"""The training of one shard, as a generator of progress: what every executor drives.

Rows stay in memory until the shard is whole, and are then published at once.
"""

import platform
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.dataset import Writer
from sweeps.plan import NOMINAL_FLOPS_PER_S, Plan, Shard
from sweeps.protocol import Columns, Model

_SLICE_S = 0.5


class Progress(NamedTuple):
    """How far a shard is: runs done so far, how many by status but the first, seconds, published."""

    shard: int
    runs: int
    failed: dict[str, int]
    wall_s: float
    published: bool


class Work(NamedTuple):
    """A sweep's work as executors take it; shards are numbered."""

    plan: Plan
    shards: list[Shard]
    writer: Writer


def train_shard(work: Work, number: int) -> Iterator[Progress]:
    """Train shard `number` and publish it, reporting about twice a second."""
    shard = work.shards[number]
    model, columns = work.plan.model, work.plan.columns(shard)
    start = time.perf_counter()
    measured: list[dict[str, NDArray[Any]]] = []
    statuses = model.measures[0].choices
    failed = dict.fromkeys(statuses[1:], 0)
    done = 0
    for rows in _slices(model, columns):
        measured.append(model.run({name: values[rows] for name, values in columns.items()}))
        done += rows.stop - rows.start
        for status in failed:
            failed[status] += int(np.sum(measured[-1]["status"] == status))
        yield Progress(number, done, dict(failed), time.perf_counter() - start, False)
    whole = {name: np.concatenate([part[name] for part in measured]) for name in measured[0]}
    wall_s = time.perf_counter() - start
    extra = {"device": platform.processor() or platform.machine(), "wall_s": wall_s}
    work.writer.publish(shard.ids, columns | whole, extra)
    yield Progress(number, done, failed, wall_s, True)


def _slices(model: Model, columns: Columns) -> list[slice]:
    """A shard cut into pieces of about half a second."""
    seconds = np.cumsum(model.flops(columns)) / NOMINAL_FLOPS_PER_S
    edges = np.flatnonzero(np.diff(seconds // _SLICE_S)) + 1
    bounds = [0, *edges.tolist(), seconds.size]
    return [slice(first, last) for first, last in zip(bounds, bounds[1:], strict=False)]

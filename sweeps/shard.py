"""The training of one shard, as a generator of progress: what every executor drives.

Rows stay in memory until the shard is whole, and are then published at once.
"""

import platform
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps import trajectory
from sweeps.dataset import Writer
from sweeps.plan import NOMINAL_FLOPS_PER_S, Plan, Shard

_SLICE_S = 0.5


class Progress(NamedTuple):
    """How far a shard is: runs done so far, how many by status but the first, seconds, published."""

    shard: int
    runs: int
    failed: dict[str, int]
    wall_s: float
    published: bool


class Session(NamedTuple):
    """One start of a driver: its name, when it began (seconds of the epoch), trials at once."""

    name: str
    began: float
    slots: int = 1


class Work(NamedTuple):
    """A sweep's work as executors take it; shards are numbered."""

    plan: Plan
    shards: list[Shard]
    writer: Writer
    session: Session


def train_shard(work: Work, number: int) -> Iterator[Progress]:
    """Train shard `number` and publish it, reporting about twice a second.

    A shard that is published already, by a worker that died before it could say so or by another
    driver, is not trained again.
    """
    places = work.shards[number].places
    ids = work.plan.ids(places)
    if work.writer.is_published(ids):
        yield Progress(number, places.size, {}, 0.0, True)
        return
    model, columns = work.plan.model, work.plan.columns(places)
    start = time.perf_counter()
    steps = work.plan.resolved.spec.trajectory
    measured: list[dict[str, NDArray[Any]]] = []
    traced: list[dict[str, NDArray[Any]]] = []
    statuses = model.measures[0].choices
    failed = dict.fromkeys(statuses[1:], 0)
    done = 0
    for rows in _slices(trajectory.cost(model, columns, steps)):
        part = {name: values[rows] for name, values in columns.items()}
        found, traces = trajectory.train(model, part, steps)
        measured.append(found)
        traced.append(traces | {"run": traces["run"] + rows.start} if traces else {})
        done += rows.stop - rows.start
        for status in failed:
            failed[status] += int(np.sum(measured[-1]["status"] == status))
        yield Progress(number, done, dict(failed), time.perf_counter() - start, False)
    wall_s = time.perf_counter() - start
    extra = {"device": platform.processor() or platform.machine(), "wall_s": wall_s}
    extra |= _whence(work.session)
    if steps is not None:
        work.writer.publish_trajectory(ids, _joined(traced), extra)
    work.writer.publish(ids, columns | _joined(measured), extra)
    yield Progress(number, done, failed, wall_s, True)


def _whence(session: Session) -> dict[str, Any]:
    """Which start of a driver a file comes from, and how long after it, for `sweeps.sessions`."""
    since = round(time.time() - session.began, 3)
    return {
        "session": session.name,
        "session_s": since,
        "slots": session.slots,
        "node": platform.node(),
    }


def _joined(parts: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The columns of all pieces, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _slices(flops: NDArray[Any]) -> list[slice]:
    """A shard cut into pieces of about half a second."""
    seconds = np.cumsum(flops) / NOMINAL_FLOPS_PER_S
    edges = np.flatnonzero(np.diff(seconds // _SLICE_S)) + 1
    bounds = [0, *edges.tolist(), seconds.size]
    return [slice(first, last) for first, last in zip(bounds, bounds[1:], strict=False)]

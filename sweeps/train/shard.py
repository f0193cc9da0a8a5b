"""The training of one shard, as a generator of progress: what every executor drives.

Rows stay in memory until the shard is whole, and are then published at once.
"""

import platform
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.declare import recording as trajectory
from sweeps.declare.file_names import MANIFEST
from sweeps.errors import SweepError
from sweeps.models.protocol import CompilesCode, UsesGpu
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S, Plan
from sweeps.plan.shard import Shard
from sweeps.provenance import machine
from sweeps.provenance.source_code import Code, code_in
from sweeps.store.dataset import Writer
from sweeps.store.failed_shard import describe, record_name
from sweeps.store.shard_file import RECORDS_DIGEST
from sweeps.store.store import Store

_SLICE_S = 0.5

compiling: set[threading.Thread] = set()
"""Threads of this process in which a model's code is being compiled."""


class Progress(NamedTuple):
    """How far a shard is: runs done so far, how many by status but the first, seconds, published.

    `compiling` says that the model's code is compiled first, here or by a process that this one waits for;
    `compile_s` that this has ended and how long it took, which is no part of `wall_s`. `setback` says that
    it did not come to its end, "retried" or "failed", and `reason` why.
    """

    shard: int
    runs: int = 0
    failed: Mapping[str, int] = {}
    wall_s: float = 0.0
    published: bool = False
    node: str = ""
    compiling: bool = False
    compile_s: float = 0.0
    setback: str = ""
    reason: str = ""


class Session(NamedTuple):
    """One start of a driver: name, when it began (seconds of the epoch), its code, trials at once.

    Where `slots` is 0, workers ask how many their cluster has.
    """

    name: str
    began: float
    code: Code
    slots: int = 1


class TrainingJob(NamedTuple):
    """The job that executors train; shards are numbered. The rate is that of a trial's GPU.

    `notices` say what was done to the folder before: files that were set aside.
    """

    plan: Plan
    shards: list[Shard]
    writer: Writer
    session: Session
    gpu_flops_per_s: float | None = None
    notices: tuple[str, ...] = ()


def train_shard(job: TrainingJob, number: int) -> Iterator[Progress]:
    """Train shard `number` and publish it, reporting about twice a second.

    A shard that is published already, by a worker that died before it could say so or by another
    driver, is not trained again.

    Args:
        job: the plan, its shards and where rows are published.
        number: of the shard.
    Raises:
        SweepError: the folder cannot be written.
    """
    positions = job.shards[number].positions
    ids = job.plan.ids(positions)
    node = platform.node()
    if job.writer.is_published(ids):
        yield Progress(number, positions.size, {}, 0.0, True, node)
        return
    model, columns = job.plan.model, job.plan.columns(positions)
    steps = job.plan.resolved.spec.trajectory
    compile_s = 0.0
    if isinstance(model, CompilesCode) and not model.is_compiled(columns, steps is not None):
        yield Progress(number, node=node, compiling=True)
        compile_s = _compile(model, columns, steps is not None)
        yield Progress(number, node=node, compile_s=compile_s)
    start = time.perf_counter()
    measured: list[dict[str, NDArray[Any]]] = []
    traced: list[dict[str, NDArray[Any]]] = []
    statuses = model.measures[0].choices
    failed = dict.fromkeys(statuses[1:], 0)
    done = 0
    rate = (job.shards[number].gpu and job.gpu_flops_per_s) or NOMINAL_FLOPS_PER_S
    for rows in _slices(trajectory.cost(model, columns, steps), rate):
        part = {name: values[rows] for name, values in columns.items()}
        found, traces = trajectory.train(model, part, steps)
        measured.append(found)
        traced.append(traces | {"run": traces["run"] + rows.start} if traces else {})
        done += rows.stop - rows.start
        for status in failed:
            failed[status] += int(np.sum(measured[-1]["status"] == status))
        yield Progress(number, done, dict(failed), time.perf_counter() - start, False, node)
    wall_s = time.perf_counter() - start
    extra: dict[str, Any] = {"engine": model.engine, "device": machine.processor()}
    extra |= {"wall_s": wall_s, "compile_s": compile_s} | machine.stated()
    extra |= job.session.code.stated() | _whence(job.session)
    if isinstance(model, UsesGpu):
        extra |= model.engine_of(columns, steps is not None)
    if steps is not None:
        digest = job.writer.publish_trajectory(ids, _joined(traced), extra)
        extra[RECORDS_DIGEST] = digest
    job.writer.publish(ids, columns | _joined(measured), extra)
    yield Progress(number, done, failed, wall_s, True, node)


def _compile(model: CompilesCode, columns: Mapping[str, NDArray[Any]], recorded: bool) -> float:
    """Seconds until the model's code is compiled, here or by a process that this one waits for."""
    start, thread = time.perf_counter(), threading.current_thread()
    compiling.add(thread)
    try:
        own = model.compile(columns, recorded)
    finally:
        compiling.discard(thread)
    return max(own, time.perf_counter() - start)


def keep_failure(job: TrainingJob, number: int, error: str) -> None:
    """Leave a shard's error and parameters beside the dataset, where its folder can be written.

    Args:
        job: the plan, its shards and where rows are published.
        number: of the shard.
        error: its traceback.
    """
    positions = job.shards[number].positions
    ids = job.plan.ids(positions)
    job.writer.keep(record_name(ids), describe(ids, job.plan.columns(positions), error))


def check_here(location: str, code: Code) -> None:
    """Whether this node can take part: the driver's code, and the driver's folder.

    Args:
        location: folder or URI of the dataset.
        code: the driver's.
    Raises:
        SweepError: says what this node has instead.
    """
    if differences := code_in(code.packages).differences(code):
        raise SweepError(
            f"node {platform.node()} has other code than the driver: {differences}; install one state of "
            "the code, with one version of its libraries, on every node, then run the same command again"
        )
    if not Store(location).has(MANIFEST):
        raise SweepError(
            f"node {platform.node()} does not see {location}/{MANIFEST}, which the driver has written: "
            "the folder is not shared by all nodes; name a shared one or s3://… as --out"
        )


def _whence(session: Session) -> dict[str, Any]:
    """Which start of a driver a file comes from, and how long after it (`sweeps.provenance.sessions`)."""
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


def _slices(flops: NDArray[Any], flops_per_s: float) -> list[slice]:
    """A shard cut into pieces of about half a second."""
    seconds = np.cumsum(flops) / flops_per_s
    edges = np.flatnonzero(np.diff(seconds // _SLICE_S)) + 1
    bounds = [0, *edges.tolist(), seconds.size]
    return [slice(first, last) for first, last in zip(bounds, bounds[1:], strict=False)]

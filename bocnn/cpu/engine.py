"""The gram engine on the CPU: one compiled loop, draws to measures, its state in cache.

Runs of one shape train side by side in the lanes of a bundle; a lane that is done takes the next run. A
run's arithmetic never depends on which runs stand beside it. Scheduling, files and statuses' names are
left to others.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numba.extending import register_jitable

from bocnn.arrays import Array, Ints
from bocnn.cpu.bundle import (
    IDLE,
    LEFT,
    RUNNING,
    STOPPED,
    Bundle,
    Stop,
    advance,
    fill,
    new_bundle,
    release,
    resume,
    take,
)
from bocnn.data.draws import Seed
from bocnn.data.laws import Law, draw_geometry, draw_network, draw_points
from bocnn.dynamics.activation import LEAKY
from bocnn.dynamics.gram_step import How, Kind, Network, is_finite
from bocnn.measure.measures import Measures, Run, measure
from bocnn.measure.trace import trace
from bocnn.parameters.accepted import Words
from bocnn.simd.arena import Memory, Room, claim, new_memory, part_of, release_all
from bocnn.simd.compiled import compiled

OK, UNCONVERGED, DIVERGED = range(3)

WORDS: Final[Words] = {
    "data": ("signal", "xor"),
    "noise": ("orthogonal", "isotropic"),
    "output_init": ("constant", "normal", "sign"),
    "bias": ("none", "trained"),
    "activation": ("relu", "leaky_relu", "sigmoid", "tanh", "softplus", "erf"),
    "loss": ("logistic", "square"),
    "train": ("both", "hidden", "output"),
    "momentum_rule": ("heavy_ball", "nesterov"),
    "precision": ("float32", "float64"),
}
"""What this engine trains, each in the order of its codes."""

_NOTHING = (math.nan,) * len(Measures._fields)


class Runs(NamedTuple):
    """Parameters of many runs, one array of shape (runs,) each; words as their codes."""

    key0: Ints
    key1: Ints
    replicate: Ints
    data: Ints
    n: Ints
    d: Ints
    m: Ints
    mu_norm: Array
    sigma_p: Array
    sigma_0: Array
    v0: Array
    p_flip: Array
    isotropic: Ints
    bias: Ints
    output_init: Ints
    activation: Ints
    leak: Array
    loss: Ints
    eta: Array
    eta_output: Array
    momentum: Array
    nesterov: Ints
    weight_decay: Array
    batch: Ints
    loss_tol: Array
    steps: Ints
    n_test: Ints


ALIKE = ("n", "m", "data", "isotropic", "bias", "activation", "leak", "loss", "nesterov")
"""What is the same in all runs that train side by side."""


@compiled(_nrt=False)
def _seed(runs: Runs, r: int) -> Seed:
    return Seed(runs.key0[r], runs.key1[r], runs.replicate[r])


@compiled(_nrt=False)
def _law(runs: Runs, r: int) -> Law:
    return Law(
        runs.data[r],
        runs.n[r],
        runs.d[r],
        runs.m[r],
        runs.mu_norm[r],
        runs.sigma_p[r],
        runs.sigma_0[r],
        runs.v0[r],
        runs.p_flip[r],
        runs.isotropic[r] != 0,
        runs.bias[r] != 0,
        runs.output_init[r],
    )


@compiled(_nrt=False)
def _kind(runs: Runs, r: int) -> Kind:
    return Kind(runs.activation[r], runs.leak[r], runs.loss[r], runs.nesterov[r] != 0)


@compiled(_nrt=False)
def _how(runs: Runs, r: int, real) -> How:  # type: ignore[no-untyped-def]
    leak = runs.leak[r] if runs.activation[r] == LEAKY else 0.0
    return How(
        _kind(runs, r),
        real(runs.eta[r]),
        real(runs.eta_output[r]),
        real(runs.momentum[r]),
        real(runs.weight_decay[r]),
        real(leak),
    )


@compiled(_nrt=False)
def _stop(runs: Runs, r: int, at: int) -> Stop:
    return Stop(at, runs.loss_tol[r], runs.batch[r])


@compiled()
def _draw(runs: Runs, r: int, real, room: Room) -> Run:  # type: ignore[no-untyped-def]
    """Run r before training, in dtype `real`."""
    release_all(room.kept)
    release_all(room.scratch)
    seed, law = _seed(runs, r), _law(runs, r)
    geometry = draw_geometry(law, seed, room)
    points = draw_points(law, geometry, seed, real, room)
    network = draw_network(law, geometry, seed, real, room)
    output = claim(room.kept, points.observed.shape, real)
    return Run(law, _kind(runs, r), geometry, points, network, output)


@compiled()
def _measured(
    run: Run, reached: tuple[int, int], n_test: int, seed: Seed, memory: Memory
) -> tuple[int, Measures]:
    """Status and measures of a run by its status and step; NaN where it diverged."""
    status, step = reached
    nothing = Measures(*_NOTHING)
    if status == DIVERGED:
        return status, nothing
    release_all(memory)
    row = measure(run, n_test, seed, step, memory)
    if math.isfinite(row.train_loss + row.test_error + row.max_w_xi + row.w_norm + row.v_norm):
        return status, row
    return DIVERGED, nothing  # the last numbers were finite, their squares and products are not


@compiled(_nrt=False)
def _write(row, out: Array) -> None:  # type: ignore[no-untyped-def]
    """Write a record's numbers, shape (len(row),)."""
    for column in range(len(row)):
        out[column] = row[column]


@compiled()
def _record(run: Run, status: int, step: int, row: Measures, out: Array) -> None:
    """Write what is recorded of a run at a step; all but the step is NaN where it diverged."""
    out[:] = math.nan
    out[0] = step
    if status != DIVERGED:
        _write(trace(run, row), out)


class Record(NamedTuple):
    """What is measured on runs.

    status: int8, shape (runs,). measured: float64, shape (runs, len(Measures._fields)), NaN where a run
    diverged. traced: float64, shape (runs, steps asked for + 1, len(Trace._fields)), its rows beyond
    `lengths` left as they are; of size 0 to record nothing. lengths: int64, shape (runs,), zero at first.
    """

    status: Ints
    measured: Array
    traced: Array
    lengths: Ints


@compiled(_nrt=False)
def _next_stop(runs: Runs, r: int, asked: Ints, recorded: int) -> int:
    """The step at which to look at run r next."""
    return int(min(asked[recorded], runs.steps[r])) if recorded < asked.size else int(runs.steps[r])


@compiled(_nrt=False)
def _status(bundle: Bundle, lane: int, network: Network, loss_tol: float) -> int:
    """Status of a lane whose training has ended, or would if it ended here."""
    standing = bundle.clock.standing[lane]
    if standing == LEFT or not is_finite(network):
        return DIVERGED
    return UNCONVERGED if standing == STOPPED and loss_tol > 0.0 else OK


@compiled()
def _report(
    runs: Runs, where: tuple[int, int], bundle: Bundle, held: tuple[Run, Room], record: Record
) -> bool:
    """Measure a run, which is due in a lane, and record it; whether its training has ended."""
    (r, lane), (drawn, room) = where, held
    step = bundle.clock.step[lane]
    take(bundle, lane, drawn.network)
    drawn.output[:] = bundle.output[:, lane]
    reached = (_status(bundle, lane, drawn.network, runs.loss_tol[r]), step)
    status, row = _measured(drawn, reached, runs.n_test[r], _seed(runs, r), room.scratch)
    if record.traced.size > 0:
        _record(drawn, status, step, row, record.traced[r, record.lengths[r]])
        record.lengths[r] += 1
    if status != DIVERGED and bundle.clock.standing[lane] == STOPPED and step < runs.steps[r]:
        return False
    record.status[r] = status
    _write(row, record.measured[r])
    return True


@register_jitable
def room_bytes(n: Any, m: Any, n_test: Any) -> tuple[Any, Any]:
    """Bytes that a run holds while it trains, and those that its draw and its measures work in.

    All that `_draw` and `measure` claim, in float64 and with sizes rounded up; numbers or arrays.
    """
    points, filters, few = n + 16, 2 * m + 16, 64 * 100
    size = points + filters
    kept = size**2 + points * (points + 8) + filters * (3 * points + 4)
    drawn = 2 * size**2 + points * size
    measured = filters * (size + points + 2 * filters + 64) + n_test
    return 8 * kept + few, 8 * (drawn + measured + 8 * size) + few


@compiled()
def _room_of(memory: Room, lane: int) -> Room:
    """Where a lane's runs work."""
    return Room(part_of(memory.kept, lane), part_of(memory.scratch, 0))


@compiled(nogil=True)
def run_all(runs: Runs, real, wide, asked: Ints, record: Record) -> None:  # type: ignore[no-untyped-def]
    """Train and measure runs of one shape and kind, and record them along the training.

    Args:
        runs: parameters, at least one run's, the ALIKE the same in all.
        real: dtype class in which training is done, np.float32 or np.float64.
        wide: None to train one after the other, `lanes(real)` to train so many side by side.
        asked: steps at which to record, rising, beside the one at which training ended.
        record: written.
    """
    kept, scratch = room_bytes(runs.n[0], runs.m[0], np.max(runs.n_test))
    memory = Room(new_memory(1 if wide is None else wide, kept), new_memory(1, scratch))
    _run_all(runs, (real, wide), memory, asked, record)


@compiled()
def _run_all(runs: Runs, numbers, memory: Room, asked: Ints, record: Record) -> None:  # type: ignore[no-untyped-def]
    """The same in memory that the caller keeps: a part for each lane, and one to scratch in."""
    (real, wide), width = numbers, memory.kept.used.size
    kind, count, taken = _kind(runs, 0), runs.n.size, 0
    rooms = [_room_of(memory, lane) for lane in range(width)]
    first = _draw(runs, 0, real, rooms[0])
    held = [(first, room) for room in rooms]
    remembers = bool(np.any(runs.momentum != 0.0) or np.any(runs.weight_decay != 0.0))
    bundle = new_bundle(first.points, first.network, width, remembers)
    place = np.zeros(width, np.int64)
    while True:
        for lane in range(width):
            standing = bundle.clock.standing[lane]
            if standing == RUNNING:
                continue
            r = place[lane]
            if standing != IDLE and not _report(runs, (r, lane), bundle, held[lane], record):
                resume(bundle, lane, _next_stop(runs, r, asked, record.lengths[r]))
            elif taken < count:
                drawn = _draw(runs, taken, real, rooms[lane])
                stop = _stop(runs, taken, _next_stop(runs, taken, asked, 0))
                fill(
                    bundle,
                    lane,
                    (drawn.points, drawn.network),
                    _how(runs, taken, real),
                    (stop, _seed(runs, taken)),
                )
                held[lane], place[lane] = (drawn, rooms[lane]), taken
                taken += 1
            else:
                release(bundle, lane)
        if not np.any(bundle.clock.standing == RUNNING):
            return
        advance(bundle, kind, wide)

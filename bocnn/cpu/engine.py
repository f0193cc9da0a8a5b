"""The gram engine on the CPU: one compiled loop, draws to measures, its state in cache.

Runs of one shape train side by side, one per SIMD lane; a lane that is done takes the next run. A run's
arithmetic never depends on which runs train beside it. Scheduling, files and statuses' names are left to
others.
"""

import math
from typing import Any

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.cpu.lane_state import (
    LANE_AT_STOP,
    LANE_DIVERGED,
    LANE_FREE,
    LANE_RUNNING,
    LaneState,
    clear_lane,
    load_lane,
    new_lane_state,
    resume_lane,
    store_lane,
)
from bocnn.cpu.runs import (
    DIVERGED,
    GROUPED_BY,
    OK,
    UNCONVERGED,
    WORDS,
    RunResults,
    Runs,
    data_parameters_of,
    seed_of,
    step_parameters_of,
    step_type_of,
    stop_of,
)
from bocnn.cpu.train import advance
from bocnn.data.geometry import draw_geometry, new_geometry
from bocnn.data.model import XOR
from bocnn.data.network import draw_network, new_network
from bocnn.data.training_set import draw_training_set, new_training_set
from bocnn.dynamics.state import Network, TrainingSet, is_finite
from bocnn.measure.measures import Measures, RunState, measure
from bocnn.measure.trajectory import trajectory_point
from bocnn.simd.arena import Workspace, allocate, arena_part, new_arena, reset
from bocnn.simd.compiled import compiled

__all__ = ["DIVERGED", "GROUPED_BY", "OK", "UNCONVERGED", "WORDS", "RunResults", "Runs", "run_all"]


def workspace_bytes(n: Any, m: Any, n_test: Any) -> tuple[Any, Any]:
    """Bytes that a run holds while it trains, and those that its draw and its measures work in.

    All that `_draw` and `measure` allocate, in float64 and with sizes rounded up; numbers or arrays.

    Args:
        n: training samples.
        m: filters per class.
        n_test: fresh test draws.
    Returns:
        Sizes of the two arenas of a `Workspace`, in bytes.
    """
    points, filters, few = n + 16, 2 * m + 16, 64 * 100
    size = points + filters
    kept = size**2 + points * (points + 8) + filters * (3 * points + 4)
    drawn = 2 * size**2 + points * size
    measured = filters * (size + points + 2 * filters + 64) + n_test
    return 8 * kept + few, 8 * (drawn + measured + 8 * size) + few


def run_all(
    runs: Runs, real: Any, vector_width: int | None, asked: Ints, results: RunResults
) -> None:
    """Train and measure runs of one shape and step type, and record them along the training.

    Args:
        runs: parameters, at least one run's, those in GROUPED_BY the same in all.
        real: dtype class in which training is done, np.float32 or np.float64.
        vector_width: None to train one after the other, `lane_count(real)` to train so many side by side.
        asked: steps at which to record, rising, beside the one at which training ended.
        results: written.
    """
    width = vector_width or 1
    kept, scratch = workspace_bytes(int(runs.n[0]), int(runs.m[0]), int(runs.n_test.max()))
    workspace = Workspace(new_arena(width, kept), new_arena(1, scratch))
    has_velocity = bool((runs.momentum != 0.0).any() or (runs.weight_decay != 0.0).any())
    state = new_lane_state(*_empty_run(runs, real), width, has_velocity)
    _run_all(runs, state, (workspace, vector_width), asked, results)


def _empty_run(runs: Runs, real: Any) -> tuple[TrainingSet, Network]:
    """A training set and a network of the runs' shape, unset but for what they share."""
    n, m, centres = int(runs.n[0]), int(runs.m[0]), 4 if runs.data[0] == XOR else 2
    filters, coupled = (2 * m + 3) // 4 * 4, bool(runs.isotropic[0] or runs.bias[0])
    signs = np.repeat([1, -1, 0], [m, m, filters - 2 * m]).astype(real)
    starts = np.array([0, centres, centres + n])
    matrix = np.empty((filters, centres + n), real)
    return (
        TrainingSet(
            np.empty((centres + n, centres + n), real),
            np.empty((centres, n), real),
            np.empty(n, real),
            starts,
            starts[[0, 2]] if coupled else starts,
        ),
        Network(matrix, matrix, np.empty((2, filters), real), signs, matrix, np.empty(1, real)),
    )


@compiled(nogil=True, _nrt=False)
def _run_all(runs: Runs, state: LaneState, work, asked: Ints, results: RunResults) -> None:  # type: ignore[no-untyped-def]
    """Train and measure runs.

    Args:
        runs: parameters.
        state: free lanes for runs of their shape.
        work: the workspace, with an arena's part for each lane to keep its run in; and the vector width.
        asked: steps at which to record.
        results: written.
    """
    workspace, vector_width = work
    width = state.clock.step.size
    taken: Any = np.int64(0)  # 0 would be a type of its own, for which all below is compiled again
    while True:
        running = False
        for lane in range(width):
            if state.clock.status[lane] != LANE_RUNNING:
                taken = _refill(runs, taken, (state, lane, workspace), asked, results)
            running = running or state.clock.status[lane] == LANE_RUNNING
        if not running:
            return
        advance(state, step_type_of(runs, state.clock.run[0]), vector_width)


@compiled(_nrt=False)
def _refill(runs: Runs, taken: int, where, asked: Ints, results: RunResults) -> int:  # type: ignore[no-untyped-def]
    """Report a lane's run if it has one, and let it go on, or load the next; how many were ever loaded."""
    state, lane, workspace = where
    kept, scratch = workspace.kept, workspace.scratch
    own = Workspace(arena_part(kept, lane), arena_part(scratch, lane % scratch.used.size))
    clock, r = state.clock, state.clock.run[lane]
    if clock.status[lane] != LANE_FREE and not _report(runs, (r, lane), state, own, results):
        resume_lane(state, lane, _next_stop(runs, r, asked, results.lengths[r]))
    elif taken < runs.n.size:
        drawn = _draw(runs, taken, state.slope, own)
        stop = stop_of(runs, taken, _next_stop(runs, taken, asked, results.lengths[taken]))
        step = step_parameters_of(runs, taken)
        load_lane(
            state, lane, (drawn.training_set, drawn.network), step, (stop, seed_of(runs, taken))
        )
        clock.run[lane] = taken
        taken += 1
    else:
        clear_lane(state, lane)
    return taken


@compiled()
def _draw(runs: Runs, r: int, like: Array, workspace: Workspace) -> RunState:
    """Run r before training, in the dtype of `like`."""
    reset(workspace.kept)
    reset(workspace.scratch)
    seed, parameters, real = seed_of(runs, r), data_parameters_of(runs, r), like.dtype
    geometry = draw_geometry(parameters, seed, workspace)
    training_set = draw_training_set(parameters, geometry, seed, real, workspace)
    network = draw_network(parameters, geometry, seed, real, workspace)
    output = allocate(workspace.kept, training_set.observed.shape, real)
    return RunState(parameters, step_type_of(runs, r), geometry, training_set, network, output)


@compiled()
def _drawn(runs: Runs, r: int, like: Array, workspace: Workspace) -> RunState:
    """The arrays of run r where `_draw` has put them, as they are now."""
    reset(workspace.kept)
    parameters, real = data_parameters_of(runs, r), like.dtype
    geometry = new_geometry(parameters, workspace.kept)
    training_set = new_training_set(parameters, real, workspace.kept)
    network = new_network(parameters, real, workspace.kept)
    output = allocate(workspace.kept, training_set.observed.shape, real)
    return RunState(parameters, step_type_of(runs, r), geometry, training_set, network, output)


@compiled(_nrt=False)
def _report(
    runs: Runs, where: tuple[int, int], state: LaneState, workspace: Workspace, results: RunResults
) -> bool:
    """Measure a run, which is due in a lane, and record it; whether its training has ended."""
    r, lane = where
    step, run = state.clock.step[lane], _drawn(runs, r, state.slope, workspace)
    store_lane(state, lane, run.network)
    for i in range(run.output.size):
        run.output[i] = state.output[i, lane]
    status = _status(state, lane, run.network, runs.loss_tol[r])
    if status != DIVERGED:
        reset(workspace.scratch)
        row = measure(run, runs.n_test[r], seed_of(runs, r), step, workspace.scratch)
        status = status if _is_finite(row) else DIVERGED
        _write_row(row, results.measured[r])
        if results.trajectory.size > 0 and status != DIVERGED:
            reset(workspace.scratch)
            point = trajectory_point(run, row, workspace.scratch)
            _write_row(point, results.trajectory[r, results.lengths[r]])
    if results.trajectory.size > 0:
        if status == DIVERGED:
            _write_missing(results.trajectory[r, results.lengths[r]])
        results.trajectory[r, results.lengths[r], 0] = step
        results.lengths[r] += 1
    if status != DIVERGED and state.clock.status[lane] == LANE_AT_STOP and step < runs.steps[r]:
        return False
    if status == DIVERGED:
        _write_missing(results.measured[r])
    results.status[r] = status
    return True


@compiled(_nrt=False)
def _status(state: LaneState, lane: int, network: Network, loss_tol: float) -> int:
    """Status of a lane whose training has ended, or would if it ended here."""
    status = state.clock.status[lane]
    if status == LANE_DIVERGED or not is_finite(network):
        return DIVERGED
    return UNCONVERGED if status == LANE_AT_STOP and loss_tol > 0.0 else OK


@compiled(_nrt=False)
def _is_finite(row: Measures) -> bool:
    """Whether the measures are: the last numbers may be finite, and their squares and products not."""
    total = row.train_loss + row.test_error + row.max_w_xi + row.w_norm + row.v_norm
    return math.isfinite(total)


@compiled(_nrt=False)
def _write_row(row, out: Array) -> None:  # type: ignore[no-untyped-def]
    """Write a record's numbers, shape (len(row),)."""
    for column in range(len(row)):
        out[column] = row[column]


@compiled(_nrt=False)
def _write_missing(out: Array) -> None:
    """Write NaN."""
    for column in range(out.size):
        out[column] = math.nan


@compiled(_nrt=False)
def _next_stop(runs: Runs, r: int, asked: Ints, recorded: int) -> int:
    """The step at which to look at run r next."""
    steps = runs.steps[r]
    if recorded < asked.size and asked[recorded] < steps:
        return asked[recorded]
    return steps

"""The gram engine on the CPU: one compiled loop, draws to measures, its state in cache.

Runs of one shape train side by side, one per SIMD lane; a lane that is done takes the next run. A
run's arithmetic never depends on which runs stand beside it. Scheduling, files and statuses' names are
left to others.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numba.extending import register_jitable

from bocnn.arrays import Array, Ints
from bocnn.cpu.lane_state import (
    LANE_AT_STOP,
    LANE_DIVERGED,
    LANE_FREE,
    LANE_RUNNING,
    LaneState,
    Stop,
    advance,
    clear_lane,
    load_lane,
    new_lane_state,
    resume_lane,
    store_lane,
)
from bocnn.data.draws import Seed
from bocnn.data.model import DataParameters, draw_geometry, draw_network, draw_training_set
from bocnn.dynamics.activation import LEAKY
from bocnn.dynamics.gram_step import Network, StepParameters, StepType, is_finite
from bocnn.measure.measures import Measures, RunState, measure
from bocnn.measure.trajectory import trajectory_point
from bocnn.parameters.accepted import Words
from bocnn.simd.arena import Arena, Workspace, allocate, arena_part, new_arena, reset
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


GROUPED_BY = ("n", "m", "data", "isotropic", "bias", "activation", "leak", "loss", "nesterov")
"""What is the same in all runs that train side by side."""


@compiled(_nrt=False)
def _seed(runs: Runs, r: int) -> Seed:
    return Seed(runs.key0[r], runs.key1[r], runs.replicate[r])


@compiled(_nrt=False)
def _data_parameters(runs: Runs, r: int) -> DataParameters:
    return DataParameters(
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
def _step_type(runs: Runs, r: int) -> StepType:
    return StepType(runs.activation[r], runs.leak[r], runs.loss[r], runs.nesterov[r] != 0)


@compiled(_nrt=False)
def _step_parameters(runs: Runs, r: int, real) -> StepParameters:  # type: ignore[no-untyped-def]
    leak = runs.leak[r] if runs.activation[r] == LEAKY else 0.0
    return StepParameters(
        _step_type(runs, r),
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
def _draw(runs: Runs, r: int, real, workspace: Workspace) -> RunState:  # type: ignore[no-untyped-def]
    """Run r before training, in dtype `real`."""
    reset(workspace.kept)
    reset(workspace.scratch)
    seed, parameters = _seed(runs, r), _data_parameters(runs, r)
    geometry = draw_geometry(parameters, seed, workspace)
    training_set = draw_training_set(parameters, geometry, seed, real, workspace)
    network = draw_network(parameters, geometry, seed, real, workspace)
    output = allocate(workspace.kept, training_set.observed.shape, real)
    return RunState(parameters, _step_type(runs, r), geometry, training_set, network, output)


@compiled()
def _measured(
    run: RunState, reached: tuple[int, int], n_test: int, seed: Seed, arena: Arena
) -> tuple[int, Measures]:
    """Status and measures of a run by its status and step; NaN where it diverged."""
    status, step = reached
    nothing = Measures(*_NOTHING)
    if status == DIVERGED:
        return status, nothing
    reset(arena)
    row = measure(run, n_test, seed, step, arena)
    if math.isfinite(row.train_loss + row.test_error + row.max_w_xi + row.w_norm + row.v_norm):
        return status, row
    return DIVERGED, nothing  # the last numbers were finite, their squares and products are not


@compiled(_nrt=False)
def _write(row, out: Array) -> None:  # type: ignore[no-untyped-def]
    """Write a record's numbers, shape (len(row),)."""
    for column in range(len(row)):
        out[column] = row[column]


@compiled()
def _record(run: RunState, status: int, step: int, row: Measures, out: Array) -> None:
    """Write what is recorded of a run at a step; all but the step is NaN where it diverged."""
    out[:] = math.nan
    out[0] = step
    if status != DIVERGED:
        _write(trajectory_point(run, row), out)


class RunResults(NamedTuple):
    """What is measured on runs.

    status: int8, shape (runs,). measured: float64, shape (runs, len(Measures._fields)), NaN where a run
    diverged. trajectory: float64, shape (runs, recorded steps + 1, len(TrajectoryPoint._fields)), rows
    beyond `lengths` unset; of size 0 to record nothing. lengths: int64, shape (runs,), zero at first.
    """

    status: Ints
    measured: Array
    trajectory: Array
    lengths: Ints


@compiled(_nrt=False)
def _next_stop(runs: Runs, r: int, asked: Ints, recorded: int) -> int:
    """The step at which to look at run r next."""
    return int(min(asked[recorded], runs.steps[r])) if recorded < asked.size else int(runs.steps[r])


@compiled(_nrt=False)
def _status(state: LaneState, lane: int, network: Network, loss_tol: float) -> int:
    """Status of a lane whose training has ended, or would if it ended here."""
    status = state.clock.status[lane]
    if status == LANE_DIVERGED or not is_finite(network):
        return DIVERGED
    return UNCONVERGED if status == LANE_AT_STOP and loss_tol > 0.0 else OK


@compiled()
def _report(
    runs: Runs,
    where: tuple[int, int],
    state: LaneState,
    held: tuple[RunState, Workspace],
    results: RunResults,
) -> bool:
    """Measure a run, which is due in a lane, and record it; whether its training has ended."""
    (r, lane), (drawn, workspace) = where, held
    step = state.clock.step[lane]
    store_lane(state, lane, drawn.network)
    drawn.output[:] = state.output[:, lane]
    reached = (_status(state, lane, drawn.network, runs.loss_tol[r]), step)
    status, row = _measured(drawn, reached, runs.n_test[r], _seed(runs, r), workspace.scratch)
    if results.trajectory.size > 0:
        _record(drawn, status, step, row, results.trajectory[r, results.lengths[r]])
        results.lengths[r] += 1
    if status != DIVERGED and state.clock.status[lane] == LANE_AT_STOP and step < runs.steps[r]:
        return False
    results.status[r] = status
    _write(row, results.measured[r])
    return True


@register_jitable
def workspace_bytes(n: Any, m: Any, n_test: Any) -> tuple[Any, Any]:
    """Bytes that a run holds while it trains, and those that its draw and its measures work in.

    All that `_draw` and `measure` allocate, in float64 and with sizes rounded up; numbers or arrays.
    """
    points, filters, few = n + 16, 2 * m + 16, 64 * 100
    size = points + filters
    kept = size**2 + points * (points + 8) + filters * (3 * points + 4)
    drawn = 2 * size**2 + points * size
    measured = filters * (size + points + 2 * filters + 64) + n_test
    return 8 * kept + few, 8 * (drawn + measured + 8 * size) + few


@compiled()
def _workspace_of(arena: Workspace, lane: int) -> Workspace:
    """Where a lane's runs work."""
    return Workspace(arena_part(arena.kept, lane), arena_part(arena.scratch, 0))


@compiled(nogil=True)
def run_all(runs: Runs, real, vector_width, asked: Ints, results: RunResults) -> None:  # type: ignore[no-untyped-def]
    """Train and measure runs of one shape and step type, and record them along the training.

    Args:
        runs: parameters, at least one run's, those in GROUPED_BY the same in all.
        real: dtype class in which training is done, np.float32 or np.float64.
        vector_width: None to train one after the other, `lane_count(real)` to train so many side by side.
        asked: steps at which to record, rising, beside the one at which training ended.
        results: written.
    """
    kept, scratch = workspace_bytes(runs.n[0], runs.m[0], np.max(runs.n_test))
    arena = Workspace(
        new_arena(1 if vector_width is None else vector_width, kept), new_arena(1, scratch)
    )
    _run_all(runs, (real, vector_width), arena, asked, results)


@compiled()
def _run_all(runs: Runs, numbers, arena: Workspace, asked: Ints, results: RunResults) -> None:  # type: ignore[no-untyped-def]
    """The same in memory that the caller keeps: a part for each lane, and one to scratch in."""
    (real, vector_width), width = numbers, arena.kept.used.size
    step_type, count, taken = _step_type(runs, 0), runs.n.size, 0
    workspaces = [_workspace_of(arena, lane) for lane in range(width)]
    first = _draw(runs, 0, real, workspaces[0])
    held = [(first, workspace) for workspace in workspaces]
    has_velocity = bool(np.any(runs.momentum != 0.0) or np.any(runs.weight_decay != 0.0))
    state = new_lane_state(first.training_set, first.network, width, has_velocity)
    run_in = np.zeros(width, np.int64)
    while True:
        for lane in range(width):
            status = state.clock.status[lane]
            if status == LANE_RUNNING:
                continue
            r = run_in[lane]
            if status != LANE_FREE and not _report(runs, (r, lane), state, held[lane], results):
                resume_lane(state, lane, _next_stop(runs, r, asked, results.lengths[r]))
            elif taken < count:
                drawn = _draw(runs, taken, real, workspaces[lane])
                stop = _stop(runs, taken, _next_stop(runs, taken, asked, 0))
                load_lane(
                    state,
                    lane,
                    (drawn.training_set, drawn.network),
                    _step_parameters(runs, taken, real),
                    (stop, _seed(runs, taken)),
                )
                held[lane], run_in[lane] = (drawn, workspaces[lane]), taken
                taken += 1
            else:
                clear_lane(state, lane)
        if not np.any(state.clock.status == LANE_RUNNING):
            return
        advance(state, step_type, vector_width)

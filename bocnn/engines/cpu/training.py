"""Stage 2: trains runs side by side; calls the other two stages where a lane takes a run or is due."""

from typing import Any, NamedTuple

import numpy as np

from bocnn.engines.cpu.lane_state import (
    LANE_FREE,
    LANE_RUNNING,
    LaneRun,
    LaneState,
    clear_lane,
    load_lane,
    resume_lane,
    store_lane,
)
from bocnn.engines.cpu.measuring import MEASURE
from bocnn.engines.cpu.run_memory import DRAW, EngineBatch, drawn_run
from bocnn.engines.cpu.runs import seed_of, step_parameters_of, step_type_of, stop_of
from bocnn.engines.cpu.train import advance
from bocnn.engines.cpu.variant import Variant, load_variant
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.compiler.stages import Stage

_draw, _measure = DRAW.call, MEASURE.call


class Training(NamedTuple):
    """Runs and the lanes that they train in.

    batch: the runs. lanes: free ones for runs of their shape. vector_width: None where there is one lane.
    variant: what steps have beyond gradient descent. keeps_lanes: whether the lanes' runs are the caller's:
    none is loaded or reported, and training returns where one of them ends or stops.
    """

    batch: EngineBatch
    lanes: LaneState
    vector_width: int | None
    variant: Variant | None
    keeps_lanes: bool


@compiled(_nrt=False)
def _train(training: Training, table: Any) -> int:
    """Train and measure runs.

    Args:
        training: the runs and their lanes.
        table: of `training`, which begins with the table of the runs.
    """
    batch, state, vector_width = training.batch, training.lanes, training.vector_width
    width = state.clock.step.size
    loaded: Any = np.int64(0)  # 0 would be a type of its own, for which all below is compiled again
    while True:
        running = training.keeps_lanes
        for lane in range(width):
            if state.clock.status[lane] != LANE_RUNNING and not training.keeps_lanes:
                before, loaded = loaded, _refill(batch, loaded, state, lane, table)
                if loaded > before:
                    load_variant(training.variant, lane, batch.runs, before)
            running = running or state.clock.status[lane] == LANE_RUNNING
        if not running:
            return 0
        step_type = step_type_of(batch.runs, state.clock.run[0])
        advance(state, step_type, vector_width, training.variant)
        if training.keeps_lanes:
            return 0


TRAIN = Stage(_train, 0)
"""Of a `Training`."""


@compiled(_nrt=False)
def _refill(batch: EngineBatch, loaded: int, state: LaneState, lane: int, table: Any) -> int:
    """Report a lane's run if it has one, and let it go on, or load the next; how many were ever loaded."""
    runs, lengths = batch.runs, batch.results.lengths
    clock, r = state.clock, state.clock.run[lane]
    if clock.status[lane] != LANE_FREE and not _report(batch, r, state, lane, table):
        resume_lane(state, lane, _next_stop(batch, r, lengths[r]))
    elif loaded < runs.n.size:
        _draw(table, (loaded, lane))
        drawn = drawn_run(batch, loaded, lane)
        stop = stop_of(runs, loaded, _next_stop(batch, loaded, lengths[loaded]))
        step = step_parameters_of(runs, loaded)
        run = LaneRun(drawn.training_set, drawn.network, step, stop, seed_of(runs, loaded))
        load_lane(state, lane, run)
        clock.run[lane] = loaded
        loaded += 1
    else:
        clear_lane(state, lane)
    return loaded


@compiled(_nrt=False)
def _report(batch: EngineBatch, r: int, state: LaneState, lane: int, table: Any) -> bool:
    """Measure a run, which is due in a lane, and record it; whether its training has ended."""
    run = drawn_run(batch, r, lane)
    store_lane(state, lane, run.network)
    for i in range(run.output.size):
        run.output[i] = state.output[i, lane]
    step, status = state.clock.step[lane], state.clock.status[lane]
    return bool(_measure(table, (r, lane, step, status)) != 0)


@compiled(_nrt=False)
def _next_stop(batch: EngineBatch, r: int, recorded: int) -> int:
    """The next step at which run r, recorded so many times, stops."""
    steps, recorded_steps = batch.runs.steps[r], batch.recorded_steps
    if recorded < recorded_steps.size and recorded_steps[recorded] < steps:
        return recorded_steps[recorded]
    return steps

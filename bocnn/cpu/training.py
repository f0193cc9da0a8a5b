"""Stage 2: trains runs side by side; calls the other two stages where a lane takes a run or is due."""

from typing import Any

import numpy as np

from bocnn.arrays import Ints
from bocnn.cpu.lane_state import (
    LANE_FREE,
    LANE_RUNNING,
    LaneState,
    clear_lane,
    load_lane,
    resume_lane,
    store_lane,
)
from bocnn.cpu.measuring import MEASURE
from bocnn.cpu.run_memory import DRAW, EngineBatch, drawn_run
from bocnn.cpu.runs import Runs, seed_of, step_parameters_of, step_type_of, stop_of
from bocnn.cpu.train import advance
from bocnn.simd.compiled import compiled
from bocnn.simd.stages import Stage

_draw, _measure = DRAW.call, MEASURE.call


@compiled(_nrt=False)
def _train(work: tuple[EngineBatch, LaneState, int | None], table: Any) -> int:
    """Train and measure runs.

    Args:
        work: the runs; free lanes for runs of their shape; and the vector width.
        table: of `work`, which begins with the table of the runs.
    """
    batch, state, vector_width = work
    width = state.clock.step.size
    taken: Any = np.int64(0)  # 0 would be a type of its own, for which all below is compiled again
    while True:
        running = False
        for lane in range(width):
            if state.clock.status[lane] != LANE_RUNNING:
                taken = _refill(batch, taken, (state, lane), table)
            running = running or state.clock.status[lane] == LANE_RUNNING
        if not running:
            return 0
        advance(state, step_type_of(batch.runs, state.clock.run[0]), vector_width)


TRAIN = Stage(_train, 0)
"""Of a `EngineBatch`, a `LaneState` for its runs and the vector width."""


@compiled(_nrt=False)
def _refill(batch: EngineBatch, taken: int, where: tuple[LaneState, int], table: Any) -> int:
    """Report a lane's run if it has one, and let it go on, or load the next; how many were ever loaded."""
    state, lane = where
    runs, asked, lengths = batch.runs, batch.asked, batch.results.lengths
    clock, r = state.clock, state.clock.run[lane]
    if clock.status[lane] != LANE_FREE and not _report(batch, r, where, table):
        resume_lane(state, lane, _next_stop(runs, r, asked, lengths[r]))
    elif taken < runs.n.size:
        _draw(table, (taken, lane))
        drawn = drawn_run(batch, taken, lane)
        stop = stop_of(runs, taken, _next_stop(runs, taken, asked, lengths[taken]))
        step = step_parameters_of(runs, taken)
        load_lane(
            state, lane, (drawn.training_set, drawn.network), step, (stop, seed_of(runs, taken))
        )
        clock.run[lane] = taken
        taken += 1
    else:
        clear_lane(state, lane)
    return taken


@compiled(_nrt=False)
def _report(batch: EngineBatch, r: int, where: tuple[LaneState, int], table: Any) -> bool:
    """Measure a run, which is due in a lane, and record it; whether its training has ended."""
    state, lane = where
    run = drawn_run(batch, r, lane)
    store_lane(state, lane, run.network)
    for i in range(run.output.size):
        run.output[i] = state.output[i, lane]
    single = 1 if state.output.itemsize == 4 else 0
    step, status = state.clock.step[lane], state.clock.status[lane]
    return bool(_measure(table, (r, lane, step, status, single)) != 0)


@compiled(_nrt=False)
def _next_stop(runs: Runs, r: int, asked: Ints, recorded: int) -> int:
    """The step at which to look at run r next."""
    steps = runs.steps[r]
    if recorded < asked.size and asked[recorded] < steps:
        return asked[recorded]
    return steps

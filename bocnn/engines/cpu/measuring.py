"""Stage 3: measures a run that is due in a lane, and records it."""

import math

from bocnn.arrays import Array
from bocnn.dynamics.state import Network, is_finite
from bocnn.engines.cpu.lane_state import LANE_AT_STOP, LANE_DIVERGED
from bocnn.engines.cpu.run_memory import EngineBatch, drawn_run, workspace_of
from bocnn.engines.cpu.runs import DIVERGED, OK, UNCONVERGED, seed_of
from bocnn.measure.details import measure_details
from bocnn.measure.measures import Measures, measure
from bocnn.measure.trajectory import trajectory_point
from bocnn.simd.arena import reset
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.compiler.stages import Stage


@compiled(_nrt=False)
def _measure(batch: EngineBatch, r: int, lane: int, step: int, lane_status: int) -> int:
    """Measure a run whose memory holds its network as it is now; 1 if its training has ended, else 0.

    Args:
        batch: the runs.
        r: index of the run.
        lane: that keeps it.
        step: steps that it has taken.
        lane_status: of the lane.
    """
    runs, results = batch.runs, batch.results
    run, scratch = drawn_run(batch, r, lane), workspace_of(batch, lane).scratch
    ends = runs.loss_tol[r] > 0.0 or runs.error_tol[r] >= 0.0
    status = _status(lane_status, run.network, ends)
    if status != DIVERGED:
        reset(scratch)
        row = measure(run, runs.n_test[r], seed_of(runs, r), step, scratch)
        status = status if _is_finite(row) else DIVERGED
        _write_row(row, results.measured[r])
        if results.trajectory.size > 0 and status != DIVERGED:
            reset(scratch)
            point = trajectory_point(run, row, batch.in_single, scratch)
            _write_row(point, results.trajectory[r, results.lengths[r]])
    if results.details.size > 0 and status != DIVERGED:
        reset(scratch)
        _write_row(
            measure_details(run, runs.n_test[r], seed_of(runs, r), scratch), results.details[r]
        )
    if results.trajectory.size > 0:
        if status == DIVERGED:
            _write_missing(results.trajectory[r, results.lengths[r]])
        results.trajectory[r, results.lengths[r], 0] = step
        results.lengths[r] += 1
    if status != DIVERGED and lane_status == LANE_AT_STOP and step < runs.steps[r]:
        return 0
    if status == DIVERGED:
        _write_missing(results.measured[r])
        if results.details.size > 0:
            _write_missing(results.details[r])
    results.status[r] = status
    return 1


MEASURE = Stage(_measure, 4)
"""Of a `EngineBatch`: the arguments of `_measure`."""


@compiled(_nrt=False)
def _status(lane_status: int, network: Network, ends: bool) -> int:
    """Status of a run whose training has ended, or would if it ended here; `ends`: at a fit."""
    if lane_status == LANE_DIVERGED or not is_finite(network):
        return DIVERGED
    return UNCONVERGED if lane_status == LANE_AT_STOP and ends else OK


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

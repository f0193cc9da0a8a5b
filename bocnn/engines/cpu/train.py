"""Trains the runs of a lane state until one of them ends or stops."""

from typing import Any

import numpy as np

from bocnn.arrays import Array
from bocnn.data.draws import Seed, draw_order
from bocnn.dynamics.gram_step import forward
from bocnn.dynamics.losses import HINGE, SQUARE, loss_slopes, loss_value
from bocnn.dynamics.state import (
    Network,
    StepBuffers,
    StepParameters,
    StepType,
    TrainingSet,
    Velocity,
)
from bocnn.engines.cpu.lane_state import (
    LANE_AT_LOSS,
    LANE_AT_STOP,
    LANE_DIVERGED,
    LANE_RUNNING,
    LaneClock,
    LaneState,
)
from bocnn.engines.cpu.variant import take_step
from bocnn.measure.measures import training_error
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars, as_vectors

_FOREVER = 2**62
"""More steps than any run has."""


@compiled()
def _as_vectors(state: LaneState, vector_width):  # type: ignore[no-untyped-def]
    """Training set, network, velocity and scratch as arrays of vectors."""
    training_set, network = state.training_set, state.network
    velocity, scratch = state.velocity, state.scratch
    return (
        TrainingSet(
            as_vectors(training_set.gram, vector_width),
            as_vectors(training_set.shared, vector_width),
            as_vectors(training_set.observed, vector_width),
            training_set.starts,
            training_set.blocks,
        ),
        Network(
            as_vectors(network.activations, vector_width),
            as_vectors(network.initial, vector_width),
            as_vectors(network.output, vector_width),
            network.signs,
            as_vectors(network.coefficients, vector_width),
            as_vectors(network.scale, vector_width),
        ),
        Velocity(
            as_vectors(velocity.coefficients, vector_width),
            as_vectors(velocity.output, vector_width),
            as_vectors(velocity.scale, vector_width),
        ),
        StepBuffers(
            as_vectors(scratch.phi, vector_width),
            as_vectors(scratch.update, vector_width),
            as_vectors(scratch.output, vector_width),
            as_vectors(scratch.scale, vector_width),
            as_vectors(scratch.point_gradients, vector_width),
            as_vectors(scratch.slope, vector_width),
        ),
    )


@compiled(_nrt=False)
def advance(state: LaneState, step_type: StepType, vector_width, variant) -> None:  # type: ignore[no-untyped-def]
    """Train until a lane is neither idle nor running; the lanes that are running go on from there.

    Args:
        state: changed in place.
        step_type: of all lanes.
        vector_width: None where the state has one lane, else the lanes of the dtype.
        variant: what steps have beyond gradient descent, or None.
    """
    training_set, network, velocity, scratch = _as_vectors(state, vector_width)
    step_values = as_vectors(state.step_values, vector_width)
    step = StepParameters(
        step_type, step_values[0], step_values[1], step_values[2], step_values[3], step_values[4]
    )
    output, slope = as_vectors(state.output, vector_width), scratch.slope
    sample_weight = as_vectors(state.clock.sample_weight, vector_width)
    stop_bound = as_vectors(state.stop_bound, vector_width)
    clock = state.clock
    steps: Any = np.int64(0)  # 0 would be a type of its own, for which all below is compiled again
    until = _first_stop(clock)
    batches = _has_batches(clock)
    while True:
        forward(training_set, network, step, scratch, output)
        loss_slopes(
            step_type.loss, as_scalars(training_set.observed), as_scalars(output), as_scalars(slope)
        )
        _write_stop_bound(step_type.loss, training_set.observed, output, slope, stop_bound)
        if steps == until or _may_be_finished(state.stop_bound, clock.limit):
            _count(clock, steps)
            if any_lane_finished(state, step_type.loss):
                return
            until, steps = until - steps, np.int64(0)
        if batches:
            _choose_batches(clock, steps)
        for i in range(slope.size):
            slope[i] *= sample_weight[i]
        vectors = (training_set, network, velocity, scratch)
        take_step(variant, state, vectors, step, (steps, vector_width))
        steps += 1


@compiled(_nrt=False)
def _first_stop(clock: LaneClock) -> int:
    """Steps until the first running lane is at its stop."""
    until = _FOREVER
    for lane in range(clock.step.size):
        if clock.status[lane] == LANE_RUNNING:
            left = clock.stop[lane] - clock.step[lane]
            until = left if left < until else until
    return until


@compiled(_nrt=False)
def _may_be_finished(stop_bound: Array, limit: Array) -> bool:
    """Whether a lane may have reached its loss, or has left the finite numbers."""
    found = 0
    for lane in range(limit.size):
        found += (stop_bound[0, lane] <= limit[lane]) | (stop_bound[1, lane] != 0)
    return found > 0


@compiled(_nrt=False)
def _count(clock: LaneClock, steps: int) -> None:
    """Advance the clocks of the running lanes."""
    for lane in range(clock.step.size):
        if clock.status[lane] == LANE_RUNNING:
            clock.step[lane] += steps


@compiled(_nrt=False)
def _write_stop_bound(loss: int, observed: Array, output: Array, slope: Array, out: Array) -> None:
    """Write two numbers per run that bound whether its training may have ended.

    The first is at most n times the mean loss: for the logistic loss the sum of |∂ℓ/∂f|, since
    log(1 + x) ≥ x / (1 + x), for the others n times it, for the exponential loss the same sum. The second
    is 0 where all outputs are finite, else NaN.
    """
    least, check = slope[0] - slope[0], output[0] - output[0]
    for i in range(slope.size):
        factor = -observed[i]
        if loss == SQUARE:
            factor = slope[i] * 0.5
        elif loss == HINGE:
            factor = output[i] - observed[i]
        least = least + factor * slope[i]
        check = check + (output[i] - output[i])
    out[0] = least
    out[1] = check


@compiled(_nrt=False)
def any_lane_finished(state: LaneState, loss: int) -> bool:
    """Set the lanes' status, and say whether any has ended or stops.

    Args:
        state: its statuses are changed in place.
        loss: code.
    """
    clock, due = state.clock, False
    for lane in range(clock.step.size):
        if clock.status[lane] != LANE_RUNNING:
            continue
        if state.stop_bound[1, lane] != 0:
            clock.status[lane] = LANE_DIVERGED
        elif state.stop_bound[0, lane] <= clock.limit[lane] and _is_fitted(state, loss, lane):
            clock.status[lane] = LANE_AT_LOSS
        elif clock.step[lane] >= clock.stop[lane]:
            clock.status[lane] = LANE_AT_STOP
        due = due or clock.status[lane] != LANE_RUNNING
    return due


@compiled(_nrt=False)
def _is_fitted(state: LaneState, loss: int, lane: int) -> bool:
    """Whether a lane's loss or its training error is where it ends."""
    observed, output = state.training_set.observed[:, lane], state.output[:, lane]
    if loss_value(loss, observed, output) <= state.clock.loss_tol[lane]:
        return True
    return bool(training_error(observed, output) <= state.clock.error_tol[lane])


@compiled(_nrt=False)
def _has_batches(clock: LaneClock) -> bool:
    """Whether any lane has batches."""
    found = 0
    for lane in range(clock.batch.size):
        found += clock.batch[lane] > 0
    return found > 0


@compiled(_nrt=False)
def _choose_batches(clock: LaneClock, steps: int) -> None:
    """Weigh the samples for the step's batch in each lane that has batches, `steps` after its clock."""
    for lane in range(clock.batch.size):
        if clock.batch[lane] > 0 and clock.status[lane] == LANE_RUNNING:
            _choose_batch(clock, lane, clock.step[lane] + steps)


@compiled(_nrt=False)
def _choose_batch(clock: LaneClock, lane: int, step: int) -> None:
    """Write a lane's column of `sample_weight` for the batch of a step."""
    n, size = clock.sample_weight.shape[0], clock.batch[lane]
    a_epoch = (n + size - 1) // size
    epoch, part = step // a_epoch, step % a_epoch
    seeds, order = clock.seeds[lane], clock.order
    draw_order(Seed(seeds[0], seeds[1], seeds[2]), epoch, order)
    first, last = part * size, n if (part + 1) * size > n else (part + 1) * size
    for i in range(n):
        clock.sample_weight[i, lane] = 0
    for i in range(first, last):
        clock.sample_weight[order[i], lane] = 1.0 / (last - first)

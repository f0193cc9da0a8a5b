"""Training of many runs at once, one per SIMD lane, each with its own step counter; or of one run alone.

A `LaneState` holds as many runs as a vector has lanes (`bocnn.simd.lanes`), or a single run.
Every lane starts, stops and is refilled on its own, so none waits for the slowest; and no lane's arithmetic
reads another's, so a run's result does not depend on the runs beside it.
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.draws import Seed, draw_order
from bocnn.dynamics.gram_step import (
    Network,
    StepBuffers,
    StepParameters,
    StepType,
    TrainingSet,
    Velocity,
    descend,
    forward,
)
from bocnn.dynamics.losses import SQUARE, loss_slopes, loss_value
from bocnn.simd.compiled import compiled
from bocnn.simd.lanes import aligned, as_scalars, as_vectors

LANE_FREE, LANE_RUNNING, LANE_AT_STOP, LANE_AT_LOSS, LANE_DIVERGED = range(5)
"""Status of a lane: without a run; in training; at its stop; at its loss; no longer finite."""

_MARGIN = 1.001


class Stop(NamedTuple):
    """When a lane's training ends, and what its batches are.

    at: step to stop at. loss_tol: loss to end at, negative = never. batch: samples a step, 0 for all.
    """

    at: int
    loss_tol: float
    batch: int


class LaneClock(NamedTuple):
    """The lanes' clocks, shape (lanes,) each.

    step, stop: the current step and the one to stop at. status: see above. loss_tol, batch: as in Stop.
    limit: the loss is computed once the stop bound falls to it. seeds: (lanes, 3). sample_weight: of a
    sample's slope in the step, 1 / n, or 1 / batch in the batch and 0 outside, (n, lanes). order: buffer
    for the order of a run's samples in an epoch, (n,).
    """

    step: Ints
    stop: Ints
    status: Ints
    loss_tol: Array
    limit: Array
    batch: Ints
    seeds: Ints
    sample_weight: Array
    order: Ints


class LaneState(NamedTuple):
    """State of runs that train together; all floats in one dtype.

    training_set, network, velocity, scratch: as in `bocnn.dynamics.gram_step`, their arrays of floats with
    one axis more, the lanes, at the end. output, slope: of each sample, (n, lanes). step_values: the floats
    of StepParameters, (5, lanes). stop_bound: (2, lanes), see `_write_stop_bound`. has_velocity: whether a
    run may have momentum or weight decay, which need its velocity and its start.
    """

    training_set: TrainingSet
    network: Network
    velocity: Velocity
    scratch: StepBuffers
    output: Array
    slope: Array
    step_values: Array
    stop_bound: Array
    clock: LaneClock
    has_velocity: bool


@compiled()
def new_lane_state(
    training_set: TrainingSet, network: Network, width: int, has_velocity: bool = True
) -> LaneState:
    """Idle lanes for runs of the sizes and the dtype of a given one.

    Args:
        training_set: of the given run.
        network: of the given run.
        width: lanes, or 1.
        has_velocity: whether a run may have momentum or weight decay.
    """
    real = network.activations.dtype.type
    filters, count = network.activations.shape
    positions, n = network.output.shape[0], training_set.observed.size
    shared = training_set.shared.shape[0]
    matrix, output = (filters, count, width), (positions, filters, width)
    samples, one = (n, width), (1, width)
    return LaneState(
        TrainingSet(
            aligned((count, count, width), real),
            aligned((shared, n, width), real),
            aligned(samples, real),
            training_set.starts,
            training_set.blocks,
        ),
        Network(
            aligned(matrix, real),
            aligned(matrix, real),
            aligned(output, real),
            network.signs,
            aligned(matrix, real),
            aligned(one, real),
        ),
        Velocity(aligned(matrix, real), aligned(output, real), aligned(one, real)),
        StepBuffers(
            aligned(matrix, real),
            aligned(matrix, real),
            aligned(output, real),
            aligned(one, real),
            aligned((count, width), real),
        ),
        aligned(samples, real),
        aligned(samples, real),
        aligned((5, width), real),
        aligned((2, width), real),
        LaneClock(
            np.zeros(width, np.int64),
            np.zeros(width, np.int64),
            np.full(width, LANE_FREE),
            np.zeros(width),
            np.zeros(width, real),
            np.zeros(width, np.int64),
            np.zeros((width, 3), np.uint64),
            aligned(samples, real),
            np.zeros(n, np.int64),
        ),
        has_velocity,
    )


@compiled(_nrt=False)
def load_lane(
    state: LaneState,
    lane: int,
    run: tuple[TrainingSet, Network],
    step: StepParameters,
    stop: tuple[Stop, Seed],
) -> None:
    """Put a run at step 0 into a lane."""
    training_set, network = run
    _copy_to_lane(training_set.gram, state.training_set.gram, lane)
    _copy_to_lane(training_set.shared, state.training_set.shared, lane)
    _copy_to_lane(training_set.observed, state.training_set.observed, lane)
    _copy_to_lane(network.activations, state.network.activations, lane)
    _copy_to_lane(network.output, state.network.output, lane)
    _copy_to_lane(network.coefficients, state.network.coefficients, lane)
    _copy_to_lane(network.scale, state.network.scale, lane)
    if state.has_velocity:
        _copy_to_lane(network.initial, state.network.initial, lane)
        _zero_lane(state.velocity.coefficients, lane, state.step_values.shape[1])
        _zero_lane(state.velocity.output, lane, state.step_values.shape[1])
        _zero_lane(state.velocity.scale, lane, state.step_values.shape[1])
    values = (step.eta, step.eta_output, step.momentum, step.decay, step.leak)
    for r in range(5):
        state.step_values[r, lane] = values[r]
    _set_clock(state.clock, lane, stop, training_set.observed.size)


@compiled(_nrt=False)
def _set_clock(clock: LaneClock, lane: int, stop: tuple[Stop, Seed], n: int) -> None:
    """Start a lane's clock."""
    until, seed = stop
    clock.step[lane], clock.stop[lane], clock.status[lane] = 0, until.at, LANE_RUNNING
    clock.loss_tol[lane] = until.loss_tol
    clock.limit[lane] = _MARGIN * n * until.loss_tol
    clock.batch[lane] = until.batch if until.batch < n else 0
    clock.seeds[lane, 0], clock.seeds[lane, 1], clock.seeds[lane, 2] = seed
    clock.sample_weight[:, lane] = 1.0 / n


@compiled(_nrt=False)
def resume_lane(state: LaneState, lane: int, stop: int) -> None:
    """Let a lane that has stopped go on until another step."""
    state.clock.status[lane], state.clock.stop[lane] = LANE_RUNNING, stop


@compiled(_nrt=False)
def clear_lane(state: LaneState, lane: int) -> None:
    """Leave a lane without a run: its numbers no longer change."""
    state.clock.status[lane], state.clock.limit[lane] = LANE_FREE, -1.0
    width = state.step_values.shape[1]
    _zero_lane(state.step_values, lane, width)
    _zero_lane(state.network.activations, lane, width)
    _zero_lane(state.network.output, lane, width)


@compiled(_nrt=False)
def store_lane(state: LaneState, lane: int, network: Network) -> None:
    """Copy a lane's network, as it is now, into the network that was loaded from."""
    _copy_from_lane(state.network.activations, lane, network.activations)
    _copy_from_lane(state.network.output, lane, network.output)
    _copy_from_lane(state.network.coefficients, lane, network.coefficients)
    _copy_from_lane(state.network.scale, lane, network.scale)


@compiled(_nrt=False)
def _copy_to_lane(source: Array, target: Array, lane: int) -> None:
    """Copy an array into a lane of one with one axis more."""
    one, many = as_scalars(source), as_scalars(target)
    width = target.shape[-1]
    for i in range(one.size):
        many[i * width + lane] = one[i]


@compiled(_nrt=False)
def _zero_lane(target: Array, lane: int, width: int) -> None:
    """Put a lane to zero."""
    many = as_scalars(target)
    for i in range(lane, many.size, width):
        many[i] = 0


@compiled(_nrt=False)
def _copy_from_lane(source: Array, lane: int, target: Array) -> None:
    """Copy a lane into an array with one axis less."""
    one, many = as_scalars(target), as_scalars(source)
    width = source.shape[-1]
    for i in range(one.size):
        one[i] = many[i * width + lane]


@compiled(no_cpython_wrapper=True)
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
        ),
    )


@compiled(_nrt=False)
def advance(state: LaneState, step_type: StepType, vector_width) -> None:  # type: ignore[no-untyped-def]
    """Train until a lane is neither idle nor running; the lanes that are running go on from there.

    Args:
        state: changed in place.
        step_type: of all lanes.
        vector_width: None where the state has one lane, else the lanes of the dtype.
    """
    training_set, network, velocity, scratch = _as_vectors(state, vector_width)
    step_values = as_vectors(state.step_values, vector_width)
    step = StepParameters(
        step_type, step_values[0], step_values[1], step_values[2], step_values[3], step_values[4]
    )
    output, slope = as_vectors(state.output, vector_width), as_vectors(state.slope, vector_width)
    sample_weight = as_vectors(state.clock.sample_weight, vector_width)
    stop_bound = as_vectors(state.stop_bound, vector_width)
    clock, steps = state.clock, 0
    until = _first_stop(clock)
    batches = _has_batches(clock)
    while True:
        forward(training_set, network, step, scratch, output)
        loss_slopes(step_type.loss, training_set.observed, output, slope)
        _write_stop_bound(step_type.loss, (training_set.observed, output, slope), stop_bound)
        if steps == until or _may_be_finished(state.stop_bound, clock.limit):
            _count(clock, steps)
            if any_lane_finished(state, step_type.loss):
                return
            until, steps = until - steps, 0
        if batches:
            _choose_batches(clock, steps)
        for i in range(slope.size):
            slope[i] *= sample_weight[i]
        descend(training_set, network, velocity, step, (scratch, slope))
        steps += 1


@compiled(_nrt=False)
def _first_stop(clock: LaneClock) -> int:
    """Steps until the first running lane is at its stop."""
    until = np.iinfo(np.int64).max
    for lane in range(clock.step.size):
        if clock.status[lane] == LANE_RUNNING:
            until = min(until, clock.stop[lane] - clock.step[lane])
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
def _write_stop_bound(loss: int, samples: tuple[Array, Array, Array], out: Array) -> None:
    """Write two numbers per run that tell whether its training may have ended.

    The first is at most n times the mean loss: for the square loss it, for the logistic loss the sum of
    |∂ℓ/∂f|, since log(1 + x) ≥ x / (1 + x). The second is 0 where all outputs are finite, else NaN.
    """
    observed, output, slope = samples
    least, check = slope[0] - slope[0], output[0] - output[0]
    for i in range(slope.size):
        factor = slope[i] * 0.5 if loss == SQUARE else -observed[i]
        least = least + factor * slope[i]
        check = check + (output[i] - output[i])
    out[0] = least
    out[1] = check


@compiled(_nrt=False)
def any_lane_finished(state: LaneState, loss: int) -> bool:
    """Set the lanes' status, and say whether any has ended or stops."""
    clock, due = state.clock, False
    for lane in range(clock.step.size):
        if clock.status[lane] != LANE_RUNNING:
            continue
        if state.stop_bound[1, lane] != 0:
            clock.status[lane] = LANE_DIVERGED
        elif (
            state.stop_bound[0, lane] <= clock.limit[lane]
            and _loss(state, loss, lane) <= clock.loss_tol[lane]
        ):
            clock.status[lane] = LANE_AT_LOSS
        elif clock.step[lane] >= clock.stop[lane]:
            clock.status[lane] = LANE_AT_STOP
        due = due or clock.status[lane] != LANE_RUNNING
    return due


@compiled(_nrt=False)
def _loss(state: LaneState, loss: int, lane: int) -> float:
    """Mean training loss of a lane."""
    return loss_value(loss, state.training_set.observed[:, lane], state.output[:, lane])


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
    first, last = part * size, min((part + 1) * size, n)
    clock.sample_weight[:, lane] = 0
    for i in range(first, last):
        clock.sample_weight[order[i], lane] = 1.0 / (last - first)

"""State of many runs in training, one per SIMD lane, each with its own step counter; or of one run alone.

A `LaneState` holds as many runs as a vector has lanes (`bocnn.simd.lanes`), or a single run. Every lane
starts, stops and is refilled on its own, so none waits for the slowest; and no lane's arithmetic reads
another's, so a run's result does not depend on the runs beside it. `bocnn.engines.cpu.train` trains them.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.draws import Seed
from bocnn.dynamics.state import Network, StepBuffers, StepParameters, TrainingSet, Velocity
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import aligned, as_scalars

LANE_FREE, LANE_RUNNING, LANE_AT_STOP, LANE_AT_LOSS, LANE_DIVERGED = range(5)
"""Status of a lane: without a run; in training; at its stop; at its loss; no longer finite."""

_MARGIN = 1.001
"""By how much the loss is computed before its bound is at the tolerance: the bound is rounded."""


class Stop(NamedTuple):
    """When a lane's training ends, and what its batches are.

    at: step to stop at. loss_tol, error_tol: loss and training error to end at, negative = never. batch:
    samples a step, 0 for all.
    """

    at: int
    loss_tol: float
    error_tol: float
    batch: int


class LaneRun(NamedTuple):
    """A run at step 0, to be loaded into a lane.

    training_set, network: at the start. step: parameters of its steps. stop: when its training ends. seed:
    of its random numbers, which its mini-batches are drawn from.
    """

    training_set: TrainingSet
    network: Network
    step: StepParameters
    stop: Stop
    seed: Seed


class LaneClock(NamedTuple):
    """The lanes' clocks, shape (lanes,) each.

    run: its index. step, stop: the current step and the one to stop at. status: see above. loss_tol,
    error_tol, batch: as in Stop. limit: loss and error are computed once the stop bound falls to it. seeds:
    (lanes, 3). sample_weight: of a sample's slope in the step, 1 / n, or 1 / batch in the batch and 0
    outside, (n, lanes). order: buffer for the order of a run's samples in an epoch, (n,).
    """

    run: Ints
    step: Ints
    stop: Ints
    status: Ints
    loss_tol: Array
    error_tol: Array
    limit: Array
    batch: Ints
    seeds: Ints
    sample_weight: Array
    order: Ints


class LaneState(NamedTuple):
    """State of runs that train together; all floats in one dtype.

    training_set, network, velocity, scratch: as in `bocnn.dynamics.gram_step`, their arrays of floats with
    one axis more, the lanes, at the end. output: of each sample, (n, lanes). step_values: the floats
    of StepParameters, (5, lanes). stop_bound: (2, lanes), see `_write_stop_bound`. has_velocity: whether a
    run may have momentum or weight decay, which need its velocity and its start.
    """

    training_set: TrainingSet
    network: Network
    velocity: Velocity
    scratch: StepBuffers
    output: Array
    step_values: Array
    stop_bound: Array
    clock: LaneClock
    has_velocity: bool


def new_lane_state(
    training_set: TrainingSet, network: Network, width: int, has_velocity: bool = True
) -> LaneState:
    """Free lanes for runs of the sizes and the dtype of a given one.

    Args:
        training_set: of the given run.
        network: of the given run.
        width: lanes, or 1.
        has_velocity: whether a run may have momentum or weight decay.
    """
    real, n = network.activations.dtype, training_set.observed.size

    def lanes_of(array: Array) -> Array:
        return aligned((*array.shape, width), real)

    return LaneState(
        TrainingSet(
            lanes_of(training_set.gram),
            lanes_of(training_set.shared),
            lanes_of(training_set.observed),
            training_set.starts,
            training_set.blocks,
        ),
        Network(
            lanes_of(network.activations),
            lanes_of(network.initial),
            lanes_of(network.output),
            network.signs,
            lanes_of(network.coefficients),
            lanes_of(network.scale),
        ),
        Velocity(lanes_of(network.coefficients), lanes_of(network.output), lanes_of(network.scale)),
        StepBuffers(
            lanes_of(network.activations),
            lanes_of(network.coefficients),
            lanes_of(network.output),
            lanes_of(network.scale),
            lanes_of(network.activations[0]),
            lanes_of(training_set.observed),
        ),
        lanes_of(training_set.observed),
        aligned((len(StepParameters._fields) - 1, width), real),
        aligned((2, width), real),
        LaneClock(
            np.zeros(width, np.int64),
            np.zeros(width, np.int64),
            np.zeros(width, np.int64),
            np.full(width, LANE_FREE),
            np.zeros(width),
            np.zeros(width),
            np.zeros(width, real),
            np.zeros(width, np.int64),
            np.zeros((width, 3), np.uint64),
            lanes_of(training_set.observed),
            np.zeros(n, np.int64),
        ),
        has_velocity,
    )


@compiled(_nrt=False)
def load_lane(state: LaneState, lane: int, run: LaneRun) -> None:
    """Put a run at step 0 into a lane.

    Args:
        state: changed in place.
        lane: index of the lane.
        run: the run.
    """
    training_set, network, step = run.training_set, run.network, run.step
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
    _set_clock(state.clock, lane, run.stop, run.seed, training_set.observed.size)


@compiled(_nrt=False)
def _set_clock(clock: LaneClock, lane: int, stop: Stop, seed: Seed, n: int) -> None:
    """Start a lane's clock."""
    clock.step[lane], clock.stop[lane], clock.status[lane] = 0, stop.at, LANE_RUNNING
    clock.loss_tol[lane], clock.error_tol[lane] = stop.loss_tol, stop.error_tol
    clock.limit[lane] = math.inf if stop.error_tol >= 0.0 else _MARGIN * n * stop.loss_tol
    clock.batch[lane] = stop.batch if stop.batch < n else 0
    clock.seeds[lane, 0], clock.seeds[lane, 1], clock.seeds[lane, 2] = seed
    for i in range(n):
        clock.sample_weight[i, lane] = 1.0 / n


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
    """Copy a lane's network, as it is now, into the network that was loaded from.

    Args:
        state: the lanes.
        lane: index of the lane.
        network: written.
    """
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

"""Runs that train together, one a lane, each by its own clock; and one run alone, where that is faster.

A bundle holds the state of as many runs as a vector has lanes (`bocnn.simd.lanes`), or of a single run.
Every lane starts, stops and is refilled on its own, so none waits for the slowest; and no lane's arithmetic
reads another's, so a run's result does not depend on its company.
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.draws import Seed, draw_order
from bocnn.dynamics.gram_step import How, Kind, Network, Points, Scratch, Velocity, descend, forward
from bocnn.dynamics.losses import SQUARE, loss_slopes, loss_value
from bocnn.simd.compiled import compiled
from bocnn.simd.lanes import aligned, numbers, plain

IDLE, RUNNING, STOPPED, REACHED, LEFT = range(5)
"""Standing of a lane: without a run; in training; at its stop; at its loss; has left the finite numbers."""

_MARGIN = 1.001


class Stop(NamedTuple):
    """When a lane's training ends, and what its batches are.

    at: step to stop at. loss_tol: loss to end at, negative = never. batch: samples a step, 0 for all.
    """

    at: int
    loss_tol: float
    batch: int


class Clock(NamedTuple):
    """The lanes' clocks, shape (lanes,) each.

    step, stop: now, and where to stop. standing: see above. loss_tol, batch: as in Stop. limit: what the
    survey must fall to before the loss is looked at. seeds: (lanes, 3). share: (n, lanes), the weight of a
    sample's slope in the step, 1 / n, or 1 / batch in the batch and 0 outside. order: (n,), room for the
    order of a run's samples in an epoch.
    """

    step: Ints
    stop: Ints
    standing: Ints
    loss_tol: Array
    limit: Array
    batch: Ints
    seeds: Ints
    share: Array
    order: Ints


class Bundle(NamedTuple):
    """State of runs that train together; all floats in one dtype.

    points, network, velocity, scratch: as in `bocnn.dynamics.gram_step`, their arrays of floats with one
    axis more, the lanes, at the end. output, slope: of each sample, (n, lanes). rates: the numbers of How,
    (5, lanes). survey: (2, lanes), see `_survey`. remembers: whether a run may have momentum or weight
    decay, which need its velocity and its start.
    """

    points: Points
    network: Network
    velocity: Velocity
    scratch: Scratch
    output: Array
    slope: Array
    rates: Array
    survey: Array
    clock: Clock
    remembers: bool


@compiled()
def new_bundle(points: Points, network: Network, width: int, remembers: bool = True) -> Bundle:
    """Idle lanes for runs of the sizes and the dtype of a given one.

    Args:
        points: of the given run.
        network: of the given run.
        width: lanes, or 1.
        remembers: whether a run may have momentum or weight decay.
    """
    real = network.activations.dtype.type
    filters, count = network.activations.shape
    positions, n, shared = network.output.shape[0], points.observed.size, points.shared.shape[0]
    matrix, output = (filters, count, width), (positions, filters, width)
    samples, one = (n, width), (1, width)
    return Bundle(
        Points(
            aligned((count, count, width), real),
            aligned((shared, n, width), real),
            aligned(samples, real),
            points.starts,
            points.blocks,
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
        Scratch(
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
        Clock(
            np.zeros(width, np.int64),
            np.zeros(width, np.int64),
            np.full(width, IDLE),
            np.zeros(width),
            np.zeros(width, real),
            np.zeros(width, np.int64),
            np.zeros((width, 3), np.uint64),
            aligned(samples, real),
            np.zeros(n, np.int64),
        ),
        remembers,
    )


@compiled(_nrt=False)
def fill(
    bundle: Bundle, lane: int, run: tuple[Points, Network], how: How, stop: tuple[Stop, Seed]
) -> None:
    """Put a run at step 0 into a lane."""
    points, network = run
    _put(points.gram, bundle.points.gram, lane)
    _put(points.shared, bundle.points.shared, lane)
    _put(points.observed, bundle.points.observed, lane)
    _put(network.activations, bundle.network.activations, lane)
    _put(network.output, bundle.network.output, lane)
    _put(network.coefficients, bundle.network.coefficients, lane)
    _put(network.scale, bundle.network.scale, lane)
    if bundle.remembers:
        _put(network.initial, bundle.network.initial, lane)
        _clear(bundle.velocity.coefficients, lane, bundle.rates.shape[1])
        _clear(bundle.velocity.output, lane, bundle.rates.shape[1])
        _clear(bundle.velocity.scale, lane, bundle.rates.shape[1])
    numbers_of_how = (how.eta, how.eta_output, how.momentum, how.decay, how.leak)
    for r in range(5):
        bundle.rates[r, lane] = numbers_of_how[r]
    _set_clock(bundle.clock, lane, stop, points.observed.size)


@compiled(_nrt=False)
def _set_clock(clock: Clock, lane: int, stop: tuple[Stop, Seed], n: int) -> None:
    """Start a lane's clock."""
    until, seed = stop
    clock.step[lane], clock.stop[lane], clock.standing[lane] = 0, until.at, RUNNING
    clock.loss_tol[lane] = until.loss_tol
    clock.limit[lane] = _MARGIN * n * until.loss_tol
    clock.batch[lane] = until.batch if until.batch < n else 0
    clock.seeds[lane, 0], clock.seeds[lane, 1], clock.seeds[lane, 2] = seed
    clock.share[:, lane] = 1.0 / n


@compiled(_nrt=False)
def resume(bundle: Bundle, lane: int, stop: int) -> None:
    """Let a lane that has stopped go on until another step."""
    bundle.clock.standing[lane], bundle.clock.stop[lane] = RUNNING, stop


@compiled(_nrt=False)
def release(bundle: Bundle, lane: int) -> None:
    """Leave a lane without a run: its numbers stand still."""
    bundle.clock.standing[lane], bundle.clock.limit[lane] = IDLE, -1.0
    width = bundle.rates.shape[1]
    _clear(bundle.rates, lane, width)
    _clear(bundle.network.activations, lane, width)
    _clear(bundle.network.output, lane, width)


@compiled(_nrt=False)
def take(bundle: Bundle, lane: int, network: Network) -> None:
    """Bring a network that was put into a lane to where it stands."""
    _take(bundle.network.activations, lane, network.activations)
    _take(bundle.network.output, lane, network.output)
    _take(bundle.network.coefficients, lane, network.coefficients)
    _take(bundle.network.scale, lane, network.scale)


@compiled(_nrt=False)
def _put(source: Array, target: Array, lane: int) -> None:
    """Copy an array into a lane of one with one axis more."""
    one, many = plain(source), plain(target)
    width = target.shape[-1]
    for i in range(one.size):
        many[i * width + lane] = one[i]


@compiled(_nrt=False)
def _clear(target: Array, lane: int, width: int) -> None:
    """Put a lane to zero."""
    many = plain(target)
    for i in range(lane, many.size, width):
        many[i] = 0


@compiled(_nrt=False)
def _take(source: Array, lane: int, target: Array) -> None:
    """Copy a lane into an array with one axis less."""
    one, many = plain(target), plain(source)
    width = source.shape[-1]
    for i in range(one.size):
        one[i] = many[i * width + lane]


@compiled(no_cpython_wrapper=True)
def _numbers_of(bundle: Bundle, wide):  # type: ignore[no-untyped-def]
    """Points, network, velocity and scratch as arrays of numbers."""
    points, network, velocity, scratch = (
        bundle.points,
        bundle.network,
        bundle.velocity,
        bundle.scratch,
    )
    return (
        Points(
            numbers(points.gram, wide),
            numbers(points.shared, wide),
            numbers(points.observed, wide),
            points.starts,
            points.blocks,
        ),
        Network(
            numbers(network.activations, wide),
            numbers(network.initial, wide),
            numbers(network.output, wide),
            network.signs,
            numbers(network.coefficients, wide),
            numbers(network.scale, wide),
        ),
        Velocity(
            numbers(velocity.coefficients, wide),
            numbers(velocity.output, wide),
            numbers(velocity.scale, wide),
        ),
        Scratch(
            numbers(scratch.phi, wide),
            numbers(scratch.update, wide),
            numbers(scratch.output, wide),
            numbers(scratch.scale, wide),
            numbers(scratch.pull, wide),
        ),
    )


@compiled(_nrt=False)
def advance(bundle: Bundle, kind: Kind, wide) -> None:  # type: ignore[no-untyped-def]
    """Train until a lane is neither idle nor running; the lanes that are running go on from there.

    Args:
        bundle: changed in place.
        kind: of step.
        wide: None where the bundle has one lane, else the lanes of the dtype.
    """
    points, network, velocity, scratch = _numbers_of(bundle, wide)
    rates = numbers(bundle.rates, wide)
    how = How(kind, rates[0], rates[1], rates[2], rates[3], rates[4])
    output, slope = numbers(bundle.output, wide), numbers(bundle.slope, wide)
    share, survey = numbers(bundle.clock.share, wide), numbers(bundle.survey, wide)
    clock, steps = bundle.clock, 0
    until = _first_stop(clock)
    batches = _has_batches(clock)
    while True:
        forward(points, network, how, scratch, output)
        loss_slopes(kind.loss, points.observed, output, slope)
        _survey(kind.loss, (points.observed, output, slope), survey)
        if steps == until or _may_be_due(bundle.survey, clock.limit):
            _count(clock, steps)
            if _someone_is_due(bundle, kind.loss):
                return
            until, steps = until - steps, 0
        if batches:
            _choose_batches(clock, steps)
        for i in range(slope.size):
            slope[i] *= share[i]
        descend(points, network, velocity, how, (scratch, slope))
        steps += 1


@compiled(_nrt=False)
def _first_stop(clock: Clock) -> int:
    """Steps until the first running lane is at its stop."""
    until = np.iinfo(np.int64).max
    for lane in range(clock.step.size):
        if clock.standing[lane] == RUNNING:
            until = min(until, clock.stop[lane] - clock.step[lane])
    return until


@compiled(_nrt=False)
def _may_be_due(survey: Array, limit: Array) -> bool:
    """Whether a lane may have reached its loss, or has left the finite numbers."""
    found = 0
    for lane in range(limit.size):
        found += (survey[0, lane] <= limit[lane]) | (survey[1, lane] != 0)
    return found > 0


@compiled(_nrt=False)
def _count(clock: Clock, steps: int) -> None:
    """Advance the clocks of the running lanes."""
    for lane in range(clock.step.size):
        if clock.standing[lane] == RUNNING:
            clock.step[lane] += steps


@compiled(_nrt=False)
def _survey(loss: int, samples: tuple[Array, Array, Array], out: Array) -> None:
    """Write what tells whose training may have ended: two numbers a run.

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
def _someone_is_due(bundle: Bundle, loss: int) -> bool:
    """Set the lanes' standing, and say whether any has ended or stops."""
    clock, due = bundle.clock, False
    for lane in range(clock.step.size):
        if clock.standing[lane] != RUNNING:
            continue
        if bundle.survey[1, lane] != 0:
            clock.standing[lane] = LEFT
        elif (
            bundle.survey[0, lane] <= clock.limit[lane]
            and _loss(bundle, loss, lane) <= clock.loss_tol[lane]
        ):
            clock.standing[lane] = REACHED
        elif clock.step[lane] >= clock.stop[lane]:
            clock.standing[lane] = STOPPED
        due = due or clock.standing[lane] != RUNNING
    return due


@compiled(_nrt=False)
def _loss(bundle: Bundle, loss: int, lane: int) -> float:
    """Mean training loss of a lane."""
    return loss_value(loss, bundle.points.observed[:, lane], bundle.output[:, lane])


@compiled(_nrt=False)
def _has_batches(clock: Clock) -> bool:
    """Whether any lane has batches."""
    found = 0
    for lane in range(clock.batch.size):
        found += clock.batch[lane] > 0
    return found > 0


@compiled(_nrt=False)
def _choose_batches(clock: Clock, steps: int) -> None:
    """Weigh the samples for the step's batch in each lane that has batches, `steps` after its clock."""
    for lane in range(clock.batch.size):
        if clock.batch[lane] > 0 and clock.standing[lane] == RUNNING:
            _choose_batch(clock, lane, clock.step[lane] + steps)


@compiled(_nrt=False)
def _choose_batch(clock: Clock, lane: int, step: int) -> None:
    """Write a lane's column of `share` for the batch of a step."""
    n, size = clock.share.shape[0], clock.batch[lane]
    a_epoch = (n + size - 1) // size
    epoch, part = step // a_epoch, step % a_epoch
    seeds, order = clock.seeds[lane], clock.order
    draw_order(Seed(seeds[0], seeds[1], seeds[2]), epoch, order)
    first, last = part * size, min((part + 1) * size, n)
    clock.share[:, lane] = 0
    for place in range(first, last):
        clock.share[order[place], lane] = 1.0 / (last - first)

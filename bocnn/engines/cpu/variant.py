"""Steps that are more than gradient descent: at perturbed weights, of another length, on other labels.

They are a type of their own (`Variant`, None for plain steps), so that a program for plain steps holds none
of their code: functions that differ are chosen by type, while numba compiles.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from bocnn.arrays import Array
from bocnn.data.draws import Seed, draw_step_uniforms
from bocnn.dynamics.gradient import (
    gradient_at,
    scale_gradient,
    write_inverse_norm,
    write_perturbed,
)
from bocnn.dynamics.gram_step import descend, forward, move
from bocnn.dynamics.losses import loss_slopes
from bocnn.dynamics.orthogonal import orthogonalize
from bocnn.dynamics.state import Network
from bocnn.engines.cpu.lane_state import LANE_RUNNING, LaneClock, LaneState
from bocnn.engines.cpu.runs import ORTHOGONAL, Runs
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import aligned, as_scalars, as_vectors


class Variant(NamedTuple):
    """What steps of lanes have beyond gradient descent.

    perturbs, normalizes, relabels, orthogonalizes: which they are, the same in all lanes. radius: ρ,
    (1, lanes). label_noise: chance that a label is flipped in a step, (lanes,). labels: of the step,
    (n, lanes). uniforms: (n,). activations, weights, outputs: A, v and f at the perturbed weights, each
    with the lanes as its last axis. norm: 1 / ‖∇‖, then ρ / ‖∇‖, (1, lanes). room: to orthogonalize in,
    (3, K, K, lanes).
    """

    perturbs: bool
    normalizes: bool
    relabels: bool
    orthogonalizes: bool
    radius: Array
    label_noise: Array
    labels: Array
    uniforms: Array
    activations: Array
    weights: Array
    outputs: Array
    norm: Array
    room: Array


def new_variant(runs: Runs, state: LaneState) -> Variant | None:
    """What the steps of runs have beyond gradient descent; None if they have nothing.

    Args:
        runs: which share what they have (`step_kinds`).
        state: lanes for them.
    """
    gradient, filters = int(runs.gradient[0]), state.network.activations.shape[0]
    flags = (
        bool(runs.sam_radius[0] > 0),
        gradient > 0,
        bool(runs.label_noise[0] > 0),
        gradient == ORTHOGONAL,
    )
    if not any(flags):
        return None
    width, real = state.step_values.shape[1], state.output.dtype
    return Variant(
        *flags,
        aligned((1, width), real),
        np.zeros(width),
        aligned(state.output.shape, real),
        np.zeros(len(state.output)),
        aligned(state.network.activations.shape, real),
        aligned(state.network.output.shape, real),
        aligned(state.output.shape, real),
        aligned((1, width), real),
        aligned((3, *2 * (filters if flags[3] else 1,), width), real),
    )


def step_kinds(runs: Runs) -> Any:
    """A number of each run, shape (runs,), the same where steps are of one kind; 0 where they are plain."""
    return (runs.sam_radius > 0) + 2 * (runs.label_noise > 0) + 4 * runs.gradient


def load_variant(variant: Variant | None, lane: int, runs: Runs, r: int) -> None:
    """Put what run r has of its own into its lane: compiled code only."""
    raise NotImplementedError(variant, lane, runs, r)


@compiled(_nrt=False)
def _load(variant: Variant, lane: int, runs: Runs, r: int) -> None:
    """Put it there."""
    variant.radius[0, lane] = runs.sam_radius[r]
    variant.label_noise[lane] = runs.label_noise[r]


@overload(load_variant)
def _load_by_type(variant, lane, runs, r):  # type: ignore[no-untyped-def]
    if isinstance(variant, types.NoneType):
        return lambda variant, lane, runs, r: None
    return lambda variant, lane, runs, r: _load(variant, lane, runs, r)


def take_step(variant: Variant | None, state: LaneState, vectors: Any, step: Any, at: Any) -> None:
    """One step of the lanes after `forward`, with slopes g_i: compiled code only.

    Args:
        variant: what steps have beyond gradient descent.
        state: the lanes.
        vectors: training set, network, velocity and scratch as arrays of vectors.
        step: sizes and type of the step.
        at: steps since the lanes' clocks were set, and vector_width.
    """
    raise NotImplementedError(variant, state, vectors, step, at)


@overload(take_step, inline="always")
def _step_by_type(variant, state, vectors, step, at):  # type: ignore[no-untyped-def]
    if isinstance(variant, types.NoneType):

        def plain(variant, state, vectors, step, at):  # type: ignore[no-untyped-def]
            descend(vectors[0], vectors[1], vectors[2], step, vectors[3])

        return plain

    def varied(variant, state, vectors, step, at):  # type: ignore[no-untyped-def]
        _varied_step(variant, state, vectors, step, at)

    return varied


@compiled(_nrt=False)
def _varied_step(variant, state, vectors, step, at):  # type: ignore[no-untyped-def]
    """A step that is more than gradient descent."""
    training_set, network, velocity, scratch = vectors
    steps, vector_width = at
    clock, norm = state.clock, as_vectors(variant.norm, vector_width)
    products = as_vectors(variant.activations, vector_width)
    if variant.relabels:
        _flip_labels(variant, state.training_set.observed, clock, steps)
        _write_slopes(step, variant.labels, state.output, (clock.sample_weight, scratch.slope))
    gradient_at(training_set, network, step, scratch)
    if variant.perturbs or variant.normalizes:
        write_inverse_norm(training_set, step, scratch, products, norm)
    if variant.perturbs:
        norm[0] = norm[0] * as_vectors(variant.radius, vector_width)[0]
        moved = Network(
            products,
            network.initial,
            as_vectors(variant.weights, vector_width),
            network.signs,
            network.coefficients,
            network.scale,
        )
        write_perturbed(network, step, scratch, norm, moved)
        forward(training_set, moved, step, scratch, as_vectors(variant.outputs, vector_width))
        labels = variant.labels if variant.relabels else state.training_set.observed
        _write_slopes(step, labels, variant.outputs, (clock.sample_weight, scratch.slope))
        gradient_at(training_set, moved, step, scratch)
        if variant.normalizes:
            write_inverse_norm(training_set, step, scratch, products, norm)
    if variant.normalizes:
        scale_gradient(scratch, norm)
    if variant.orthogonalizes:
        orthogonalize(scratch, products, norm, as_vectors(variant.room, vector_width))
    move(training_set, network, velocity, step, scratch)


@compiled(_nrt=False)
def _write_slopes(step, labels, output, weight_and_slope):  # type: ignore[no-untyped-def]
    """Write g_i of labels and outputs, in the weights of the step's batch."""
    weights, slopes = weight_and_slope
    weight, slope = as_scalars(weights), as_scalars(slopes)
    loss_slopes(step.step_type.loss, as_scalars(labels), as_scalars(output), slope)
    for i in range(slope.size):
        slope[i] *= weight[i]


@compiled(_nrt=False)
def _flip_labels(variant: Variant, observed: Array, clock: LaneClock, steps: int) -> None:
    """Write the labels of a step, `steps` after the lanes' clocks."""
    for lane in range(clock.step.size):
        if clock.status[lane] != LANE_RUNNING:
            continue
        seeds, uniforms = clock.seeds[lane], variant.uniforms
        draw_step_uniforms(Seed(seeds[0], seeds[1], seeds[2]), clock.step[lane] + steps, uniforms)
        for i in range(uniforms.size):
            flips = uniforms[i] < variant.label_noise[lane]
            variant.labels[i, lane] = -observed[i, lane] if flips else observed[i, lane]

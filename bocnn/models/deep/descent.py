"""Gradient descent on a deep patch CNN: steps of one size, or steps in the range of the gradient flow.

A step is θ ← θ − η ∇ℓ for all weights at once, the mean logistic loss over all samples. In the range of the
gradient flow η is, with r the rate that is asked for, the largest for which

    η ≤ r √(‖a‖ ‖θ‖ / (‖∂a‖ ‖∂θ‖)),    η ≤ r ‖θ‖ / ‖∂θ‖,    |Δfᵢ| ≤ 4 r for every sample i,

and not above twice the step before. Here a are the first layer's pre-activations on a patch and ∂a how they
move, θ the weights of an upper layer on that patch and ∂θ their gradient. Of two layers that drive each
other, a′ = p θ and θ′ = q a, the first bound is r / √(p q), r times their time of growth, however small a
is at the start. Without it one step would fit everything from a small start: the third bound alone does not
see that the layers' ratio changes.
"""

import math
from typing import NamedTuple

from bocnn.arrays import Array, Ints
from bocnn.models.deep.network import (
    Architecture,
    DeepPoints,
    DeepWeights,
    Layers,
    write_outputs,
    write_upper_gradient,
)
from bocnn.models.deep.normalization import normalize, write_filter_gradient
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.compiler.stages import Stage
from bocnn.simd.products import copy_scaled_rows

_TRIES = 60
_STEP_GROWTH = 2.0
_OUTPUT_RATE = 4.0


class DeepSchedule(NamedTuple):
    """How a run is trained.

    eta: η, negative for steps in the range of the gradient flow. rate: r of those. steps: at most.
    loss_tol: to stop at, negative for never. filters_only: whether upper weights are kept.
    """

    eta: float
    rate: float
    steps: int
    loss_tol: float
    filters_only: bool


class DeepState(NamedTuple):
    """A network in training.

    weights: of the network. trial: those after a step. direction: ∇ℓ. layers: of the last forward pass.
    f: outputs on the samples, (2, n), those before the step in the second row. gamma: ∂ℓ/∂ of the points'
    outputs, (P,). progress: gradient flow time Σ η, and the last η, (2,).
    """

    weights: DeepWeights
    trial: DeepWeights
    direction: DeepWeights
    layers: Layers
    f: Array
    gamma: Array
    progress: Array


class DeepTraining(NamedTuple):
    """A network in training: what it is, its points, how it is trained, and its state, which changes."""

    architecture: Architecture
    points: DeepPoints
    schedule: DeepSchedule
    state: DeepState


@compiled(_nrt=False)
def _descend_deep(training: DeepTraining, table: object) -> int:
    """Train in place; steps taken."""
    return descend(*training)


DESCEND_DEEP = Stage(_descend_deep, 0)
"""Of a `DeepTraining`."""


@compiled(_nrt=False)
def descend(
    architecture: Architecture, points: DeepPoints, schedule: DeepSchedule, state: DeepState
) -> int:
    """Train in place.

    Args:
        architecture: the network's.
        points: the training points.
        schedule: how it is trained.
        state: the network at its start; changed.
    Returns:
        Steps taken; outputs that are not finite end a training.
    """
    taken = 0
    _write_f(architecture, points, state.weights, state)
    while taken < schedule.steps:
        loss = mean_loss(points.observed, state.f[0])
        if loss <= schedule.loss_tol or not math.isfinite(loss):
            break
        write_direction(architecture, points, state)
        if schedule.filters_only:
            state.direction.middle[:] = 0.0
            state.direction.output[:] = 0.0
        if schedule.eta > 0.0:
            _move(state.weights, state.direction, schedule.eta, state.weights)
            _write_f(architecture, points, state.weights, state)
            state.progress[1] = schedule.eta
        else:
            _step_in_flow(architecture, points, schedule.rate, state)
        state.progress[0] += state.progress[1]
        taken += 1
    return taken


@compiled(_nrt=False)
def mean_loss(observed: Array, f: Array) -> float:
    """Mean logistic loss of outputs.

    Args:
        observed: y, (n,).
        f: outputs, (n,).
    """
    total = 0.0
    for i in range(f.size):
        margin = observed[i] * f[i]
        total += max(-margin, 0.0) + math.log1p(math.exp(-abs(margin)))
    return total / f.size


@compiled(_nrt=False)
def _write_f(
    architecture: Architecture, points: DeepPoints, weights: DeepWeights, state: DeepState
) -> None:
    """Write the outputs on the samples, and the layers on the points."""
    normalize(architecture, weights, points, state.layers)
    write_outputs(architecture, weights, points.position, state.layers)
    first = points.position.size - points.observed.size
    for i in range(points.observed.size):
        signal, noise = state.layers.outputs[points.centre[i]], state.layers.outputs[first + i]
        state.f[0, i] = signal + noise


@compiled(error_model="numpy", _nrt=False)
def write_direction(architecture: Architecture, points: DeepPoints, state: DeepState) -> None:
    """Write ∇ℓ.

    Args:
        architecture: the network's.
        points: the training points.
        state: with the outputs of its weights; the layers are used up.
    """
    n = points.observed.size
    first = points.position.size - n
    state.gamma[:] = 0.0
    for i in range(n):
        y = points.observed[i]
        slope = -y / (1.0 + math.exp(y * state.f[0, i])) / n
        state.gamma[points.centre[i]] += slope
        state.gamma[first + i] += slope
    layers, out = state.layers, state.direction
    write_upper_gradient(architecture, state.weights, (points.position, state.gamma), layers, out)
    write_filter_gradient(architecture, state.weights, points, layers, out)


@compiled(_nrt=False)
def _move(start: DeepWeights, direction: DeepWeights, eta: float, out: DeepWeights) -> None:
    """Write θ − η ∇ℓ; `out` may be the start."""
    _move_array(start.inner.reshape(-1), direction.inner.reshape(-1), eta, out.inner.reshape(-1))
    _move_array(
        start.coefficients.reshape(-1),
        direction.coefficients.reshape(-1),
        eta,
        out.coefficients.reshape(-1),
    )
    _move_array(start.scale, direction.scale, eta, out.scale)
    _move_array(start.gain, direction.gain, eta, out.gain)
    _move_array(start.middle.reshape(-1), direction.middle.reshape(-1), eta, out.middle.reshape(-1))
    _move_array(start.output.reshape(-1), direction.output.reshape(-1), eta, out.output.reshape(-1))


@compiled(_nrt=False)
def _move_array(start: Array, direction: Array, eta: float, out: Array) -> None:
    """Write x − η ∂x of flat arrays."""
    for i in range(out.size):
        out[i] = start[i] - eta * direction[i]


@compiled(error_model="numpy", _nrt=False)
def _step_in_flow(
    architecture: Architecture, points: DeepPoints, rate: float, state: DeepState
) -> None:
    """A step within the bounds above: tried, and shortened until no output moves too far."""
    eta = rate * growth_time(state.weights, state.direction, points.position)
    if state.progress[1] > 0.0:
        eta = min(eta, _STEP_GROWTH * state.progress[1])
    eta = eta if math.isfinite(eta) else 1.0
    copy_scaled_rows(state.f[:1], 1.0, state.f[1:])
    for _ in range(_TRIES):
        _move(state.weights, state.direction, eta, state.trial)
        _write_f(architecture, points, state.trial, state)
        change = 0.0
        for i in range(points.observed.size):
            moved = abs(state.f[0, i] - state.f[1, i])
            change = max(change, moved if math.isfinite(moved) else math.inf)
        if change <= _OUTPUT_RATE * rate:
            break
        eta *= max(1e-6, 0.9 * _OUTPUT_RATE * rate / change)
    _move(state.weights, state.direction, eta, state.weights)
    state.progress[1] = eta


@compiled(error_model="numpy", _nrt=False)
def growth_time(weights: DeepWeights, direction: DeepWeights, position: Ints) -> float:
    """Least of √(‖a‖‖θ‖/(‖∂a‖‖∂θ‖)) and ‖θ‖/‖∂θ‖ over upper layers and patches.

    Args:
        weights: of the network.
        direction: of a step.
        position: of the points, (P,).
    Returns:
        In units of η; infinite where no upper layer moves.
    """
    least, filters = math.inf, 2 * weights.output.shape[2]
    for q in range(weights.output.shape[1]):
        size, moved = 0.0, 0.0
        for c in range(position.size):
            if weights.output.shape[1] == 1 or position[c] == q:
                for k in range(filters):
                    size += weights.inner[k, c] ** 2
                    moved += direction.inner[k, c] ** 2
        inner = math.sqrt(size / moved) if moved > 0.0 else math.inf
        for level in range(weights.middle.shape[0] + 1):
            upper = _upper_time(weights, direction, level, q)
            least = min(least, upper, math.sqrt(inner * upper) if upper < math.inf else math.inf)
    return least


@compiled(error_model="numpy", _nrt=False)
def _upper_time(weights: DeepWeights, direction: DeepWeights, level: int, q: int) -> float:
    """‖θ‖/‖∂θ‖ of an upper layer on a patch, the last of which is the output layer."""
    size, moved, m = 0.0, 0.0, weights.output.shape[2]
    for j in range(2):
        for s in range(m):
            if level == weights.middle.shape[0]:
                size += weights.output[j, q, s] ** 2
                moved += direction.output[j, q, s] ** 2
            else:
                for r in range(m):
                    size += weights.middle[level, j, q, s, r] ** 2
                    moved += direction.middle[level, j, q, s, r] ** 2
    return math.sqrt(size / moved) if moved > 0.0 else math.inf

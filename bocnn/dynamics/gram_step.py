"""Training on the Gram matrix: exactly the network's own training, with no d in it.

The training patches are points z_c, one for every distinct patch at a position of the sample, with Gram
matrix G. Gradient descent moves a filter only inside the span of its start and the points, so

    w_k = α w_k(0) + Σ_c B[k, c] z_c

and all that training needs are the pre-activations A[k, c] = ⟨w_k, z_c⟩. Filter k has the sign j_k of its
class, p(c) is the position of point c, and i ∋ c says that sample i holds point c:

    f_i     = Σ_c Σ_k j_k v_{p(c),k} φ(A[k, c])  over the points that i holds
    g_i     = ∂ℓ/∂f_i / n, and γ_c = Σ_{i ∋ c} g_i
    U[k, c] = j_k v_{p(c),k} γ_c φ′(A[k, c])          ∂ℓ/∂A; the gradient of w_k is Σ_c U[k, c] z_c
    V[p, k] = j_k Σ_{c at p} γ_c φ(A[k, c])                     gradient of v

A step B ← B − η D, with D = U or what momentum and decay make of it, is A ← A − η D G: 2m·P² multiply-adds.

Array elements are floats of one run, or SIMD vectors with one float of each of several runs
(`bocnn.simd.lanes`): the same lines train both. Runs are started and stopped in
`bocnn.engines.cpu.lane_state`, drawn in `bocnn.data.model` and measured in `bocnn.measure.measures`.

Source:
    Kou et al. 2023 (arXiv 2303.04145), section 3; Shang et al. 2024 (arXiv 2410.19139), section 3.
"""

from typing import Any

from bocnn.arrays import Array
from bocnn.dynamics.activation import LEAKY, RELU, activate
from bocnn.dynamics.gram_product import FAST_MATH, add_products
from bocnn.dynamics.slopes import write_gradient, write_point_gradients
from bocnn.dynamics.state import Network, StepBuffers, StepParameters, TrainingSet, Velocity
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars, is_zero, select


@compiled(_nrt=False, forceinline=True)
def is_plain_gd_relu(step: StepParameters) -> bool:
    """Whether it is plain gradient descent on (leaky) ReLU: then a step stores no φ(A) and no velocity."""
    rectifies = step.step_type.activation == RELU or step.step_type.activation == LEAKY
    return rectifies and is_zero(step.momentum) and is_zero(step.decay)


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def forward(
    training_set: TrainingSet,
    network: Network,
    step: StepParameters,
    scratch: StepBuffers,
    out: Array,
) -> None:
    """f_i = Σ_c Σ_k j_k v_{p(c),k} φ(A[k, c]) over the points that sample i holds, shape (n,).

    Writes φ(A) too where the step reads it.

    Args:
        training_set: the training set.
        network: unchanged.
        step: its type and leak.
        scratch: φ(A) and the points' outputs are written there.
        out: f, (n,); written.
    """
    point_outputs, shared = scratch.point_gradients, training_set.shared
    point_outputs[:] = 0
    out[:] = 0
    plain = is_plain_gd_relu(step)
    if not plain:
        a, phi = as_scalars(network.activations), as_scalars(scratch.phi)
        activate(step.step_type.activation, step.step_type.leak, a, phi)
    for p in range(training_set.starts.size - 1):
        first, last = training_set.starts[p], training_set.starts[p + 1]
        part = point_outputs[first:last]
        if plain:
            _add_rectified(network, step.leak, p, first, part)
        else:
            for k in range(network.signs.size):
                weight = network.signs[k] * network.output[p, k]
                row = scratch.phi[k, first:last]
                for c in range(part.size):
                    part[c] += weight * row[c]
        if first < shared.shape[0]:
            for c in range(part.size):
                for i in range(out.size):
                    out[i] += shared[first + c, i] * part[c]
        else:
            for i in range(out.size):
                out[i] += part[i]


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _add_rectified(network: Network, leak: Any, p: int, first: int, part: Array) -> None:
    """Add Σ_k j_k v_{p,k} φ(A[k, c]) to `part`, the points c of position p, four filters a pass."""
    signs, output = network.signs, network.output[p]
    for k in range(0, signs.size, 4):
        w0, w1 = signs[k] * output[k], signs[k + 1] * output[k + 1]
        w2, w3 = signs[k + 2] * output[k + 2], signs[k + 3] * output[k + 3]
        a0 = network.activations[k, first : first + part.size]
        a1 = network.activations[k + 1, first : first + part.size]
        a2 = network.activations[k + 2, first : first + part.size]
        a3 = network.activations[k + 3, first : first + part.size]
        for c in range(part.size):
            x0, x1, x2, x3 = a0[c], a1[c], a2[c], a3[c]
            sum01 = w0 * select(x0, x0, leak * x0) + w1 * select(x1, x1, leak * x1)
            sum23 = w2 * select(x2, x2, leak * x2) + w3 * select(x3, x3, leak * x3)
            part[c] += sum01 + sum23


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def descend(
    training_set: TrainingSet,
    network: Network,
    velocity: Velocity,
    step: StepParameters,
    scratch: StepBuffers,
) -> None:
    """One step, after `forward`.

    Args:
        training_set: the training set.
        network: changed in place.
        velocity: changed in place.
        step: the step.
        scratch: as `forward` left it, with the slopes g_i.
    """
    if is_plain_gd_relu(step):
        write_point_gradients(training_set, scratch.slope, scratch.point_gradients)
        moves_filters = not is_zero(step.eta)
        # Four filters at a time, all that is done to them: their change stays in the first-level cache.
        for k in range(0, network.signs.size, 4):
            _move_plain(training_set, network, step, k, scratch)
            if moves_filters:
                add_products(training_set, scratch.update[:4], network.activations[k : k + 4])
        return
    write_gradient(training_set, network, step, scratch)
    move(training_set, network, velocity, step, scratch)


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def move(
    training_set: TrainingSet,
    network: Network,
    velocity: Velocity,
    step: StepParameters,
    scratch: StepBuffers,
) -> None:
    """Move B, A and v, by U and V.

    Args:
        training_set: the training set.
        network: changed in place.
        velocity: changed in place.
        step: the step.
        scratch: with U and V, which become directions.
    """
    if not is_zero(step.eta):
        _move_coefficients(network, velocity, step, scratch)
        for k in range(0, network.signs.size, 4):
            add_products(training_set, scratch.update[k : k + 4], network.activations[k : k + 4])
    if not is_zero(step.eta_output):
        _move_output(network, velocity, step, scratch)


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _move_plain(
    training_set: TrainingSet,
    network: Network,
    step: StepParameters,
    four: int,
    scratch: StepBuffers,
) -> None:
    """v ← v − η V and B ← B − η U of four filters in one pass over A, the change of B kept.

    Args:
        training_set: the training set.
        network: changed in place.
        step: the step.
        four: the first filter.
        scratch: its γ_c are read, and the change of B is kept in the first rows of `update`.
    """
    changes, point_gradients = scratch.update[:4], scratch.point_gradients
    for p in range(training_set.starts.size - 1):
        first, last = training_set.starts[p], training_set.starts[p + 1]
        gamma = point_gradients[first:last]
        v = network.output[p]
        for i in range(0, 4, 2):  # two at a time: their sums do not wait for each other
            k = four + i
            a0, a1 = network.activations[k, first:last], network.activations[k + 1, first:last]
            b0, b1 = network.coefficients[k, first:last], network.coefficients[k + 1, first:last]
            u0, u1 = changes[i, first:last], changes[i + 1, first:last]
            sign0, sign1 = network.signs[k], network.signs[k + 1]
            above0, above1 = -step.eta * (sign0 * v[k]), -step.eta * (sign1 * v[k + 1])
            below0, below1 = step.leak * above0, step.leak * above1
            total0, total1 = gamma[0] * 0, gamma[0] * 0
            for c in range(gamma.size):
                x0, x1, g = a0[c], a1[c], gamma[c]
                total0 += g * select(x0, x0, step.leak * x0)
                total1 += g * select(x1, x1, step.leak * x1)
                change0, change1 = g * select(x0, above0, below0), g * select(x1, above1, below1)
                u0[c], u1[c] = change0, change1
                b0[c] += change0
                b1[c] += change1
            v[k] -= step.eta_output * (sign0 * total0)
            v[k + 1] -= step.eta_output * (sign1 * total1)


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _direct(gradient: Array, value: Array, velocity: Array, step: StepParameters) -> None:
    """Turn a gradient x into a step's direction, in place, as torch.optim.SGD does.

    s = x + λ value,   velocity ← μ velocity + s,   x ← velocity, or s + μ velocity (Nesterov)
    """
    if is_zero(step.momentum) and is_zero(step.decay):
        return
    for i in range(gradient.size):
        slope = gradient[i] + step.decay * value[i]
        velocity[i] = step.momentum * velocity[i] + slope
        gradient[i] = (
            slope + step.momentum * velocity[i] if step.step_type.nesterov else velocity[i]
        )


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _move_output(
    network: Network, velocity: Velocity, step: StepParameters, scratch: StepBuffers
) -> None:
    """v ← v − η_v D, D the direction of V."""
    gradient, value = scratch.output.reshape(-1), network.output.reshape(-1)
    _direct(gradient, value, velocity.output.reshape(-1), step)
    for i in range(value.size):
        value[i] -= step.eta_output * gradient[i]


@compiled(fastmath=FAST_MATH, _nrt=False, forceinline=True)
def _move_coefficients(
    network: Network, velocity: Velocity, step: StepParameters, scratch: StepBuffers
) -> None:
    """B ← B − η D, D the direction of U, and −η D kept for A ← A − η D G.

    With weight decay the start shrinks too: α ← α − η (its direction), and A with it by that times A(0).
    """
    update, value = scratch.update.reshape(-1), network.coefficients.reshape(-1)
    _direct(update, value, velocity.coefficients.reshape(-1), step)
    if not is_zero(step.decay):
        scratch.scale[0] = 0
        _direct(scratch.scale, network.scale, velocity.scale, step)
        change = step.eta * scratch.scale[0]
        network.scale[0] -= change
        start, now = network.initial.reshape(-1), network.activations.reshape(-1)
        for i in range(now.size):
            now[i] -= change * start[i]
    minus = -step.eta
    for i in range(value.size):
        update[i] *= minus
        value[i] += update[i]

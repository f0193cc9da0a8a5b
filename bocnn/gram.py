"""Training on the Gram matrix: exactly the network's own training, with no d in it.

The training patches are points z_c, one for every distinct patch at a position of the sample, with Gram
matrix G. Gradient descent moves a filter only inside the span of its start and the points, so

    w_k = α w_k(0) + Σ_c B[k, c] z_c

and all that training needs are the pre-activations A[k, c] = ⟨w_k, z_c⟩. Filter k has the sign j_k of its
class, at(i, p) is the point of sample i at position p, and p(c) the position of point c:

    f_i     = Σ_p Σ_k j_k v_{p,k} φ(A[k, at(i, p)])
    g_i     = ∂ℓ/∂f_i / n, and γ_c = Σ of g_i over the samples that hold point c
    U[k, c] = j_k v_{p(c),k} γ_c φ′(A[k, c])                    gradient of B
    V[p, k] = j_k Σ_{c at p} γ_c φ(A[k, c])                     gradient of v

A step B ← B − η D, with D = U or what momentum and decay make of it, is A ← A − η D G: 2m·P² multiply-adds.
What draws the points is `bocnn.laws`; what measures the result is `bocnn.measures`.

Source:
    Kou et al. 2023 (arXiv 2303.04145), section 3; Shang et al. 2024 (arXiv 2410.19139), section 3.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.activation import activate, differentiate
from bocnn.arrays import Array, Ints
from bocnn.compiled import compiled
from bocnn.draws import Seed, draw_order

OK, UNCONVERGED, DIVERGED = 0, 1, 2
LOGISTIC, SQUARE = 0, 1

FAST = {"contract", "reassoc", "nsz", "arcp"}
"""Allowed in compiled loops: fused and reordered sums. Not nnan or ninf: divergence must be seen."""


class Points(NamedTuple):
    """A training set as training sees it.

    gram: G, (P, P). at: (n, Q), the point of sample i at position p. observed: y, (n,). starts: (Q + 1,),
    the points of position p are starts[p]..starts[p+1]. blocks: G is zero outside the diagonal blocks
    between these points.
    """

    gram: Array
    at: Ints
    observed: Array
    starts: Ints
    blocks: Ints


class Network(NamedTuple):
    """A network in the span; training changes it in place. K = 2m filters, rounded up to fours.

    activations: A, (K, P). initial: A at the start, (K, P). output: v, (Q, K). signs: j, (K,), 0 for the
    filters that round up. coefficients: B, (K, P). scale: α, (1,).
    """

    activations: Array
    initial: Array
    output: Array
    signs: Array
    coefficients: Array
    scale: Array


class Velocity(NamedTuple):
    """Momentum's memory of B, v and α, zero at the start; shapes as in Network."""

    coefficients: Array
    output: Array
    scale: Array


class Rule(NamedTuple):
    """How a step is made: what is computed, and what moves by how much.

    activation, leak, loss: codes. eta, eta_output: step sizes, 0 where a layer is kept. momentum, nesterov,
    decay: as in torch.optim.SGD. batch: samples a step, 0 for all. loss_tol: to stop at, negative = never.
    """

    activation: int
    leak: float
    loss: int
    eta: float
    eta_output: float
    momentum: float
    nesterov: bool
    decay: float
    batch: int
    loss_tol: float


class Scratch(NamedTuple):
    """Working memory of a step.

    phi: φ(A), (K, P). update: of B, (K, P). output: of v, (Q, K). pull: one number a point, its share of
    the outputs and then γ, (P,). scale: of α, (1,). order: of the samples, (n,).
    """

    phi: Array
    update: Array
    output: Array
    pull: Array
    scale: Array
    order: Ints


@compiled()
def new_velocity(network: Network) -> Velocity:
    """No velocity."""
    return Velocity(
        np.zeros_like(network.coefficients),
        np.zeros_like(network.output),
        np.zeros_like(network.scale),
    )


@compiled()
def new_scratch(points: Points, network: Network) -> Scratch:
    """Working memory for a network."""
    return Scratch(
        np.empty_like(network.activations),
        np.empty_like(network.activations),
        np.empty_like(network.output),
        np.empty_like(network.activations[0]),
        np.empty_like(network.scale),
        np.empty(points.observed.size, np.int64),
    )


@compiled(fastmath=FAST, _nrt=False)
def forward(points: Points, network: Network, rule: Rule, scratch: Scratch, out: Array) -> None:
    """Write φ(A) and the outputs f_i, shape (n,)."""
    phi, held = scratch.phi, scratch.pull
    activate(rule.activation, rule.leak, network.activations.reshape(-1), phi.reshape(-1))
    held[:] = 0
    for p in range(points.starts.size - 1):
        first, last = points.starts[p], points.starts[p + 1]
        part = held[first:last]
        for k in range(phi.shape[0]):
            weight = network.signs[k] * network.output[p, k]
            row = phi[k, first:last]
            for c in range(part.size):
                part[c] += weight * row[c]
    out[:] = 0
    for i in range(out.size):
        for p in range(points.at.shape[1]):
            out[i] += held[points.at[i, p]]


@compiled()
def loss_value(points: Points, code: int, output: Array) -> float:
    """Mean loss: logistic, log(1 + exp(−y f)), or square, (f − y)² / 2."""
    total = 0.0
    for i in range(output.size):
        y, f = np.float64(points.observed[i]), np.float64(output[i])
        if code == SQUARE:
            total += 0.5 * (f - y) ** 2
        else:
            total += max(-y * f, 0.0) + math.log1p(math.exp(-abs(y * f)))
    return total / output.size


@compiled(fastmath=FAST, _nrt=False)
def loss_slopes(points: Points, code: int, output: Array) -> bool:
    """Overwrite the outputs f_i by ∂ℓ/∂f_i; False where an output is not finite."""
    one = output.dtype.type(1)
    finite = True
    for i in range(output.size):
        y, f = points.observed[i], output[i]
        finite = finite and math.isfinite(f)
        output[i] = f - y if code == SQUARE else -y / (one + math.exp(y * f))
    return finite


@compiled()
def _keep_batch(slope: Array, rule: Rule, step: int, seed: Seed, order: Ints) -> None:
    """Divide the slopes by the size of the step's batch and put those outside it to zero."""
    n = slope.size
    if rule.batch == 0 or rule.batch >= n:
        slope /= slope.dtype.type(n)
        return
    a_epoch = (n + rule.batch - 1) // rule.batch
    part = step % a_epoch
    draw_order(seed, step // a_epoch, order)
    first, last = part * rule.batch, min((part + 1) * rule.batch, n)
    for place in range(n):
        if first <= place < last:
            slope[order[place]] /= slope.dtype.type(last - first)
        else:
            slope[order[place]] = 0


@compiled(fastmath=FAST, _nrt=False)
def _backward(points: Points, network: Network, rule: Rule, scratch: Scratch, slope: Array) -> None:
    """Write the gradients of B (into `update`) and of v (into `output`)."""
    phi, update, pull = scratch.phi, scratch.update, scratch.pull
    pull[:] = 0
    for i in range(slope.size):
        for p in range(points.at.shape[1]):
            pull[points.at[i, p]] += slope[i]
    if rule.eta_output != 0.0:
        for p in range(points.starts.size - 1):
            first, last = points.starts[p], points.starts[p + 1]
            part = pull[first:last]
            for k in range(phi.shape[0]):
                row = phi[k, first:last]
                total = pull.dtype.type(0)
                for c in range(part.size):
                    total += part[c] * row[c]
                scratch.output[p, k] = network.signs[k] * total
    if rule.eta == 0.0:
        return
    a, slopes = network.activations.reshape(-1), update.reshape(-1)
    differentiate(rule.activation, rule.leak, a, phi.reshape(-1), slopes)
    for p in range(points.starts.size - 1):
        first, last = points.starts[p], points.starts[p + 1]
        part = pull[first:last]
        for k in range(phi.shape[0]):
            weight = network.signs[k] * network.output[p, k]
            row = update[k, first:last]
            for c in range(part.size):
                row[c] *= weight * part[c]


@compiled(fastmath=FAST, _nrt=False)
def _direct(gradient: Array, value: Array, velocity: Array, rule: Rule) -> None:
    """Turn a gradient into the step's direction, in place: decay and momentum as torch.optim.SGD does."""
    momentum, decay = gradient.dtype.type(rule.momentum), gradient.dtype.type(rule.decay)
    for i in range(gradient.size):
        slope = gradient[i] + decay * value[i]
        velocity[i] = momentum * velocity[i] + slope
        gradient[i] = slope + momentum * velocity[i] if rule.nesterov else velocity[i]


@compiled(fastmath=FAST, _nrt=False)
def _move_output(network: Network, velocity: Velocity, rule: Rule, scratch: Scratch) -> None:
    """v ← v − η V."""
    gradient, value = scratch.output.reshape(-1), network.output.reshape(-1)
    if rule.momentum != 0.0 or rule.decay != 0.0:
        _direct(gradient, value, velocity.output.reshape(-1), rule)
    eta = gradient.dtype.type(rule.eta_output)
    for i in range(value.size):
        value[i] -= eta * gradient[i]


@compiled(fastmath=FAST, _nrt=False)
def _move_filters(
    points: Points, network: Network, velocity: Velocity, rule: Rule, scratch: Scratch
) -> None:
    """B ← B − η D, α likewise, and A with them."""
    update, value = scratch.update.reshape(-1), network.coefficients.reshape(-1)
    eta = update.dtype.type(rule.eta)
    if rule.momentum != 0.0 or rule.decay != 0.0:
        _direct(update, value, velocity.coefficients.reshape(-1), rule)
    if rule.decay != 0.0:
        gradient = scratch.scale
        gradient[0] = 0
        _direct(gradient, network.scale, velocity.scale, rule)
        network.scale[0] -= eta * gradient[0]
        start, now = network.initial.reshape(-1), network.activations.reshape(-1)
        for i in range(now.size):
            now[i] -= eta * gradient[0] * start[i]
    for i in range(value.size):
        update[i] *= -eta
        value[i] += update[i]
    for b in range(points.blocks.size - 1):
        first, last = points.blocks[b], points.blocks[b + 1]
        _add_product(scratch.update, points.gram, network.activations, (first, last))


@compiled(fastmath=FAST, _nrt=False)
def _add_product(left: Array, gram: Array, out: Array, block: tuple[int, int]) -> None:
    """out ← out + left @ gram within a diagonal block, four rows by four columns of `left` at a time.

    Sixteen weights and four rows stay in registers while the inner loop runs along contiguous rows.
    """
    first, last = block
    size = last - first
    if size <= 4:  # the centres: too few for the loops below to begin
        for k in range(left.shape[0]):
            row, change = out[k, first:last], left[k, first:last]
            for i in range(size):
                for c in range(size):
                    row[c] += change[i] * gram[first + i, first + c]
        return
    # Slices, so that indices are seen to begin at 0: what may be negative is not vectorized.
    for k in range(0, left.shape[0], 4):
        l0, l1 = left[k, first:last], left[k + 1, first:last]
        l2, l3 = left[k + 2, first:last], left[k + 3, first:last]
        o0, o1 = out[k, first:last], out[k + 1, first:last]
        o2, o3 = out[k + 2, first:last], out[k + 3, first:last]
        for i in range(0, size - size % 4, 4):
            g0, g1 = gram[first + i, first:last], gram[first + i + 1, first:last]
            g2, g3 = gram[first + i + 2, first:last], gram[first + i + 3, first:last]
            a0, a1, a2, a3 = l0[i], l0[i + 1], l0[i + 2], l0[i + 3]
            b0, b1, b2, b3 = l1[i], l1[i + 1], l1[i + 2], l1[i + 3]
            c0, c1, c2, c3 = l2[i], l2[i + 1], l2[i + 2], l2[i + 3]
            d0, d1, d2, d3 = l3[i], l3[i + 1], l3[i + 2], l3[i + 3]
            for c in range(size):
                x0, x1, x2, x3 = g0[c], g1[c], g2[c], g3[c]
                o0[c] += (a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3)
                o1[c] += (b0 * x0 + b1 * x1) + (b2 * x2 + b3 * x3)
                o2[c] += (c0 * x0 + c1 * x1) + (c2 * x2 + c3 * x3)
                o3[c] += (d0 * x0 + d1 * x1) + (d2 * x2 + d3 * x3)
        for i in range(size - size % 4, size):
            a0, b0, c0, d0 = l0[i], l1[i], l2[i], l3[i]
            g0 = gram[first + i, first:last]
            for c in range(size):
                x0 = g0[c]
                o0[c] += a0 * x0
                o1[c] += b0 * x0
                o2[c] += c0 * x0
                o3[c] += d0 * x0


@compiled()
def is_finite(network: Network) -> bool:
    """Whether every number of the network is finite."""
    return bool(
        np.isfinite(network.activations).all()
        and np.isfinite(network.output).all()
        and np.isfinite(network.coefficients).all()
    )


@compiled()
def train(
    points: Points, network: Network, velocity: Velocity, rule: Rule, span: tuple[int, int, Seed]
) -> tuple[int, int]:
    """Train in place from one step to another.

    All arrays share one dtype, float32 or float64, in which training is done.

    Args:
        points: the training set.
        network: changed in place.
        velocity: changed in place; zero before step 0.
        rule: how a step is made.
        span: (first step, step to end at, the run's seed, which gives the batches).
    Returns:
        Status (OK, UNCONVERGED, DIVERGED) and the step at which training ended.
    """
    first, last, seed = span
    scratch = new_scratch(points, network)
    output = np.empty_like(points.observed)
    for step in range(first, last + 1):
        forward(points, network, rule, scratch, output)
        if rule.loss_tol > 0.0 and loss_value(points, rule.loss, output) <= rule.loss_tol:
            finite = np.isfinite(output).all() and is_finite(network)
            return (OK if finite else DIVERGED), step
        if step == last:
            break
        if not loss_slopes(points, rule.loss, output):
            return DIVERGED, step
        _keep_batch(output, rule, step, seed, scratch.order)
        _backward(points, network, rule, scratch, output)
        if rule.eta_output != 0.0:
            _move_output(network, velocity, rule, scratch)
        if rule.eta != 0.0:
            _move_filters(points, network, velocity, rule, scratch)
    if not (np.isfinite(output).all() and is_finite(network)):
        return DIVERGED, last
    return (UNCONVERGED if rule.loss_tol > 0.0 else OK), last

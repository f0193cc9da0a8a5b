"""A patch CNN of L layers, its filters on the Gram matrix and its upper layers dense.

The network is f = F₊₁ − F₋₁, two subnetworks of their own with m neurons a layer. On the patch x_p, p = 0
the signal and 1 the noise, with φ a (leaky) ReLU and all layers of a subnetwork without biases,

    a₁ = N(W x_p),    h₁ = φ(a₁),    h_l = [h_{l−1} +] φ(V_{l,p} h_{l−1})  for l = 2 … L − 1,
    F_j(x) = Σ_p u_p · h_{L−1},      f(x) = F₊₁(x) − F₋₁(x) [+ Σ_p ⟨θ, x_p⟩].

Upper weights V and u are a patch's own, or shared by both (then V_l,0 = V_l,1, u₀ = u₁). In brackets: the
residual connection, and a linear skip beside the network, θ = 0 at the start. N is the identity or a
normalization of the first layer (`bocnn.models.deep.normalization`). L = 2 has no V.

All rows of V are alike at the start, every upper weight being v₀, and stay alike: the m neurons of an upper
layer do the same. Normalization across them would therefore give zero; it is of the first layer alone.

Whatever is above the filters, the gradient of a filter is a combination of training patches z_c. So with G
the patches' Gram matrix and b a filter before normalization,

    b_k = α_k w_k(0) + Σ_c B_kc z_c,    ⟨b_k, z_c⟩ = α_k A₀[k, c] + (B G)[k, c],

and nothing has the size d. θ is one row more of the same matrices, with A₀ = 0.
"""

from typing import NamedTuple

from bocnn.arrays import Array, Ints
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.simd.compiler.compiled import compiled


class Architecture(NamedTuple):
    """What the arrays' shapes do not say.

    leak: slope of φ below zero, 0 for ReLU. residual: whether h_{l−1} is added. normalization: code, an
    index of `bocnn.models.deep.columns.NORMALIZATIONS`. epsilon: ε beside a variance.
    """

    leak: float
    residual: bool
    normalization: int
    epsilon: float


class DeepPoints(NamedTuple):
    """Training patches, the distinct ones: P points, the two centres first.

    gram: G, (P, P). initial: A₀, (K, P), K = 2m, and one more with a linear skip. squares: ‖w_k(0)‖², (K,).
    position: 0 for a signal patch, 1 for a noise patch, (P,). shares: of all 2n patches, (P,). centre: the
    centre of each sample, (n,). observed: y, (n,).
    """

    gram: Array
    initial: Array
    squares: Array
    position: Ints
    shares: Array
    centre: Ints
    observed: Array


class DeepWeights(NamedTuple):
    """Weights of a network, or a direction in which they move.

    inner: ⟨b_k, z_c⟩, (K, P). coefficients: B, (K, P). scale: α, (K,). gain: g of weight normalization,
    (K,). middle: V, (L − 2, 2, Q, m, m), class +1 first, Q = 2 patches or 1 that is shared. output: u,
    (2, Q, m).
    """

    inner: Array
    coefficients: Array
    scale: Array
    gain: Array
    middle: Array
    output: Array


class Layers(NamedTuple):
    """What a forward pass leaves for the backward one.

    effective: pre-activations of the first layer after normalization, (K, P); then ∂ℓ/∂ of them. factor:
    what normalization divides by, (K, P). hidden: h, (L − 1, P, 2, m). before: V h, (L − 2, P, 2, m).
    outputs: of points, (P,).
    """

    effective: Array
    factor: Array
    hidden: Array
    before: Array
    outputs: Array


@compiled(fastmath=FAST_MATH, _nrt=False)
def write_outputs(
    architecture: Architecture, weights: DeepWeights, position: Ints, layers: Layers
) -> None:
    """Write what each point adds to an output, and all layers.

    Args:
        architecture: the network's.
        weights: its upper layers.
        position: of the points, (P,).
        layers: with pre-activations `effective`; the rest is written.
    """
    leak, m = architecture.leak, weights.output.shape[2]
    for c in range(position.size):
        for j in range(2):
            for r in range(m):
                x = layers.effective[j * m + r, c]
                layers.hidden[0, c, j, r] = x if x > 0.0 else leak * x
    for level in range(weights.middle.shape[0]):
        _write_layer(architecture, weights.middle, (level, position), layers)
    last, shared = layers.hidden.shape[0] - 1, weights.output.shape[1] == 1
    for c in range(position.size):
        q = 0 if shared else position[c]
        total = layers.effective[2 * m, c] if layers.effective.shape[0] > 2 * m else 0.0
        for j in range(2):
            part = 0.0
            for r in range(m):
                part += weights.output[j, q, r] * layers.hidden[last, c, j, r]
            total += part if j == 0 else -part
        layers.outputs[c] = total


@compiled(fastmath=FAST_MATH, _nrt=False)
def _write_layer(
    architecture: Architecture, middle: Array, at: tuple[int, Ints], layers: Layers
) -> None:
    """Write one upper layer of all points from the one below."""
    (level, position), leak, m = at, architecture.leak, middle.shape[3]
    for c in range(position.size):
        q = 0 if middle.shape[2] == 1 else position[c]
        for j in range(2):
            below, above = layers.hidden[level, c, j], layers.hidden[level + 1, c, j]
            for s in range(m):
                row, x = middle[level, j, q, s], 0.0
                for r in range(m):
                    x += row[r] * below[r]
                layers.before[level, c, j, s] = x
                above[s] = x if x > 0.0 else leak * x
                if architecture.residual:
                    above[s] += below[s]


@compiled(fastmath=FAST_MATH, _nrt=False)
def write_upper_gradient(
    architecture: Architecture,
    weights: DeepWeights,
    points: tuple[Ints, Array],
    layers: Layers,
    out: DeepWeights,
) -> None:
    """Write gradients of V and u, and those of the effective pre-activations in place of these.

    Args:
        architecture: the network's.
        weights: its upper layers.
        points: positions, and ∂ℓ/∂ of the points' outputs, (P,) each.
        layers: as `write_outputs` left them; `effective` becomes its gradient.
        out: `middle` and `output` are written.
    """
    (position, gamma), m, last = points, weights.output.shape[2], layers.hidden.shape[0] - 1
    out.middle[:] = 0.0
    out.output[:] = 0.0
    for c in range(position.size):
        q = 0 if weights.output.shape[1] == 1 else position[c]
        if layers.effective.shape[0] > 2 * m:
            layers.effective[2 * m, c] = gamma[c]
        for j in range(2):
            slope, delta = gamma[c] if j == 0 else -gamma[c], layers.hidden[last, c, j]
            for r in range(m):
                out.output[j, q, r] += slope * delta[r]
                delta[r] = slope * weights.output[j, q, r]
            for level in range(weights.middle.shape[0] - 1, -1, -1):
                _descend_layer(architecture, weights.middle, (level, c, j, q), layers, out.middle)
            for r in range(m):
                factor = 1.0 if layers.effective[j * m + r, c] > 0.0 else architecture.leak
                layers.effective[j * m + r, c] = layers.hidden[0, c, j, r] * factor


@compiled(fastmath=FAST_MATH, _nrt=False)
def _descend_layer(
    architecture: Architecture,
    middle: Array,
    at: tuple[int, int, int, int],
    layers: Layers,
    out: Array,
) -> None:
    """From ∂ℓ/∂h of a layer, in place of h, to that of the layer below, in place of its h."""
    (level, c, j, q), m = at, middle.shape[3]
    below, above = layers.hidden[level, c, j], layers.hidden[level + 1, c, j]
    before = layers.before[level, c, j]
    for s in range(m):
        before[s] = above[s] * (1.0 if before[s] > 0.0 else architecture.leak)
        for r in range(m):
            out[level, j, q, s, r] += before[s] * below[r]
    for r in range(m):
        below[r] = above[r] if architecture.residual else 0.0
    for s in range(m):
        row = middle[level, j, q, s]
        for r in range(m):
            below[r] += before[s] * row[r]

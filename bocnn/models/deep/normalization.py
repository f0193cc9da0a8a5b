"""Normalizations of the first layer as functions of inner products, and their gradients.

| code | effective pre-activation of filter k on point c |
|---|---|
| 0 none | a = ⟨b_k, z_c⟩ |
| 1 weight | g_k a / ‖b_k‖, g and b trained, g = ‖b‖ at the start |
| 2 batch | (a − mean) / √(variance + ε) over all 2n training patches, in training and in test |
| 3 layer | the same over the m filters of a class, on one patch |

‖b_k‖² = α²‖w_k(0)‖² + α B A₀ᵀ + B aᵀ needs no vector. Batch and layer normalization have no gain and no
offset of their own.

Source:
    Salimans & Kingma 2016 (arXiv 1602.07868); Ioffe & Szegedy 2015 (arXiv 1502.03167); Ba, Kiros & Hinton
    2016 (arXiv 1607.06450).
"""

import math

from bocnn.arrays import Array
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.models.deep.network import Architecture, DeepPoints, DeepWeights, Layers
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.products import copy_scaled_rows

NONE, WEIGHT, BATCH, LAYER = range(4)


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def normalize(
    architecture: Architecture, weights: DeepWeights, points: DeepPoints, layers: Layers
) -> None:
    """Write the effective pre-activations of the training points, and what they were divided by.

    Args:
        architecture: the network's.
        weights: its filters.
        points: the training points.
        layers: `effective` and `factor` are written.
    """
    inner, out, m = weights.inner, layers.effective, weights.output.shape[2]
    copy_scaled_rows(inner, 1.0, out)
    if architecture.normalization == WEIGHT:
        for k in range(2 * m):
            length = filter_norm(weights, points, k)
            for c in range(inner.shape[1]):
                layers.factor[k, c] = length
                out[k, c] = inner[k, c] * (weights.gain[k] / length)
    elif architecture.normalization == BATCH:
        for k in range(2 * m):
            _standardize(out[k], points.shares, architecture.epsilon, layers.factor[k])
    elif architecture.normalization == LAYER:
        standardize_filters(architecture.epsilon, m, out, layers.factor)


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def filter_norm(weights: DeepWeights, points: DeepPoints, k: int) -> float:
    """‖b_k‖ by inner products.

    Args:
        weights: of the network.
        points: the training points.
        k: the filter.
    """
    scale = weights.scale[k]
    square = scale * scale * points.squares[k]
    for c in range(weights.inner.shape[1]):
        along = scale * points.initial[k, c] + weights.inner[k, c]
        square += weights.coefficients[k, c] * along
    return math.sqrt(square)


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def _standardize(row: Array, shares: Array, epsilon: float, factor: Array) -> None:
    """Turn a into (a − mean) / √(variance + ε), with shares of the points as weights."""
    mean, square = 0.0, 0.0
    for c in range(row.size):
        mean += shares[c] * row[c]
    for c in range(row.size):
        row[c] -= mean
        square += shares[c] * (row[c] * row[c])
    root = math.sqrt(square + epsilon)
    for c in range(row.size):
        factor[c] = root
        row[c] /= root


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def standardize_filters(epsilon: float, m: int, inner: Array, factor: Array) -> None:
    """Layer normalization in place.

    Args:
        epsilon: ε.
        m: filters a class.
        inner: pre-activations, (2m or more, any number).
        factor: what they were divided by, of its shape; written.
    """
    for c in range(inner.shape[1]):
        for first in (0, m):
            mean, square = 0.0, 0.0
            for k in range(first, first + m):
                mean += inner[k, c] / m
            for k in range(first, first + m):
                inner[k, c] -= mean
                square += inner[k, c] * inner[k, c] / m
            root = math.sqrt(square + epsilon)
            for k in range(first, first + m):
                factor[k, c] = root
                inner[k, c] /= root


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def write_filter_gradient(
    architecture: Architecture,
    weights: DeepWeights,
    points: DeepPoints,
    layers: Layers,
    out: DeepWeights,
) -> None:
    """Write the gradients of B, α and g, and how ⟨b, z⟩ moves along them.

    Args:
        architecture: the network's.
        weights: its filters.
        points: the training points.
        layers: `effective` holds ∂ℓ/∂ of the effective pre-activations, `factor` what `normalize` wrote.
        out: `inner`, `coefficients`, `scale` and `gain` are written.
    """
    m = weights.output.shape[2]
    copy_scaled_rows(layers.effective, 1.0, out.coefficients)
    out.scale[:] = 0.0
    out.gain[:] = 0.0
    if architecture.normalization == WEIGHT:
        for k in range(2 * m):
            _project_out(weights, layers.factor[k, 0], k, out)
    elif architecture.normalization == BATCH:
        for k in range(2 * m):
            _descend_batch(
                weights.inner[k], points.shares, layers.factor[k, 0], out.coefficients[k]
            )
    elif architecture.normalization == LAYER:
        _descend_filters(weights.inner, layers.factor, m, out.coefficients)
    for k in range(out.inner.shape[0]):
        row = out.inner[k]
        for c in range(row.size):
            row[c] = out.scale[k] * points.initial[k, c]
        for i in range(row.size):
            factor, gram = out.coefficients[k, i], points.gram[i]
            if factor != 0.0:
                for c in range(row.size):
                    row[c] += factor * gram[c]


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def _project_out(weights: DeepWeights, length: float, k: int, out: DeepWeights) -> None:
    """From the gradient of g b/‖b‖ to those of g and b: what is along b is the gain's."""
    along = 0.0
    for c in range(weights.inner.shape[1]):
        along += out.coefficients[k, c] * weights.inner[k, c]
    out.gain[k] = along / length
    factor, share = weights.gain[k] / length, out.gain[k] / length
    for c in range(weights.inner.shape[1]):
        moved = out.coefficients[k, c] - share * weights.coefficients[k, c]
        out.coefficients[k, c] = factor * moved
    out.scale[k] = -factor * share * weights.scale[k]


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def _descend_batch(inner: Array, shares: Array, root: float, gradient: Array) -> None:
    """From ∂ℓ/∂ of standardized pre-activations to that of a filter's own, in place."""
    mean, total, along = 0.0, 0.0, 0.0
    for c in range(inner.size):
        mean += shares[c] * inner[c]
        total += gradient[c]
    for c in range(inner.size):
        along += gradient[c] * (inner[c] - mean) / root
    for c in range(inner.size):
        part = total + along * (inner[c] - mean) / root
        gradient[c] = (gradient[c] - shares[c] * part) / root


@compiled(fastmath=FAST_MATH, error_model="numpy", _nrt=False)
def _descend_filters(inner: Array, factor: Array, m: int, gradient: Array) -> None:
    """The same for layer normalization, over the filters of each class."""
    for c in range(inner.shape[1]):
        for first in (0, m):
            mean, total, along, root = 0.0, 0.0, 0.0, factor[first, c]
            for k in range(first, first + m):
                mean += inner[k, c] / m
                total += gradient[k, c]
            for k in range(first, first + m):
                along += gradient[k, c] * (inner[k, c] - mean) / root
            for k in range(first, first + m):
                part = total + along * (inner[k, c] - mean) / root
                gradient[k, c] = (gradient[k, c] - part / m) / root

"""Test error of a trained network, without d: the pre-activations of fresh noise are a small Gaussian.

A fresh sample has a centre and a noise patch. Its output is S + N: S depends on the centre alone, and N on
the 2m pre-activations h of the noise patch, which given the filters are Gaussian: a mean (the biases) and
a 2m × 2m covariance. Each draw of h serves every centre.

Where φ is homogeneous (ReLU, leaky ReLU) and there is no bias, h = r·u with r, the length of the standard
normal vector drawn, chi with 2m degrees of freedom and independent of the direction u, and N = r·N(u): so
each draw gives u, and the chance of an error over r is exact. The error of nearly perfect networks is then
resolved far below 1 / n_test.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.activation import LEAKY, RELU, activate
from bocnn.arrays import Array
from bocnn.compiled import compiled
from bocnn.draws import TEST, Seed, inner_products, stream
from bocnn.exponential import exponential
from bocnn.gram import FAST, Kind, Network
from bocnn.lanes import aligned, lanes, numbers
from bocnn.laws import Geometry, Law
from bocnn.normals import fill_normals

CHUNK = 64
"""Draws that are made at once, along the lanes of the processor."""

_LANES = lanes(np.float64)
_LONGEST_SUM = 64


class Fresh(NamedTuple):
    """What fresh samples do to a network: everything that the test error needs.

    centres: S of each centre, (C,). labels: their classes, (C,). mean: of h, (2m,). root: h = mean +
    root e for standard normal e, (2m, 2m), lower triangular. weights: j_k v_{2,k}, (2m,).
    """

    centres: Array
    labels: Array
    mean: Array
    root: Array
    weights: Array


@compiled()
def fresh_samples(
    law: Law, geometry: Geometry, trained: Array, network: Network, kind: Kind
) -> Fresh:
    """The law of a trained network's outputs on fresh samples.

    Args:
        law: of the data.
        geometry: the run's coordinates.
        trained: the trained filters in them, (2m, D).
        network: the trained network.
        kind: its activation.
    """
    filters, count = trained.shape[0], geometry.labels.size
    head = geometry.signals + int(law.bias)
    products = inner_products(trained, geometry.points[:count], geometry.widths[:count])
    centres = np.zeros(count)
    phi = np.empty(filters)
    signs = network.signs[:filters].astype(np.float64)
    for c in range(count):
        activate(kind.activation, kind.leak, np.ascontiguousarray(products[:, c]), phi)
        centres[c] = np.sum(signs * network.output[0, :filters] * phi)
    first = 0 if law.isotropic else head
    spread = law.sigma_p * trained[:, first:]
    if law.isotropic and law.bias:
        spread[:, geometry.signals] = 0.0
    root = inner_products(spread, spread, np.full(filters, spread.shape[1]))
    cholesky(root)
    mean = np.sum(trained[:, geometry.signals : head], axis=1)
    weights = signs * network.output[1, :filters]
    return Fresh(centres, geometry.labels, mean, root, weights)


@compiled()
def cholesky(covariance: Array) -> None:
    """Lower Cholesky factor of a positive semidefinite matrix, in place, zero above the diagonal.

    A pivot that is zero up to rounding gives a zero column, so a rank below the size is no error.
    """
    size = covariance.shape[0]
    for k in range(size):
        pivot = covariance[k, k] - np.sum(covariance[k, :k] ** 2)
        positive = pivot > size * 2.3e-16 * covariance[k, k]
        root = math.sqrt(pivot) if positive else 0.0
        covariance[k, k] = root
        covariance[k, k + 1 :] = 0.0
        for i in range(k + 1, size):
            entry = covariance[i, k]
            for j in range(k):
                entry -= covariance[i, j] * covariance[k, j]
            covariance[i, k] = entry / root if root > 0.0 else 0.0


@compiled()
def clean_error(fresh: Fresh, kind: Kind, n_test: int, seed: Seed) -> tuple[float, float]:
    """Test error against the clean label, and its Monte Carlo standard error (NaN for one draw).

    Args:
        fresh: from `fresh_samples`.
        kind: the network's activation.
        n_test: fresh noise draws, each used for every centre.
        seed: the run's.
    """
    exact = (kind.activation == RELU or kind.activation == LEAKY) and not np.any(fresh.mean)
    slopes, error = np.empty(n_test), np.zeros(n_test)
    _draw_outputs(fresh, kind, exact, seed, slopes)
    for c in range(fresh.labels.size):
        y = fresh.labels[c]
        if exact:
            error += chances_negative(y * fresh.centres[c], y * slopes, fresh.weights.size // 2)
        else:
            error += wrongness(y * (fresh.centres[c] + slopes))
    error /= fresh.labels.size
    mean = np.sum(error) / n_test
    squares = np.sum((error - mean) ** 2)
    return mean, (math.sqrt(squares / (n_test - 1.0) / n_test) if n_test > 1 else math.nan)


@compiled(fastmath=FAST, error_model="numpy")
def _draw_outputs(fresh: Fresh, kind: Kind, exact: bool, seed: Seed, out: Array) -> None:
    """Write N of every draw: of its direction where the chance over the length is exact."""
    filters = fresh.weights.size
    normals = aligned((filters, CHUNK), np.float64)
    outputs, squares = np.empty(CHUNK), np.empty(CHUNK)
    for first in range(0, out.size, CHUNK):
        fill_normals(normals.reshape(-1), first * filters // 4, stream(seed, TEST))
        noise_outputs(fresh, kind, normals, outputs)
        if exact:
            squares[:] = 0.0
            for k in range(filters):
                row = normals[k]
                for t in range(CHUNK):
                    squares[t] += row[t] * row[t]
            for t in range(CHUNK):
                outputs[t] /= math.sqrt(squares[t])
        for t in range(min(CHUNK, out.size - first)):
            out[first + t] = outputs[t]


@compiled(fastmath=FAST)
def noise_outputs(fresh: Fresh, kind: Kind, normals: Array, out: Array) -> None:
    """Write N of standard normal vectors.

    Args:
        fresh: from `fresh_samples`.
        kind: the network's activation.
        normals: the vectors, (2m, CHUNK), from `aligned`.
        out: (CHUNK,).
    """
    filters = fresh.weights.size
    together = numbers(normals.reshape(filters, CHUNK // _LANES, _LANES), _LANES)
    h = aligned((CHUNK // _LANES, _LANES), np.float64)
    h_together, h_apart = numbers(h, _LANES), h.reshape(-1)
    out[:] = 0.0
    for k in range(filters):
        row = fresh.root[k]
        for t in range(0, CHUNK // _LANES, 4):
            h0 = together[0, t] * row[0] + fresh.mean[k]
            h1 = together[0, t + 1] * row[0] + fresh.mean[k]
            h2 = together[0, t + 2] * row[0] + fresh.mean[k]
            h3 = together[0, t + 3] * row[0] + fresh.mean[k]
            for j in range(1, k + 1):
                h0 += together[j, t] * row[j]
                h1 += together[j, t + 1] * row[j]
                h2 += together[j, t + 2] * row[j]
                h3 += together[j, t + 3] * row[j]
            h_together[t], h_together[t + 1] = h0, h1
            h_together[t + 2], h_together[t + 3] = h2, h3
        activate(kind.activation, kind.leak, h_apart, h_apart)
        weight = fresh.weights[k]
        for t in range(CHUNK):
            out[t] += weight * h_apart[t]


@compiled()
def wrongness(margin):  # type: ignore[no-untyped-def]
    """1 for a negative margin, 0 for a positive one, 1/2 for none: a coin is tossed there."""
    return 0.5 - 0.5 * np.sign(margin)


@compiled(error_model="numpy")
def chances_negative(constant: float, slopes: Array, half: int) -> Array:
    """P(constant + r·slope < 0), r chi with 2·half degrees of freedom; an output of 0 counts half.

    Args:
        constant: S.
        slopes: N(u), any number of them.
        half: half the degrees of freedom.
    """
    out, x = np.empty(slopes.size), np.empty(slopes.size)
    for t in range(x.size):
        ratio = constant / slopes[t]
        x[t] = 0.5 * ratio * ratio
    tails = upper_gammas(half, x)
    for t in range(x.size):
        slope = slopes[t]
        crossing = tails[t] if slope < 0.0 else 1.0 - tails[t]
        margin = constant if slope == 0.0 else slope
        sure = 0.0 if margin > 0.0 else (1.0 if margin < 0.0 else 0.5)
        turns = (constant > 0.0) & (slope < 0.0) | (constant < 0.0) & (slope > 0.0)
        chance = crossing if turns else sure
        out[t] = chance if (constant == constant) & (slope == slope) else math.nan
    return out


@compiled(fastmath={"contract"})
def upper_gammas(a: int, x: Array) -> Array:
    """Regularized upper incomplete gamma Q(a, x) for whole a ≥ 1: P(r > √(2x)), r chi with 2a degrees.

    For small a it is exp(−x) Σ_{j<a} xʲ/j!, a sum of positive terms; beyond x = 700, 0 to 1e-200.

    Args:
        a: shape.
        x: ≥ 0, any number of them.
    Source:
        DLMF 8.4.10.
    """
    out = np.empty(x.size)
    if a > _LONGEST_SUM:
        log_gamma = math.lgamma(a)
        for t in range(x.size):
            out[t] = _upper_gamma(a, x[t], log_gamma)
        return out
    capped = np.empty(x.size)
    for t in range(x.size):
        capped[t] = x[t] if x[t] < 700.0 else 700.0
        out[t] = 1.0
    for j in range(a - 1, 0, -1):
        inverse = 1.0 / j
        for t in range(x.size):
            out[t] = 1.0 + out[t] * capped[t] * inverse
    for t in range(x.size):
        out[t] = out[t] * exponential(-capped[t]) if x[t] < 700.0 else 0.0
    return out


@compiled()
def _upper_gamma(a: int, x: float, log_gamma: float) -> float:
    """Q(a, x) for one x and large a: both sums run away from their largest term.

    Source:
        DLMF 8.7.1 and 8.4.10.
    """
    if x <= 0.0:
        return 1.0
    if x > 1e300:
        return 0.0
    term = math.exp((a - 1) * math.log(x) - x - log_gamma)
    total = 0.0
    inverse = 1.0 / x
    if x >= a:
        for j in range(a - 1, -1, -1):
            total += term
            term *= j * inverse
            if term < 1e-17 * total:
                break
        return total
    term *= x / a
    j = a
    while term > 1e-17 * total:
        total += term
        j += 1
        term *= x / j
    return 1.0 - total

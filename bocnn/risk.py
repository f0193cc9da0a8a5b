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
from bocnn.gram import FAST, Network, Rule
from bocnn.laws import Geometry, Law
from bocnn.normals import fill_normals

CHUNK = 64
"""Draws that are made at once, along the lanes of the processor."""

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
    law: Law, geometry: Geometry, trained: Array, network: Network, rule: Rule
) -> Fresh:
    """The law of a trained network's outputs on fresh samples.

    Args:
        law: of the data.
        geometry: the run's coordinates.
        trained: the trained filters in them, (2m, D).
        network: the trained network.
        rule: its activation.
    """
    filters, count = trained.shape[0], geometry.labels.size
    head = geometry.signals + int(law.bias)
    products = inner_products(trained, geometry.points[:count], geometry.widths[:count])
    centres = np.zeros(count)
    phi = np.empty(filters)
    signs = network.signs[:filters].astype(np.float64)
    for c in range(count):
        activate(rule.activation, rule.leak, np.ascontiguousarray(products[:, c]), phi)
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
def clean_error(fresh: Fresh, rule: Rule, n_test: int, seed: Seed) -> tuple[float, float]:
    """Test error against the clean label, and its Monte Carlo standard error (NaN for one draw).

    Args:
        fresh: from `fresh_samples`.
        rule: the network's activation.
        n_test: fresh noise draws, each used for every centre.
        seed: the run's.
    """
    filters = fresh.weights.size
    normals = np.empty((filters, CHUNK))
    output, error = np.empty(CHUNK), np.empty(CHUNK)
    exact = (rule.activation == RELU or rule.activation == LEAKY) and not np.any(fresh.mean)
    mean = 0.0
    squares = 0.0
    for first in range(0, n_test, CHUNK):
        fill_normals(normals.reshape(-1), first * filters // 4, stream(seed, TEST))
        noise_outputs(fresh, rule, normals, output)
        if exact:
            _chances_of_error(fresh, normals, output, error)
        else:
            _errors(fresh, output, error)
        for draw in range(first, min(first + CHUNK, n_test)):
            change = error[draw - first] - mean
            mean += change / (draw + 1)
            squares += change * (error[draw - first] - mean)
    return mean, (math.sqrt(squares / (n_test - 1.0) / n_test) if n_test > 1 else math.nan)


@compiled(fastmath=FAST)
def noise_outputs(fresh: Fresh, rule: Rule, normals: Array, out: Array) -> None:
    """Write N of standard normal vectors, the columns of a (2m, draws) matrix."""
    h = np.empty(out.size)
    out[:] = 0.0
    for k in range(fresh.weights.size):
        h[:] = fresh.mean[k]
        for j in range(k + 1):
            weight = fresh.root[k, j]
            row = normals[j]
            for t in range(h.size):
                h[t] += weight * row[t]
        activate(rule.activation, rule.leak, h, h)
        for t in range(h.size):
            out[t] += fresh.weights[k] * h[t]


@compiled()
def wrongness(margin):  # type: ignore[no-untyped-def]
    """1 for a negative margin, 0 for a positive one, 1/2 for none: a coin is tossed there."""
    return 0.5 - 0.5 * np.sign(margin)


@compiled()
def _errors(fresh: Fresh, output: Array, out: Array) -> None:
    """Write each draw's error, the mean over centres."""
    out[:] = 0.0
    for c in range(fresh.labels.size):
        out += wrongness(fresh.labels[c] * (fresh.centres[c] + output)) / fresh.labels.size


@compiled()
def _chances_of_error(fresh: Fresh, normals: Array, output: Array, out: Array) -> None:
    """Write each direction's chance of an error over the length of the vector, mean over centres."""
    half = fresh.weights.size // 2
    slopes = output / np.sqrt(np.sum(normals * normals, axis=0))
    out[:] = 0.0
    for c in range(fresh.labels.size):
        y = fresh.labels[c]
        out += chances_negative(y * fresh.centres[c], y * slopes, half) / fresh.labels.size


@compiled()
def chances_negative(constant: float, slopes: Array, half: int) -> Array:
    """P(constant + r·slope < 0), r chi with 2·half degrees of freedom; an output of 0 counts half.

    Args:
        constant: S.
        slopes: N(u), any number of them.
        half: half the degrees of freedom.
    """
    still = slopes == 0.0
    ratios = np.where(still, 0.0 * np.sign(constant), constant / np.where(still, 1.0, slopes))
    tails = upper_gammas(half, 0.5 * ratios * ratios)
    crossing = np.where(slopes < 0.0, tails, 1.0 - tails)
    sure = np.where(np.isnan(ratios), np.nan, wrongness(np.where(still, constant, slopes)))
    return np.where(ratios < 0.0, crossing, sure)


@compiled()
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
    capped = np.minimum(x, 700.0)
    out[:] = 1.0
    for j in range(a - 1, 0, -1):
        inverse = 1.0 / j
        for t in range(x.size):
            out[t] = 1.0 + out[t] * capped[t] * inverse
    for t in range(x.size):
        out[t] = out[t] * math.exp(-capped[t]) if x[t] < 700.0 else 0.0
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

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

_CHUNK = 64


class Fresh(NamedTuple):
    """What fresh samples do to a network: everything that the test error needs.

    centres: S of each centre, (C,). labels: their classes, (C,). mean: of h, (2m,). root: h = mean +
    eᵀ root for standard normal e, (2m, 2m), upper triangular. weights: j_k v_{2,k}, (2m,).
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
    return Fresh(centres, geometry.labels, mean, np.ascontiguousarray(root.T), weights)


@compiled()
def cholesky(covariance: Array) -> None:
    """Lower Cholesky factor of a positive semidefinite matrix, in place, zero above the diagonal.

    A pivot that is zero up to rounding gives a zero column, so a rank below the size is no error.
    """
    size = covariance.shape[0]
    floor = 0.0
    for k in range(size):
        floor = max(floor, covariance[k, k])
    floor *= size * 2.3e-16
    for k in range(size):
        pivot = covariance[k, k] - np.sum(covariance[k, :k] ** 2)
        root = math.sqrt(pivot) if pivot > floor else 0.0
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
    padded = (filters + 3) // 4 * 4
    flat = np.empty(_CHUNK * padded)
    h = np.empty(filters)
    log_gamma = math.lgamma(filters // 2)
    exact = (rule.activation == RELU or rule.activation == LEAKY) and not np.any(fresh.mean)
    mean = 0.0
    squares = 0.0
    for draw in range(n_test):
        place = draw % _CHUNK
        if place == 0:
            count = min(_CHUNK, n_test - draw) * padded
            fill_normals(flat[:count], draw * padded // 4, stream(seed, TEST))
        normals = flat[place * padded : place * padded + filters]
        output = noise_output(fresh, rule, normals, h)
        if exact:
            error = _chance_of_error(
                fresh, output / math.sqrt(np.sum(normals * normals)), log_gamma
            )
        else:
            error = np.mean(wrongness(fresh.labels * (fresh.centres + output)))
        change = error - mean
        mean += change / (draw + 1)
        squares += change * (error - mean)
    return mean, (math.sqrt(squares / (n_test - 1.0) / n_test) if n_test > 1 else math.nan)


@compiled(fastmath=FAST, _nrt=False)
def noise_output(fresh: Fresh, rule: Rule, normals: Array, h: Array) -> float:
    """N of one standard normal vector, (2m,); its pre-activations are made in `h`."""
    for k in range(h.size):
        h[k] = fresh.mean[k]
    for j in range(normals.size):
        weight = normals[j]
        row = fresh.root[j]
        for k in range(j, normals.size):
            h[k] += weight * row[k]
    activate(rule.activation, rule.leak, h, h)
    total = 0.0
    for k in range(normals.size):
        total += fresh.weights[k] * h[k]
    return total


@compiled()
def wrongness(margin):  # type: ignore[no-untyped-def]
    """1 for a negative margin, 0 for a positive one, 1/2 for none: a coin is tossed there."""
    return 0.5 - 0.5 * np.sign(margin)


@compiled(_nrt=False)
def _chance_of_error(fresh: Fresh, slope: float, log_gamma: float) -> float:
    """Chance of an error over the length r, where the output is S + r·slope, mean over centres."""
    total = 0.0
    for c in range(fresh.labels.size):
        y = fresh.labels[c]
        total += chance_negative(
            y * fresh.centres[c], y * slope, fresh.weights.size // 2, log_gamma
        )
    return total / fresh.labels.size


@compiled()
def chance_negative(constant: float, slope: float, half: int, log_gamma: float) -> float:
    """P(constant + r·slope < 0), r chi with 2·half degrees of freedom; an output of 0 counts half.

    Args:
        constant: S.
        slope: N(u).
        half: half the degrees of freedom.
        log_gamma: log Γ(half).
    """
    if slope == 0.0:
        return wrongness(constant)
    ratio = constant / slope
    if ratio >= 0.0:
        return wrongness(slope)
    tail = upper_gamma(half, 0.5 * ratio * ratio, log_gamma)
    return tail if slope < 0.0 else 1.0 - tail


@compiled()
def upper_gamma(a: int, x: float, log_gamma: float) -> float:
    """Regularized upper incomplete gamma Q(a, x) for whole a ≥ 1: P(r > √(2x)), r chi with 2a degrees.

    Both sums run away from their largest term, so nothing cancels.

    Args:
        a: shape.
        x: ≥ 0.
        log_gamma: log Γ(a).
    Source:
        DLMF 8.7.1 and 8.4.10.
    """
    if x <= 0.0:
        return 1.0
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

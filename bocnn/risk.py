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
from bocnn.draws import TEST, Seed, stream
from bocnn.gram import FAST, Kind, Network
from bocnn.lanes import aligned, numbers, pick, plain
from bocnn.laws import Geometry, Law
from bocnn.normals import CHUNK, draw_chunk
from bocnn.products import WIDTH, add_product, zeros
from bocnn.tails import chances_negative, write_crossings
from bocnn.words import WIDTH as LANES

_VECTORS = CHUNK // LANES


class Fresh(NamedTuple):
    """What fresh samples do to a network: everything that the test error needs.

    centres: S of each centre, (C,). labels: their classes, (C,). mean: of h, (2m,). root: h = mean +
    rootᵀ e for standard normal e, (2m, 2m), upper triangular. weights: j_k v_{2,k}, (2m,).
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
        trained: the trained filters in them, from `trained_filters`.
        network: the trained network.
        kind: its activation.
    """
    filters, count, signals = 2 * geometry.m, geometry.labels.size, geometry.signals
    head = signals + int(law.bias)
    centres, weights, mean = np.zeros(count), np.empty(filters), np.zeros(filters)
    products, phi = np.empty(filters), np.empty(filters)
    for c in range(count):
        products[:] = 0.0
        for j in range(head):
            for k in range(filters):
                products[k] += trained[j, k] * geometry.points[j, c]
        activate(kind.activation, kind.leak, products, phi)
        for k in range(filters):
            centres[c] += np.float64(network.signs[k]) * network.output[0, k] * phi[k]
    for k in range(filters):
        weights[k] = np.float64(network.signs[k]) * network.output[1, k]
        for j in range(signals, head):
            mean[k] += trained[j, k]
    covariance = zeros(filters, filters)
    spans = np.empty((covariance.shape[0] // WIDTH, 2), np.int64)
    spans[:, 0], spans[:, 1] = head, trained.shape[0]
    add_product(trained.T, trained, covariance, spans)
    if law.isotropic:
        spans[:, 0], spans[:, 1] = 0, signals
        add_product(trained.T, trained, covariance, spans)
    covariance *= law.sigma_p**2
    cholesky(covariance)
    return Fresh(centres, geometry.labels, mean, covariance, weights)


@compiled(error_model="numpy")
def cholesky(covariance: Array) -> None:
    """Upper Cholesky factor of a positive semidefinite matrix, in place, zero below the diagonal.

    A pivot that is zero up to rounding gives a zero row, so a rank below the size is no error.

    Args:
        covariance: from `zeros`, (2m, 2m).
    """
    size = covariance.shape[0]
    rows = numbers(covariance.reshape((size, size // WIDTH, WIDTH)), WIDTH)
    least = np.empty(size)
    for k in range(size):
        least[k] = size * 2.3e-16 * covariance[k, k]
    for k in range(size):
        pivot = covariance[k, k]
        shrink = 1.0 / math.sqrt(pivot) if pivot > least[k] else 0.0
        for v in range(k // WIDTH, size // WIDTH):
            rows[k, v] = rows[k, v] * shrink
        for j in range(k):
            covariance[k, j] = 0.0
        for i in range(k + 1, size if shrink > 0.0 else k):
            factor = covariance[k, i]
            for v in range(i // WIDTH, size // WIDTH):
                rows[i, v] = rows[i, v] - factor * rows[k, v]


@compiled()
def clean_error(fresh: Fresh, kind: Kind, n_test: int, seed: Seed) -> tuple[float, float]:
    """Test error against the clean label, and its Monte Carlo standard error.

    Normal vectors are drawn in pairs, each with its mirror image; the last is without where n_test is
    odd. Pairs are independent, so the standard error is that of their means, the odd one weighing half;
    NaN for a single pair.

    Args:
        fresh: from `fresh_samples`.
        kind: the network's activation.
        n_test: fresh noise draws, each used for every centre.
        seed: the run's.
    """
    rectifies = kind.activation == RELU or kind.activation == LEAKY
    exact = rectifies and not np.any(fresh.mean)
    scaled, pairs = _scaled(fresh, rectifies), (n_test + 1) // 2
    error = np.empty((pairs + CHUNK - 1) // CHUNK * CHUNK)
    normals = aligned((fresh.weights.size, _VECTORS, LANES), np.float32)
    outputs = aligned((2, _VECTORS, LANES), np.float32)
    work, both = np.empty((3, 2 * CHUNK)), np.empty(2 * CHUNK)
    for first in range(0, pairs, CHUNK):
        _draw_vectors(normals, first, seed)
        noise_outputs(scaled, kind, normals, outputs)
        if exact:
            _divide_by_lengths(normals, outputs)
        work[0] = outputs.reshape(-1)
        _write_errors(scaled, exact, work, both)
        for t in range(CHUNK):
            error[first + t] = 0.5 * (both[t] + both[CHUNK + t])
        if n_test % 2 == 1 and first + CHUNK >= pairs:
            error[pairs - 1] = both[pairs - 1 - first]
    return _mean_of_pairs(error[:pairs], n_test)


@compiled()
def _mean_of_pairs(error: Array, n_test: int) -> tuple[float, float]:
    """Mean over draws and its standard error; the last weighs half where n_test is odd."""
    pairs, weight = error.size, 0.5 * n_test
    half = pairs - weight
    mean = (np.sum(error) - half * error[-1]) / weight
    squares = np.sum((error - mean) ** 2) - half * (error[-1] - mean) ** 2
    return mean, (math.sqrt(squares / (weight * (pairs - 1.0))) if pairs > 1 else math.nan)


@compiled(fastmath=FAST, error_model="numpy")
def _scaled(fresh: Fresh, rectifies: bool) -> Fresh:
    """The same law with its scales divided out, so that float32 holds it: no output's sign changes."""
    squares, weights, root = 0.0, 0.0, fresh.root.reshape(-1)
    for k in range(fresh.weights.size):
        weights += fresh.weights[k] * fresh.weights[k]
        squares += fresh.mean[k] * fresh.mean[k]
    for i in range(root.size):
        squares += root[i] * root[i]
    inner = 1.0 / math.sqrt(squares) if rectifies and squares > 0.0 else 1.0
    outer = 1.0 / math.sqrt(weights) if weights > 0.0 else 1.0
    return Fresh(
        inner * outer * fresh.centres,
        fresh.labels,
        inner * fresh.mean,
        (inner * fresh.root).astype(np.float32),
        outer * fresh.weights,
    )


@compiled()
def _draw_vectors(normals: Array, first: int, seed: Seed) -> None:
    """Draw CHUNK standard normal vectors, (2m, vectors, LANES), component by component."""
    apart, block = numbers(normals, LANES), first * normals.shape[0] // 4
    for k in range(normals.shape[0]):
        draw_chunk(apart[k], block + k * LANES, stream(seed, TEST))


@compiled(fastmath=FAST, error_model="numpy")
def _divide_by_lengths(normals: Array, outputs: Array) -> None:
    """Turn outputs on normal vectors into those on their directions."""
    e, lengths = numbers(normals, LANES), aligned((_VECTORS, LANES), np.float32)
    squares, flat, straight = numbers(lengths, LANES), lengths.reshape(-1), outputs.reshape(-1)
    for k in range(normals.shape[0]):
        for t in range(_VECTORS):
            squares[t] += e[k, t] * e[k, t]
    for t in range(CHUNK):
        flat[t] = np.float32(1) / math.sqrt(flat[t])
    for t in range(CHUNK):
        straight[t] *= flat[t]
        straight[CHUNK + t] *= flat[t]


@compiled(fastmath=FAST)
def noise_outputs(fresh: Fresh, kind: Kind, normals: Array, out: Array) -> None:
    """Write N of standard normal vectors and of their mirror images.

    Args:
        fresh: the law, its root float32.
        kind: the network's activation.
        normals: the vectors, (2m, CHUNK / LANES, LANES), from `aligned`.
        out: (2, CHUNK / LANES, LANES), from `aligned`.
    """
    real = np.float32
    e, outputs = numbers(normals, LANES), numbers(out, LANES)
    h = numbers(aligned((2, _VECTORS, LANES), real), LANES)
    pair = numbers(aligned((2, _VECTORS, LANES), real), LANES)
    rectifies = kind.activation == RELU or kind.activation == LEAKY
    leak = real(kind.leak) if kind.activation == LEAKY else real(0)
    out[:] = 0
    for k in range(0, fresh.weights.size, 2):
        _two_rows(fresh.root[:, k : k + 2], e, k, h)
        for row in range(2):
            mean, weight = real(fresh.mean[k + row]), real(fresh.weights[k + row])
            for t in range(_VECTORS):
                x = h[row, t]
                pair[0, t], pair[1, t] = mean + x, mean - x
            if not rectifies:
                activate(kind.activation, kind.leak, plain(pair), plain(pair))
            for side in range(2):
                for t in range(_VECTORS):
                    x = pair[side, t]
                    phi = pick(x, x, leak * x) if rectifies else x
                    outputs[side, t] += weight * phi


@compiled(fastmath=FAST, _nrt=False)
def _two_rows(root: Array, e: Array, k: int, out: Array) -> None:
    """Write the pre-activations of filters k and k + 1, without their means, from their columns."""
    a0, a1, a2, a3 = e[0, 0] * 0, e[0, 0] * 0, e[0, 0] * 0, e[0, 0] * 0
    b0, b1, b2, b3 = a0, a1, a2, a3
    for j in range(k + 2):
        a, b = root[j, 0], root[j, 1]
        e0, e1, e2, e3 = e[j, 0], e[j, 1], e[j, 2], e[j, 3]
        a0, a1, a2, a3 = a0 + a * e0, a1 + a * e1, a2 + a * e2, a3 + a * e3
        b0, b1, b2, b3 = b0 + b * e0, b1 + b * e1, b2 + b * e2, b3 + b * e3
    out[0, 0], out[0, 1], out[0, 2], out[0, 3] = a0, a1, a2, a3
    out[1, 0], out[1, 1], out[1, 2], out[1, 3] = b0, b1, b2, b3


@compiled()
def _write_errors(fresh: Fresh, exact: bool, work: Array, error: Array) -> None:
    """Write the mean error over the centres for noise outputs, the first row of `work`.

    The first half of the centres are of class +1, the others of class −1.
    """
    outputs, half, degrees = work[0], fresh.centres.size // 2, fresh.weights.size // 2
    share = 0.5 / half
    error[:] = 0.0
    for c in range(half):
        plus, minus = fresh.centres[c], fresh.centres[half + c]
        if not exact:
            for t in range(outputs.size):
                error[t] += share * (wrongness(plus + outputs[t]) + wrongness(-minus - outputs[t]))
        elif plus > 0.0 and minus < 0.0:
            write_crossings((plus, minus), degrees, work)
            for t in range(outputs.size):
                error[t] += share * work[2, t]
        else:
            error += share * chances_negative(plus, outputs, degrees)
            error += share * chances_negative(-minus, -outputs, degrees)


@compiled()
def wrongness(margin):  # type: ignore[no-untyped-def]
    """1 for a negative margin, 0 for a positive one, 1/2 for none: a coin is tossed there."""
    return 0.5 - 0.5 * np.sign(margin)

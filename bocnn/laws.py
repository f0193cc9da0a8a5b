"""Data laws: where the training patches lie, in coordinates that no longer depend on d.

Every vector of a run, patch or filter, is written in one orthonormal basis of what the run spans:

    signal directions (1 or 2) | the constant of a bias (0 or 1) | basis of the noise and the filters

A law is its centres: the signal patches, each with the class that it stands for. `signal` has ±μ, of class
±1; `xor` has ±u of class +1 and ±v of class −1, u ⟂ v, both of norm ‖μ‖. A sample's patches are a centre of
its true label and a noise patch, N(0, σ_p² I) (`isotropic`) or its part orthogonal to the centres
(`orthogonal`). With a bias every patch, of training or test, gains a constant 1.

Source:
    Kou et al. 2023 (arXiv 2303.04145); Meng et al. 2023 (arXiv 2310.01975).
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.compiled import compiled
from bocnn.draws import (
    BIAS,
    CENTRE,
    NOISE,
    OUTPUT,
    SIGNAL,
    Seed,
    draw_factor,
    draw_labels,
    draw_normals,
    draw_uniforms,
)
from bocnn.gram import Network, Points
from bocnn.products import WIDTH, add_product, zeros

LAWS = ("signal", "xor")
SIGNAL_LAW, XOR_LAW = range(2)
OUTPUTS = ("constant", "normal", "sign")
CONSTANT, NORMAL, SIGN = range(3)


class Law(NamedTuple):
    """Sizes and scales of a run's data and network; codes index LAWS and OUTPUTS."""

    law: int
    n: int
    d: int
    m: int
    mu_norm: float
    sigma_p: float
    sigma_0: float
    v0: float
    p_flip: float
    isotropic: bool
    bias: bool
    output_init: int


class Geometry(NamedTuple):
    """Coordinates of a run's vectors, a vector a column, padded with zeros (`bocnn.products`).

    points: (D, P), centres first, then noise patches. filters: (D, 2m) at the start. widths: (P,), a point
    is zero from that coordinate on. labels: (C,), the classes of the centres, +1 first. signals: signal
    directions. m: filters a class.
    """

    points: Array
    filters: Array
    widths: Ints
    labels: Array
    signals: int
    m: int


@compiled()
def centres_of(law: Law) -> tuple[Array, Array]:
    """Centres, (C, signal directions), and their classes, (C,)."""
    if law.law == XOR_LAW:
        directions = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        return law.mu_norm * directions, np.array([1.0, 1.0, -1.0, -1.0])
    return law.mu_norm * np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])


@compiled()
def draw_geometry(law: Law, seed: Seed) -> Geometry:
    """Draw patches and filters."""
    centres, labels = centres_of(law)
    count, signals = centres.shape
    filters, head, last = 2 * law.m, signals + int(law.bias), count + law.n
    factor = draw_factor(seed, law.n + filters, law.d - signals)
    size = head + factor.shape[0]
    points, weights = zeros(size, last), zeros(size, filters)
    for a in range(signals):
        points[a, :count] = centres[:, a]
    for j in range(factor.shape[0]):
        for i in range(law.n):
            points[head + j, count + i] = law.sigma_p * factor[j, i]
        for k in range(filters):
            weights[head + j, k] = law.sigma_0 * factor[j, law.n + k]
    if law.isotropic:
        _put(points[:signals, count:], law.sigma_p, draw_normals(seed, NOISE, (law.n, signals)))
    _put(weights[:signals], law.sigma_0, draw_normals(seed, SIGNAL, (filters, signals)))
    if law.bias:
        points[signals, :last] = 1.0
        _put(weights[signals:head], law.sigma_0, draw_normals(seed, BIAS, (filters, 1)))
    widths = np.full(last, head)
    for i in range(law.n):
        widths[count + i] = min(head + i + 1, size)
    return Geometry(points, weights, widths, labels, signals, law.m)


@compiled()
def _put(out: Array, scale: float, rows: Array) -> None:
    """Write rows, scaled, as the first columns of a matrix."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[j, i] = scale * rows[i, j]


@compiled()
def draw_points(law: Law, geometry: Geometry, seed: Seed, real) -> Points:  # type: ignore[no-untyped-def]
    """The training set in dtype `real`: labels, which centre each sample has, and their Gram matrix."""
    n, count = law.n, geometry.labels.size
    true, observed = draw_labels(seed, n, law.p_flip)
    crossed = law.law == XOR_LAW
    second = draw_uniforms(seed, CENTRE, n) if crossed else observed
    shared = np.zeros((count, n), real)
    for i in range(n):
        centre = 0 if true[i] > 0.0 else count // 2
        shared[centre + int(crossed and second[i] >= 0.5), i] = 1
    starts = np.array([0, count, count + n])
    apart = not (law.isotropic or law.bias)
    blocks = starts if apart else starts[::2].copy()
    gram = zeros(count + n, count + n)
    spans = np.zeros((gram.shape[0] // WIDTH, 2), np.int64)
    for tile in range(spans.shape[0]):
        spans[tile, 1] = geometry.widths[min(WIDTH * (tile + 1), count + n) - 1]
    add_product(geometry.points.T, geometry.points, gram, spans)
    gram = gram[: count + n, : count + n].astype(real)
    return Points(gram, shared, observed.astype(real), starts, blocks)


@compiled()
def draw_network(law: Law, geometry: Geometry, seed: Seed, real) -> Network:  # type: ignore[no-untyped-def]
    """The network at the start in dtype `real`, its filters rounded up to fours by silent ones."""
    filters, count = 2 * law.m, geometry.widths.size
    rounded = (filters + 3) // 4 * 4
    products = zeros(filters, count)
    spans = np.zeros((products.shape[0] // WIDTH, 2), np.int64)
    spans[:, 1] = geometry.widths[-1]
    add_product(geometry.filters.T, geometry.points, products, spans)
    activations = products[:rounded, :count].astype(real)
    signs = np.zeros(rounded, real)
    signs[: law.m] = 1
    signs[law.m : filters] = -1
    output = np.zeros((2, rounded), real)
    if law.output_init == CONSTANT:
        output[:, :filters] = law.v0
    else:
        output[:, :filters] = _draw_output(law, filters, seed)
    return Network(
        activations,
        activations.copy(),
        output,
        signs,
        np.zeros((rounded, count), real),
        np.ones(1, real),
    )


@compiled()
def _draw_output(law: Law, filters: int, seed: Seed) -> Array:
    """Output weights, (2, filters): v0 times normals, or v0 times random signs."""
    normals = draw_normals(seed, OUTPUT, (2, filters))
    return law.v0 * (normals if law.output_init == NORMAL else np.sign(normals))


@compiled()
def trained_filters(geometry: Geometry, network: Network) -> Array:
    """The filters after training, α W(0) + B Z, in the coordinates of the geometry and in its shape."""
    trained = zeros(geometry.filters.shape[0], geometry.filters.shape[1])
    scale, start, flat = (
        np.float64(network.scale[0]),
        geometry.filters.reshape(-1),
        trained.reshape(-1),
    )
    for i in range(flat.size):
        flat[i] = scale * start[i]
    points, first = geometry.widths.size, 0
    coefficients = zeros(points, 2 * geometry.m)
    for k in range(2 * geometry.m):
        for c in range(points):
            coefficients[c, k] = network.coefficients[k, c]
    spans = np.full((trained.shape[0] // WIDTH, 2), points)
    for tile in range(spans.shape[0]):
        while first < points and geometry.widths[first] <= WIDTH * tile:
            first += 1
        spans[tile, 0] = first
    add_product(geometry.points, coefficients, trained, spans)
    return trained

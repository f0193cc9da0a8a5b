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
    inner_products,
)
from bocnn.gram import Network, Points

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
    """Coordinates of a run's vectors.

    points: (P, D), centres first, then noise patches. filters: (2m, D) at the start. widths: (P,), a point
    is zero from that column on. labels: (C,), the classes of the centres. signals: signal directions.
    """

    points: Array
    filters: Array
    widths: Ints
    labels: Array
    signals: int


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
    filters, bias = 2 * law.m, int(law.bias)
    factor = draw_factor(seed, law.n + filters, law.d - signals)
    head = signals + bias
    points = np.zeros((count + law.n, head + factor.shape[1]))
    points[:count, :signals] = centres
    points[count:, head:] = law.sigma_p * factor[: law.n]
    if law.isotropic:
        points[count:, :signals] = law.sigma_p * draw_normals(seed, NOISE, (law.n, signals))
    points[:, signals:head] = 1.0
    weights = np.empty((filters, points.shape[1]))
    weights[:, :signals] = draw_normals(seed, SIGNAL, (filters, signals))
    weights[:, signals:head] = draw_normals(seed, BIAS, (filters, bias))
    weights[:, head:] = factor[law.n :]
    widths = np.full(count + law.n, head)
    widths[count:] = np.minimum(head + np.arange(1, law.n + 1), points.shape[1])
    return Geometry(points, law.sigma_0 * weights, widths, labels, signals)


@compiled()
def draw_points(law: Law, geometry: Geometry, seed: Seed, real) -> Points:  # type: ignore[no-untyped-def]
    """The training set in dtype `real`: labels, which centre each sample has, and their Gram matrix."""
    n, count = law.n, geometry.labels.size
    true, observed = draw_labels(seed, n, law.p_flip)
    centre = np.where(true > 0, 0, count // 2)
    if law.law == XOR_LAW:
        centre += np.where(draw_uniforms(seed, CENTRE, n) < 0.5, 0, 1)
    shared = np.zeros((count, n), real)
    for i in range(n):
        shared[centre[i], i] = 1
    starts = np.array([0, count, count + n])
    apart = not (law.isotropic or law.bias)
    blocks = starts if apart else starts[::2].copy()
    gram = inner_products(geometry.points, geometry.points, geometry.widths)
    return Points(gram.astype(real), shared, observed.astype(real), starts, blocks)


@compiled()
def draw_network(law: Law, geometry: Geometry, seed: Seed, real) -> Network:  # type: ignore[no-untyped-def]
    """The network at the start in dtype `real`, its filters rounded up to fours by silent ones."""
    filters, count = geometry.filters.shape[0], geometry.points.shape[0]
    rounded = (filters + 3) // 4 * 4
    activations = np.zeros((rounded, count), real)
    products = inner_products(geometry.filters, geometry.points, geometry.widths)
    activations[:filters] = products.astype(real)
    signs = np.zeros(rounded, real)
    signs[: law.m] = 1
    signs[law.m : filters] = -1
    output = np.zeros((2, rounded), real)
    output[:, :filters] = _draw_output(law, filters, seed).astype(real)
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
    """Output weights, (2, filters): v0, v0 times normals, or v0 times random signs."""
    if law.output_init == CONSTANT:
        return np.full((2, filters), law.v0)
    normals = draw_normals(seed, OUTPUT, (2, filters))
    return law.v0 * (normals if law.output_init == NORMAL else np.sign(normals))


@compiled()
def trained_filters(geometry: Geometry, network: Network) -> Array:
    """The filters after training, α W(0) + B Z, in the coordinates of the geometry, (2m, D)."""
    trained = np.float64(network.scale[0]) * geometry.filters
    for k in range(trained.shape[0]):
        for c in range(geometry.widths.size):
            weight = np.float64(network.coefficients[k, c])
            for j in range(geometry.widths[c]):
                trained[k, j] += weight * geometry.points[c, j]
    return trained

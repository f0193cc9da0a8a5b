"""Data models: the training patches and the filters, in coordinates that no longer depend on d.

Every vector of a run, patch or filter, is written in one orthonormal basis of what the run spans:

    signal directions (1 or 2) | the constant of a bias (0 or 1) | basis of the noise and the filters

A data model is its centres: the signal patches, each with its class. `signal` has ±μ, of class
±1; `xor` has ±u of class +1 and ±v of class −1, u ⟂ v, both of norm ‖μ‖. A sample's patches are a centre of
its true label and a noise patch, N(0, σ_p² I) (`isotropic`) or its part orthogonal to the centres
(`orthogonal`). With a bias every patch, of training or test, gains a constant 1.

Source:
    Kou et al. 2023 (arXiv 2303.04145); Meng et al. 2023 (arXiv 2310.01975).
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.draws import (
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
from bocnn.dynamics.state import Network, TrainingSet
from bocnn.simd.arena import Arena, Workspace, allocate, clear
from bocnn.simd.compiled import compiled
from bocnn.simd.lanes import as_scalars
from bocnn.simd.products import TILE, add_product, full_spans, padded_zeros, round_up

DATA_MODELS = ("signal", "xor")
SIGNAL_NOISE, XOR = range(2)
OUTPUT_INITS = ("constant", "normal", "sign")
CONSTANT, NORMAL, SIGN = range(3)


class DataParameters(NamedTuple):
    """Sizes and scales of a run's data and network; codes index DATA_MODELS and OUTPUT_INITS."""

    data: int
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
    """Coordinates of a run's vectors, a vector a column, padded with zeros (`bocnn.simd.products`).

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


@compiled(_nrt=False)
def signal_directions(parameters: DataParameters) -> int:
    """Signal directions; there are two centres along each."""
    return 2 if parameters.data == XOR else 1


@compiled()
def new_geometry(parameters: DataParameters, arena: Arena) -> Geometry:
    """The arrays of a geometry, unset."""
    signals, filters = signal_directions(parameters), 2 * parameters.m
    count, rank, most = 2 * signals, parameters.n + filters, parameters.d - signals
    rank = rank if rank < most else most
    rows = round_up(signals + (1 if parameters.bias else 0) + rank)
    return Geometry(
        allocate(arena, (rows, round_up(count + parameters.n)), np.float64),
        allocate(arena, (rows, round_up(filters)), np.float64),
        allocate(arena, (count + parameters.n,), np.int64),
        allocate(arena, (count,), np.float64),
        signals,
        parameters.m,
    )


@compiled()
def draw_geometry(parameters: DataParameters, seed: Seed, workspace: Workspace) -> Geometry:
    """Draw patches and filters."""
    geometry, scratch = new_geometry(parameters, workspace.kept), workspace.scratch
    points, weights = geometry.points, geometry.filters
    signals, filters = geometry.signals, 2 * parameters.m
    count, head = 2 * signals, signals + (1 if parameters.bias else 0)
    factor = draw_factor(seed, parameters.n + filters, parameters.d - signals, scratch)
    clear(as_scalars(points))
    clear(as_scalars(weights))
    _copy_scaled_rows(factor[:, : parameters.n], parameters.sigma_p, points[head:, count:])
    _copy_scaled_rows(factor[:, parameters.n :], parameters.sigma_0, weights[head:])
    if parameters.isotropic:
        noise = draw_normals(seed, NOISE, (parameters.n, signals), scratch)
        _copy_scaled_columns(points[:signals, count:], parameters.sigma_p, noise)
    along = draw_normals(seed, SIGNAL, (filters, signals), scratch)
    _copy_scaled_columns(weights[:signals], parameters.sigma_0, along)
    if parameters.bias:
        for c in range(count + parameters.n):
            points[signals, c] = 1.0
        biases = draw_normals(seed, BIAS, (filters, head - signals), scratch)
        _copy_scaled_columns(weights[signals:head], parameters.sigma_0, biases)
    _write_centres(parameters.mu_norm, points, geometry.labels)
    _write_widths(geometry.widths, count, head, head + factor.shape[0])
    return geometry


@compiled(_nrt=False)
def _write_centres(mu_norm: float, points: Array, labels: Array) -> None:
    """Write the centres, two along each signal direction, and their classes, +1 first."""
    for c in range(labels.size):
        labels[c] = 1.0 if 2 * c < labels.size else -1.0
        points[c // 2, c] = -mu_norm if c % 2 == 1 else mu_norm


@compiled(_nrt=False)
def _write_widths(widths: Ints, count: int, head: int, size: int) -> None:
    """Write from where on a point is zero: noise patch i has i + 1 numbers in the basis."""
    for c in range(widths.size):
        width = head if c < count else head + c - count + 1
        widths[c] = width if width < size else size


@compiled(_nrt=False)
def _copy_scaled_rows(rows: Array, scale: float, out: Array) -> None:
    """Write rows, scaled, as the first rows of a matrix: what both have."""
    height = rows.shape[0] if rows.shape[0] < out.shape[0] else out.shape[0]
    width = rows.shape[1] if rows.shape[1] < out.shape[1] else out.shape[1]
    for j in range(height):
        for i in range(width):
            out[j, i] = scale * rows[j, i]


@compiled(_nrt=False)
def _copy_scaled_columns(out: Array, scale: float, rows: Array) -> None:
    """Write rows, scaled, as the first columns of a matrix."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[j, i] = scale * rows[i, j]


@compiled()
def new_training_set(parameters: DataParameters, real, arena: Arena) -> TrainingSet:  # type: ignore[no-untyped-def]
    """The arrays of a training set, unset but for where positions and blocks start."""
    n, count = parameters.n, 2 * signal_directions(parameters)
    starts = allocate(arena, (3,), np.int64)
    blocks = allocate(arena, (2 if parameters.isotropic or parameters.bias else 3,), np.int64)
    starts[0], starts[1], starts[2] = 0, count, count + n
    blocks[0], blocks[1] = 0, count
    blocks[blocks.size - 1] = count + n
    return TrainingSet(
        allocate(arena, (count + n, count + n), real),
        allocate(arena, (count, n), real),
        allocate(arena, (n,), real),
        starts,
        blocks,
    )


@compiled()
def draw_training_set(  # type: ignore[no-untyped-def]
    parameters: DataParameters, geometry: Geometry, seed: Seed, real, workspace: Workspace
) -> TrainingSet:
    """The training set in dtype `real`: labels, which centre each sample has, and their Gram matrix."""
    training_set, scratch = new_training_set(parameters, real, workspace.kept), workspace.scratch
    n, size, crossed = parameters.n, geometry.widths.size, parameters.data == XOR
    true, observed = draw_labels(seed, n, parameters.p_flip, scratch)
    second = draw_uniforms(seed, CENTRE, n, scratch) if crossed else observed
    clear(as_scalars(training_set.shared))
    _mark_centres(true, second, crossed, training_set.shared)
    for i in range(n):
        training_set.observed[i] = observed[i]
    products, spans = padded_zeros(size, size, scratch), full_spans(size, 0, scratch)
    for tile in range(spans.shape[0]):
        last = TILE * (tile + 1)
        spans[tile, 1] = geometry.widths[(last if last < size else size) - 1]
    add_product(geometry.points.T, geometry.points, products, spans)
    _copy_scaled_rows(products, 1.0, training_set.gram)
    return training_set


@compiled(_nrt=False)
def _mark_centres(true: Array, second: Array, crossed: bool, out: Array) -> None:
    """Write 1 where a sample holds a centre: of its true label, the second of the two by a coin."""
    for i in range(true.size):
        centre = 0 if true[i] > 0.0 else out.shape[0] // 2
        out[centre + (1 if crossed and second[i] >= 0.5 else 0), i] = 1


@compiled()
def new_network(parameters: DataParameters, real, arena: Arena) -> Network:  # type: ignore[no-untyped-def]
    """The arrays of a network, unset; filters rounded up to fours."""
    filters = (2 * parameters.m + 3) // 4 * 4
    matrix = (filters, 2 * signal_directions(parameters) + parameters.n)
    return Network(
        allocate(arena, matrix, real),
        allocate(arena, matrix, real),
        allocate(arena, (2, filters), real),
        allocate(arena, (filters,), real),
        allocate(arena, matrix, real),
        allocate(arena, (1,), real),
    )


@compiled()
def draw_network(  # type: ignore[no-untyped-def]
    parameters: DataParameters, geometry: Geometry, seed: Seed, real, workspace: Workspace
) -> Network:
    """The network at the start in dtype `real`, its filters rounded up to fours by silent ones."""
    network, scratch = new_network(parameters, real, workspace.kept), workspace.scratch
    filters, count = 2 * parameters.m, geometry.widths.size
    products = padded_zeros(filters, count, scratch)
    spans = full_spans(filters, geometry.widths[count - 1], scratch)
    add_product(geometry.filters.T, geometry.points, products, spans)
    _copy_scaled_rows(products, 1.0, network.activations)
    _copy_scaled_rows(products, 1.0, network.initial)
    clear(as_scalars(network.coefficients))
    clear(as_scalars(network.output))
    for k in range(network.signs.size):
        network.signs[k] = 1 if k < parameters.m else (-1 if k < filters else 0)
    for k in range(filters):
        network.output[0, k] = network.output[1, k] = parameters.v0
    if parameters.output_init != CONSTANT:
        drawn = draw_normals(seed, OUTPUT, (network.output.shape[0], filters), scratch)
        _copy_output(parameters, drawn, network.output)
    network.scale[0] = 1
    return network


@compiled(_nrt=False)
def _copy_output(parameters: DataParameters, normals: Array, out: Array) -> None:
    """Write v0 times normals, or times their signs."""
    for p in range(normals.shape[0]):
        for k in range(normals.shape[1]):
            normal = normals[p, k]
            out[p, k] = parameters.v0 * (
                normal if parameters.output_init == NORMAL else np.sign(normal)
            )


@compiled(_nrt=True)
def trained_filters(geometry: Geometry, network: Network, arena: Arena) -> Array:
    """The filters after training, α W(0) + B Z, in the coordinates of the geometry and in its shape."""
    size, filters = geometry.filters.shape
    trained = padded_zeros(size, filters, arena)
    coefficients = padded_zeros(geometry.widths.size, 2 * geometry.m, arena)
    spans = full_spans(size, geometry.widths.size, arena)
    _add_training(geometry, network, trained, (coefficients, spans))
    return trained


@compiled(_nrt=False)
def _add_training(
    geometry: Geometry, network: Network, out: Array, work: tuple[Array, Ints]
) -> None:
    """Write the filters, with room for B transposed in double precision and for the spans."""
    coefficients, spans = work
    scale, first = np.float64(network.scale[0]), 0
    _copy_scaled_rows(geometry.filters, scale, out)
    for k in range(2 * geometry.m):
        for c in range(geometry.widths.size):
            coefficients[c, k] = network.coefficients[k, c]
    for tile in range(spans.shape[0]):
        while first < geometry.widths.size and geometry.widths[first] <= TILE * tile:
            first += 1
        spans[tile, 0] = first
    add_product(geometry.points, coefficients, out, spans)

"""Coordinates of a run: patches and filters as they are drawn, filters as they are trained."""

import math
from typing import Any

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.draws import (
    BIAS,
    NOISE,
    SIGNAL,
    Seed,
    draw_factor,
    draw_normals,
)
from bocnn.data.model import DataParameters, Geometry, signal_directions
from bocnn.data.spectrum import block_after, is_flat, spectrum_rank
from bocnn.data.strengths import scale_noise
from bocnn.dynamics.state import Network
from bocnn.simd.arena import Arena, Workspace, allocate, clear
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars
from bocnn.simd.products import (
    TILE,
    add_product,
    copy_scaled_columns,
    copy_scaled_rows,
    full_spans,
    padded_zeros,
    round_up,
)


@compiled()
def new_geometry(parameters: DataParameters, arena: Arena) -> Geometry:
    """The arrays of a geometry, unset.

    Args:
        parameters: sizes of the run.
        arena: they are allocated there.
    Returns:
        Floats and integers not yet written.
    """
    signals, filters = signal_directions(parameters), 2 * parameters.m
    noises = parameters.n * parameters.noise_patches
    count, vectors = 2 * signals, noises + filters
    rank = spectrum_rank(parameters.spectrum, parameters.d - signals, vectors)
    rows = round_up(signals + (1 if parameters.bias else 0) + rank)
    return Geometry(
        allocate(arena, (rows, round_up(count + noises)), np.float64),
        allocate(arena, (rows, round_up(filters)), np.float64),
        allocate(arena, (count + noises,), np.int64),
        allocate(arena, (count,), np.float64),
        signals,
        parameters.m,
        allocate(arena, (rows,), np.float64),
    )


@compiled()
def draw_geometry(parameters: DataParameters, seed: Seed, workspace: Workspace) -> Geometry:
    """Draw patches and filters.

    Args:
        parameters: of the run's data and network.
        seed: the run's.
        workspace: the result is in its first arena.
    Returns:
        Coordinates of the patches and of the filters at the start.
    """
    geometry, scratch = new_geometry(parameters, workspace.kept), workspace.scratch
    points, weights = geometry.points, geometry.filters
    signals, filters = geometry.signals, 2 * parameters.m
    count, head = 2 * signals, signals + (1 if parameters.bias else 0)
    clear(as_scalars(points))
    clear(as_scalars(weights))
    clear(geometry.variances)
    end = _draw_blocks(parameters, seed, geometry, head, scratch)
    if parameters.isotropic:
        patches = parameters.n * parameters.noise_patches
        noise = draw_normals(seed, NOISE, (patches, signals), scratch)
        copy_scaled_columns(points[:signals, count:], parameters.sigma_p, noise)
        for j in range(signals):
            geometry.variances[j] = 1.0
    if parameters.strengths.noise != 0.0:
        scale_noise(parameters, seed, geometry, scratch)
    along = draw_normals(seed, SIGNAL, (filters, signals), scratch)
    copy_scaled_columns(weights[:signals], parameters.sigma_0, along)
    if parameters.bias:
        for c in range(geometry.widths.size):
            points[signals, c] = 1.0
        biases = draw_normals(seed, BIAS, (filters, head - signals), scratch)
        copy_scaled_columns(weights[signals:head], parameters.sigma_0, biases)
    _write_centres(parameters.mu_norm, parameters.xor_cosine, points, geometry.labels)
    _write_widths(geometry.widths, count, head, end, is_flat(parameters.spectrum))
    return geometry


@compiled()
def _draw_blocks(
    parameters: DataParameters, seed: Seed, geometry: Geometry, head: int, scratch: Arena
) -> int:
    """Write the parts of noise patches and filters in each block of the covariance; where they end."""
    n, count = parameters.n * parameters.noise_patches, geometry.labels.size
    dimension = parameters.d - geometry.signals
    first: Any = np.int64(0)  # 0 would be a type of its own, for which all below is compiled again
    block, row = first, head
    while first < dimension:
        size, variance = block_after(parameters.spectrum, dimension, first)
        factor = draw_factor(seed, n + 2 * parameters.m, size, block, scratch)
        scale = parameters.sigma_p * math.sqrt(variance)
        copy_scaled_rows(factor[:, :n], scale, geometry.points[row:, count:])
        copy_scaled_rows(factor[:, n:], parameters.sigma_0, geometry.filters[row:])
        for j in range(factor.shape[0]):
            geometry.variances[row + j] = variance
        first, block, row = first + size, block + 1, row + factor.shape[0]
    return row


@compiled(_nrt=False)
def _write_centres(mu_norm: float, cosine: float, points: Array, labels: Array) -> None:
    """Write the centres and their classes, +1 first: ±μ, or ±u and ±v with the cosine of their angle."""
    for c in range(labels.size):
        labels[c] = 1.0 if 2 * c < labels.size else -1.0
        size = -mu_norm if c % 2 == 1 else mu_norm
        points[c // 2, c] = size
        if c >= 2 and cosine != 0.0:
            points[0, c], points[1, c] = size * cosine, size * math.sqrt(1.0 - cosine * cosine)


@compiled(_nrt=False)
def _write_widths(widths: Ints, count: int, head: int, size: int, flat: bool) -> None:
    """Write from where on a point is zero: noise patch i has i + 1 numbers in the basis of a block."""
    for c in range(widths.size):
        width = head if c < count else (head + c - count + 1 if flat else size)
        widths[c] = width if width < size else size


@compiled(_nrt=True)
def trained_filters(geometry: Geometry, network: Network, arena: Arena) -> Array:
    """The filters after training, α W(0) + B Z, in the coordinates of the geometry and in its shape.

    Args:
        geometry: the run's.
        network: trained.
        arena: they are allocated there.
    Returns:
        Shape of `geometry.filters`, float64.
    """
    size, filters = geometry.filters.shape
    trained = padded_zeros(size, filters, arena)
    coefficients = padded_zeros(geometry.widths.size, 2 * geometry.m, arena)
    spans = full_spans(size, geometry.widths.size, arena)
    _add_training(geometry, network, trained, coefficients, spans)
    return trained


@compiled(_nrt=False)
def _add_training(
    geometry: Geometry, network: Network, out: Array, coefficients: Array, spans: Ints
) -> None:
    """Write the filters, with room for B transposed in double precision and for the spans."""
    scale, first = np.float64(network.scale[0]), 0
    copy_scaled_rows(geometry.filters, scale, out)
    for k in range(2 * geometry.m):
        for c in range(geometry.widths.size):
            coefficients[c, k] = network.coefficients[k, c]
    for tile in range(spans.shape[0]):
        while first < geometry.widths.size and geometry.widths[first] <= TILE * tile:
            first += 1
        spans[tile, 0] = first
    add_product(geometry.points, coefficients, out, spans)

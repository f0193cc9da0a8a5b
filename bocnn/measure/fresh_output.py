"""Distribution of a trained network's outputs on fresh samples: a Gaussian with one dimension per filter.

A fresh sample has a centre and a noise patch. Its output is S + N: S depends on the centre alone, and N on
the 2m pre-activations h of the noise patch, which given the filters are Gaussian: a mean (the biases) and
a 2m × 2m covariance. No number has anything of size d.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.model import DataParameters, Geometry
from bocnn.data.spectrum import is_flat
from bocnn.data.strengths import kinds_of, relative_signal
from bocnn.dynamics.activation import activate
from bocnn.measure.run_state import RunState
from bocnn.simd.arena import Arena, allocate, clear
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_vectors
from bocnn.simd.products import TILE, add_product, full_spans, padded_zeros


class FreshOutput(NamedTuple):
    """Distribution of a network's output on fresh samples, as the test error needs it.

    centres: S of each centre, class +1 first, as many of either class, (C,); if samples differ in strength,
    of each kind (`bocnn.data.strengths`). centre_weights: of the errors there, 1 in their mean, (C,). mean:
    of h, (2m,). root: h = mean + rootᵀ e for standard normal e, (2m, 2m), upper triangular. weights: j_k
    v_{p,k} of each noise patch, one after the other, (2m times noise patches,). offsets: of h where a
    sample is one vector, from its centre, (C, 2m); (0, 2m) else.
    """

    centres: Array
    centre_weights: Array
    mean: Array
    root: Array
    weights: Array
    offsets: Array


@compiled(_nrt=True)  # what it returns of its arguments is counted, whoever calls it
def fresh_output(run: RunState, trained: Array, arena: Arena) -> FreshOutput:
    """Distribution of a trained network's outputs on fresh samples.

    Args:
        run: the run; nothing is changed.
        trained: its filters in its coordinates, from `trained_filters`.
        arena: the result is allocated there.
    """
    geometry = run.geometry
    filters, real, kinds = 2 * geometry.m, np.float64, kinds_of(run.parameters.strengths)
    count = kinds * geometry.labels.size
    fresh = FreshOutput(
        allocate(arena, (count,), real),
        allocate(arena, (count,), real),
        allocate(arena, (filters,), real),
        padded_zeros(filters, filters, arena),
        allocate(arena, (filters * run.parameters.noise_patches,), real),
        allocate(arena, (count if run.parameters.summed else 0, filters), real),
    )
    clear(fresh.centres)
    fresh.centre_weights[:] = 1.0
    clear(fresh.mean)
    _write_centres(run, trained, kinds, fresh, allocate(arena, (2, filters), real))
    _write_offsets(geometry, trained, fresh.offsets)
    spans = full_spans(filters, 0, arena)
    if is_flat(run.parameters.spectrum):
        _write_covariance(run.parameters, geometry, trained, fresh.root, spans)
    else:
        scaled = padded_zeros(trained.shape[0], filters, arena)
        _write_weighted(run.parameters, geometry.variances, trained, scaled)
        add_product(scaled.T, scaled, fresh.root, full_spans(filters, scaled.shape[0], arena))
    cholesky(fresh.root, allocate(arena, (fresh.root.shape[0],), real))
    return fresh


@compiled(_nrt=True)  # what it returns of its arguments is counted, whoever calls it
def reweighted(fresh: FreshOutput, class_weights: tuple[float, float], arena: Arena) -> FreshOutput:
    """The same distribution with other weights of the errors.

    Args:
        fresh: the distribution.
        class_weights: by which those of classes +1 and −1 are multiplied.
        arena: the weights are allocated there.
    """
    weights = allocate(arena, fresh.centre_weights.shape, np.float64)
    for c in range(weights.size):
        of_class = class_weights[0] if 2 * c < weights.size else class_weights[1]
        weights[c] = of_class * fresh.centre_weights[c]
    return FreshOutput(fresh.centres, weights, fresh.mean, fresh.root, fresh.weights, fresh.offsets)


@compiled(_nrt=False)
def _write_centres(
    run: RunState, trained: Array, kinds: int, out: FreshOutput, buffers: Array
) -> None:
    """Write outputs on the centres, means from the biases, and weights; `buffers` holds h and φ(h).

    A centre is followed by those of its further kinds.
    """
    geometry, network, step_type = run.geometry, run.network, run.step_type
    signals, head = geometry.signals, geometry.widths[0]
    products, phi = buffers[0], buffers[1]
    for c in range(geometry.labels.size):
        products[:] = 0.0
        for j in range(head):
            for k in range(products.size):
                products[k] += trained[j, k] * geometry.points[j, c]
        activate(step_type.activation, step_type.leak, products, phi)
        for k in range(products.size):
            out.centres[kinds * c] += np.float64(network.signs[k]) * network.output[0, k] * phi[k]
        if kinds > 1:
            whole = out.centres[kinds * c]
            for kind in range(kinds):
                factor = relative_signal(run.parameters.strengths, kind)
                out.centres[kinds * c + kind] = factor * whole
    for k in range(products.size):
        for p in range(1, network.output.shape[0]):
            weight = np.float64(network.signs[k]) * network.output[p, k]
            out.weights[(p - 1) * products.size + k] = weight
        for j in range(signals, head):
            out.mean[k] += trained[j, k]


@compiled(_nrt=False)
def _write_offsets(geometry: Geometry, trained: Array, out: Array) -> None:
    """Write the products of filters and centres, of as many centres as are asked for."""
    for c in range(out.shape[0]):
        for k in range(out.shape[1]):
            total = 0.0
            for j in range(geometry.signals):
                total += trained[j, k] * geometry.points[j, c]
            out[c, k] = total


@compiled(_nrt=False)
def _write_covariance(
    parameters: DataParameters, geometry: Geometry, trained: Array, out: Array, spans: Ints
) -> None:
    """Write σ_p² times the products of the filters in the directions that noise has."""
    for tile in range(spans.shape[0]):
        spans[tile, 0], spans[tile, 1] = geometry.widths[0], trained.shape[0]
    add_product(trained.T, trained, out, spans)
    if parameters.isotropic:
        for tile in range(spans.shape[0]):
            spans[tile, 0], spans[tile, 1] = 0, geometry.signals
        add_product(trained.T, trained, out, spans)
    flat = out.reshape(-1)
    for i in range(flat.size):
        flat[i] *= parameters.sigma_p * parameters.sigma_p


@compiled(_nrt=False)
def _write_weighted(
    parameters: DataParameters, variances: Array, trained: Array, out: Array
) -> None:
    """Write the filters' coordinates times the standard deviation of fresh noise in them."""
    for j in range(trained.shape[0]):
        deviation = parameters.sigma_p * math.sqrt(variances[j])
        for k in range(trained.shape[1]):
            out[j, k] = deviation * trained[j, k]


@compiled(error_model="numpy", _nrt=False)
def cholesky(covariance: Array, least: Array) -> None:
    """Upper Cholesky factor of a positive semidefinite matrix, in place, zero below the diagonal.

    A pivot that is zero up to rounding gives a zero row, so a rank below the size is no error.

    Args:
        covariance: from `zeros`, (2m, 2m).
        least: room for what pivots are compared with, (2m,).
    """
    size = covariance.shape[0]
    rows = as_vectors(covariance.reshape((size, size // TILE, TILE)), TILE)
    for k in range(size):
        least[k] = size * 2.3e-16 * covariance[k, k]
    for k in range(size):
        pivot = covariance[k, k]
        shrink = 1.0 / math.sqrt(pivot) if pivot > least[k] else 0.0
        for v in range(k // TILE, size // TILE):
            rows[k, v] = rows[k, v] * shrink
        for j in range(k):
            covariance[k, j] = 0.0
        for i in range(k + 1, size if shrink > 0.0 else k):
            factor = covariance[k, i]
            for v in range(i // TILE, size // TILE):
                rows[i, v] = rows[i, v] - factor * rows[k, v]

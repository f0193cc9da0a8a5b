"""The network of a run at the start: pre-activations A(0) and output weights."""

import numpy as np

from bocnn.arrays import Array
from bocnn.data.draws import (
    OUTPUT,
    Seed,
    draw_normals,
)
from bocnn.data.model import CONSTANT, NORMAL, DataParameters, Geometry, signal_directions
from bocnn.dynamics.state import Network
from bocnn.simd.arena import Arena, Workspace, allocate, clear
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars
from bocnn.simd.products import (
    add_product,
    copy_scaled_rows,
    full_spans,
    padded_zeros,
)


@compiled()
def new_network(parameters: DataParameters, real, arena: Arena) -> Network:  # type: ignore[no-untyped-def]
    """The arrays of a network, unset; filters rounded up to fours.

    Args:
        parameters: sizes of the run.
        real: dtype.
        arena: they are allocated there.
    Returns:
        Nothing of it written.
    """
    filters = (2 * parameters.m + 3) // 4 * 4
    patches = parameters.noise_patches
    matrix = (filters, 2 * signal_directions(parameters) + parameters.n * patches)
    return Network(
        allocate(arena, matrix, real),
        allocate(arena, matrix, real),
        allocate(arena, (1 + patches, filters), real),
        allocate(arena, (filters,), real),
        allocate(arena, matrix, real),
        allocate(arena, (1,), real),
    )


@compiled()
def draw_network(  # type: ignore[no-untyped-def]
    parameters: DataParameters, geometry: Geometry, seed: Seed, real, workspace: Workspace
) -> Network:
    """The network at the start in dtype `real`, its filters rounded up to fours by silent ones.

    Args:
        parameters: of the run's network.
        geometry: the run's, from `draw_geometry`.
        seed: the run's.
        real: dtype.
        workspace: the result is in its first arena.
    Returns:
        B = 0 and α = 1.
    """
    network, scratch = new_network(parameters, real, workspace.kept), workspace.scratch
    filters, count = 2 * parameters.m, geometry.widths.size
    products = padded_zeros(filters, count, scratch)
    spans = full_spans(filters, geometry.widths[count - 1], scratch)
    add_product(geometry.filters.T, geometry.points, products, spans)
    copy_scaled_rows(products, 1.0, network.activations)
    copy_scaled_rows(products, 1.0, network.initial)
    clear(as_scalars(network.coefficients))
    clear(as_scalars(network.output))
    for k in range(network.signs.size):
        network.signs[k] = 1 if k < parameters.m else (-1 if k < filters else 0)
    for p in range(network.output.shape[0]):
        for k in range(filters):
            network.output[p, k] = parameters.v0
    if parameters.output_init != CONSTANT:
        drawn = draw_normals(seed, OUTPUT, (network.output.shape[0], filters), scratch)
        _copy_output(parameters, drawn, network.output)
    if parameters.summed:
        clear(network.output[0])
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

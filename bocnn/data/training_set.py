"""The training set of a run: labels, which centre each sample has, and the Gram matrix."""

import numpy as np

from bocnn.arrays import Array
from bocnn.data.draws import (
    CENTRE,
    Seed,
    draw_labels,
    draw_uniforms,
)
from bocnn.data.model import XOR, DataParameters, Geometry, signal_directions
from bocnn.data.one_vector import add_centres
from bocnn.data.strengths import weigh_centres
from bocnn.dynamics.state import TrainingSet
from bocnn.simd.arena import Arena, Workspace, allocate, clear
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars
from bocnn.simd.products import (
    TILE,
    add_product,
    copy_scaled_rows,
    full_spans,
    padded_zeros,
)


@compiled()
def new_training_set(parameters: DataParameters, real, arena: Arena) -> TrainingSet:  # type: ignore[no-untyped-def]
    """The arrays of a training set, unset but for where positions and blocks start.

    Args:
        parameters: sizes of the run.
        real: dtype.
        arena: they are allocated there.
    Returns:
        G, which sample holds which point, and labels not yet written.
    """
    n, count = parameters.n, 2 * signal_directions(parameters)
    points = count + n * parameters.noise_patches
    starts = allocate(arena, (2 + parameters.noise_patches,), np.int64)
    coupled = parameters.isotropic or parameters.bias or parameters.summed
    blocks = allocate(arena, (2 if coupled else 3,), np.int64)
    starts[0] = 0
    for p in range(1, starts.size):
        starts[p] = count + (p - 1) * n
    blocks[0], blocks[1] = 0, count
    blocks[blocks.size - 1] = points
    return TrainingSet(
        allocate(arena, (points, points), real),
        allocate(arena, (count, n), real),
        allocate(arena, (n,), real),
        starts,
        blocks,
    )


@compiled()
def draw_training_set(  # type: ignore[no-untyped-def]
    parameters: DataParameters, geometry: Geometry, seed: Seed, real, workspace: Workspace
) -> TrainingSet:
    """The training set in dtype `real`: labels, which centre each sample has, and their Gram matrix.

    Args:
        parameters: of the run's data.
        geometry: the run's, from `draw_geometry`, where centres are added to samples of one vector.
        seed: the run's.
        real: dtype.
        workspace: the result is in its first arena.
    Returns:
        Centres first, then the noise patches, the first of every sample before the second.
    """
    training_set, scratch = new_training_set(parameters, real, workspace.kept), workspace.scratch
    n, size, crossed = parameters.n, geometry.widths.size, parameters.data == XOR
    true, observed = draw_labels(seed, n, parameters.classes, parameters.flips, scratch)
    second = draw_uniforms(seed, CENTRE, n, scratch) if crossed else observed
    clear(as_scalars(training_set.shared))
    _mark_centres(true, second, crossed, training_set.shared)
    if parameters.strengths.signal != 0.0:
        weigh_centres(parameters, seed, training_set.shared, scratch)
    if parameters.summed:
        add_centres(training_set.shared, 1.0, geometry, geometry.points)
    for i in range(n):
        training_set.observed[i] = observed[i]
    products, spans = padded_zeros(size, size, scratch), full_spans(size, 0, scratch)
    for tile in range(spans.shape[0]):
        last = TILE * (tile + 1)
        spans[tile, 1] = geometry.widths[(last if last < size else size) - 1]
    add_product(geometry.points.T, geometry.points, products, spans)
    copy_scaled_rows(products, 1.0, training_set.gram)
    return training_set


@compiled(_nrt=False)
def _mark_centres(true: Array, second: Array, crossed: bool, out: Array) -> None:
    """Write 1 where a sample holds a centre: of its true label, the second of the two by a coin."""
    for i in range(true.size):
        centre = 0 if true[i] > 0.0 else out.shape[0] // 2
        out[centre + (1 if crossed and second[i] >= 0.5 else 0), i] = 1

"""A run of the model `deep` before training: drawn as `bocnn` draws it, by the same counters."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from bocnn.arrays import Array, Ints
from bocnn.data.data_model import data_parameters
from bocnn.data.draws import Seed
from bocnn.data.geometry import draw_geometry
from bocnn.data.training_set import draw_training_set
from bocnn.engines.cpu.stages import workspace_bytes
from bocnn.models.deep.descent import DeepState
from bocnn.models.deep.network import DeepPoints, DeepWeights, Layers
from bocnn.simd.arena import Workspace, new_arena

Row = Mapping[str, Any]


class DeepVectors(NamedTuple):
    """Vectors of a run, a vector a column, in coordinates of which the first is the signal's direction.

    points: (D, P), the centres +μ and −μ, then noise patches. filters: (D, 2m) at the start. centre: of
    each sample, (n,). observed: y, (n,).
    """

    points: Array
    filters: Array
    centre: Ints
    observed: Array


def seed_of(row: Row) -> Seed:
    """The seed of a run."""
    return Seed(*(np.uint64(row[name]) for name in ("key0", "key1", "replicate")))


def draw_vectors(row: Row) -> DeepVectors:
    """Patches, filters and labels of a run, without anything of size d.

    Args:
        row: parameters, `key0`, `key1` and `replicate`.
    """
    n, parameters, seed = int(row["n"]), data_parameters(row), seed_of(row)
    workspace = Workspace(*(new_arena(1, size) for size in workspace_bytes(n, parameters.m, 0)))
    geometry = draw_geometry(parameters, seed, workspace)
    training_set = draw_training_set(parameters, geometry, seed, np.float64, workspace)
    return DeepVectors(
        geometry.points[:, : geometry.widths.size].copy(),
        geometry.filters[:, : 2 * parameters.m].copy(),
        training_set.shared.argmax(axis=0),
        training_set.observed.copy(),
    )


def points_of(vectors: DeepVectors, *, skip: bool) -> DeepPoints:
    """Inner products of a run's vectors: all that training needs.

    Args:
        vectors: of the run.
        skip: whether a row of zeros is added for a linear skip.
    """
    points, filters, n = vectors.points, vectors.filters, vectors.observed.size
    centres = points.shape[1] - n
    initial, squares = filters.T @ points, (filters**2).sum(axis=0)
    if skip:
        initial = np.concatenate([initial, np.zeros((1, points.shape[1]))])
        squares = np.append(squares, 0.0)
    counts = np.bincount(vectors.centre, minlength=centres)
    return DeepPoints(
        points.T @ points,
        initial,
        squares,
        np.repeat([0, 1], [centres, n]),
        np.concatenate([counts, np.ones(n)]) / (2 * n),
        vectors.centre.astype(np.int64),
        vectors.observed,
    )


def new_state(points: DeepPoints, sizes: tuple[int, int, int], v0: float) -> DeepState:
    """A network before its first step.

    Args:
        points: the training points.
        sizes: layers L, filters a class m, and upper weights' patches Q.
        v0: every upper weight.
    """
    (depth, m, patches), (rows, count) = sizes, points.initial.shape
    weights = DeepWeights(
        points.initial.copy(),
        np.zeros((rows, count)),
        np.ones(rows),
        np.sqrt(points.squares),
        np.full((depth - 2, 2, patches, m, m), v0),
        np.full((2, patches, m), v0),
    )
    trial, direction = (DeepWeights(*(np.zeros_like(part) for part in weights)) for _ in range(2))
    state_f = np.zeros((2, points.observed.size))
    layers = new_layers((rows, count), depth, m)
    return DeepState(weights, trial, direction, layers, state_f, np.zeros(count), np.zeros(2))


def new_layers(shape: tuple[int, int], depth: int, m: int) -> Layers:
    """Room for a forward pass.

    Args:
        shape: rows of the first layer, and points.
        depth: layers L.
        m: filters a class.
    """
    rows, count = shape
    return Layers(
        np.zeros((rows, count)),
        np.ones((rows, count)),
        np.zeros((depth - 1, count, 2, m)),
        np.zeros((depth - 2, count, 2, m)),
        np.zeros(count),
    )

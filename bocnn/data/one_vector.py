"""Samples of one vector, x = μ_c + ξ: the centre of the sample's true label and its noise in one patch.

The points are still the centres and one vector for each sample; in the coordinates of a run the latter are
noise patches with their centres added. A sample holds its centre with an output weight 0, so that the
centre's gradient is 0 and the network is

    f(x) = Σ_k j_k v_k φ(⟨w_k, x⟩),

while ⟨w_k, μ_c⟩ is followed along with the other pre-activations. Output weights are kept: the centre's
would not stay 0. Filters move by Σ_i B[k, i] x_i, which is Σ_c (Σ_{i of c} B[k, i]) μ_c + Σ_i B[k, i] ξ_i:
the signal's and the noise's coefficients are read off a run that is written in patches (`as_patches`).

Source:
    Frei, Chatterji & Bartlett 2022 (arXiv 2202.05928); Karhadkar et al. 2024 (arXiv 2403.06903); of xor Xu
    et al. 2023 (arXiv 2310.02541).
"""

from bocnn.arrays import Array
from bocnn.data.model import Geometry
from bocnn.dynamics.state import Network
from bocnn.simd.arena import Arena, allocate
from bocnn.simd.compiler.compiled import compiled


@compiled(_nrt=False)
def centre_of(shared: Array, i: int) -> int:
    """The centre of a sample."""
    for c in range(shared.shape[0]):
        if shared[c, i] != 0:
            return c
    return 0


@compiled(_nrt=False)
def add_centres(shared: Array, sign: float, geometry: Geometry, points: Array) -> None:
    """Add to each sample's noise patch its centre, times a sign.

    Args:
        shared: which sample has which centre, (C, n).
        sign: +1 to make vectors of patches, −1 to make patches of vectors.
        geometry: the run's, for the centres.
        points: of the shape of the geometry's, or those; changed in place.
    """
    count = geometry.labels.size
    for i in range(shared.shape[1]):
        c = centre_of(shared, i)
        for j in range(geometry.signals):
            points[j, count + i] += sign * geometry.points[j, c]


@compiled(_nrt=True)  # what it returns of its arguments is counted, whoever calls it
def as_patches(
    geometry: Geometry, network: Network, shared: Array, trained: Array, arena: Arena
) -> tuple[Geometry, Network]:
    """A run of samples of one vector, written as centres and noise patches.

    Args:
        geometry: the run's coordinates.
        network: the run's.
        shared: which sample has which centre, (C, n).
        trained: the filters in the coordinates, from `trained_filters`.
        arena: what differs is allocated there.
    Returns:
        Noise patches without their centres, and the network's pre-activations on them and coefficients.
    """
    points = allocate(arena, geometry.points.shape, geometry.points.dtype)
    activations = allocate(arena, network.activations.shape, network.activations.dtype)
    coefficients = allocate(arena, network.coefficients.shape, network.coefficients.dtype)
    _copy(geometry.points, points)
    _copy(network.activations, activations)
    _copy(network.coefficients, coefficients)
    add_centres(shared, -1.0, geometry, points)
    _separate(geometry, shared, trained, activations, coefficients)
    return (
        Geometry(
            points,
            geometry.filters,
            geometry.widths,
            geometry.labels,
            geometry.signals,
            geometry.m,
            geometry.variances,
        ),
        Network(
            activations,
            network.initial,
            network.output,
            network.signs,
            coefficients,
            network.scale,
        ),
    )


@compiled(_nrt=False)
def _copy(source: Array, target: Array) -> None:
    """Copy a matrix: numba's own assignment may take memory that nobody gives back."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@compiled(_nrt=False)
def _separate(
    geometry: Geometry, shared: Array, trained: Array, activations: Array, coefficients: Array
) -> None:
    """Take the centres' parts out of the samples' pre-activations, and give them their coefficients."""
    count = geometry.labels.size
    for i in range(shared.shape[1]):
        c = centre_of(shared, i)
        for k in range(2 * geometry.m):
            signal = 0.0
            for j in range(geometry.signals):
                signal += trained[j, k] * geometry.points[j, c]
            activations[k, count + i] -= signal
            coefficients[k, c] += coefficients[k, count + i]

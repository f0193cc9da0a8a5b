"""The trajectory: training fit, test error, and how far signal and noise are learned, at some steps.

A filter in training is decomposed as

    w_{j,r} = α w_{j,r}(0) + j γ_{j,r} μ / ‖μ‖² + Σ_i ρ_{j,r,i} ξ_i / ‖ξ_i‖²

where γ and ρ follow from the coefficients B of `bocnn.dynamics.gram_step`: nothing is solved. Where the
noise patches are linearly dependent (n > d) many γ and ρ give the same filter; these are the ones that
training made.

Source:
    Kou et al. 2023 (arXiv 2303.04145), the signal-noise decomposition.
"""

import math
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.data.geometry import trained_filters
from bocnn.data.model import Geometry
from bocnn.data.one_vector import as_patches
from bocnn.dynamics.losses import loss_slopes
from bocnn.dynamics.state import Network
from bocnn.measure.measures import Measures
from bocnn.measure.run_state import RunState
from bocnn.simd.arena import Arena, allocate
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars


class TrajectoryPoint(NamedTuple):
    """The recorded columns of a run at one step, in the dataset's order; all float64."""

    step: float
    train_loss: float
    train_error: float
    test_error: float
    test_error_clean: float
    max_w_xi: float
    max_v2: float
    noise_ratio: float
    max_w_mu: float
    max_v1: float
    w_norm: float
    v_norm: float
    gamma_max: float
    rho_max: float
    gamma_over_rho: float
    slope_min: float
    slope_max: float


@compiled()
def trajectory_point(run: RunState, row: Measures, single: bool, arena: Arena) -> TrajectoryPoint:
    """The trajectory's columns of a run at its present step.

    Args:
        run: the run; nothing is changed.
        row: its measures at this step.
        single: whether it is trained in float32: then so are its slopes.
        arena: to work in.
    """
    geometry, network = run.geometry, run.network
    if run.parameters.summed:
        trained = trained_filters(geometry, network, arena)
        shared = run.training_set.shared
        geometry, network = as_patches(geometry, network, shared, trained, arena)
    gamma = signal_coefficients(geometry, network, arena)
    rho = noise_coefficients(geometry, network, arena)
    loss, observed = run.step_type.loss, run.training_set.observed
    if single:
        slopes = slope_sizes(
            loss, _in_single(observed, arena), _in_single(run.output, arena), arena
        )
    else:
        slopes = slope_sizes(loss, observed, run.output, arena)
    return TrajectoryPoint(
        row.steps_run,
        row.train_loss,
        row.train_error,
        row.test_error,
        row.test_error_clean,
        row.max_w_xi,
        row.max_v2,
        row.max_w_xi / row.max_v2 if row.max_v2 > 0.0 else math.nan,
        row.max_w_mu,
        row.max_v1,
        row.w_norm,
        row.v_norm,
        _largest(1.0, gamma),
        _largest(1.0, rho.reshape(-1)),
        largest_ratio(gamma, rho),
        -_largest(-1.0, slopes),
        _largest(1.0, slopes),
    )


@compiled(_nrt=True)
def _in_single(values: Array, arena: Arena) -> Array:
    """Values that float32 holds, in it."""
    out = allocate(arena, values.shape, np.float32)
    for i in range(out.size):
        out[i] = values[i]
    return out


@compiled(_nrt=False)
def _largest(sign: float, values: Array) -> float:
    """Largest of a sign times values, NaN where one of them is."""
    largest = sign * values[0]
    for i in range(values.size):
        value = sign * values[i]
        if value > largest or value != value:
            largest = value
    return largest


@compiled(_nrt=True)
def signal_coefficients(geometry: Geometry, network: Network, arena: Arena) -> Array:
    """γ_{j,r} of every filter, shape (2m,).

    For the data model `xor` it is the size of the change along the class's own axis (u or v), of whichever
    sign: |γ| where w_{j,r} = α w_{j,r}(0) + γ u / ‖u‖² + ….

    Args:
        geometry: the run's coordinates.
        network: unchanged.
        arena: they are allocated there.
    Returns:
        Shape (2m,), float64.
    """
    coefficients = allocate(arena, (2 * geometry.m,), np.float64)
    size, crossed = 0.0, geometry.signals == 2
    for j in range(geometry.signals):
        size += geometry.points[j, 0] * geometry.points[j, 0]
    for k in range(coefficients.size):
        own = 2 if crossed and network.signs[k] < 0 else 0
        change = np.float64(network.coefficients[k, own]) - network.coefficients[k, own + 1]
        coefficients[k] = size * (abs(change) if crossed else network.signs[k] * change)
    return coefficients


@compiled(_nrt=True)
def noise_coefficients(geometry: Geometry, network: Network, arena: Arena) -> Array:
    """ρ_{j,r,i} of every filter and sample, shape (2m, n).

    Args:
        geometry: the run's coordinates.
        network: unchanged.
        arena: they are allocated there.
    Returns:
        Shape (2m, n), float64.
    """
    count, head = geometry.labels.size, geometry.widths[0]
    samples = geometry.widths.size - count
    coefficients = allocate(arena, (2 * geometry.m, samples), np.float64)
    for i in range(samples):
        along, across = 0.0, 0.0
        for j in range(geometry.signals):
            along += geometry.points[j, count + i] * geometry.points[j, count + i]
        for j in range(head, geometry.points.shape[0]):
            across += geometry.points[j, count + i] * geometry.points[j, count + i]
        for k in range(coefficients.shape[0]):
            coefficients[k, i] = (along + across) * network.coefficients[k, count + i]
    return coefficients


@compiled(_nrt=False)
def largest_ratio(gamma: Array, rho: Array) -> float:
    """max over filters of γ_{j,r} / Σ_i max(ρ_{j,r,i}, 0); NaN where no filter has a positive ρ.

    Args:
        gamma: γ, shape (2m,).
        rho: ρ, shape (2m, n).
    """
    largest = -math.inf
    for k in range(gamma.size):
        memorized = 0.0
        for i in range(rho.shape[1]):
            memorized += 0.0 if rho[k, i] < 0.0 else rho[k, i]
        if memorized > 0.0:
            ratio = gamma[k] / memorized
            largest = ratio if ratio > largest else largest
    return largest if math.isfinite(largest) else math.nan


@compiled(_nrt=True)
def slope_sizes(loss: int, observed: Array, output: Array, arena: Arena) -> Array:
    """|ℓ'_i|, the size of the loss's derivative by each sample's output, shape (n,).

    Args:
        loss: code.
        observed: y, shape (n,).
        output: f, shape (n,).
        arena: to work in.
    Returns:
        Shape (n,), float64.
    """
    slopes = allocate(arena, output.shape, output.dtype)
    sizes = allocate(arena, output.shape, np.float64)
    loss_slopes(loss, as_scalars(observed), as_scalars(output), as_scalars(slopes))
    for i in range(sizes.size):
        sizes[i] = abs(slopes[i])
    return sizes

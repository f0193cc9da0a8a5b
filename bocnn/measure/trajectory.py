"""What is recorded along the training: fit, test error, and how far signal and noise are learned.

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
from bocnn.data.model import Geometry
from bocnn.dynamics.gram_step import Network
from bocnn.dynamics.losses import loss_slopes
from bocnn.measure.measures import Measures, RunState
from bocnn.simd.compiled import compiled


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
def trajectory_point(run: RunState, row: Measures) -> TrajectoryPoint:
    """What is recorded of a run as it stands.

    Args:
        run: the run; nothing is changed.
        row: its measures as it stands.
    """
    gamma = signal_coefficients(run.geometry, run.network)
    rho = noise_coefficients(run.geometry, run.network)
    slopes = slope_sizes(run.step_type.loss, run.training_set.observed, run.output)
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
        float(np.max(gamma)),
        float(np.max(rho)),
        largest_ratio(gamma, rho),
        float(np.min(slopes)),
        float(np.max(slopes)),
    )


@compiled()
def signal_coefficients(geometry: Geometry, network: Network) -> Array:
    """γ_{j,r} of every filter, shape (2m,).

    With the law `xor` it is the size of the change along the class's own axis (u or v), of whichever
    sign: |γ| where w_{j,r} = α w_{j,r}(0) + γ u / ‖u‖² + ….
    """
    coefficients = np.empty(2 * geometry.m)
    centre = geometry.points[: geometry.signals, 0]
    size = np.sum(centre * centre)
    crossed = geometry.signals == 2
    for k in range(coefficients.size):
        own = 2 if crossed and network.signs[k] < 0 else 0
        change = np.float64(network.coefficients[k, own]) - network.coefficients[k, own + 1]
        coefficients[k] = size * (abs(change) if crossed else network.signs[k] * change)
    return coefficients


@compiled()
def noise_coefficients(geometry: Geometry, network: Network) -> Array:
    """ρ_{j,r,i} of every filter and sample, shape (2m, n)."""
    count, head = geometry.labels.size, geometry.widths[0]
    samples = geometry.widths.size - count
    coefficients = np.empty((2 * geometry.m, samples))
    for i in range(samples):
        point = geometry.points[:, count + i]
        size = np.sum(point[: geometry.signals] ** 2) + np.sum(point[head:] ** 2)
        for k in range(coefficients.shape[0]):
            coefficients[k, i] = size * network.coefficients[k, count + i]
    return coefficients


@compiled()
def largest_ratio(gamma: Array, rho: Array) -> float:
    """max over filters of γ_{j,r} / Σ_i max(ρ_{j,r,i}, 0); NaN where no filter has a positive ρ."""
    largest = -math.inf
    for k in range(gamma.size):
        memorized = np.sum(np.maximum(rho[k], 0.0))
        if memorized > 0.0:
            largest = max(largest, gamma[k] / memorized)
    return largest if math.isfinite(largest) else math.nan


@compiled()
def slope_sizes(loss: int, observed: Array, output: Array) -> Array:
    """|ℓ'_i|, the size of the loss's derivative by each sample's output, shape (n,)."""
    slope = np.empty_like(output)
    loss_slopes(loss, observed, output, slope)
    return np.abs(slope).astype(np.float64)

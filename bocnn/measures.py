"""What is measured on a trained run: training fit, test error, signal learning and noise memorization.

The test error needs no d: given the filters, the pre-activations of a fresh noise patch are Gaussian
with a 2m × 2m covariance. A fresh sample's output is S + r·N(u), where S depends on its label, u is the
direction and r, chi with 2m degrees of freedom, the length of the standard normal vector drawn; N is
homogeneous. So each draw gives u, and the chance of an error over r is exact: the error of nearly
perfect networks is resolved far below 1 / n_test.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from bocnn.arrays import Array
from bocnn.draws import TEST, Seed, stream
from bocnn.gram import FAST, Network, Sample, signal_outputs
from bocnn.philox import fill_normals


class Measures(NamedTuple):
    """The measured columns of a run, in the dataset's order; all float64."""

    train_loss: float
    train_error: float
    test_error: float
    test_error_clean: float
    test_error_se: float
    max_w_mu: float
    max_w_xi: float
    signal_to_noise: float
    max_v1: float
    max_v2: float
    w_norm: float
    v_norm: float
    steps_run: float


@njit(cache=True)
def upper_gamma(a: int, x: float) -> float:
    """Regularized upper incomplete gamma Q(a, x) for whole a ≥ 1: P(r > √(2x)), r chi with 2a degrees.

    Both sums run away from their largest term, so nothing cancels.

    Source:
        DLMF 8.7.1 and 8.4.10.
    """
    if x <= 0.0:
        return 1.0
    if x >= a:
        term = math.exp((a - 1) * math.log(x) - x - math.lgamma(a))
        total = 0.0
        for j in range(a - 1, -1, -1):
            total += term
            term *= j / x
            if term < 1e-17 * total:
                break
        return total
    term = math.exp(a * math.log(x) - x - math.lgamma(a + 1.0))
    total = 0.0
    j = a
    while term > 1e-17 * total:
        total += term
        j += 1
        term *= x / j
    return 1.0 - total


@njit(cache=True)
def wrongness(margin: float) -> float:
    """1 for a negative margin, 0 for a positive one, 1/2 for none: a coin is tossed there."""
    return 0.5 - 0.5 * np.sign(margin)


@njit(cache=True)
def chance_negative(constant: float, slope: float, half: int) -> float:
    """P(constant + r·slope < 0), r chi with 2·half degrees of freedom; an output of 0 counts half."""
    if slope == 0.0:
        return wrongness(constant)
    ratio = constant / slope
    if ratio >= 0.0:
        return wrongness(slope)
    tail = upper_gamma(half, 0.5 * ratio * ratio)
    return tail if slope < 0.0 else 1.0 - tail


@njit(cache=True)
def cholesky(covariance: Array) -> None:
    """Lower Cholesky factor of a positive semidefinite matrix, in place; the upper part is left.

    A pivot that is zero up to rounding gives a zero column, so a rank below the size is no error.
    """
    size = covariance.shape[0]
    floor = 0.0
    for k in range(size):
        floor = max(floor, covariance[k, k])
    floor *= size * 2.3e-16
    for k in range(size):
        pivot = covariance[k, k]
        for j in range(k):
            pivot -= covariance[k, j] * covariance[k, j]
        root = math.sqrt(pivot) if pivot > floor else 0.0
        covariance[k, k] = root
        for i in range(k + 1, size):
            entry = covariance[i, k]
            for j in range(k):
                entry -= covariance[i, j] * covariance[k, j]
            covariance[i, k] = entry / root if root > 0.0 else 0.0


@njit(cache=True, fastmath=FAST)
def noise_output(root: Array, weights: Array, normals: Array) -> float:
    """N(e) = Σ_k j_k v_{k,2} ReLU((root e)_k) of a standard normal e; `weights` is j_k v_{k,2}, (2m,)."""
    total = 0.0
    for k in range(weights.size):
        h = 0.0
        for j in range(k + 1):
            h += root[k, j] * normals[j]
        total += weights[k] * max(h, 0.0)
    return total


@njit(cache=True)
def clean_error(
    root: Array, network: Network, mu_norm: float, n_test: int, seed: Seed
) -> tuple[float, float]:
    """Test error against the clean label, and its Monte Carlo standard error (NaN for one draw).

    Args:
        root: Cholesky factor of the covariance of a fresh noise patch's pre-activations, (2m, 2m).
        network: the trained network.
        mu_norm: ‖μ‖.
        n_test: fresh noise draws, each used for both labels.
        seed: the run's.
    """
    filters = network.signal.size
    half = filters // 2
    positive, negative = signal_outputs(network, mu_norm)
    weights = network.output[1].astype(np.float64)
    weights[half:] *= -1.0
    normals = np.empty(filters)
    mean = 0.0
    squares = 0.0
    for draw in range(n_test):
        fill_normals(normals, draw * ((filters + 3) // 4), stream(seed, TEST))
        slope = noise_output(root, weights, normals) / math.sqrt(np.sum(normals * normals))
        error = 0.5 * (
            chance_negative(positive, slope, half) + chance_negative(-negative, -slope, half)
        )
        change = error - mean
        mean += change / (draw + 1)
        squares += change * (error - mean)
    return mean, (math.sqrt(squares / (n_test - 1.0) / n_test) if n_test > 1 else math.nan)


@njit(cache=True)
def filter_factor(factor: Array, network: Network, scales: tuple[float, float]) -> Array:
    """The trained filters orthogonal to μ, in the factor's basis: σ_0 L_w + σ_p Bᵀ L_ξ, (2m, rank).

    Args:
        factor: Bartlett factor, noise patches above filters, (n + 2m, rank).
        network: the trained network; its coefficients B are read.
        scales: (σ_0, σ_p).
    """
    n, filters = network.coefficients.shape
    sigma_0, sigma_p = scales
    trained = sigma_0 * factor[n:]
    for k in range(filters):
        for i in range(n):
            weight = sigma_p * network.coefficients[i, k]
            for j in range(min(i + 1, factor.shape[1])):
                trained[k, j] += weight * factor[i, j]
    return trained


@njit(cache=True)
def training_error(sample: Sample, output: Array) -> float:
    """Share of training samples whose observed label the sign of f misses; f = 0 counts half."""
    wrong = 0.0
    for i in range(output.size):
        wrong += wrongness(np.float64(sample.observed[i] * output[i]))
    return wrong / output.size


@njit(cache=True)
def memorization(sample: Sample, network: Network) -> float:
    """max over samples i and filters r of class y_i of ⟨w_{y_i,r}, ξ_i⟩."""
    half = network.signal.size // 2
    largest = -math.inf
    for i in range(sample.observed.size):
        first = 0 if sample.observed[i] > 0 else half
        largest = max(largest, np.float64(np.max(network.noise[i, first : first + half])))
    return largest


@njit(cache=True)
def learning(network: Network, mu_norm: float) -> float:
    """max over classes j and filters r of ⟨w_{j,r}, j μ⟩."""
    half = network.signal.size // 2
    return np.float64(mu_norm * max(np.max(network.signal[:half]), np.max(-network.signal[half:])))

"""Gradient descent on the Gram matrix: exactly the network's training, with no d in it.

Filter k = 0..2m−1 belongs to class j_k = +1 for k < m, −1 after. With orthogonal noise the Gram matrix
of the training patches is block diagonal, so a filter is its component s_k along μ/‖μ‖, hence
⟨w_k, ±μ⟩ = ±‖μ‖ s_k, and its pre-activations A[i, k] = ⟨w_k, ξ_i⟩ on the noise patches:

    f_i     = Σ_k j_k (v_{k,1} ReLU(ŷ_i ‖μ‖ s_k) + v_{k,2} ReLU(A[i, k]))
    g_i     = −y_i / (n (1 + exp(y_i f_i)))
    U[i, k] = j_k g_i v_{k,2} 1[A[i, k] > 0]
    A ← A − η G U,     v_{k,2} ← v_{k,2} − η j_k Σ_i g_i ReLU(A[i, k])

and the same for s and v_{·,1}. B = −η Σ_t U_t, the noise patches' coefficients in W, is kept for the
test error. What draws G and A(0) is `bocnn.draws`; what measures the result is `bocnn.measures`.

Source:
    Kou et al. 2023 (arXiv 2303.04145), section 3; Shang et al. 2024 (arXiv 2410.19139), section 3.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from bocnn.arrays import Array

OK, UNCONVERGED, DIVERGED = 0, 1, 2

FAST = {"contract", "reassoc", "nsz", "arcp"}
"""Allowed in compiled loops: fused and reordered sums. Not nnan or ninf: divergence must be seen."""


class Sample(NamedTuple):
    """A training set as training sees it: Gram matrix (n, n), labels y and ŷ (n,), ‖μ‖."""

    gram: Array
    observed: Array
    true: Array
    mu_norm: float


class Network(NamedTuple):
    """A network in the span: A (n, 2m), s (2m,), v (2, 2m) and B (n, 2m); training changes it in place."""

    noise: Array
    signal: Array
    output: Array
    coefficients: Array


class Schedule(NamedTuple):
    """Step size η, most steps T, loss to stop at (negative = never), and which layers move."""

    eta: float
    steps: int
    loss_tol: float
    hidden: bool
    output: bool


@njit(cache=True, fastmath=FAST)
def signal_outputs(network: Network, mu_norm: float):  # type: ignore[no-untyped-def]
    """What the signal patch adds to the output for ŷ = +1 and for ŷ = −1."""
    filters = network.signal.size
    positive = network.signal.dtype.type(0)
    negative = network.signal.dtype.type(0)
    for k in range(filters):
        activation = network.output[0, k] * network.signal[k] * mu_norm
        activation = activation if k < filters // 2 else -activation
        if network.signal[k] > 0:
            positive += activation
        else:
            negative -= activation
    return positive, negative


@njit(cache=True, fastmath=FAST)
def outputs(sample: Sample, network: Network, out: Array) -> None:
    """Write the outputs f_i of the network on the training set, shape (n,)."""
    n, filters = network.noise.shape
    half = filters // 2
    zero = out.dtype.type(0)
    positive, negative = signal_outputs(network, sample.mu_norm)
    for i in range(n):
        plus = zero
        minus = zero
        for k in range(half):
            plus += network.output[1, k] * max(network.noise[i, k], zero)
        for k in range(half, filters):
            minus += network.output[1, k] * max(network.noise[i, k], zero)
        out[i] = (positive if sample.true[i] > 0 else negative) + (plus - minus)


@njit(cache=True)
def loss(sample: Sample, output: Array) -> float:
    """Mean logistic loss (1/n) Σ log(1 + exp(−y_i f_i))."""
    total = 0.0
    for i in range(output.size):
        z = -np.float64(sample.observed[i]) * np.float64(output[i])
        total += max(z, 0.0) + math.log1p(math.exp(-abs(z)))
    return total / output.size


@njit(cache=True, fastmath=FAST)
def _slopes(sample: Sample, output: Array) -> bool:
    """Overwrite the outputs f_i by the loss derivatives g_i; False where an output is not finite."""
    n = output.size
    one = output.dtype.type(1)
    finite = True
    for i in range(n):
        y = sample.observed[i]
        finite = finite and math.isfinite(output[i])
        output[i] = -y / (n * (one + math.exp(y * output[i])))
    return finite


@njit(cache=True, fastmath=FAST)
def _step_signal(sample: Sample, network: Network, slope: Array, schedule: Schedule) -> None:
    """One step of the filters along the signal and of their output weights."""
    filters = network.signal.size
    zero = slope.dtype.type(0)
    plus = zero
    minus = zero
    for i in range(slope.size):
        if sample.true[i] > 0:
            plus += slope[i]
        else:
            minus += slope[i]
    step = slope.dtype.type(schedule.eta) * sample.mu_norm
    for k in range(filters):
        s = network.signal[k]
        v = network.output[0, k]
        pull = plus if s > 0 else (-minus if s < 0 else zero)
        pull = step * (pull if k < filters // 2 else -pull)
        if schedule.hidden:
            network.signal[k] = s - pull * v
        if schedule.output:
            network.output[0, k] = v - pull * s


@njit(cache=True, fastmath=FAST)
def _step_noise(network: Network, slope: Array, schedule: Schedule, update: Array) -> None:
    """The step of the noise filters in coefficients, −η U, and of their output weights."""
    n, filters = network.noise.shape
    zero = slope.dtype.type(0)
    for k in range(filters):
        update[n, k] = zero
    for i in range(n):
        minus = slope.dtype.type(schedule.eta) * slope[i]
        plus = -minus
        for k in range(filters):
            signed = plus if k < filters // 2 else minus
            active = max(network.noise[i, k], zero)
            update[n, k] += signed * active
            update[i, k] = signed * network.output[1, k] if network.noise[i, k] > zero else zero
    if schedule.output:
        for k in range(filters):
            network.output[1, k] += update[n, k]


@njit(cache=True, fastmath=FAST)
def _apply(sample: Sample, network: Network, update: Array) -> None:
    """A ← A + G update and B ← B + update: the 2m·n² multiply-adds that a step costs."""
    n, filters = network.noise.shape
    whole = n - n % 4
    for c in range(n):
        row = network.noise[c]
        for i in range(0, whole, 4):
            g0, g1 = sample.gram[c, i], sample.gram[c, i + 1]
            g2, g3 = sample.gram[c, i + 2], sample.gram[c, i + 3]
            for k in range(filters):
                row[k] += (g0 * update[i, k] + g1 * update[i + 1, k]) + (
                    g2 * update[i + 2, k] + g3 * update[i + 3, k]
                )
        for i in range(whole, n):
            g0 = sample.gram[c, i]
            for k in range(filters):
                row[k] += g0 * update[i, k]
        for k in range(filters):
            network.coefficients[c, k] += update[c, k]


@njit(cache=True)
def _is_finite(network: Network) -> bool:
    """Whether every number of the network is finite."""
    for part in (network.noise, network.output, network.coefficients):
        if not np.isfinite(part).all():
            return False
    return bool(np.isfinite(network.signal).all())


@njit(cache=True)
def train(sample: Sample, network: Network, schedule: Schedule) -> tuple[int, int]:
    """Train in place by full-batch gradient descent.

    All arrays share one dtype, float32 or float64, in which training is done.

    Returns:
        Status (OK, UNCONVERGED, DIVERGED) and the number of steps taken.
    """
    n, filters = network.noise.shape
    output = np.empty(n, network.noise.dtype)
    update = np.empty((n + 1, filters), network.noise.dtype)
    for step in range(schedule.steps + 1):
        outputs(sample, network, output)
        if schedule.loss_tol > 0.0 and loss(sample, output) <= schedule.loss_tol:
            return OK, step
        if step == schedule.steps:
            break
        if not _slopes(sample, output):
            return DIVERGED, step
        _step_signal(sample, network, output, schedule)
        _step_noise(network, output, schedule, update)
        if schedule.hidden:
            _apply(sample, network, update)
    if not (np.isfinite(output).all() and _is_finite(network)):
        return DIVERGED, schedule.steps
    return (UNCONVERGED if schedule.loss_tol > 0.0 else OK), schedule.steps

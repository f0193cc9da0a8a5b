"""Networks of L layers in the gradient flow: the ratio of signal to noise where training stops.

The network is that of `bocnn.models.deep.network` without brackets: L layers of m ReLU neurons a class, all
upper weights v₀ at the start, filters from a small start. Upper neurons of a layer are alike, so that on a
patch their weights are one number V a layer between and v at the output, and all pre-activations above the
filters are positive. With u and s the filters' products with noise and signal (`bocnn.theory.boundary`),
a = σ_p² d and dτ = |ℓ′| dt, the noise patch has

    u′ = (a/n) v (mV)^(L−2),    v′ = (α/2) u (mV)^(L−2),    V′ = (α/2) u v (mV)^(L−3)

and the signal patch the same with ‖μ‖²/2, 1/2 and s in place of a/n, α/2 and u. Hence m V² − v² and
α n u² / (2a) − v² stay as they are: v = v₀ cosh y, u = v₀ √(2a/(αn)) sinh y, V = v₀ w(y), with

    w(y) = √(1 + sinh² y / m),    T(y) = ∫₀^y w(x)^(2−L) dx,
    T(y) = λ τ (m v₀)^(L−2),      T(y_s) = (‖μ‖/2) τ (m v₀)^(L−2)

for the two patches. A sample's margin is

    (m v₀)^(L−2) (m v₀²/2) [2λ sinh 2y · w(y)^(L−2) + ‖μ‖ sinh 2y_s · w(y_s)^(L−2)]

and R = (‖μ‖/σ_p) √(α/2) sinh 2y_s w(y_s)^(L−2) / (sinh 2y w(y)^(L−2)). L = 2 is w⁰ = 1: the closed form of
`bocnn.theory.boundary`. For L > 2 T is bounded, so that training ends within a time which does not depend
on the loss: for small v₀ and ‖μ‖ ≪ 2λ, m^(L−1) v₀^L ‖μ‖² ∝ σ_p, without the logarithm of L = 2.

Upper weights that are shared by the patches grow with both, v² − v₀² = αn u²/(2a) + s²/‖μ‖², and u and s
keep the ratio of their rates. So R = √C/2 with C = n‖μ‖⁴/(σ_p⁴ d) at every moment, for every L and v₀.

Source:
    Derived here.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import FROZEN, Overlap
from bocnn.theory.training_time import Sizes, growth_rate

_LARGEST_GROWTH = 60.0
_GROWTH_NODES = 60_001
_DEPTH_HALVINGS = 60


class GrowthTimes(NamedTuple):
    """y and T(y) on a grid, shape (nodes,) each."""

    growth: Array
    time: Array


@lru_cache(maxsize=64)
def growth_times(depth: int, m: int) -> GrowthTimes:
    """T(y) of L layers of m neurons, by the trapezoidal rule with its first correction.

    Args:
        depth: L ≥ 2.
        m: neurons of a layer.
    """
    y = np.linspace(0.0, _LARGEST_GROWTH, _GROWTH_NODES)
    rate = middle_growth(y, m) ** (2.0 - depth)
    slopes = np.gradient(rate, y, edge_order=2)
    step = y[1] - y[0]
    parts = step * (rate[1:] + rate[:-1]) / 2 - step**2 * (slopes[1:] - slopes[:-1]) / 12
    return GrowthTimes(y, np.concatenate([[0.0], np.cumsum(parts)]))


def middle_growth(y: Array, m: Array | float) -> Array:
    """w(y) = V/v₀ = √(1 + sinh² y / m).

    Args:
        y: growth of the output weight, v = v₀ cosh y, any shape.
        m: neurons of a layer.
    """
    return np.asarray(np.sqrt(1 + np.sinh(y) ** 2 / m))


def kink_of_depth(depth: int, sizes: Sizes) -> Array:
    """ṽ = (m^(1−L) √(n/(σ_p² d)))^(1/L): the v₀ from which on upper weights hardly move.

    Args:
        depth: L ≥ 2.
        sizes: sizes and scales.
    """
    root = np.sqrt(np.asarray(sizes.n) / (np.square(sizes.sigma_p) * np.asarray(sizes.d)))
    return np.asarray((np.asarray(sizes.m) ** (1.0 - depth) * root) ** (1 / depth))


def depth_ratio(
    depth: int,
    signal: tuple[Array, Array],
    sizes: Sizes,
    *,
    margin: Array,
    overlap: Overlap = FROZEN,
) -> Array:
    """R where every sample's margin is Λ, upper weights of each patch its own.

    Args:
        depth: L ≥ 2.
        signal: ‖μ‖ > 0 and v₀ > 0, shape (runs,) each.
        sizes: sizes and scales, m the same for all runs.
        margin: Λ at which training stops, > 0, shape (runs,).
        overlap: shares of active samples.
    Returns:
        R, dimensionless, shape (runs,).
    """
    (mu_norm, v0), m = signal, int(np.max(sizes.m))
    rate, scale = growth_rate(sizes, overlap), (m * v0) ** (depth - 2) * m * v0**2 / 2
    ratio, low, high = mu_norm / rate, np.zeros_like(v0), np.full_like(v0, _LARGEST_GROWTH)
    for _ in range(_DEPTH_HALVINGS):
        middle = (low + high) / 2
        noise, learned = (_outputs(y, depth, m) for y in _growths(middle, ratio, depth, m))
        above = scale * (rate * noise + mu_norm * learned) > margin
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    noise, learned = (_outputs(y, depth, m) for y in _growths(high, ratio, depth, m))
    return np.asarray(mu_norm / sizes.sigma_p * np.sqrt(overlap.active / 2) * learned / noise)


def _growths(faster: Array, ratio: Array, depth: int, m: int) -> tuple[Array, Array]:
    """y and y_s from that of them which grows faster; `ratio` is ‖μ‖/(2λ)."""
    times = growth_times(depth, m)
    slower = np.interp(faster, times.growth, times.time) * np.minimum(ratio, 1 / ratio)
    other = np.interp(slower, times.time, times.growth)
    return np.where(ratio < 1, faster, other), np.where(ratio < 1, other, faster)


def _outputs(y: Array, depth: int, m: int) -> Array:
    """sinh 2y · w(y)^(L−2)."""
    return np.asarray(np.sinh(2 * y) * middle_growth(y, m) ** (depth - 2))

"""Gaussian moments of an activation φ: how linear it is, and how noisy its slope.

| name | φ(a) |
|---|---|
| linear | a |
| relu | max(a, 0) |
| erf | erf a = (2/√π) ∫₀ᵃ exp(−t²) dt |
| sigmoid | 1 / (1 + exp(−a)) |
| softplus | log(1 + exp a) |
| tanh | tanh a |

The first three have closed forms. The others are integrated by the trapezoidal rule, which converges
exponentially for functions that are analytic in a strip (of width π/2 and more here), where Gauss–Hermite
nodes converge as exp(−√nodes) (Trefethen & Weideman 2014).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import special

from bocnn.arrays import Array

MOMENT_ACTIVATIONS = ("linear", "relu", "erf", "sigmoid", "softplus", "tanh")
"""Activations whose Gaussian moments are known."""

INTEGRATED = ("sigmoid", "softplus", "tanh")
"""Those without closed forms: their moments are integrals."""

_REACH = 12.0
_LARGEST_SCALE = 40.0
"""Pre-activations' scale up to which integrals are good to rounding."""


class Moments(NamedTuple):
    """Moments of φ and φ′ at a pre-activation N(0, scale²), shape (...).

    mean: Eφ. linear: E[Gφ(scale G)]. rest: Var φ − linear², what of φ is not linear.
    slope: Eφ′. slope_variance: Var φ′.
    """

    mean: Array
    linear: Array
    rest: Array
    slope: Array
    slope_variance: Array


def moments(activation: str, scale: float | Array = 1.0) -> Moments:
    """Gaussian moments of an activation.

    Args:
        activation: one of MOMENT_ACTIVATIONS.
        scale: standard deviation of the pre-activation, ≥ 0, any shape.
    Returns:
        The moments, each of the shape of scale.
    Raises:
        KeyError: no such activation.
    Source:
        Cho & Saul 2009 (relu); Williams 1997 (erf).
    """
    return _MOMENTS[activation](np.asarray(scale, dtype=np.float64))


def _linear(scale: Array) -> Moments:
    zero = np.zeros_like(scale)
    return Moments(zero, scale, zero, zero + 1.0, zero)


def _relu(scale: Array) -> Moments:
    mean, linear = scale / np.sqrt(2 * np.pi), scale / 2
    half = np.full_like(scale, 0.5)
    return Moments(mean, linear, scale**2 / 2 - mean**2 - linear**2, half, half**2)


def _erf(scale: Array) -> Moments:
    square = scale**2
    slope = 2 / np.sqrt(np.pi * (1 + 2 * square))
    linear = scale * slope
    power = 2 / np.pi * np.arcsin(2 * square / (1 + 2 * square))
    of_slope = 4 / (np.pi * np.sqrt(1 + 4 * square)) - slope**2
    return Moments(np.zeros_like(scale), linear, power - linear**2, slope, of_slope)


def integrated(activation: str, a: Array) -> tuple[Array, Array]:
    """φ(a) and φ′(a) of an activation without closed forms.

    Args:
        activation: one of INTEGRATED.
        a: any shape.
    """
    if activation == "tanh":
        value = np.tanh(a)
        return value, 1 - value**2
    sigmoid = special.expit(a)
    if activation == "softplus":
        return np.logaddexp(0.0, a), sigmoid
    return sigmoid, sigmoid * (1 - sigmoid)


def gaussian_nodes(scale: Array) -> tuple[Array, Array]:
    """Nodes g and weights of Σ weight F(scale g) = E F(scale G), for F analytic as the activations are.

    Args:
        scale: of which the largest decides how close the nodes are.
    Returns:
        Nodes and weights, shape (nodes,) each.
    """
    largest = float(np.max(scale, initial=1.0))
    largest = largest if largest < _LARGEST_SCALE else _LARGEST_SCALE  # of NaN too
    step = 0.1 / max(largest / 2.5, 1.0)
    nodes = np.arange(-np.ceil(_REACH / step), np.ceil(_REACH / step) + 1) * step
    return nodes, step * np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)


def _integrals(activation: str, scale: Array) -> Moments:
    nodes, weights = gaussian_nodes(scale)
    value, slope = integrated(activation, scale[..., None] * nodes)
    mean, linear, steep = value @ weights, value @ (nodes * weights), slope @ weights
    rest = (value - mean[..., None] - linear[..., None] * nodes) ** 2 @ weights
    return Moments(mean, linear, rest, steep, (slope - steep[..., None]) ** 2 @ weights)


_MOMENTS: dict[str, Callable[[Array], Moments]] = {
    "linear": _linear,
    "relu": _relu,
    "erf": _erf,
    **{name: partial(_integrals, name) for name in INTEGRATED},
}

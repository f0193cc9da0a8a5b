"""Gaussian moments of an activation φ: how linear it is, and how noisy its slope.

| name | φ(a) |
|---|---|
| linear | a |
| relu | max(a, 0) |
| erf | erf a = (2/√π) ∫₀ᵃ exp(−t²) dt |
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array

MOMENT_ACTIVATIONS = ("linear", "relu", "erf")
"""Activations whose Gaussian moments have a closed form."""


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


_MOMENTS = {"linear": _linear, "relu": _relu, "erf": _erf}

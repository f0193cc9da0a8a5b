"""Expectations over a fresh input x ~ N(0, I): the population's risk without a test set.

| φ | E φ(u) φ(v) for normal u, v of norms a, b and cosine c |
|---|---|
| linear | a b c |
| relu | a b (√(1 − c²) + c (π − arccos c)) / 2π |
| erf | (2/π) arcsin(2 a b c / √((1 + 2a²)(1 + 2b²))) |
| others | `bocnn.theory.proportional.hermite` |

Source:
    Cho & Saul 2009; Williams 1997.
"""

import numpy as np
from scipy import special

from bocnn.arrays import Array
from bocnn.theory.proportional.hermite import product_moment
from bocnn.theory.proportional.moments import INTEGRATED, moments


def activate(activation: str, a: Array, *, out: Array | None = None) -> Array:
    """φ(a), elementwise; written to `out` where it is given, and φ is not linear.

    Args:
        activation: φ.
        a: any shape.
        out: of that shape; None makes a new array.
    Returns:
        φ(a), shape of a; `a` itself where φ is linear.
    """
    match activation:
        case "relu":
            return np.maximum(a, 0.0, out=out)
        case "softplus":
            return np.logaddexp(0.0, a, out=out)
        case "linear":
            return a
    return _SMOOTH[activation](a, out=out)


_SMOOTH: dict[str, np.ufunc] = {"erf": special.erf, "sigmoid": special.expit, "tanh": np.tanh}


def differentiate(activation: str, a: Array, *, out: Array | None = None) -> Array:
    """φ′(a), elementwise, written to `out` where it is given; ReLU's at 0 is 0.

    Args:
        activation: φ.
        a: any shape.
        out: of that shape; None makes a new array.
    Returns:
        φ′(a), shape of a.
    """
    slope = np.empty_like(a) if out is None else out
    match activation:
        case "relu":
            np.greater(a, 0.0, out=slope)
        case "linear":
            slope.fill(1.0)
        case "erf":
            np.multiply(a, -a, out=slope)
            np.exp(slope, out=slope)
            slope *= 2 / np.sqrt(np.pi)
        case "tanh":
            np.tanh(a, out=slope)
            np.subtract(1.0, slope * slope, out=slope)
        case "softplus":
            special.expit(a, out=slope)
        case "sigmoid":
            special.expit(a, out=slope)
            slope *= 1 - slope
    return slope


def second_moment(activation: str, filters: Array) -> Array:
    """E φ(⟨w_k, x⟩) φ(⟨w_l, x⟩), shape (K, K), for filters (K, d).

    Args:
        activation: φ.
        filters: w, (K, d).
    Returns:
        Shape (K, K), symmetric.
    """
    inner = filters @ filters.T
    if activation == "linear":
        return inner
    squares = np.diag(inner)
    if activation == "erf":
        scale = np.sqrt(1 + 2 * squares)
        return 2 / np.pi * np.arcsin(np.clip(2 * inner / np.outer(scale, scale), -1.0, 1.0))
    norms = np.sqrt(np.outer(squares, squares))
    c = np.clip(np.divide(inner, norms, out=np.zeros_like(inner), where=norms > 0), -1.0, 1.0)
    if activation in INTEGRATED:
        return product_moment(activation, np.sqrt(squares), c)
    return norms * (np.sqrt(1 - c**2) + c * (np.pi - np.arccos(c))) / (2 * np.pi)


def target_moment(activation: str, filters: Array, target: Array) -> Array:
    """E φ(⟨w_k, x⟩) ⟨x, θ⟩ = E φ′ · ⟨w_k, θ⟩ (Stein), shape (K,), for filters (K, d).

    Args:
        activation: φ.
        filters: w, (K, d).
        target: θ, (d,).
    Returns:
        Shape (K,).
    """
    norms = np.linalg.norm(filters, axis=1)
    return moments(activation, norms).slope * (filters @ target)


def nonlinear_power(activation: str, filters: Array, weights: Array, second: Array) -> float:
    """E (f − ⟨x, E f x⟩)² of f(x) = Σ a_k φ(⟨w_k, x⟩): what of it no linear function is.

    Args:
        activation: φ.
        filters: w, (K, d).
        weights: a, (K,).
        second: `second_moment` of the filters.
    """
    slopes = moments(activation, np.linalg.norm(filters, axis=1)).slope
    along = (weights * slopes) @ filters
    return max(float(weights @ second @ weights - along @ along), 0.0)

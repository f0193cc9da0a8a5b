"""Expectations over a fresh input x ~ N(0, I): the population's risk without a test set.

| φ | E φ(u) φ(v) for normal u, v of norms a, b and cosine c |
|---|---|
| linear | a b c |
| relu | a b (√(1 − c²) + c (π − arccos c)) / 2π |
| erf | (2/π) arcsin(2 a b c / √((1 + 2a²)(1 + 2b²))) |

Source:
    Cho & Saul 2009; Williams 1997.
"""

import numpy as np
from scipy import special

from bocnn.arrays import Array
from bocnn.theory.moments import moments


def activate(activation: str, a: Array) -> Array:
    """φ(a), elementwise."""
    if activation == "relu":
        return np.maximum(a, 0.0)
    return special.erf(a) if activation == "erf" else a


def differentiate(activation: str, a: Array) -> Array:
    """φ′(a), elementwise; ReLU's at 0 is 0."""
    if activation == "relu":
        return (a > 0.0).astype(np.float64)
    return 2 / np.sqrt(np.pi) * np.exp(-(a**2)) if activation == "erf" else np.ones_like(a)


def second_moment(activation: str, filters: Array) -> Array:
    """E φ(⟨w_k, x⟩) φ(⟨w_l, x⟩), shape (K, K), for filters (K, d)."""
    inner = filters @ filters.T
    if activation == "linear":
        return inner
    squares = np.diag(inner)
    if activation == "erf":
        scale = np.sqrt(1 + 2 * squares)
        return 2 / np.pi * np.arcsin(np.clip(2 * inner / np.outer(scale, scale), -1.0, 1.0))
    norms = np.sqrt(np.outer(squares, squares))
    c = np.clip(np.divide(inner, norms, out=np.zeros_like(inner), where=norms > 0), -1.0, 1.0)
    return norms * (np.sqrt(1 - c**2) + c * (np.pi - np.arccos(c))) / (2 * np.pi)


def target_moment(activation: str, filters: Array, target: Array) -> Array:
    """E φ(⟨w_k, x⟩) ⟨x, θ⟩ = E φ′ · ⟨w_k, θ⟩ (Stein), shape (K,), for filters (K, d)."""
    norms = np.linalg.norm(filters, axis=1)
    return moments(activation, norms).slope * (filters @ target)

"""The tangent kernel of the two-layer CNN at its random start, and what it bounds.

f(x) = Σ_k ±Σ_p v_{k,p} ReLU(⟨w_k, x_p⟩) over K filters and patches p; w ~ N(0, σ₀² I), every v = v₀. Its
gradient by w_k is ±Σ_p v₀ 1[⟨w_k, x_p⟩ > 0] x_p and by v_{k,p} it is ±ReLU(⟨w_k, x_p⟩), so inner products
of the gradients of two samples have, over the weights, the mean

    H(x, x′) = K v₀² Σ_{p,q} ⟨x_p, x′_q⟩ (π − θ_{pq}) / 2π                           (filters trained)
             + K σ₀² Σ_p ‖x_p‖ ‖x′_p‖ (sin θ_{pp} + (π − θ_{pp}) cos θ_{pp}) / 2π   (outputs trained)

with θ_{pq} the angle between x_p and x′_q: the arc-cosine kernels of degree 0 and 1. It is the model's H∞,
which a network of many filters trains by.

Source:
    Jacot, Gabriel & Hongler 2018; Cho & Saul 2009; Arora et al. 2019 (arXiv 1901.08584).
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.theory.kernel import complexity


class NetworkStart(NamedTuple):
    """The start: K filters in all, their scale σ₀, and every output weight v₀; which layers are trained."""

    filters: int
    sigma_0: float
    v0: float
    train: str


def tangent_gram(patches: Array, network: NetworkStart) -> Array:
    """H of a training set.

    Args:
        patches: inner products ⟨x_{i,p}, x_{j,q}⟩, shape (patches, n, patches, n).
        network: `train` is both, hidden or output.
    Returns:
        Shape (n, n), symmetric, positive semidefinite.
    """
    norms = np.sqrt(np.einsum("pipi->pi", patches))
    scale = norms[:, :, None, None] * norms
    cosine = np.divide(patches, scale, out=np.zeros_like(patches), where=scale > 0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    count, n = norms.shape
    gram = np.zeros((n, n))
    if network.train != "output":
        on = patches * (np.pi - angle) / (2 * np.pi)
        gram += network.filters * network.v0**2 * on.sum(axis=(0, 2))
    if network.train != "hidden":
        bent = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
        own = np.arange(count)
        power = (scale * bent)[own, :, own].sum(axis=0)
        gram += network.filters * network.sigma_0**2 * power
    return (gram + gram.T) / 2


def ball_bound(gram: Array, y: Array) -> float:
    """2 √(yᵀ H⁻¹ y · tr H) / n, which the loss of the function of least norm that fits y stays below.

    Whatever the kernel's scale; with 1/2 on the diagonal it is √(2 yᵀ H⁻¹ y / n), the bound of Arora et
    al. For any 1-Lipschitz loss in [0, 1], with constant 1, and without what vanishes as √(log n / n). The
    ramp loss is one and is above the error, so a bound below 1/2 says that something is learned.

    Args:
        gram: H, shape (n, n).
        y: labels, shape (n,).
    Returns:
        Infinite where H is singular.
    Source:
        Bartlett & Mendelson 2002, Lemma 22 and Theorem 8.
    """
    size = complexity(gram, y)
    return float(2 * np.sqrt(size * np.trace(gram)) / len(y)) if np.isfinite(size) else np.inf

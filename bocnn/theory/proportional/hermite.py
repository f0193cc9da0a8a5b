"""E φ(u) φ(v) of jointly normal u, v where it has no closed form, by Hermite polynomials.

With h_j orthonormal under N(0, 1) and c_j(s) = E φ(sG) h_j(G), Mehler's formula is

    E φ(u) φ(v) = Σ_j c_j(a) c_j(b) ρʲ,

for u, v of standard deviations a, b and correlation ρ. Where the sum is cut, the last degree takes the
power of those that are left out: the diagonal is exact, and the matrix remains positive semidefinite, so
that what neurons hardly differ by is not lost in errors of their sum.
"""

from typing import NamedTuple

import numpy as np

from bocnn.arrays import Array
from bocnn.theory.proportional.moments import gaussian_nodes, integrated

_MOST_DEGREES = 256
_LEFT_OUT = 1e-14
"""Share of the power that degrees beyond the last have, where so many suffice."""
_SMALLEST_COEFFICIENT = 1e-15


class HermiteCoefficients(NamedTuple):
    """c_j(s), shape (K, degrees), and the power Σ c² of all degrees beyond each, shape (K, degrees)."""

    values: Array
    beyond: Array


def hermite_coefficients(activation: str, scales: Array) -> HermiteCoefficients:
    """Coefficients of φ(sG), up to the degree beyond which they have no power.

    Args:
        activation: one of `moments.INTEGRATED`.
        scales: standard deviations s ≥ 0, shape (K,).
    """
    nodes, weights = gaussian_nodes(scales)
    values = integrated(activation, scales[:, None] * nodes)[0]
    found = values @ (_polynomials(nodes) * weights).T
    power = (values**2 @ weights)[:, None]
    beyond = np.maximum(power - np.cumsum(found**2, axis=1), 0.0)
    enough = (beyond <= _LEFT_OUT * power).all(axis=0)
    degrees = int(np.argmax(enough)) + 1 if enough.any() else found.shape[1]
    return HermiteCoefficients(found[:, :degrees], beyond[:, :degrees])


def product_moment(activation: str, scales: Array, correlations: Array) -> Array:
    """E φ(u_k) φ(u_l), shape (K, K).

    Args:
        activation: one of `moments.INTEGRATED`.
        scales: standard deviations of the u_k, shape (K,).
        correlations: of all pairs, shape (K, K).
    Returns:
        Shape (K, K); the diagonal is exact, others to 10⁻⁶ for standard deviations up to 5.
    """
    c, beyond = hermite_coefficients(activation, scales)
    closest = np.abs(correlations - np.diag(np.diag(correlations))).max(initial=0.0)
    degrees = np.arange(float(c.shape[1]))
    small = closest**degrees * beyond.max(axis=0) <= _LEFT_OUT * beyond[:, 0].max()
    last = int(np.argmax(small)) if small.any() else c.shape[1] - 1
    if last > 1 and np.abs(c[:, last]).max() < np.abs(c[:, last - 1]).max() / 100:
        last -= 1  # the other is 0 by symmetry
    end = np.copysign(np.sqrt(c[:, last] ** 2 + beyond[:, last]), c[:, last])
    total = np.outer(end, end)
    for j in range(last - 1, -1, -1):
        total *= correlations
        if np.abs(c[:, j]).max() > _SMALLEST_COEFFICIENT:  # half of them are 0 by symmetry
            total += np.outer(c[:, j], c[:, j])
    return total


def _polynomials(nodes: Array) -> Array:
    """h_j at the nodes, shape (degrees, nodes)."""
    rows = [np.ones_like(nodes), nodes]
    for j in range(1, _MOST_DEGREES):
        rows.append((nodes * rows[-1] - np.sqrt(j) * rows[-2]) / np.sqrt(j + 1))
    return np.array(rows)

"""The boundary of leaky ReLU filters, hidden layer alone, in the gradient flow.

With a leak β > 0 no filter is ever inactive: small steps from a small start memorize every sample of a
filter's own class with slope 1, and every sample of the other class with slope β. With u for the
pre-activations on own samples, those on the others are −β u, all filters of a class are alike, and on fresh
noise they are u √(n/2d) times

    X₊ = Z₊ − β Z₋,    X₋ = Z₋ − β Z₊,    Z₊ and Z₋ independent normals.

A filter's signal grows by (1 + β) ‖μ‖² n/2 where its noise grows by σ_p² d, since samples of the other
class push it the same way with slope β; a centre has the output (1 + β) s, as the other class answers −β s.
With φ_β(x) = max(x, 0) + β min(x, 0) and C = n‖μ‖⁴/(σ_p⁴ d) the clean test error is

    P(φ_β(X₋) − φ_β(X₊) > (1 + β)² √(C/2)).

β = 1, a linear network, has Φ(−√C). β → 0 has the error of ReLU filters that are active on all samples of
their class (α = α₂ = 1), and not that of ReLU training, which leaves a share of them inactive.

Source:
    Derived here, from the dynamics of Kou et al. 2023 (arXiv 2303.04145).
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import REACH

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(60)
_LEAK_HALVINGS = 60
_FARTHEST = 1e4
_LEAST_SPREAD = 1e-12
_MOST = 400.0
"""No error level above 10⁻⁸⁰ needs a larger C."""


def leaky_error(constant: float, leak: float) -> float:
    """P(φ_β(X₋) − φ_β(X₊) > (1 + β)² √(C/2)): the clean test error at C.

    With T = (Z₋ + Z₊)/√2 and D = (Z₋ − Z₊)/√2 the difference rises with D and is straight on both sides of
    a kink: where it passes the threshold is explicit, and Φ(−D) is integrated over T.

    Args:
        constant: C = n‖μ‖⁴ / (σ_p⁴ d), ≥ 0.
        leak: β, slope of the activation below zero, between 0 and 1.
    Returns:
        A probability, falling in C.
    Raises:
        ValueError: the leak is not between 0 and 1.
    """
    if not 0 <= leak <= 1:
        raise ValueError(f"received the leak {leak:g}; expected one between 0 and 1")
    threshold = (1 + leak) ** 2 * np.sqrt(constant / 2)
    return float(sum(_beyond(threshold, leak, slope) for slope in (1.0, leak)))


def leaky_errors(fourth_roots: Array, leak: float, *, memorized: float = 1.0) -> Array:
    """The same at many C, and of a class that is the label of s n/2 samples: Z₊ has variance s, Z₋ 2 − s.

    φ_β(X₋) − φ_β(X₊) rises with Z₋: where it passes the threshold is found, and integrated over Z₊.

    Args:
        fourth_roots: C^¼ ≥ 0, any number.
        leak: β, slope of the activation below zero, between 0 and 1.
        memorized: s of the fresh sample's class, between 0 and 2.
    Returns:
        Probabilities, as many, above 0: at least the smallest float.
    """
    own, other = np.sqrt([memorized, 2 - memorized])
    plus = own * REACH * np.concatenate([_NODES - 1, _NODES + 1]) / 2
    threshold = (1 + leak) ** 2 * np.sqrt(fourth_roots[:, None] ** 4 / 2)
    low = np.full((fourth_roots.size, plus.size), -_FARTHEST)
    high = -low
    for _ in range(_LEAK_HALVINGS):
        minus = (low + high) / 2
        x, y = minus - leak * plus, plus - leak * minus
        apart = np.where(x > 0, x, leak * x) - np.where(y > 0, y, leak * y)
        low, high = (
            np.where(apart > threshold, low, minus),
            np.where(apart > threshold, minus, high),
        )
    weights = np.concatenate([_WEIGHTS, _WEIGHTS]) / 2
    density = np.exp(-((plus / own) ** 2) / 2) / np.sqrt(2 * np.pi) if own > 0 else 0.5 / REACH
    found = REACH * np.sum(weights * density * ndtr(-low / max(other, _LEAST_SPREAD)), axis=1)
    return np.maximum(found, np.finfo(np.float64).tiny)


def leaky_constant(level: float, leak: float) -> float:
    """C at which `leaky_error` is `level`.

    Args:
        level: clean test error on the boundary, 0 < level < 0.5.
        leak: β, between 0 and 1.
    Raises:
        ValueError: the level is not between 0 and 0.5, or the leak not between 0 and 1.
    """
    if not 0 < level < 0.5:
        raise ValueError(f"received the level {level:g}; expected one between 0 and 0.5")
    return float(brentq(lambda c: leaky_error(c, leak) - level, 0.0, _MOST, xtol=1e-14))


def _beyond(threshold: float, leak: float, slope: float) -> float:
    """The error's part from T > 0 (slope 1) or from T < 0 (slope β).

    The slope is that of both classes' activations for a small D, where X₊ and X₋ have one sign.
    """
    alike = threshold / (np.sqrt(2) * slope) if slope else np.inf  # (1 + β) D where it passes
    kink = min(alike / (1 - leak), REACH) if leak < 1 else REACH
    found = 0.0
    for low, high in ((0.0, kink), (kink, REACH)):
        t = low + (high - low) * (_NODES + 1) / 2
        shift = (1 - leak) ** 2 * t * (1 if slope < 1 else -1)
        apart = (np.sqrt(2) * threshold + shift) / (1 + leak)
        passed = np.where(alike <= (1 - leak) * t, alike, apart)
        density = np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)
        found += (high - low) / 2 * float(_WEIGHTS @ (density * ndtr(-passed / (1 + leak))))
    return found

"""Chances that a Gaussian's length turns the sign of an output: tails of chi.

Source:
    DLMF chapter 8.
"""

import math

from bocnn.arrays import Array
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.exponential import exponential

_LONGEST_SUM = 64


@compiled(error_model="numpy", _nrt=False)
def write_crossings(centres: tuple[float, float], half: int, rows: Array) -> None:
    """Write the chances of an error where both classes' centres are right by themselves.

    Then each direction can turn one of them alone: plus where its slope is negative, else minus.

    Args:
        centres: outputs of a centre of class +1, > 0, and of class −1, < 0.
        half: half the degrees of freedom.
        rows: (3, any number), or more rows: the slopes N(u), what the tails are taken of, and the
            chances of both classes together, written.
    """
    plus, minus = centres
    slopes, x, out = rows[0], rows[1], rows[2]
    for t in range(slopes.size):
        ratio = (plus if slopes[t] < 0.0 else minus) / slopes[t]
        x[t] = 0.5 * ratio * ratio
    upper_gammas(half, x, out)
    for t in range(slopes.size):
        out[t] += 0.0 * slopes[t]


@compiled(error_model="numpy", _nrt=False)
def write_chances_negative(constant: float, half: int, rows: Array) -> None:
    """Write P(constant + r·slope < 0), r chi with 2·half degrees of freedom; an output of 0 counts half.

    Args:
        constant: S.
        half: half the degrees of freedom.
        rows: (3, any number): the slopes N(u), what the tails are taken of, and the chances.
    """
    slopes, x, out = rows[0], rows[1], rows[2]
    for t in range(x.size):
        ratio = constant / slopes[t]
        x[t] = 0.5 * ratio * ratio
    upper_gammas(half, x, out)
    for t in range(x.size):
        slope = slopes[t]
        crossing = out[t] if slope < 0.0 else 1.0 - out[t]
        margin = constant if slope == 0.0 else slope
        sure = 0.0 if margin > 0.0 else (1.0 if margin < 0.0 else 0.5)
        turns = (constant > 0.0) & (slope < 0.0) | (constant < 0.0) & (slope > 0.0)
        chance = crossing if turns else sure
        out[t] = chance if (constant == constant) & (slope == slope) else math.nan


@compiled(fastmath={"contract"}, error_model="numpy", _nrt=False)
def upper_gammas(a: int, x: Array, out: Array) -> None:
    """Regularized upper incomplete gamma Q(a, x) for whole a ≥ 1: P(r > √(2x)), r chi with 2a degrees.

    For small a it is exp(−x) Σ_{j<a} xʲ/j!, a sum of positive terms; beyond x = 700, 0 to 1e-200.

    Args:
        a: shape.
        x: ≥ 0, any number of them; may be cut to 700.
        out: written, as many.
    Source:
        DLMF 8.4.10.
    """
    if a > _LONGEST_SUM:
        log_gamma = math.lgamma(a)
        for t in range(x.size):
            out[t] = _upper_gamma(a, x[t], log_gamma)
        return
    for t in range(x.size):
        x[t] = x[t] if x[t] < 700.0 else 700.0
        out[t] = 1.0
    for j in range(a - 1, 0, -1):
        inverse = 1.0 / j
        for t in range(x.size):
            out[t] = 1.0 + out[t] * x[t] * inverse
    for t in range(x.size):
        out[t] = out[t] * exponential(-x[t]) if x[t] < 700.0 else 0.0


@compiled(fastmath={"contract"}, error_model="numpy", _nrt=False)
def _upper_gamma(a: int, x: float, log_gamma: float) -> float:
    """Q(a, x) for one x and large a: both sums run away from their largest term.

    Source:
        DLMF 8.7.1 and 8.4.10.
    """
    if x <= 0.0:
        return 1.0
    if x > 1e300:
        return 0.0
    term = math.exp((a - 1) * math.log(x) - x - log_gamma)
    total = 0.0
    inverse = 1.0 / x
    if x >= a:
        for j in range(a - 1, -1, -1):
            total += term
            term *= j * inverse
            if term < 1e-17 * total:
                break
        return total
    term *= x / a
    j = a
    while term > 1e-17 * total:
        total += term
        j += 1
        term *= x / j
    return 1.0 - total

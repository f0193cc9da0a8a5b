"""Losses of an output f and a label y, and their slopes ∂ℓ/∂f.

| code | ℓ | ∂ℓ/∂f |
|---|---|---|
| 0 logistic | log(1 + exp(−y f)) | −y / (1 + exp(y f)) |
| 1 square | (f − y)² / 2 | f − y |
| 2 hinge | max(1 − y f, 0) | −y where y f < 1 |
| 3 exponential | exp(−y f) | −y exp(−y f) |
"""

import math

import numpy as np

from bocnn.arrays import Array
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.exponential import exponential

LOGISTIC, SQUARE, HINGE, EXPONENTIAL = range(4)


@compiled(_nrt=False)
def loss_value(loss: int, observed: Array, output: Array) -> float:
    """Mean loss of samples in double precision, whatever the arrays' own.

    Args:
        loss: code.
        observed: y, shape (n,).
        output: f, shape (n,).
    """
    total = 0.0
    for i in range(output.size):
        y, f = np.float64(observed[i]), np.float64(output[i])
        if loss == SQUARE:
            total += 0.5 * ((f - y) * (f - y))
        elif loss == HINGE:
            total += 1.0 - y * f if y * f < 1.0 else 0.0 * f
        elif loss == EXPONENTIAL:
            total += math.exp(-y * f)
        else:
            total += (0.0 if -y * f < 0.0 else -y * f) + math.log1p(math.exp(-abs(y * f)))
    return total / output.size


@compiled(fastmath={"contract"}, error_model="numpy", _nrt=False)
def loss_slopes(loss: int, observed: Array, output: Array, slope: Array) -> None:
    """Write ∂ℓ/∂f of samples; all arrays are flat and of one size.

    Args:
        loss: code.
        observed: y.
        output: f.
        slope: written.
    """
    if loss == SQUARE:
        for i in range(slope.size):
            slope[i] = output[i] - observed[i]
    elif loss == HINGE:
        one = type(slope[0])(1)
        for i in range(slope.size):
            slope[i] = -observed[i] if observed[i] * output[i] < one else type(slope[0])(0)
    elif loss == EXPONENTIAL:
        for i in range(slope.size):
            slope[i] = -observed[i] * exponential(-observed[i] * output[i])
    else:
        one = type(slope[0])(1)
        for i in range(slope.size):
            slope[i] = -observed[i] / (one + exponential(observed[i] * output[i]))

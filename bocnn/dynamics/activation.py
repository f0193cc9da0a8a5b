"""Activations φ and their derivatives, over whole matrices at once.

| code | φ(a) | φ′(a) |
|---|---|---|
| 0 relu | max(a, 0) | 1 where a > 0 |
| 1 leaky_relu | max(a, 0) + leak · min(a, 0) | leak elsewhere |
| 2 sigmoid | 1 / (1 + exp(−a)) | φ (1 − φ) |
| 3 tanh | tanh a | 1 − φ² |
| 4 softplus | log(1 + exp(a)) | 1 / (1 + exp(−a)) |
| 5 erf | erf a | (2/√π) exp(−a²) |
| 6 relu2 | max(a, 0)² | 2 max(a, 0) |
| 7 relu3 | max(a, 0)³ | 3 max(a, 0)² |
"""

import math

from numba import types
from numba.extending import overload

from bocnn.arrays import Array
from bocnn.dynamics.gram_product import FAST_MATH
from bocnn.simd.compiler.compiled import compiled

NAMES = ("relu", "leaky_relu", "sigmoid", "tanh", "softplus", "erf", "relu2", "relu3")
RELU, LEAKY, SIGMOID, TANH, SOFTPLUS, ERF, RELU2, RELU3 = range(8)
_ERF_SLOPE = 2.0 / math.sqrt(math.pi)


@compiled(_nrt=False, forceinline=True)
def degree(code: int) -> int:
    """q of an activation with φ(r a) = r^q φ(a) for r > 0; 0 where it has none."""
    if code in (RELU2, RELU3):
        return 2 if code == RELU2 else 3
    return 1 if code in (RELU, LEAKY) else 0


@compiled(inline="always")
def _logistic(a):  # type: ignore[no-untyped-def]
    one = type(a)(1)
    return one / (one + math.exp(-a))


def activate(code: int, leak: float, a: Array, out: Array) -> None:
    """Write φ(a) for flat arrays of one size: compiled code only.

    In float32 sums and products may be fused and reordered, in float64 not, whoever calls it.

    Args:
        code: of the activation, see above.
        leak: slope of leaky_relu below zero.
        a: pre-activations.
        out: written; may be a.
    """
    raise NotImplementedError(code, leak, a, out)


def _activate(code: int, leak: float, a: Array, out: Array) -> None:
    """Write φ(a)."""
    zero = a.dtype.type(0)
    slope = a.dtype.type(leak)
    if code == RELU:
        for i in range(a.size):
            out[i] = max(a[i], zero)
    elif code == LEAKY:
        for i in range(a.size):
            out[i] = a[i] if a[i] > zero else slope * a[i]
    elif code == SIGMOID:
        for i in range(a.size):
            out[i] = _logistic(a[i])
    elif code == TANH:
        for i in range(a.size):
            out[i] = math.tanh(a[i])
    elif code == SOFTPLUS:
        for i in range(a.size):
            out[i] = max(a[i], zero) + math.log1p(math.exp(-abs(a[i])))
    elif code == ERF:
        for i in range(a.size):
            out[i] = math.erf(a[i])
    elif code == RELU2:
        for i in range(a.size):
            x = max(a[i], zero)
            out[i] = x * x
    else:
        for i in range(a.size):
            x = max(a[i], zero)
            out[i] = x * x * x


_activate_single = compiled(fastmath=FAST_MATH)(_activate)
_activate_double = compiled()(_activate)


@overload(activate)
def _by_precision(code, leak, a, out):  # type: ignore[no-untyped-def]
    chosen = _activate_single if a.dtype == types.float32 else _activate_double
    return lambda code, leak, a, out: chosen(code, leak, a, out)


@compiled(fastmath=FAST_MATH, forceinline=True)
def differentiate(code: int, leak: float, a: Array, phi: Array, out: Array) -> None:
    """Write φ′(a), given φ(a), for flat arrays of one size. ReLU's derivative at 0 is 0.

    Args:
        code: of the activation, see above.
        leak: slope below zero.
        a: pre-activations.
        phi: φ(a).
        out: written.
    """
    zero, one = a.dtype.type(0), a.dtype.type(1)
    slope = a.dtype.type(leak) if code == LEAKY else zero
    if code in (RELU, LEAKY):
        for i in range(a.size):
            out[i] = one if a[i] > zero else slope
    elif code == SIGMOID:
        for i in range(a.size):
            out[i] = phi[i] * (one - phi[i])
    elif code == TANH:
        for i in range(a.size):
            out[i] = one - phi[i] * phi[i]
    elif code == SOFTPLUS:
        for i in range(a.size):
            out[i] = _logistic(a[i])
    elif code == RELU2:
        for i in range(a.size):
            x = max(a[i], zero)
            out[i] = x + x
    elif code == RELU3:
        for i in range(a.size):
            x = max(a[i], zero)
            out[i] = a.dtype.type(3) * x * x
    else:
        for i in range(a.size):
            out[i] = a.dtype.type(_ERF_SLOPE) * math.exp(-a[i] * a[i])

"""exp(x) as a polynomial, so that loops over it can be vectorized: a library's is one call a number."""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from bocnn.simd.compiler.compiled import compiled

_F, _I = np.float32, np.int64

_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6
_TERMS = tuple(1.0 / math.factorial(k) for k in range(13, 1, -1))

_F_LOG2_E = _F(_LOG2_E)
_F_LN2_HIGH, _F_LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_F_TERMS = tuple(
    _F(c)
    for c in (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
)


def exponential(x: Any) -> Any:
    """exp(x): compiled code only.

    In float32 within 2e-7 relative, of x cut to [−87, 88]; in float64 within 4e-16, of x cut to
    [−708, 709]. NaN is taken for the upper end.

    Source:
        S. Moshier's Cephes library (expf, and the reduction of exp); Taylor's series.
    """
    raise NotImplementedError(x)


@overload(exponential)
def _choose(x):  # type: ignore[no-untyped-def]
    if x == types.float32:
        return lambda x: _single(x)
    return lambda x: _double(x)


@compiled(fastmath={"contract"}, inline="always")
def _single(x):  # type: ignore[no-untyped-def]
    x = x if x < _F(88) else _F(88)
    x = max(x, _F(-87))
    biased = np.int32(x * _F_LOG2_E + _F(127.5))
    power = _F(biased - np.int32(127))
    x = x - power * _F_LN2_HIGH - power * _F_LN2_LOW
    polynomial = _F_TERMS[0]
    for k in range(1, 6):
        polynomial = polynomial * x + _F_TERMS[k]
    return (polynomial * x * x + x + _F(1)) * _float32(biased << np.int32(23))


@compiled(fastmath={"contract"}, inline="always")
def _double(x):  # type: ignore[no-untyped-def]
    x = x if x < 709.0 else 709.0
    x = max(x, -708.0)
    biased = _I(x * _LOG2_E + 1023.5)
    power = np.float64(biased - _I(1023))
    x = x - power * _LN2_HIGH - power * _LN2_LOW
    polynomial = _TERMS[0]
    for k in range(1, 12):
        polynomial = polynomial * x + _TERMS[k]
    return (polynomial * x * x + x + 1.0) * _float64(biased << _I(52))


@intrinsic
def _float32(_context: Any, bits: Any) -> Any:
    """The float32 of 32 bits."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.trunc(args[0], ir.IntType(32)), ir.FloatType())

    return types.float32(bits), generate


@intrinsic
def _float64(_context: Any, bits: Any) -> Any:
    """The float64 of 64 bits."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(bits), generate

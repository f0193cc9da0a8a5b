"""A SIMD vector type for numba: one lane per run, so that code written for one run trains many.

`as_vectors(array)` views a float array whose last axis runs over 16 (float32) or 8 (float64) runs as an
array of one axis less, whose elements are vectors of 64 bytes. They add, subtract and multiply lane by
lane, so a run's arithmetic never depends on the other lanes. Functions that use nothing else serve one run
and many; branches and library functions are left to loops over `as_scalars(array)`.
"""

import math
import operator
from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.imputils import impl_ret_borrowed
from numba.core.typeconv import Conversion
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, register_model
from numba.np.arrayobj import make_array, populate_array
from numpy.typing import NDArray

VECTOR_BYTES = 64
"""Of a vector: one register where the processor has AVX-512, two or four elsewhere."""


def lane_count(real: Any) -> int:
    """Runs that share a vector of a dtype."""
    return VECTOR_BYTES // int(np.dtype(real).itemsize)


class Lanes(types.Type):  # type: ignore[misc]
    """numba's type of a vector, one element per run."""

    def __init__(self, real: types.Number, width: int) -> None:
        self.real = real
        self.width = width
        super().__init__(name=f"Lanes({real}, {width})")

    def can_convert_from(self, _context: Any, other: types.Type) -> Conversion | None:
        """A scalar is the same value in every lane."""
        return Conversion.safe if isinstance(other, types.Number) else None


@register_model(Lanes)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        element = manager.lookup(lanes.real).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(element, lanes.width))


_VECTOR_TYPES = (
    Lanes(types.float32, lane_count(np.float32)),
    Lanes(types.float64, lane_count(np.float64)),
)
_VECTOR_OF = {kind.real: kind for kind in _VECTOR_TYPES}


def define_operator(
    function: Any, generate: Any, operands: int, kinds: Any = _VECTOR_TYPES
) -> None:
    """Type and compile an operator between vectors of one kind.

    Args:
        function: of Python, `operator.add` say.
        generate: of numba's lowering: context, builder, signature and operands to the value.
        operands: how many.
        kinds: of vectors.
    """

    class _Template(ConcreteTemplate):  # type: ignore[misc]
        cases = tuple(signature(kind, *operands * [kind]) for kind in kinds)

    infer_global(function)(_Template)
    for kind in kinds:
        lower_builtin(function, *operands * [kind])(generate)


def _arithmetic(instruction: str) -> Any:
    """An instruction on floats; products and sums may fuse."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args, flags=("contract",))

    return generate


for _function in (operator.add, operator.iadd):
    define_operator(_function, _arithmetic("fadd"), 2)
for _function in (operator.sub, operator.isub):
    define_operator(_function, _arithmetic("fsub"), 2)
for _function in (operator.mul, operator.imul):
    define_operator(_function, _arithmetic("fmul"), 2)
define_operator(operator.neg, _arithmetic("fneg"), 1)


@lower_cast(types.Number, Lanes)
def _broadcast(context: Any, builder: Any, given: Any, lanes: Lanes, value: Any) -> Any:
    """The same value in every lane."""
    number = context.cast(builder, value, given, lanes.real)
    vector = ir.Constant(context.get_value_type(lanes), ir.Undefined)
    first = builder.insert_element(vector, number, ir.Constant(ir.IntType(32), 0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes.width), [0] * lanes.width)
    return builder.shuffle_vector(first, vector, everywhere)


def _view(context: Any, builder: Any, arrays: Any, shape: Any) -> Any:
    """An array of other elements over the same memory; `arrays` holds the old one and both types."""
    source, target, value = arrays
    assert source.layout == "C", source
    old = make_array(source)(context, builder, value)
    new = make_array(target)(context, builder)
    size = context.get_abi_sizeof(context.get_data_type(target.dtype))
    extents = shape(cgutils.unpack_tuple(builder, old.shape))
    strides = [ir.Constant(ir.IntType(64), size)]
    for extent in reversed(extents[1:]):
        strides.insert(0, builder.mul(extent, strides[0]))
    data = builder.bitcast(old.data, new.data.type)
    populate_array(new, data, extents, strides, size, old.meminfo, old.parent)
    return impl_ret_borrowed(context, builder, target, new._getvalue())


@intrinsic
def as_vectors(_context: Any, array: types.Array, vector_width: Any) -> Any:
    """View an array as one without its last axis, whose elements are vectors along that axis.

    Args:
        array: C-contiguous floats from `aligned`.
        vector_width: None where that axis holds one run: the elements stay scalars. Else `lane_count`.
    """
    element = array.dtype if isinstance(vector_width, types.NoneType) else _VECTOR_OF[array.dtype]
    target = types.Array(element, array.ndim - 1, "C")

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _view(context, builder, (array, target, args[0]), lambda shape: shape[:-1])

    return target(array, vector_width), generate


@intrinsic
def as_scalars(_context: Any, array: types.Array) -> Any:
    """View a C-contiguous array of vectors or scalars as a flat array of scalars."""
    is_vector = isinstance(array.dtype, Lanes)
    target = types.Array(array.dtype.real if is_vector else array.dtype, 1, "C")

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def flatten(shape: Any) -> Any:
            size = ir.Constant(ir.IntType(64), array.dtype.width if is_vector else 1)
            return [reduce(builder.mul, shape, size)]

        return _view(context, builder, (array, target, args[0]), flatten)

    return target(array), generate


@intrinsic
def is_zero(_context: Any, number: Any) -> Any:
    """Whether a number is zero, a vector in every lane."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        other = builder.fcmp_unordered("!=", args[0], ir.Constant(args[0].type, None))
        if not isinstance(number, Lanes):
            return builder.not_(other)
        bits = builder.bitcast(other, ir.IntType(number.width))
        return builder.icmp_signed("==", bits, ir.Constant(bits.type, 0))

    return types.boolean(number), generate


def aligned(shape: tuple[int, ...], real: Any) -> NDArray[Any]:
    """Zeros of a given shape and dtype, in memory that vectors can be loaded from.

    Args:
        shape: of the array.
        real: dtype.
    Returns:
        C-contiguous, its first byte at a multiple of VECTOR_BYTES.
    """
    size = math.prod(shape)
    whole = np.zeros(size + VECTOR_BYTES, real)
    skipped = (-whole.ctypes.data % VECTOR_BYTES) // whole.itemsize
    return whole[skipped : skipped + size].reshape(shape)


@intrinsic
def select(_context: Any, number: Any, _above: Any, _below: Any) -> Any:
    """`above` where a number is positive, else `below`; of vectors lane by lane.

    Args:
        number: scalar or vector.
        _above: of the same type.
        _below: of the same type.
    """

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        positive = builder.fcmp_ordered(">", args[0], ir.Constant(args[0].type, None))
        return builder.select(positive, args[1], args[2])

    return number(number, number, number), generate

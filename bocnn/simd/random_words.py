"""Vectors of 16 words of a random generator, and what makes floats of them: compiled code only.

`Lanes` of unsigned words multiply, shift and mix as the words do one by one, so `bocnn.rng.philox` has one
source for both. What follows here turns their bits into vectors of 16 floats.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bocnn.simd.lanes import Lanes, define_operator

WORD_LANES = 16

WORD_VECTOR = Lanes(types.uint64, WORD_LANES)
"""Each word of 32 bits in 64, so that a product of two keeps its upper half."""
_INT_VECTOR = Lanes(types.int32, WORD_LANES)
_FLOAT_VECTOR = Lanes(types.float32, WORD_LANES)


def _instruction(name: str) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return getattr(builder, name)(*args)

    return generate


for _function, _name in (
    (operator.add, "add"),
    (operator.sub, "sub"),
    (operator.mul, "mul"),
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.lshift, "shl"),
):
    define_operator(_function, _instruction(_name), 2, (WORD_VECTOR, _INT_VECTOR))
define_operator(operator.rshift, _instruction("lshr"), 2, (WORD_VECTOR,))
define_operator(operator.rshift, _instruction("ashr"), 2, (_INT_VECTOR,))


def _conversion(source: Lanes, target: Lanes, name: str) -> Any:
    """An intrinsic that turns one kind of vector into another by one instruction."""

    @intrinsic
    def convert(_context: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return getattr(builder, name)(args[0], context.get_value_type(target))

        return target(source), generate

    return convert


low_bits = _conversion(WORD_VECTOR, _INT_VECTOR, "trunc")
"""The lower 32 bits of words, as whole numbers with a sign."""
float_bits = _conversion(_FLOAT_VECTOR, _INT_VECTOR, "bitcast")
"""The bits of floats."""
float_of_bits = _conversion(_INT_VECTOR, _FLOAT_VECTOR, "bitcast")
"""The floats of given bits."""
as_floats = _conversion(_INT_VECTOR, _FLOAT_VECTOR, "sitofp")
"""Whole numbers as floats."""
truncate = _conversion(_FLOAT_VECTOR, _INT_VECTOR, "fptosi")
"""Floats without their fractions."""


@intrinsic
def consecutive(_context: Any, _first: Any) -> Any:
    """The words first, first + 1, … of a vector."""

    def generate(context: Any, builder: Any, sign: Any, args: Any) -> Any:
        first = context.cast(builder, args[0], sign.args[0], WORD_VECTOR)
        steps = ir.Constant(first.type, list(range(WORD_LANES)))
        return builder.add(first, steps)

    return WORD_VECTOR(types.uint64), generate


@intrinsic
def square_root(_context: Any, _numbers: Any) -> Any:
    """Square roots of floats."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = args[0].type
        form = ir.FunctionType(kind, [kind])
        name = f"llvm.sqrt.v{WORD_LANES}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, form, name), args)

    return _FLOAT_VECTOR(_FLOAT_VECTOR), generate


@intrinsic
def select_nonzero(_context: Any, _bits: Any, _there: Any, _elsewhere: Any) -> Any:
    """`there` where any bit is set, else `elsewhere`."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        some = builder.icmp_signed("!=", args[0], ir.Constant(args[0].type, None))
        return builder.select(some, args[1], args[2])

    return _FLOAT_VECTOR(_INT_VECTOR, _FLOAT_VECTOR, _FLOAT_VECTOR), generate

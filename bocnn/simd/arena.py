"""Bump (arena) allocator for compiled code: arrays are taken one after the other and freed all at once.

numba counts references to its arrays: a locked instruction whenever a record of arrays is taken apart, for
which the processor waits. Arrays from an arena are not counted. Whoever makes the arena keeps it for as
long as they are read: they are made in calls that get it as an argument.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from bocnn.arrays import Array, Ints
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import VECTOR_BYTES, aligned


class Arena(NamedTuple):
    """Memory in equal parts, and how much of each is in use.

    storage: bytes, (parts, bytes of a part), from `aligned`. used: bytes of each part, (parts,).
    """

    storage: Array
    used: Ints


class Workspace(NamedTuple):
    """The two arenas that a run works in.

    kept: for what a run holds while it trains. scratch: for what a call needs for its own time.
    """

    kept: Arena
    scratch: Arena


def new_arena(parts: int, size: int) -> Arena:
    """An arena of `parts` parts of at least `size` bytes each.

    Args:
        parts: how many.
        size: bytes of each, rounded up to whole vectors.
    Returns:
        The arena, empty.
    """
    storage = aligned((parts, (size + VECTOR_BYTES - 1) // VECTOR_BYTES * VECTOR_BYTES), np.uint8)
    return Arena(storage, np.zeros(parts, np.int64))


@compiled(_nrt=False)
def arena_part(arena: Arena, part: int) -> Arena:
    """One part, uncounted: for the time of a call that got the arena as an argument.

    Args:
        arena: of many parts.
        part: its index.
    Returns:
        An arena of one part over the same memory.
    """
    size = arena.storage.shape[1]
    return Arena(
        _array_at(arena.storage, part * size, (1, size), np.uint8),
        _array_at(arena.used, 8 * part, (1,), np.int64),
    )


@intrinsic
def _array_at(_context: Any, storage: types.Array, first: Any, shape: Any, real: Any) -> Any:
    """An array of a dtype from byte `first` on, that is not counted."""
    target = types.Array(real.dtype, len(shape), "C")

    def generate(context: Any, builder: Any, sign: Any, args: Any) -> Any:
        """LLVM code of the call."""
        memory = make_array(storage)(context, builder, args[0])
        first = context.cast(builder, args[1], sign.args[1], types.intp)
        return _view(context, builder, (memory.data, first), target, (args[2], sign.args[2]))[0]

    return target(storage, first, shape, real), generate


@intrinsic
def allocate(_context: Any, arena: types.NamedTuple, shape: Any, real: Any) -> Any:
    """An array of a shape (whole numbers) and a dtype, unset, where vectors can be loaded.

    Args:
        arena: of one part, an `Arena`.
        shape: a tuple.
        real: dtype, or its class.
    Raises:
        MemoryError: the arena is full.
    """
    target = types.Array(real.dtype, len(shape), "C")
    storage_type, used_type = arena.types

    def generate(context: Any, builder: Any, sign: Any, args: Any) -> Any:
        """LLVM code of the call."""
        storage = make_array(storage_type)(context, builder, builder.extract_value(args[0], 0))
        used = make_array(used_type)(context, builder, builder.extract_value(args[0], 1))
        first = builder.load(used.data)
        start = (storage.data, first)
        array, size = _view(context, builder, start, target, (args[1], sign.args[1]))
        last = builder.add(builder.add(first, size), ir.Constant(size.type, VECTOR_BYTES - 1))
        last = builder.and_(last, ir.Constant(size.type, -VECTOR_BYTES))
        with cgutils.if_unlikely(builder, builder.icmp_signed(">", last, storage.nitems)):
            message = ("a run needs more memory than was counted for it",)
            context.call_conv.return_user_exc(builder, MemoryError, message)
        builder.store(last, used.data)
        return array

    return target(arena, shape, real), generate


def _view(context: Any, builder: Any, start: Any, target: types.Array, shape: Any) -> Any:
    """An array over memory from a pointer and an offset on, and its bytes."""
    size = ir.Constant(ir.IntType(64), context.get_abi_sizeof(context.get_data_type(target.dtype)))
    sizes = context.cast(builder, *shape, types.UniTuple(types.intp, target.ndim))
    extents, strides = cgutils.unpack_tuple(builder, sizes), [size]
    for extent in reversed(extents[1:]):
        strides.insert(0, builder.mul(extent, strides[0]))
    new = make_array(target)(context, builder)
    memory = builder.bitcast(start[0], ir.IntType(8).as_pointer())
    data = builder.bitcast(builder.gep(memory, [start[1]]), new.data.type)
    populate_array(new, data, extents, strides, size, None)
    return new._getvalue(), builder.mul(extents[0], strides[0])


@compiled(_nrt=False)
def clear(array: Array) -> None:
    """Write zeros into a flat array."""
    for i in range(array.size):
        array[i] = 0


@compiled(_nrt=False)
def reset(arena: Arena) -> None:
    """Free everything."""
    arena.used[0] = 0

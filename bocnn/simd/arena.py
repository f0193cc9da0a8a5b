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
from bocnn.simd.compiled import compiled
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


@compiled()
def new_arena(parts: int, size: int) -> Arena:
    """An arena of `parts` parts of at least `size` bytes each."""
    storage = aligned((parts, (size + VECTOR_BYTES - 1) // VECTOR_BYTES * VECTOR_BYTES), np.uint8)
    return Arena(storage, np.zeros(parts, np.int64))


@intrinsic
def _array_at(_context: Any, storage: types.Array, first: Any, shape: Any, real: Any) -> Any:
    """An array of a dtype from byte `first` on, that is not counted."""
    target = types.Array(real.dtype, len(shape), "C")

    def generate(context: Any, builder: Any, sign: Any, args: Any) -> Any:
        arena = make_array(storage)(context, builder, args[0])
        size = ir.Constant(
            ir.IntType(64), context.get_abi_sizeof(context.get_data_type(real.dtype))
        )
        start = context.cast(builder, args[1], sign.args[1], types.intp)
        shaped = context.cast(
            builder, args[2], sign.args[2], types.UniTuple(types.intp, len(shape))
        )
        extents, strides = cgutils.unpack_tuple(builder, shaped), [size]
        for extent in reversed(extents[1:]):
            strides.insert(0, builder.mul(extent, strides[0]))
        new = make_array(target)(context, builder)
        bytes_of = builder.bitcast(arena.data, ir.IntType(8).as_pointer())
        data = builder.bitcast(builder.gep(bytes_of, [start]), new.data.type)
        populate_array(new, data, extents, strides, size, None)
        return new._getvalue()

    return target(storage, first, shape, real), generate


@compiled()
def arena_part(arena: Arena, part: int) -> Arena:
    """One part, uncounted: for the time of a call that got the arena as an argument."""
    size = arena.storage.shape[1]
    return Arena(
        _array_at(arena.storage, part * size, (1, size), np.uint8),
        _array_at(arena.used, 8 * part, (1,), np.int64),
    )


@compiled()
def allocate(arena: Arena, shape, real):  # type: ignore[no-untyped-def]
    """An array of a shape (whole numbers) and a dtype, whatever it holds, where vectors can be loaded."""
    first = arena.used[0]
    array = _array_at(arena.storage, first, shape, real)
    arena.used[0] = (
        first + (array.size * array.itemsize + VECTOR_BYTES - 1) // VECTOR_BYTES * VECTOR_BYTES
    )
    if arena.used[0] > arena.storage.size:
        raise MemoryError("a run needs more memory than was counted for it")
    return array


@compiled()
def allocate_zeros(arena: Arena, shape, real):  # type: ignore[no-untyped-def]
    """The same, zeros."""
    array = allocate(arena, shape, real)
    array[:] = 0
    return array


@compiled(_nrt=False)
def reset(arena: Arena) -> None:
    """Free everything."""
    arena.used[0] = 0

"""Memory that compiled code hands out from its start on, and takes back all at once.

The allocator of the compiled functions counts references: a locked instruction whenever a record of
arrays is taken apart, and the processor waits for it. Arrays from here are counted by nobody. Who makes
the memory keeps it for as long as they are read: they are made in calls that get it as an argument.
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
from bocnn.simd.lanes import BYTES, aligned


class Memory(NamedTuple):
    """Memory, and how much of it is in use.

    whole: bytes, (parts, bytes of a part), from `aligned`. used: bytes of each part, (parts,).
    """

    whole: Array
    used: Ints


class Room(NamedTuple):
    """Parts of memories that a run works in.

    kept: for what a run holds while it trains. scratch: for what a call needs for its own time.
    """

    kept: Memory
    scratch: Memory


@compiled()
def new_memory(parts: int, size: int) -> Memory:
    """Memory of so many parts of at least so many bytes."""
    whole = aligned((parts, (size + BYTES - 1) // BYTES * BYTES), np.uint8)
    return Memory(whole, np.zeros(parts, np.int64))


@intrinsic
def _array_at(_context: Any, whole: types.Array, first: Any, shape: Any, real: Any) -> Any:
    """An array of a dtype from byte `first` on, that is not counted."""
    target = types.Array(real.dtype, len(shape), "C")

    def generate(context: Any, builder: Any, sign: Any, args: Any) -> Any:
        memory = make_array(whole)(context, builder, args[0])
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
        bytes_of = builder.bitcast(memory.data, ir.IntType(8).as_pointer())
        data = builder.bitcast(builder.gep(bytes_of, [start]), new.data.type)
        populate_array(new, data, extents, strides, size, None)
        return new._getvalue()

    return target(whole, first, shape, real), generate


@compiled()
def part_of(memory: Memory, part: int) -> Memory:
    """A part, uncounted: for the time of a call that got the memory as an argument."""
    size = memory.whole.shape[1]
    return Memory(
        _array_at(memory.whole, part * size, (1, size), np.uint8),
        _array_at(memory.used, 8 * part, (1,), np.int64),
    )


@compiled()
def claim(memory: Memory, shape, real):  # type: ignore[no-untyped-def]
    """An array of a shape (whole numbers) and a dtype, whatever it holds, where vectors can be loaded."""
    first = memory.used[0]
    array = _array_at(memory.whole, first, shape, real)
    memory.used[0] = first + (array.size * array.itemsize + BYTES - 1) // BYTES * BYTES
    if memory.used[0] > memory.whole.size:
        raise MemoryError("a run needs more memory than was counted for it")
    return array


@compiled()
def claim_zeros(memory: Memory, shape, real):  # type: ignore[no-untyped-def]
    """The same, zeros."""
    array = claim(memory, shape, real)
    array[:] = 0
    return array


@compiled(_nrt=False)
def release_all(memory: Memory) -> None:
    """Take everything back."""
    memory.used[0] = 0

"""Records of arrays as a table of 64-bit words: how Python hands them to machine code.

| in a record | words |
|---|---|
| array | its address, then its extents |
| number, flag | itself; a float by the bits of a float64 |
| None | no word |
| record, tuple | its parts, one after the other |
"""

import struct
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from bocnn.arrays import Ints

TABLE = types.CPointer(types.int64)
"""numba's type of a table."""

_INT64 = ir.IntType(64)


def table_of(values: Any) -> tuple[Ints, str]:
    """A record's table, and its layout: two records of one layout are of one type to compiled code.

    Args:
        values: nested tuples of C-contiguous arrays, numbers and None; kept by the caller for as long as
            the table is read.
    Returns:
        The words, int64; and kind and dimensions of each part.
    Raises:
        ValueError: an array is not contiguous.
    """
    words: list[int] = []
    layout: list[str] = []
    _add_words(values, words, layout)
    return np.array(words, np.int64), "".join(layout)


def _add_words(value: Any, words: list[int], layout: list[str]) -> None:
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError(
                f"received an array of strides {value.strides}; expected rows in order"
            )
        words.append(value.__array_interface__["data"][0])
        words.extend(value.shape)
        layout.append(f"{value.dtype.str[1:]}{value.ndim},")
    elif isinstance(value, tuple):
        layout.append("(")
        for part in value:
            _add_words(part, words, layout)
        layout.append(")")
    elif value is None:
        layout.append("-")
    elif isinstance(value, bool | np.bool_):
        words.append(int(value))
        layout.append("?")
    elif isinstance(value, float | np.floating):
        words.append(struct.unpack("q", struct.pack("d", value))[0])
        layout.append("d")
    else:
        words.append(int(value))
        layout.append("q")


def reader_of(kind: types.Type) -> Any:
    """An intrinsic that reads the record of a type from a table, its arrays uncounted.

    Args:
        kind: numba's type of the record.
    """

    @intrinsic
    def read(_context: Any, _table: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            """LLVM code of the call."""
            return _Reader(context, builder, args[0]).value(kind)

        return kind(TABLE), generate

    return read


class _Reader:
    """Generates code that reads a table, word after word."""

    def __init__(self, context: Any, builder: Any, table: Any) -> None:
        self.context, self.builder = context, builder
        self._table, self._next = table, 0

    def word(self) -> Any:
        """The next word."""
        pointer = self.builder.gep(self._table, [ir.Constant(_INT64, self._next)])
        self._next += 1
        return self.builder.load(pointer)

    def value(self, kind: types.Type) -> Any:
        """The next value of a type."""
        if isinstance(kind, types.BaseTuple):
            parts = [self.value(part) for part in kind.types]
            return self.context.make_tuple(self.builder, kind, parts)
        if isinstance(kind, types.Array):
            return self._array(kind)
        if isinstance(kind, types.NoneType):
            return self.context.get_dummy_value()
        if isinstance(kind, types.Float):
            return self.builder.bitcast(self.word(), ir.DoubleType())
        if isinstance(kind, types.Boolean):
            return self.builder.icmp_signed("!=", self.word(), ir.Constant(_INT64, 0))
        assert kind in (types.int64, types.uint64), kind
        return self.word()

    def _array(self, kind: types.Array) -> Any:
        """An array of rows in order."""
        assert kind.layout == "C", kind
        new = make_array(kind)(self.context, self.builder)
        size = self.context.get_abi_sizeof(self.context.get_data_type(kind.dtype))
        data = self.builder.inttoptr(self.word(), new.data.type)
        extents = [self.word() for _ in range(kind.ndim)]
        strides = [ir.Constant(_INT64, size)]
        for extent in reversed(extents[1:]):
            strides.insert(0, self.builder.mul(extent, strides[0]))
        populate_array(new, data, extents, strides, ir.Constant(_INT64, size), None)
        return new._getvalue()

"""Digests of a table's content, column by column: whether rows are those that were written, bit by bit.

A column's digest covers its name, type, nulls and values, and neither metadata nor how a file stores it.
Floats count by their bits, so NaN equals NaN.
"""

from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def content_digest(table: pa.Table) -> str:
    """Digest of all columns, in their order."""
    columns = column_digests(table)
    return blake2b("".join(columns.values()).encode(), digest_size=16).hexdigest()


def column_digests(table: pa.Table) -> dict[str, str]:
    """Digest of each column.

    Raises:
        TypeError: a column holds neither numbers, truth values, words nor bytes.
    """
    return {
        name: _digest(name, column.combine_chunks())
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def differing(one: pa.Table, other: pa.Table) -> list[str]:
    """Names of the columns in which two tables differ, those included that only one of them has.

    Args:
        one: a table.
        other: another table.
    """
    left, right = column_digests(one), column_digests(other)
    return [name for name in left | right if left.get(name) != right.get(name)]


def _digest(name: str, array: Any) -> str:
    total = blake2b(f"{name}:{array.type}:{len(array)}:{array.null_count};".encode())
    if array.null_count:
        total.update(np.packbits(_truths(array.is_valid())).tobytes())
        array = array.drop_null()
    for part in _buffers(array):
        total.update(part)
    return total.hexdigest()


def _buffers(array: Any) -> tuple[bytes, ...]:
    """The bytes of an array without nulls: of text, the lengths before the characters."""
    kind = array.type
    if pa.types.is_boolean(kind):
        return (_truths(array).tobytes(),)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        width = kind.bit_width // 8
        numbers = memoryview(array.buffers()[1] or b"")
        return (bytes(numbers[array.offset * width : (array.offset + len(array)) * width]),)
    if not (_is_text(kind) or pa.types.is_fixed_size_binary(kind)):
        raise TypeError(f"a column holds {kind}; expected numbers, words or bytes")
    array = array.cast(pa.large_binary())
    if not len(array):
        return ()
    _, offsets, characters = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    text = bytes(memoryview(characters)[ends[0] : ends[-1]]) if characters else b""
    return np.diff(ends).tobytes(), text


def _truths(array: Any) -> NDArray[np.uint8]:
    """Truth values without nulls as 0 and 1, (rows,): `to_numpy` would import pandas, if it is there."""
    packed = np.frombuffer(array.buffers()[1] or b"", np.uint8)
    truths = np.unpackbits(packed, bitorder="little")[array.offset :]
    return np.asarray(truths[: len(array)])


def _is_text(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_binary,
        pa.types.is_large_binary,
    )
    return any(test(kind) for test in tests)

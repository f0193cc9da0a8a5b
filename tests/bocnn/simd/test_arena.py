"""Arena handed out from its start on: apart, aligned, bounded, taken back all at once."""

import numpy as np
import pytest

from bocnn.simd.arena import Arena, allocate, arena_part, clear, new_arena, reset
from bocnn.simd.compiler.compiled import compiled
from bocnn.simd.lanes import as_scalars
from tests.bocnn.arenas import arena


@compiled()
def allocated(arena: Arena, shape, real):  # type: ignore[no-untyped-def]
    """`allocate`, which only compiled code can call."""
    return allocate(arena, shape, real)


@compiled()
def zeros(arena: Arena, shape, real):  # type: ignore[no-untyped-def]
    """The same, cleared."""
    array = allocate(arena, shape, real)
    clear(as_scalars(array))
    return array


def test_arrays_lie_apart_where_vectors_can_be_loaded() -> None:
    memory = arena()
    arrays = [
        allocated(memory, (3, size), dtype)
        for size in (1, 5, 16)
        for dtype in (np.float32, np.int64)
    ]
    spans = [(array.ctypes.data, array.ctypes.data + array.nbytes) for array in arrays]
    assert all(first % 64 == 0 for first, _ in spans)
    assert all(last <= first for (_, last), (first, _) in zip(spans, spans[1:], strict=False))


def test_zeros_are_zeros_whatever_was_there() -> None:
    memory = arena()
    assert np.isnan(allocated(memory, (4,), np.float32)).all()
    assert not zeros(memory, (4,), np.float32).any()


def test_what_is_taken_back_is_handed_out_again() -> None:
    memory = arena()
    first = allocated(memory, (8,), np.float64).ctypes.data
    reset(memory)
    assert allocated(memory, (8,), np.float64).ctypes.data == first


def test_more_than_there_is_is_refused() -> None:
    memory = new_arena(1, 128)
    allocated(memory, (16,), np.float64)
    with pytest.raises(MemoryError, match="more memory than was counted"):
        allocated(memory, (1,), np.float64)


@compiled()
def _fill_parts(arena_of_two):  # type: ignore[no-untyped-def]
    for number in range(2):
        allocate(arena_part(arena_of_two, number), (8,), np.float64)[:] = number + 1


def test_parts_do_not_overlap() -> None:
    arena_of_two = new_arena(2, 64)
    _fill_parts(arena_of_two)
    np.testing.assert_array_equal(arena_of_two.storage.view(np.float64), [[1.0] * 8, [2.0] * 8])

"""Arena handed out from its start on: apart, aligned, bounded, taken back all at once."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.cpu.engine import workspace_bytes
from bocnn.simd.arena import allocate, allocate_zeros, arena_part, new_arena, reset
from bocnn.simd.compiled import compiled
from tests.bocnn.arenas import arena
from tests.bocnn.run_columns import columns


def test_arrays_lie_apart_where_vectors_can_be_loaded() -> None:
    work = arena()
    arrays = [
        allocate(work, (3, size), dtype) for size in (1, 5, 16) for dtype in (np.float32, np.int64)
    ]
    places = [(array.ctypes.data, array.ctypes.data + array.nbytes) for array in arrays]
    assert all(first % 64 == 0 for first, _ in places)
    assert all(last <= first for (_, last), (first, _) in zip(places, places[1:], strict=False))


def test_zeros_are_zeros_whatever_was_there() -> None:
    work = arena()
    assert np.isnan(allocate(work, (4,), np.float32)).all()
    assert not allocate_zeros(work, (4,), np.float32).any()


def test_what_is_taken_back_is_handed_out_again() -> None:
    work = arena()
    first = allocate(work, (8,), np.float64).ctypes.data
    reset(work)
    assert allocate(work, (8,), np.float64).ctypes.data == first


def test_more_than_there_is_is_refused() -> None:
    work = new_arena(1, 128)
    allocate(work, (16,), np.float64)
    with pytest.raises(MemoryError, match="more memory than was counted"):
        allocate(work, (1,), np.float64)


@compiled()
def _fill_parts(whole):  # type: ignore[no-untyped-def]
    for number in range(2):
        allocate(arena_part(whole, number), (8,), np.float64)[:] = number + 1


def test_parts_do_not_overlap() -> None:
    whole = new_arena(2, 64)
    _fill_parts(whole)
    np.testing.assert_array_equal(whole.storage.view(np.float64), [[1.0] * 8, [2.0] * 8])


@pytest.mark.parametrize(
    "given",
    [
        {"n": 1, "m": 1, "d": 2},
        {"n": 3, "m": 70, "n_test": 2_001},
        {"n": 131, "m": 2, "data": "xor", "noise": "isotropic", "bias": "trained"},
        {"n": 16, "m": 4, "output_init": "normal", "d": 10**9},
    ],
)
def test_what_is_counted_suffices(given: dict[str, Any]) -> None:
    asked = columns(3, **({"steps": 2, "n_test": 10} | given))
    assert set(MODEL.run(asked)["status"]) <= {"ok", "unconverged"}
    kept, scratch = workspace_bytes(asked["n"], asked["m"], asked["n_test"])
    assert (kept + scratch <= MODEL.memory_bytes(asked)).all()

"""Memory handed out from its start on: apart, aligned, bounded, taken back all at once."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.cpu.engine import room_bytes
from bocnn.simd.arena import claim, claim_zeros, new_memory, part_of, release_all
from bocnn.simd.compiled import compiled
from tests.bocnn.rooms import memory
from tests.bocnn.runs import columns


def test_arrays_lie_apart_where_vectors_can_be_loaded() -> None:
    work = memory()
    arrays = [
        claim(work, (3, size), dtype) for size in (1, 5, 16) for dtype in (np.float32, np.int64)
    ]
    places = [(array.ctypes.data, array.ctypes.data + array.nbytes) for array in arrays]
    assert all(first % 64 == 0 for first, _ in places)
    assert all(last <= first for (_, last), (first, _) in zip(places, places[1:], strict=False))


def test_zeros_are_zeros_whatever_was_there() -> None:
    work = memory()
    assert np.isnan(claim(work, (4,), np.float32)).all()
    assert not claim_zeros(work, (4,), np.float32).any()


def test_what_is_taken_back_is_handed_out_again() -> None:
    work = memory()
    first = claim(work, (8,), np.float64).ctypes.data
    release_all(work)
    assert claim(work, (8,), np.float64).ctypes.data == first


def test_more_than_there_is_is_refused() -> None:
    work = new_memory(1, 128)
    claim(work, (16,), np.float64)
    with pytest.raises(MemoryError, match="more memory than was counted"):
        claim(work, (1,), np.float64)


@compiled()
def _fill_parts(whole):  # type: ignore[no-untyped-def]
    for number in range(2):
        claim(part_of(whole, number), (8,), np.float64)[:] = number + 1


def test_parts_do_not_overlap() -> None:
    whole = new_memory(2, 64)
    _fill_parts(whole)
    np.testing.assert_array_equal(whole.whole.view(np.float64), [[1.0] * 8, [2.0] * 8])


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
    kept, scratch = room_bytes(asked["n"], asked["m"], asked["n_test"])
    assert (kept + scratch <= MODEL.memory_bytes(asked)).all()

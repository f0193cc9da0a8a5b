"""Arenas for compiled functions that tests call one by one, and short calls of those that write."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn.measure.chi_tails import write_chances_negative
from bocnn.simd.arena import Arena, Workspace, new_arena
from bocnn.simd.lanes import aligned
from bocnn.simd.products import round_up

SIZE = 1 << 20
NUMBERS = aligned((4, 16), np.float32)
"""For the draws of 16 blocks."""

_kept: list[Arena] = []


def arena() -> Arena:
    """An arena full of NaN; what is made in it stays until the test ends."""
    new = new_arena(1, SIZE)
    new.storage[0, : 1 << 15] = 0xFF
    _kept.append(new)
    return new


def passing(function: Callable[..., Any], *arguments: Any) -> NDArray[Any]:
    """What a function makes in an arena, its last argument, copied from it: the arena is not kept."""
    kept = len(_kept)
    made = np.array(function(*arguments, arena()))
    del _kept[kept:]
    return made


def forget() -> None:
    """Let go of all arena."""
    _kept.clear()


def workspace() -> Workspace:
    """A workspace for a run."""
    return Workspace(arena(), arena())


def padded_zeros(rows: int, columns: int) -> np.ndarray:
    """A matrix of zeros as `bocnn.simd.products` pads them."""
    return aligned((round_up(rows), round_up(columns)), np.float64)


def chances_negative(constant: float, slopes: np.ndarray, half: int) -> np.ndarray:
    """What `write_chances_negative` writes for slopes."""
    rows = np.empty((3, slopes.size))
    rows[0] = slopes
    write_chances_negative(constant, half, rows)
    return rows[2]

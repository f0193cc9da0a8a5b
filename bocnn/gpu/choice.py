"""Which runs the GPU takes, and whether there is one. Imports neither torch nor Triton by itself.

The rule: words that the kernels are known to train, `WORDS`; float32; the whole training set in each
step; n and 2m within the kernels' limits. What does not fit trains in the CPU engine, as does what is
recorded along its training.
"""

import ctypes
import os
import platform
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.parameters.accepted import Words, accepts
from bocnn.parameters.precision import needs_double

Columns: TypeAlias = Mapping[str, NDArray[Any]]
Packer: TypeAlias = Callable[[Columns, NDArray[np.intp]], Any]

CPU, CUDA = "gram-cpu", "gram-cuda"
MOST_SAMPLES, MOST_FILTERS = 2048, 128
"""Largest n and 2m of a run on the GPU."""

WORDS: Final[Words] = {
    "data": ("signal", "xor"),
    "noise": ("orthogonal", "isotropic"),
    "output_init": ("constant", "normal", "sign"),
    "bias": ("none", "trained"),
    "activation": ("relu", "leaky_relu"),
    "loss": ("logistic", "square"),
    "train": ("both", "hidden", "output"),
    "momentum_rule": ("heavy_ball", "nesterov"),
    "precision": ("float32",),
}
"""What the kernels train; their codes are those of `bocnn.cpu.engine.WORDS`."""

_PIECE = 16384
"""Runs that are packed at once: the GPU trains them while the host packs the next."""


class Room(Protocol):
    """Where results are written."""

    @property
    def status(self) -> Ints: ...
    @property
    def measured(self) -> Array: ...


def fits(columns: Columns) -> NDArray[np.bool_]:
    """Which runs the kernels can train, shape (runs,)."""
    n, batch = columns["n"], columns["batch"]
    whole = (batch == 0) | (batch >= n)
    small = (n <= MOST_SAMPLES) & (2 * columns["m"] <= MOST_FILTERS)
    return np.asarray(accepts(WORDS, columns) & whole & small & ~needs_double(columns))


@cache
def device() -> str | None:
    """The torch device of the GPU that this process may use, None where there is none.

    `CUDA_VISIBLE_DEVICES` set to nothing keeps a process on the CPU, as for any program.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    if hidden or find_spec("triton") is None or not _has_driver():
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else None


def _has_driver() -> bool:
    """Whether CUDA's driver can be loaded: it tells in microseconds what torch takes seconds to tell."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def run_on_card(columns: Columns, pack: Packer, record: Room) -> NDArray[np.bool_]:
    """Train and measure the runs that fit, where there is a GPU.

    Args:
        columns: of every run.
        pack: the columns of the runs at some places as an engine takes them.
        record: `status` and `measured` of every run; written where a run was trained.
    Returns:
        Which runs were trained, shape (runs,).
    """
    card = device()
    if card is None:
        return np.full(columns["n"].size, False)
    starts = _cell_starts(columns)
    first, cell = np.flatnonzero(starts), np.cumsum(starts) - 1
    fitting = fits({name: column[first] for name, column in columns.items()})
    taken = fitting[cell]
    if fitting.any():
        from bocnn.gpu.batches import CellParameters, collect, start_all

        first, cell = first[fitting], (np.cumsum(fitting) - 1)[cell]
        rows = np.flatnonzero(taken)
        pieces = np.split(rows, range(_PIECE, rows.size, _PIECE))
        started = []
        for rows in pieces:
            own = cell[rows]
            given = pack(columns, first[own[0] : own[-1] + 1])
            cells = CellParameters(given, own - own[0], columns["replicate"][rows])
            started.append(start_all(cells, card))
        for rows, part in zip(pieces, started, strict=True):
            record.status[rows], record.measured[rows] = collect(part, rows.size)
    return taken


def _cell_starts(columns: Columns) -> NDArray[np.bool_]:
    """Which runs differ from the run before in more than the replicate, shape (runs,).

    Runs of one cell are neighbours in a shard: what depends on the cell alone is computed once.
    """
    starts = np.zeros(columns["n"].size, dtype=bool)
    starts[:1] = True
    for name, column in columns.items():
        if name != "replicate":
            starts[1:] |= _differs_from_next(column)
    return starts


def _differs_from_next(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values differ from the next one, shape (runs − 1,); NaN is equal to NaN.

    Words are Python objects and slow to compare; the same object, by its address, is the same word.
    """
    if column.dtype.kind == "O":
        addresses = np.frombuffer(column.tobytes(), np.uintp)
        differs = addresses[1:] != addresses[:-1]
        at = np.flatnonzero(differs)
        differs[at] = column[at + 1] != column[at]
        return differs
    differs = column[1:] != column[:-1]
    if column.dtype.kind == "f" and differs.any():
        differs &= ~(np.isnan(column[1:]) & np.isnan(column[:-1]))
    return np.asarray(differs)


def placed(columns: Columns) -> dict[str, str]:
    """Engine and device that would train these runs in this process; both engines where they mix."""
    processor = platform.processor() or platform.machine()
    if device() is None or not (taken := fits(columns)).any():
        return {"engine": CPU, "device": processor}
    if taken.all():
        return {"engine": CUDA, "device": _name()}
    return {"engine": f"{CUDA}+{CPU}", "device": f"{_name()}+{processor}"}


def _name() -> str:
    """What the GPU calls itself."""
    import torch

    return str(torch.cuda.get_device_name()) if device() == "cuda" else "interpreter"

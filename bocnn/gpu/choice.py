"""Which runs the card takes, and whether there is one. Imports neither torch nor Triton by itself.

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

from bocnn.accepted import Words, accepts
from bocnn.arrays import Array, Ints
from bocnn.precision import needs_double

Columns: TypeAlias = Mapping[str, NDArray[Any]]
Packer: TypeAlias = Callable[[Columns, NDArray[np.intp]], Any]

CPU, CUDA = "gram-cpu", "gram-cuda"
MOST_SAMPLES, MOST_FILTERS = 2048, 128
"""Largest n and 2m of a run on the card."""

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
"""What the kernels train; their codes are those of `bocnn.engine.WORDS`."""

_PIECE = 65536
"""Runs that are packed at once: the card trains them while the host packs the next."""


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
    """The torch device of the card that this process may use, None where there is none.

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
    """Train and measure the runs that fit, where there is a card.

    Args:
        columns: of every run.
        pack: the columns of the runs at some places as an engine takes them.
        record: `status` and `measured` of every run; written where a run was trained.
    Returns:
        Which runs were trained, shape (runs,).
    """
    card = device()
    taken = fits(columns) if card else np.full(columns["n"].size, False)
    if taken.any():
        from bocnn.gpu.launch import Cells, collect, start_all

        rows = np.flatnonzero(taken)
        pieces = np.split(rows, range(_PIECE, rows.size, _PIECE))
        started = []
        for rows in pieces:
            starts = _cell_starts(columns, rows)
            given = pack(columns, rows[starts])
            cells = Cells(given, np.cumsum(starts) - 1, columns["replicate"][rows])
            started.append(start_all(cells, str(card)))
        for rows, part in zip(pieces, started, strict=True):
            record.status[rows], record.measured[rows] = collect(part, rows.size)
    return taken


def _cell_starts(columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of the runs differ from the run before in more than the replicate, shape (rows,).

    Runs of one cell stand together in a shard: their words and keys are looked up once.
    """
    starts = np.ones(rows.size, dtype=bool)
    starts[1:] = np.diff(rows) > 1
    for name, column in columns.items():
        if name != "replicate":
            own = column if rows.size == column.size else column[rows]
            own, before = own[1:], own[:-1]
            changed = own != before
            if column.dtype.kind == "f":
                changed &= ~(np.isnan(own) & np.isnan(before))
            starts[1:] |= changed
    return starts


def placed(columns: Columns) -> dict[str, str]:
    """Engine and device that would train these runs in this process; both engines where they mix."""
    processor = platform.processor() or platform.machine()
    if device() is None or not (taken := fits(columns)).any():
        return {"engine": CPU, "device": processor}
    if taken.all():
        return {"engine": CUDA, "device": _name()}
    return {"engine": f"{CUDA}+{CPU}", "device": f"{_name()}+{processor}"}


def _name() -> str:
    """What the card calls itself."""
    import torch

    return str(torch.cuda.get_device_name()) if device() == "cuda" else "interpreter"

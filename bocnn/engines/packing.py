"""Runs as the gram engines take them: words as codes, random keys, step sizes of 0 to keep a layer."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn.data.records import STRONG_NOISE, WEAK_SIGNAL
from bocnn.engines.cpu.stages import WORDS, Runs
from bocnn.engines.protocol import Columns
from bocnn.parameters.accepted import codes, is_one_of
from bocnn.parameters.keys import cell_keys

_CODED = ("data", "bias", "output_init", "activation", "loss", "gradient")


def pack_runs(columns: Columns, rows: NDArray[np.intp], keyed: Collection[str] = ()) -> Runs:
    """Parameters of some of the runs.

    Args:
        columns: of every run.
        rows: indices of those that are packed.
        keyed: parameters that enter the keys though they change nothing that is drawn.
    """
    columns = {name: column[rows] for name, column in columns.items()}
    key0, key1 = cell_keys(columns, keyed=keyed)
    eta, loss_tol, error_tol = columns["eta"], columns["loss_tol"], columns["error_tol"]
    eta_output = np.where(np.isnan(columns["eta_output"]), eta, columns["eta_output"])
    own = columns["label_process"] == "asymmetric"
    packed: dict[str, Any] = {
        "key0": key0,
        "key1": key1,
        "replicate": columns["replicate"].astype(np.uint64),
        "summed": codes(WORDS, "input", columns["input"]),
        "isotropic": codes(WORDS, "noise", columns["noise"]),
        "nesterov": codes(WORDS, "momentum_rule", columns["momentum_rule"]),
        "eta": np.where(columns["train"] == "output", 0.0, eta),
        "eta_output": np.where(columns["train"] == "hidden", 0.0, eta_output),
        "p_flip_negative": np.where(own, columns["p_flip_negative"], columns["p_flip"]),
        "classes_counted": codes(WORDS, "class_process", columns["class_process"]),
        "counted": (columns["label_process"] == "count").astype(np.int64),
        "hard": _flipped_alone(columns["label_process"]),
        "loss_tol": np.where(np.isnan(loss_tol), -1.0, loss_tol),
        "error_tol": np.where(np.isnan(error_tol), -1.0, error_tol),
    } | {name: codes(WORDS, name, columns[name]) for name in _CODED}
    return Runs._make(packed.get(name, columns.get(name)) for name in Runs._fields)


def _flipped_alone(process: NDArray[Any]) -> NDArray[np.int64]:
    """Which samples a label process flips, as `bocnn.data.records.Flips` says it, shape (runs,)."""
    weak, strong = is_one_of(process, ("margin",)), is_one_of(process, ("noise_aligned",))
    return WEAK_SIGNAL * weak + STRONG_NOISE * strong


def cells_of(columns: Columns) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Runs that differ from their neighbour in no more than the replicate, as cells.

    Runs of one cell are neighbours in a shard: what depends on the cell alone is computed once.

    Returns:
        Index of the first run of each cell, shape (cells,), and the cell of each run, shape (runs,).
    """
    starts = np.zeros(columns["n"].size, dtype=bool)
    starts[:1] = True
    for name, column in columns.items():
        if name != "replicate":
            starts[1:] |= _differs_from_next(column)
    return np.flatnonzero(starts), np.cumsum(starts) - 1


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

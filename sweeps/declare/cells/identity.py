"""Who a run is: a digest of everything that decides its numbers, and of nothing else.

Model, numerics version, seed, parameters that differ from their defaults, and replicate; of the parameters
that do not change what is drawn, those that have random numbers of their own all the same (`keyed`). A
parameter without effect on the run counts as its default, and images count by their content. Where they
are, execution options, auxiliary columns and the other runs of the sweep never enter.
"""

import json
from hashlib import blake2b
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.models.protocol import Columns, Model, SharesDraws

RUN_ID_BYTES = 16
ID_DTYPE = f"S{RUN_ID_BYTES}"
"""Identities sort and compare as bytes; take them out with tobytes, which keeps trailing zeros."""


def cell_digests(model: Model, seed: int, columns: Columns) -> list[bytes]:
    """One digest a cell, of its model, seed and parameters.

    Args:
        model: says which parameters decide a run's numbers.
        seed: of the sweep.
        columns: every parameter, shape (cells,) each.
    Returns:
        RUN_ID_BYTES bytes a cell, to which `run_ids` adds the replicate.
    """
    head = {"model": model.name, "numerics_version": model.numerics_version, "seed": seed}
    own = {column.name: columns[column.name] for column in model.parameters}
    found = model.identity(own) if isinstance(model, SharesDraws) else own
    keyed = set(model.keyed) if isinstance(model, SharesDraws) else set()
    defaults = {column.name: column.default for column in model.parameters}
    kept = _differing_somewhere(found, defaults)
    cells = next(iter(own.values())).size
    names = list(kept)
    rows = zip(*kept.values(), strict=True) if kept else repeat((), cells)
    return [_digest(head | _identity(_differing(names, row, defaults), keyed)) for row in rows]


def run_ids(digests: list[bytes], cells: NDArray[Any], replicates: NDArray[Any]) -> NDArray[Any]:
    """Run identities: digests of a cell's digest and a replicate.

    Args:
        digests: of the cells.
        cells: each run's position among them, shape (runs,).
        replicates: ≥ 0, shape (runs,).
    Returns:
        Shape (runs,), dtype ID_DTYPE.
    """
    ids = bytearray()
    for cell, replicate in zip(cells.tolist(), replicates.tolist(), strict=True):
        ids += blake2b(
            digests[cell] + replicate.to_bytes(8, "little"), digest_size=RUN_ID_BYTES
        ).digest()
    return np.frombuffer(bytes(ids), dtype=ID_DTYPE)


def shard_name(ids: NDArray[Any], kind: str = "shard") -> str:
    """The file name of a shard, or of its `trajectory`: a digest of the runs that it holds.

    Args:
        ids: of its runs, in their order.
        kind: shard, or trajectory for the file of its records.
    """
    return f"{kind}-{blake2b(ids.tobytes(), digest_size=16).hexdigest()}.parquet"


def _differing_somewhere(columns: Columns, defaults: dict[str, Any]) -> dict[str, list[Any]]:
    """The values of the columns that differ from their default in some row, by name, in order."""
    values = {name: columns[name].tolist() for name in sorted(columns)}
    return {
        name: column
        for name, column in values.items()
        if any(_plain(value) != defaults.get(name, "") for value in set(column))
    }


def _differing(names: list[str], row: tuple[Any, ...], defaults: dict[str, Any]) -> dict[str, Any]:
    """The values of a row that differ from their defaults; what is no parameter has ""."""
    values = {name: _plain(value) for name, value in zip(names, row, strict=True)}
    return {name: value for name, value in values.items() if value != defaults.get(name, "")}


def _plain(value: Any) -> Any:
    """A value of a column; NaN is null."""
    return None if value != value else value


def _identity(values: dict[str, Any], keyed: set[str]) -> dict[str, Any]:
    """The values, and which of them have random numbers of their own; a default never has."""
    own = sorted(keyed & values.keys())
    return values | ({"keyed": own} if own else {})


def _digest(identity: dict[str, Any]) -> bytes:
    """Digest of a dictionary of plain values, whatever its order."""
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return blake2b(text.encode(), digest_size=RUN_ID_BYTES).digest()

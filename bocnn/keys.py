"""The key of a cell's random numbers: a pure function of the sweep's seed and the cell's parameters.

Left out of the key: `p_flip`, so that settings with and without label flips are paired; `precision`, so
that arithmetics can be compared run by run; and every parameter at its default, so that a parameter
added later leaves the random numbers of earlier sweeps as they were.
"""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.columns import PARAMETERS, REQUIRED, Column
from bocnn.compiled import compiled
from bocnn.philox import fold

UNKEYED = ("p_flip", "precision")


def cell_keys(columns: Mapping[str, NDArray[Any]]) -> tuple[Ints, Ints]:
    """Philox keys of many runs.

    Args:
        columns: `seed` and every parameter of the model, shape (runs,) each.
    Returns:
        Two words of 32 bits, uint64, shape (runs,) each.
    """
    keyed = sorted((c for c in PARAMETERS if c.name not in UNKEYED), key=lambda c: c.name)
    tags = np.array([crc32(column.name.encode()) for column in keyed], dtype=np.uint64)
    values = np.stack([_numbers(column, columns[column.name]) for column in keyed], axis=1)
    defaults = np.array([_default(column) for column in keyed])
    seed = np.asarray(columns["seed"]).astype(np.uint64)
    return _fold_all(seed, tags, values, defaults)


def _numbers(column: Column, values: NDArray[Any]) -> Array:
    """A column as float64, shape (runs,): words by their checksum, null as NaN."""
    if column.type == "string":
        checksums = {word: float(crc32(word.encode())) for word in column.choices}
        if values.size > 0 and (values == values[0]).all():
            return np.full(values.size, checksums[values[0]])
        return np.array([checksums[word] for word in values.tolist()])
    return values.astype(np.float64) + 0.0  # -0.0 is 0.0


def _default(column: Column) -> float:
    """A column's default as a number, NaN where it has none."""
    if column.default is None or column.default is REQUIRED:
        return np.nan
    return float(_numbers(column, np.array([column.default]))[0])


@compiled()
def _fold_all(seed, tags, values, defaults):  # type: ignore[no-untyped-def]
    """Fold each row's values that differ from their defaults into the seed, tagged by column."""
    bits = values.view(np.uint64)
    key0 = seed & np.uint64(0xFFFFFFFF)
    key1 = seed >> np.uint64(32)
    for r in range(seed.size):
        for c in range(tags.size):
            if values[r, c] != defaults[c] and not np.isnan(values[r, c]):
                key0[r], key1[r] = fold(key0[r], key1[r], bits[r, c], tags[c])
    return key0, key1

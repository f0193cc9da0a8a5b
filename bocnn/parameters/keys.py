"""The key of a cell's random numbers: a pure function of the sweep's seed and the cell's parameters.

Every parameter that changes what is drawn (sizes, scales, laws of the data and of the start) is in the
key. One that does not (`Column.drawn` is false: step sizes, stopping, the loss, flips, arithmetic) is left
out, so that runs that differ in it alone start from the same patches, labels and weights. Where it is
`keyed` it enters all the same: a sweep names its axes, so that cells along them are independent. A
parameter at its default never enters, so that one added later leaves earlier random numbers as they were.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array, Ints
from bocnn.parameters.columns import PARAMETERS, REQUIRED, Column
from bocnn.rng.philox import fold
from bocnn.simd.compiler.compiled import compiled


def cell_keys(
    columns: Mapping[str, NDArray[Any]],
    parameters: Sequence[Column] = PARAMETERS,
    *,
    keyed: Collection[str] = (),
) -> tuple[Ints, Ints]:
    """Philox keys of many runs.

    Args:
        columns: `seed` and every parameter of the model, shape (runs,) each, idle ones at their defaults.
        parameters: the model's.
        keyed: parameters that do not change what is drawn and enter the key all the same.
    Returns:
        Two words of 32 bits, uint64, shape (runs,) each.
    """
    entering = sorted((c for c in parameters if c.drawn or c.name in keyed), key=lambda c: c.name)
    tags = np.array([crc32(column.name.encode()) for column in entering], dtype=np.uint64)
    values = np.stack([_numbers(column, columns[column.name]) for column in entering], axis=1)
    defaults = np.array([_default(column) for column in entering])
    seed = np.asarray(columns["seed"]).astype(np.uint64)
    return _fold_all(seed, tags, values, defaults)


def undrawn(parameters: Sequence[Column]) -> tuple[str, ...]:
    """Names of the parameters that do not change what is drawn."""
    return tuple(column.name for column in parameters if not column.drawn)


def _numbers(column: Column, values: NDArray[Any]) -> Array:
    """A column as float64, shape (runs,): words by their checksum, null as NaN."""
    if column.type == "string":
        if values.size > 0 and (values == values[0]).all():
            return np.full(values.size, _checksum(values[0]))
        return np.array([_checksum(word) for word in values.tolist()])
    return values.astype(np.float64) + 0.0  # -0.0 is 0.0


def _checksum(word: str) -> float:
    return float(crc32(word.encode()))


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

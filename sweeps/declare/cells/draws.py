"""Which cells of a sweep share their random draws: settings do wherever they can, cells along axes never.

A parameter that does not change what is drawn is left out of a cell's key, unless it is an axis: then each
of its values has random numbers of its own, since independent cells tell more about a boundary than common
ones. A setting is paired where all parameters that follow from it are left out.
"""

import ast
import math
from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from sweeps.declare import formula
from sweeps.declare.cells.table import CellTable
from sweeps.declare.file.sweep_file import SweepSpec
from sweeps.models.protocol import Model, SharesDraws

Trees = Mapping[str, ast.expr]


class Draws(NamedTuple):
    """How a sweep draws: the undrawn parameters that enter keys, and the settings that are paired."""

    keyed: tuple[str, ...] = ()
    paired: tuple[str, ...] = ()


def draws_of(spec: SweepSpec, model: Model, cells: CellTable) -> Draws:
    """How the cells of a sweep draw.

    Args:
        spec: the sweep.
        model: one that is no `SharesDraws` pairs nothing.
        cells: the sweep's.
    """
    if not isinstance(model, SharesDraws):
        return Draws()
    undrawn = set(model.undrawn)
    behind = {name: _behind(name, spec, cells.formulas) for name in cells.parameters}
    drawn, settings = set(cells.parameters) - undrawn, set(spec.settings)
    keyed = {name for name in undrawn if name in spec.axes}
    if loose := _loose_axes(spec, cells):
        carriers = {name for name in undrawn if behind[name] & loose}
        alone = {name for name in carriers if not behind[name] & settings}
        choices = (keyed, keyed | alone, keyed | carriers)
        fewest = (k for k in choices if _told_apart(model, spec, cells, drawn | k))
        keyed = next(fewest, keyed | carriers)
    apart = drawn | keyed
    paired = {s for s in spec.settings if not any(s in behind[name] for name in apart)}
    return Draws(tuple(sorted(keyed)), tuple(sorted(paired)))


def _behind(name: str, spec: SweepSpec, trees: Trees) -> set[str]:
    """The axes and settings from which a parameter follows, through formulas too."""
    found: set[str] = set()
    todo, seen = [name], set()
    while todo:
        if (one := todo.pop()) in seen:
            continue
        seen.add(one)
        if one in spec.axes or one in spec.settings:
            found.add(one)
        elif one in trees:
            todo += formula.columns_of(trees[one])
    return found


def _loose_axes(spec: SweepSpec, cells: CellTable) -> set[str]:
    """Axes that only serve formulas and are not zipped with a parameter: in no key by themselves."""
    bound = {cells.dimension[name] for name in spec.axes if name in cells.parameters}
    return {name for name in spec.axes if cells.dimension[name] not in bound}


def _told_apart(model: SharesDraws, spec: SweepSpec, cells: CellTable, names: set[str]) -> bool:
    """Whether cells at different points of the axes differ in these parameters, whatever their settings.

    Settings from which none of them follows leave them equal; of others each value must tell apart too.
    """
    reached = {s for name in names for s in _behind(name, spec, cells.formulas)}
    own = {
        cells.dimension[name] for name in cells.dimension if name in spec.axes or name in reached
    }
    keys = []
    for numbers, columns in cells.blocks():
        found = model.canonical({name: columns[name] for name in cells.parameters})
        keys.append(_mixed([_bits(found[name]) for name in sorted(names)], numbers.size))
    expected = math.prod(cells.shape[dimension] for dimension in own)
    return np.unique(np.concatenate(keys)).size == expected


def _bits(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Numbers by their bits, words by their checksum."""
    if values.dtype == object:
        checksums = {word: crc32(word.encode()) for word in set(values.tolist())}
        return np.array([checksums[word] for word in values.tolist()], dtype=np.uint64)
    return values.astype(np.float64).view(np.uint64)


def _mixed(parts: list[NDArray[Any]], size: int) -> NDArray[np.uint64]:
    """One number of 64 bits for each row of parts; unlike rows share one by a chance of 2⁻⁶⁴."""
    mixed = np.full(size, 0x9E3779B97F4A7C15, np.uint64)
    for part in parts:
        mixed ^= part.astype(np.uint64)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    return mixed

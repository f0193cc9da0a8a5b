"""Parameters of a sweep that have no effect on its runs: said by `plan`, and refused where they vary."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.protocol import Drawing
from sweeps.resolve import Resolved


def idle_everywhere(resolved: Resolved) -> dict[str, str]:
    """Parameters that the sweep gives and no run depends on, with the reason."""
    spec = resolved.spec
    given = {*spec.axes, *spec.settings, *spec.fixed, *spec.derived}
    found = given & {column.name for column in resolved.model.parameters}
    for idle in _idle(resolved):
        found = {name for name in found if name in idle and idle[name].all()}
        if not found:
            break
    return _with_reasons(resolved, found)


def idle_somewhere(resolved: Resolved) -> dict[str, str]:
    """Parameters that vary and that some runs do not depend on, with the reason."""
    cells, found = resolved.cells, set[str]()
    varying = {*cells.varying, *cells.formulas} & {c.name for c in resolved.model.parameters}
    if not isinstance(resolved.model, Drawing) or not varying & set(resolved.model.idle_reasons):
        return {}
    for idle in _idle(resolved):
        found |= {name for name in varying if name in idle and idle[name].any()}
    return _with_reasons(resolved, found)


def _idle(resolved: Resolved) -> Iterator[dict[str, NDArray[np.bool_]]]:
    """By name the cells in which a parameter counts as another value than it has, a block at a time."""
    model = resolved.model
    if not isinstance(model, Drawing):
        yield {}
        return
    names = [column.name for column in model.parameters]
    for _, columns in resolved.cells.blocks():
        own = {name: columns[name] for name in names}
        found = model.canonical(own)
        yield {name: _differs(own[name], found[name]) for name in model.idle_reasons}


def _differs(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two columns differ; null is null."""
    unlike = np.asarray(one != other, dtype=bool)
    if one.dtype.kind == "f":
        unlike &= ~(np.isnan(one) & np.isnan(other.astype(np.float64)))
    return unlike


def _with_reasons(resolved: Resolved, names: set[str]) -> dict[str, str]:
    model = resolved.model
    return {n: model.idle_reasons[n] for n in sorted(names)} if isinstance(model, Drawing) else {}

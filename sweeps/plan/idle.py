"""Parameters without effect on runs of a sweep, and cells that are the same run because of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.declare.cells.identity import ID_DTYPE, cell_digests
from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.errors import SweepError
from sweeps.models.protocol import Columns, Model, SharesDraws

IdleValues = dict[str, dict[str, NDArray[Any]]]


def idle_everywhere(resolved: ResolvedSweep) -> dict[str, str]:
    """Parameters that the sweep gives and no run depends on, with the reasons."""
    spec = resolved.spec
    given = {*spec.axes, *spec.settings, *spec.fixed, *spec.derived}
    reasons: dict[str, set[str]] = {}
    for number, (_, columns) in enumerate(resolved.cells.blocks()):
        found = _idle_in(resolved.model, columns)
        names = {name for name in found if np.any(list(found[name].values()), axis=0).all()}
        kept = given & names if number == 0 else reasons.keys() & names
        reasons = {name: reasons.get(name, set()) | set(found[name]) for name in kept}
        if not reasons:
            break
    return in_words(reasons)


def note_idle(resolved: ResolvedSweep, columns: Columns, reasons: dict[str, set[str]]) -> None:
    """Add what varies in the sweep and has no effect on some of these cells, with the reasons.

    Args:
        resolved: the sweep.
        columns: every parameter, shape (cells,) each.
        reasons: by parameter, extended in place.
    """
    varying = {*resolved.cells.varying, *resolved.cells.formulas}
    found = _idle_in(resolved.model, columns)
    for name in found.keys() & varying:
        reasons.setdefault(name, set()).update(found[name])


def check_distinct(resolved: ResolvedSweep, idle: dict[str, set[str]]) -> None:
    """Refuse cells that are the same run; where only parameters with an effect vary, there are none.

    Args:
        resolved: the sweep.
        idle: what varies without effect on some cells, as `note_idle` found it.
    Raises:
        SweepError: says how many cells, and why.
    """
    cells = resolved.cells
    if cells.are_distinct() and not idle:
        return
    digests = b"".join(
        b"".join(cell_digests(resolved.model, resolved.spec.seed, columns))
        for _, columns in cells.blocks()
    )
    same = cells.number - np.unique(np.frombuffer(digests, dtype=ID_DTYPE)).size
    if not same:
        return
    texts = in_words(idle).items()
    reasons = [f"{name} has no effect on some cells ({text})" for name, text in texts]
    if not cells.are_distinct():
        reasons.append("an axis that only serves formulas leaves them equal, perhaps by round()")
    raise SweepError(
        f"{same:,} cells are the same run as another cell: {'; or '.join(reasons)}; take fewer values "
        "or a wider range"
    )


def in_words(reasons: dict[str, set[str]]) -> dict[str, str]:
    """Each parameter with its reasons as one text."""
    return {name: ", and ".join(sorted(reasons[name])) for name in sorted(reasons)}


def _idle_in(model: Model, columns: Columns) -> IdleValues:
    """Which cells do not depend on which parameters."""
    if not isinstance(model, SharesDraws):
        return {}
    return model.idle({column.name: columns[column.name] for column in model.parameters})

"""Parameters without effect on a run: such a run is the one that has them at their defaults.

Identities and random numbers are those of the canonical run, and the canonical run is what is trained: so
a parameter that is idle changes nothing by construction, not even a rounding.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]


class Idle(NamedTuple):
    """A parameter that some runs do not depend on.

    where: which runs, (runs,). value: what it counts as there: its default, or where it has none any one
    value; or a function of the columns. reason: why, to follow "has no effect: ".
    """

    name: str
    where: Callable[[Columns], NDArray[np.bool_]]
    value: object
    reason: str


def canonical(columns: Columns, rules: Iterable[Idle]) -> dict[str, NDArray[Any]]:
    """The columns with every idle parameter at its default; each rule sees what those before it did.

    Args:
        columns: parameters, shape (runs,) each.
        rules: applied in this order.
    Returns:
        New columns; those given are left as they are.
    """
    return _apply(columns, rules)[0]


def idle_runs(columns: Columns, rules: Iterable[Idle]) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Where parameters count as another value than they have: by name and by reason, shape (runs,).

    Args:
        columns: parameters, shape (runs,) each.
        rules: applied in this order.
    Returns:
        By parameter and reason, shape (runs,).
    """
    return _apply(columns, rules)[1]


def _apply(
    columns: Columns, rules: Iterable[Idle]
) -> tuple[dict[str, NDArray[Any]], dict[str, dict[str, NDArray[np.bool_]]]]:
    """The canonical columns, and which runs each rule has changed."""
    found = dict(columns)
    changed: dict[str, dict[str, NDArray[np.bool_]]] = {}
    for rule in rules:
        where = np.asarray(rule.where(found))
        if not where.any():
            continue
        value: Any = rule.value(found) if callable(rule.value) else rule.value
        before, found[rule.name] = found[rule.name], np.where(where, value, found[rule.name])
        unlike = _unlike(before, found[rule.name])
        if unlike.any():
            reasons = changed.setdefault(rule.name, {})
            reasons[rule.reason] = reasons.get(rule.reason, False) | unlike
    return found, changed


def _unlike(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two columns differ; null is null."""
    if one.dtype.kind != "f":
        return np.asarray(one != other, dtype=bool)
    return np.asarray((one != other) & ~(np.isnan(one) & np.isnan(other)))

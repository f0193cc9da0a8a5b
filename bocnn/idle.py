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
    """The columns with every idle parameter at its default; each rule sees what those before it did."""
    found = dict(columns)
    for rule in rules:
        where = np.asarray(rule.where(found))
        if where.any():
            value: Any = rule.value(found) if callable(rule.value) else rule.value
            found[rule.name] = np.where(where, value, found[rule.name])
    return found


def reasons(rules: Iterable[Idle]) -> dict[str, str]:
    """Why each parameter may be idle."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        if rule.reason not in found.setdefault(rule.name, []):
            found[rule.name].append(rule.reason)
    return {name: ", or ".join(texts) for name, texts in found.items()}

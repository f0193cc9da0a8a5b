"""Parts of numba's compiler that take much of its time, with the same results in less of it.

| part | share of compiling | why |
|---|---|---|
| hash and equality of a function's flags | a sixth | all flags had one hash: a look-up compared them all |
| the variables of an instruction | a tenth | looked for anew after each pass |
| garbage collection | a tenth | little of what compiling makes is garbage before it ends |
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import ir, targetconfig

_PLAIN = (bool, int, str)


def _hash(self: Any) -> int:
    """A hash of the options that are not at their default: equal for equal flags."""
    options = self.options
    return hash(
        frozenset(
            (name, value)
            for name, value in self._values.items()
            if type(value) in _PLAIN and value != options[name].default
        )
    )


def _equal(self: Any, other: Any) -> Any:
    """Whether all options are the same, set or by default."""
    if self is other:
        return True
    if not isinstance(other, targetconfig.TargetConfig):
        return NotImplemented
    return self._values == other._values or self.values() == other.values()


def _variables(self: Any, value: Any) -> list[Any]:
    """The variables in a value, in their order."""
    found: list[Any] = []
    _add_variables(value, found)
    return found


def _add_variables(value: Any, found: list[Any]) -> None:
    kind = type(value)
    if kind is ir.Var:
        found.append(value)
    elif kind is ir.Loc or kind is str or value is None:
        return
    elif isinstance(value, ir.Inst):
        found.extend(value.list_vars())
    elif isinstance(value, (list, tuple)):
        for part in value:
            _add_variables(part, found)
    elif isinstance(value, dict):
        for part in value.values():
            _add_variables(part, found)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Leave cycles of objects uncollected for a while."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


targetconfig.TargetConfig.__hash__ = _hash
targetconfig.TargetConfig.__eq__ = _equal
ir.Inst._rec_list_vars = _variables

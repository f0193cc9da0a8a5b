"""What is replaced in numba's compiler gives what it gave."""

import gc
from typing import Any

from numba.core import compiler, ir
from numba.core.targetconfig import TargetConfig

from bocnn.simd.compiler.quicker_numba import no_garbage_collection


def flags(**given: Any) -> compiler.Flags:
    """Flags of a compilation, set as given."""
    made = compiler.Flags()
    for name, value in given.items():
        setattr(made, name, value)
    return made


def test_flags_that_are_set_to_their_default_are_those_that_are_not_set() -> None:
    default = compiler.Flags.options["nrt"].default
    assert flags(nrt=default) == flags()
    assert hash(flags(nrt=default)) == hash(flags())
    assert flags(nrt=not default) != flags()
    assert flags(nrt=not default) == flags(nrt=not default, no_compile=flags().no_compile)
    assert len({flags(nrt=not default), flags(), flags(nrt=default)}) == 2


def test_flags_are_no_other_thing() -> None:
    assert flags() != 1
    assert isinstance(flags(), TargetConfig)


def variables(value: Any) -> list[ir.Var]:
    """The variables in a value by their definition."""
    if isinstance(value, ir.Var):
        return [value]
    if isinstance(value, ir.Expr):
        return variables(value._kws)
    if isinstance(value, ir.Stmt):
        return variables(value.__dict__)
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, (list, tuple, dict)):
        return [variable for part in parts for variable in variables(part)]
    return []


def test_the_variables_of_instructions_are_found_in_their_order() -> None:
    def function(a, b, *rest):  # type: ignore[no-untyped-def]
        total = (a, b, rest)
        for i in range(a):
            total = (total[0], b + i, [a, i], {"x": b})
        return total if a else b

    statements = [
        statement
        for block in compiler.run_frontend(function).blocks.values()
        for statement in block.body
    ]
    assert len(statements) > 30
    for statement in statements:
        assert statement.list_vars() == variables(statement)


def test_garbage_is_collected_again_afterwards() -> None:
    with no_garbage_collection():
        assert not gc.isenabled()
        with no_garbage_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()

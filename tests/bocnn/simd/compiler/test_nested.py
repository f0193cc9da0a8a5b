"""Functions compiled into their callers: what Python may still do with them, and what stays as it was."""

from typing import Any

import numba
import numpy as np
import pytest

from bocnn.simd.compiler.nested import CompiledFunction


def make_pair() -> tuple[CompiledFunction, CompiledFunction]:
    """A function, and one that calls it."""

    def half_sum(values, power):  # type: ignore[no-untyped-def]
        total = 0.0
        for i in range(values.size):
            total += values[i] ** power
        if total < 0.0:
            raise ValueError("a negative sum")
        return 0.5 * total

    def both(values):  # type: ignore[no-untyped-def]
        return inner(values, 1) + np.zeros(3).sum() + inner(values, 2)

    options: dict[str, Any] = {"nopython": True, "fastmath": {"contract", "reassoc"}}
    inner = CompiledFunction(half_sum, options)
    return inner, CompiledFunction(both, options)


VALUES = np.linspace(0.1, 0.9, 33)


def test_an_inner_function_can_be_called_before_and_after_its_caller_was_compiled() -> None:
    inner, outer = make_pair()
    expected = 0.5 * VALUES.sum() + 0.5 * (VALUES**2).sum()
    assert inner(VALUES, 1) == pytest.approx(0.5 * VALUES.sum())
    assert outer(VALUES) == pytest.approx(expected)
    assert inner(VALUES, 2) == pytest.approx(0.5 * (VALUES**2).sum())
    assert outer(VALUES) == pytest.approx(expected)


def test_machine_code_does_not_depend_on_what_was_compiled_before() -> None:
    alone, after = make_pair(), make_pair()
    after[0](VALUES, 1), after[0](VALUES, 2)
    results = [pair[1](VALUES) for pair in (alone, after)]
    assert results[0] == results[1]
    sizes = [
        [line.split()[0] for line in code.splitlines() if line.startswith("\t")]
        for pair in (alone, after)
        for code in pair[1].outermost.inspect_asm().values()
    ]
    assert len(sizes) == 2 and sizes[0] == sizes[1]


def test_an_error_in_an_inner_function_reaches_python() -> None:
    _, outer = make_pair()
    with pytest.raises(ValueError, match="a negative sum"):
        outer(-VALUES)


def test_an_inner_function_gets_no_machine_code_of_its_own() -> None:
    inner, outer = make_pair()
    outer(VALUES)
    assert len(inner.overloads) > 0 and not inner.outermost.overloads
    assert len(outer.outermost.overloads) == 1


def test_other_functions_of_numba_are_compiled_as_ever() -> None:
    _, outer = make_pair()
    outer(VALUES)

    @numba.njit
    def inner(values):  # type: ignore[no-untyped-def]
        return np.zeros(3).sum() + values.sum()

    @numba.njit
    def caller(values):  # type: ignore[no-untyped-def]
        return inner(values)

    assert caller(VALUES) == pytest.approx(VALUES.sum())
    assert len(inner.inspect_asm()) == 1
    assert inner(VALUES) == pytest.approx(VALUES.sum())

"""Formulas of a sweep file: arithmetic on columns, and nothing else.

A formula is parsed by Python's own parser and refused unless every node is on the list below; it is
then computed by walking that tree over NumPy arrays. No name is looked up anywhere but among the
columns, no attribute is read, nothing is called but the functions listed.
"""

import ast
import math
import operator
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.errors import nearest

Values = NDArray[Any]

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "sqrt": (np.sqrt, 1),
    "exp": (np.exp, 1),
    "log": (np.log, 1),
    "log10": (np.log10, 1),
    "abs": (np.abs, 1),
    "round": (np.round, 1),
    "floor": (np.floor, 1),
    "ceil": (np.ceil, 1),
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
}
"""Functions that a formula may call, and how many arguments each takes."""
CONSTANTS = {"pi": math.pi}
"""Names that are numbers in every formula. Euler's number is exp(1), since e is a name like any other."""


class FormulaError(ValueError):
    """A formula that is not arithmetic on known names; the text says which part."""


def parse(text: str) -> ast.expr:
    """The checked tree of a formula.

    Raises:
        FormulaError: it does not parse, or holds anything but numbers, names, + − * / // % ** and
            calls of the listed functions.
    """
    if len(text) > 500:
        raise FormulaError(f"a formula of {len(text)} characters; at most 500 are taken")
    try:
        with warnings.catch_warnings(action="ignore"):  # what Python would warn of is refused below
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"{text!r} is not a formula: {error.args[0]}") from None
    for node in ast.walk(tree):
        _check(node)
    return tree


def _check(node: ast.AST) -> None:
    """Refuse a node that is not on the list."""
    if isinstance(node, ast.Call):
        _check_call(node)
    elif isinstance(node, ast.Constant):
        if type(node.value) is not int and type(node.value) is not float:
            raise FormulaError(f"{node.value!r} is not a number")
        if node.value > sys.float_info.max:
            raise FormulaError("holds a number beyond 1.8e308")
    elif not isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Name, ast.Load, *_BINARY, *_UNARY)):
        raise FormulaError(
            f"{type(node).__name__} is not allowed; a formula is arithmetic on names"
        )


def _check_call(node: ast.Call) -> None:
    """Refuse a call of anything but a listed function with its number of arguments."""
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if name not in FUNCTIONS:
        hint = nearest(name, FUNCTIONS) if name else ""
        raise FormulaError(f"only {', '.join(FUNCTIONS)} can be called{hint}")
    count = FUNCTIONS[name][1]
    if len(node.args) != count or node.keywords:
        raise FormulaError(f"{name} takes {count} argument{'s' * (count > 1)}")


def columns_of(tree: ast.expr) -> set[str]:
    """The names of columns that a formula reads."""
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in called}
    return read - CONSTANTS.keys()


def evaluate(tree: ast.expr, columns: Mapping[str, Values]) -> Values:
    """Compute a checked formula over columns, in float64; what is undefined is NaN or infinite.

    Args:
        tree: from `parse`.
        columns: numbers by name, of shapes that broadcast: every name that the formula reads.
    Returns:
        float64, of the columns' common shape.
    Raises:
        ValueError: a column of words.
    """
    with np.errstate(all="ignore"):
        return np.asarray(_value(tree, columns))


def _value(node: ast.expr, columns: Mapping[str, Values]) -> Values:
    """The value of one node."""
    if isinstance(node, ast.Constant):
        return np.asarray(float(node.value))  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        value = CONSTANTS[node.id] if node.id in CONSTANTS else columns[node.id]
        return np.asarray(value).astype(np.float64)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, columns), _value(node.right, columns)
        return np.asarray(_BINARY[type(node.op)](left, right))
    if isinstance(node, ast.UnaryOp):
        return np.asarray(_UNARY[type(node.op)](_value(node.operand, columns)))
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return np.asarray(FUNCTIONS[node.func.id][0](*(_value(arg, columns) for arg in node.args)))

"""Arithmetic on named columns, for order parameters and predicted lines; nothing else is evaluated."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from analysis.errors import AnalysisError, nearest
from analysis.plane import Floats

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
# What a sweep file's formulas may call: each name with how many arguments it takes.
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "sqrt": (np.sqrt, 1),
    "log": (np.log, 1),
    "exp": (np.exp, 1),
    "log10": (np.log10, 1),
    "abs": (np.abs, 1),
    "round": (np.round, 1),
    "floor": (np.floor, 1),
    "ceil": (np.ceil, 1),
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
}
LONGEST = 500


def names_in(text: str) -> set[str]:
    """The columns that a formula reads.

    Raises:
        AnalysisError: it does not parse.
    """
    found = {node.id for node in ast.walk(_tree(text)) if isinstance(node, ast.Name)}
    return found - _FUNCTIONS.keys()


def evaluate(text: str, columns: Mapping[str, Any]) -> Floats:
    """A formula's value over columns, which broadcast.

    Args:
        text: numbers, names, + − * / // % **, parentheses, and the functions of sweep files.
        columns: by name.
    Raises:
        AnalysisError: it does not parse, holds anything else, or names no such column.
    """
    with np.errstate(all="ignore"):
        return np.asarray(_value(_tree(text), columns, text), dtype=np.float64)


def _tree(text: str) -> ast.expr:
    try:
        if len(text) > LONGEST:
            raise ValueError(f"longer than {LONGEST} characters")
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _refused(text, str(error)) from error


def _value(node: ast.expr, columns: Mapping[str, Any], text: str) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name):
            if name not in columns:
                raise AnalysisError(f"'{text}': no column '{name}'.{nearest(name, columns)}")
            return columns[name]
        case ast.BinOp(op=op) if type(op) in _BINARY:
            left, right = (_value(part, columns, text) for part in (node.left, node.right))
            # Over arrays, so that a division by zero is an infinity rather than an exception.
            return _BINARY[type(op)](np.asarray(left), np.asarray(right))
        case ast.UnaryOp(op=ast.USub()):
            return -np.asarray(_value(node.operand, columns, text))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if (
            name in _FUNCTIONS and len(args) == _FUNCTIONS[name][1]
        ):
            return _FUNCTIONS[name][0](*(_value(one, columns, text) for one in args))
    raise _refused(text, ast.unparse(node))


def _refused(text: str, part: str) -> AnalysisError:
    return AnalysisError(
        f"Received the formula '{text}' ({part}); expected numbers, column names, + - * / // % **, "
        f"parentheses and {', '.join(_FUNCTIONS)}. Write it as for 'n * mu_norm**4 / d'."
    )

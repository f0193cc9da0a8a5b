"""Docstrings name parameters that there are: a renamed one is not left behind."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SECTION = re.compile(r"^Args:\n((?:[ ]+.*\n?|\n)*)", re.MULTILINE)


def described(docstring: str) -> list[str]:
    """The names under Args."""
    found = SECTION.search(docstring)
    lines = re.findall(r"^    ([\w, ]+?):", found[1], re.MULTILINE) if found else []
    return [name for line in lines for name in line.split(", ")]


def parameters(function: ast.FunctionDef) -> set[str]:
    """The names of a function's parameters."""
    a = function.args
    more = [one for one in (a.vararg, a.kwarg) if one]
    return {one.arg for one in (*a.posonlyargs, *a.args, *a.kwonlyargs, *more)}


@pytest.mark.parametrize("package", ["bocnn", "sweeps", "analysis"])
def test_every_described_argument_is_a_parameter(package: str) -> None:
    wrong, checked = [], 0
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = described(ast.get_docstring(node) or "")
                checked += len(names)
                wrong += [f"{path}: {node.name}: {n}" for n in names if n not in parameters(node)]
    assert not wrong
    assert checked > 100

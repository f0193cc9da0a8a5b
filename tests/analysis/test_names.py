"""The package's public names: loaded when they are used, the same for people and for type checkers."""

import ast
from pathlib import Path

import pytest

import analysis
from analysis.names import MODULE_OF, PUBLIC_NAMES


def test_every_name_is_there() -> None:
    assert set(PUBLIC_NAMES) == set(analysis.__all__)
    for name in PUBLIC_NAMES:
        assert getattr(analysis, name).__name__ == name


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(analysis.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == MODULE_OF


def test_another_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="module 'analysis' has no attribute 'fit_everything'"):
        analysis.fit_everything  # noqa: B018

"""Whatever is given as a sweep file is a sweep or a reported error: no other exception leaves."""

import copy
from functools import reduce
from operator import getitem
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.declare.cells.resolve import resolve
from sweeps.declare.file import presets
from sweeps.declare.file.sweep_file import to_json
from sweeps.errors import SweepError
from sweeps.models.installed import load_model
from sweeps.models.protocol import Model
from sweeps.plan.plan import make_plan
from tests.sweeps.small import TOY_SWEEP
from tests.toy import TOY

PRESETS = {name: yaml.safe_load(presets.find(name)[0]) for name in presets.preset_names()}
MODELS = {name: load_model(tree.get("model", "bocnn")) for name, tree in PRESETS.items()}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -(10**400), 2**63, 2**64, 0]),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=5),
    st.sampled_from(["x", "1e400", "n", "mu_norm", "log", "min(n, d)", "1/0", "train", "\ud800"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["lin", "log", "values", "scale", "x"]) | SCALARS.map(str),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def told_or_resolved(text: str, model: Model) -> None:
    """The law: a sweep that reads back to itself, or a SweepError."""
    try:
        sweep = resolve(text, "f.yaml", lambda name: model)
        if sweep.cells.number * sweep.spec.replicates < 10_000:
            make_plan(sweep, np.zeros(0, dtype=ID_DTYPE))
    except SweepError as error:
        assert str(error)
        return
    assert resolve(to_json(sweep.spec), "f.json", lambda name: model).spec == sweep.spec


def positions(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a tree of lists and dictionaries."""
    items = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    return [path, *(position for key, item in items for position in positions(item, (*path, key)))]


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The tree with another value at a path."""
    if not path:
        return value
    changed = copy.copy(tree)
    changed[path[0]] = replaced(tree[path[0]], path[1:], value)
    return changed


def dumped(tree: Any) -> str:
    """The tree as YAML, without aliases."""
    return yaml.dump(copy.deepcopy(tree), allow_unicode=False, sort_keys=False)


@st.composite
def changed(draw: st.DrawFn, name: str) -> str:
    """A shipped sweep with up to three values replaced by any others."""
    tree = PRESETS[name]
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(positions(tree)))
        tree = replaced(tree, path, draw(VALUES))
    return dumped(tree)


@st.composite
def nudged(draw: st.DrawFn, name: str) -> str:
    """A shipped sweep with up to three of its innermost values replaced by likely ones."""
    tree = PRESETS[name]
    values = {path: reduce(getitem, path, tree) for path in positions(tree)}
    leaves = [path for path, value in values.items() if not isinstance(value, dict | list)]
    for _ in range(draw(st.integers(1, 3))):
        tree = replaced(tree, draw(st.sampled_from(leaves)), draw(LIKELY))
    return dumped(tree)


@st.composite
def torn(draw: st.DrawFn) -> str:
    """A sweep with any piece replaced."""
    start, length = draw(st.integers(0, len(TOY_SWEEP) - 1)), draw(st.integers(0, 8))
    return TOY_SWEEP[:start] + draw(st.text(max_size=6)) + TOY_SWEEP[start + length :]


LIKELY = st.one_of(
    st.integers(0, 60),
    st.floats(0.001, 6),
    st.sampled_from(["both", "hidden", "square", "0.1 / n", "mu_norm", "word"]),
)
AXES = st.dictionaries(st.sampled_from(["x", "y", "n", "word", "p_flip", "k"]), VALUES)
TEXT = st.text(max_size=80) | st.text("ab:-[]{}&*!|>%@'\"\n\t #0123e.,?<=~_x", max_size=80)
Kinds = dict[str, tuple[st.SearchStrategy[str], Model]]
SHIPPED_FILES: Kinds = {
    **{f"{name}, changed": (changed(name), MODELS[name]) for name in sorted(PRESETS)},
    **{f"{name}, nudged": (nudged(name), MODELS[name]) for name in sorted(PRESETS)},
}
TOY_FILES: Kinds = {
    "any axes": (AXES.map(lambda axes: dumped({"name": "t", "replicates": 1, "axes": axes})), TOY),
    "any text": (TEXT, TOY),
    "a sweep and any text": (TEXT.map(lambda text: f"{TOY_SWEEP}\n{text}"), TOY),
    "a sweep, torn": (torn(), TOY),
}
ONE_OF_EACH_MODEL = tuple({model.name: f"{name}," for name, model in MODELS.items()}.values())
FILES: Kinds = SHIPPED_FILES | TOY_FILES
"""Kinds of sweep files, whole and broken, and the model that they are checked against."""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind.startswith(ONE_OF_EACH_MODEL) else pytest.mark.slow)
        for kind in SHIPPED_FILES
    ],
)
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_changed_shipped_sweep_is_a_sweep_or_a_reported_error(
    kind: str, data: st.DataObject
) -> None:
    """Hundreds in all, the same each time; `make fuzz` takes ten thousand from a seed of its own."""
    files, model = FILES[kind]
    told_or_resolved(data.draw(files), model)


@pytest.mark.parametrize("kind", TOY_FILES)
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_file_is_a_sweep_or_a_reported_error(kind: str, data: st.DataObject) -> None:
    files, model = TOY_FILES[kind]
    told_or_resolved(data.draw(files), model)

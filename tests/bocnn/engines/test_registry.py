"""Engines behind one protocol: which trains which run, and a toy that is tried before the others."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bocnn import MODEL
from bocnn.engines.cpu.stages import OK
from bocnn.engines.protocol import Columns, Cost, Engine, EngineResults
from bocnn.engines.registry import ENGINES, GRAM_CPU, assign
from bocnn.measure.measures import Measures
from tests.bocnn.run_columns import columns


class OneSample:
    """Knows the answer for runs with one sample: every measure is its replicate."""

    name = "toy"
    words = GRAM_CPU.words
    needs = "nothing"

    def device(self) -> str | None:
        """Everywhere."""
        return "a toy"

    def accepts(self, columns: Columns) -> NDArray[np.bool_]:
        """One sample."""
        return np.asarray((columns["n"] == 1) & GRAM_CPU.accepts(columns))

    def cost(self, columns: Columns) -> Cost:
        """Nothing."""
        nothing = np.zeros(columns["n"].size)
        return Cost(nothing, nothing)

    def run(self, columns: Columns, keyed: Collection[str] = ()) -> EngineResults:
        """The replicates."""
        number = columns["replicate"].astype(float)
        status = np.full(number.size, OK, np.int8)
        return EngineResults(status, np.repeat(number[:, None], len(Measures._fields), axis=1))


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The toy, tried first."""
    engine: Engine = OneSample()
    monkeypatch.setattr("bocnn.engines.registry.ENGINES", [engine, *ENGINES])
    yield engine


def mixed() -> dict[str, Any]:
    """Two runs of one sample between others."""
    parts = [columns(2), columns(2, n=1), columns(1)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_an_engine_of_ones_own_is_tried_in_its_turn(toy: Engine) -> None:
    found = MODEL.run(mixed())
    np.testing.assert_array_equal(found["train_loss"][2:4], [0.0, 1.0])
    assert [part.engine.name for part in assign(mixed())] == ["toy", "gram-cpu"]
    assert MODEL.engine_of(mixed())["engine"] == "toy+gram-cpu"
    assert MODEL.engine_of(columns(3, n=1)) == {"engine": "toy", "device": "a toy"}


def test_it_changes_no_row_of_the_others(toy: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    found = MODEL.run(mixed())
    monkeypatch.setattr("bocnn.engines.registry.ENGINES", ENGINES)
    alone = MODEL.run(mixed())
    for name in found:
        np.testing.assert_array_equal(found[name][[0, 1, 4]], alone[name][[0, 1, 4]])


def test_what_none_accepts_is_refused_with_each_engines_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for engine in ENGINES[2:]:
        monkeypatch.setattr(type(engine), "accepts", lambda self, c: np.zeros(c["n"].size, bool))
    monkeypatch.setattr(
        type(GRAM_CPU), "words", {**GRAM_CPU.words, "activation": ("relu", "leaky_relu")}
    )
    with pytest.raises(
        ValueError, match=r"no engine trains this combination .*gram-cpu: received ac"
    ):
        MODEL.run(columns(2, activation="tanh"))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_each_says_what_it_accepts_and_what_that_costs(engine: Engine) -> None:
    inputs = MODEL.canonical(columns(3))
    assert engine.accepts(inputs).all()
    cost = engine.cost(inputs)
    assert (cost.flops > 0).all() and (cost.memory_bytes > 0).all()
    inputs["noise"] = np.array(["orthogonal", "unheard_of", "isotropic"], dtype=object)
    assert engine.accepts(inputs).tolist() == [True, False, True]


def test_the_gram_engine_is_tried_before_the_dense_ones() -> None:
    assert [engine.name for engine in ENGINES] == ["gram-cuda", "gram-cpu", "dense-cpu", "dense"]
    assert MODEL.engine_of(columns(2, activation="erf"))["engine"] == "gram-cpu"

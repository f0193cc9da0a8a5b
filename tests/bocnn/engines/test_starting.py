"""Compiling before training: each engine is asked for its own runs, and trains one of each new kind."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.coordinates.engine import DenseCPU
from bocnn.engines.cpu.engine import GramCPU
from bocnn.engines.dense.engine import Dense
from bocnn.engines.protocol import StartedKinds
from tests.bocnn.run_columns import columns

CPU_ENGINES = (GramCPU, DenseCPU, Dense)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Step limits of the runs for which an engine was to be compiled, by its name."""
    found: dict[str, list[int]] = {}

    def note(engine: Any, runs: Any) -> None:
        found[engine.name] = runs["steps"].tolist()

    for engine in CPU_ENGINES:
        monkeypatch.setattr(engine, "start_kinds", note)
    return found


def mixed() -> dict[str, Any]:
    """Runs of the Gram engine, of the optimizer in d coordinates, and of the network in torch."""
    words = [{}, {"optimizer": "adam"}, {"optimizer": "adam", "batch": 3}, {"noise": "laplace"}, {}]
    parts = [columns(1, **{"steps": k, "d": 50} | given) for k, given in enumerate(words)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_each_engine_compiles_for_the_runs_that_it_trains(asked: dict[str, list[int]]) -> None:
    MODEL.compile(mixed(), False)
    assert asked == {"gram-cpu": [0, 4], "dense-cpu": [1, 3], "dense": [2]}


def test_what_records_runs_is_compiled_where_they_are_recorded(asked: dict[str, list[int]]) -> None:
    MODEL.compile(mixed(), True)
    assert asked == {"gram-cpu": [0, 4], "dense": [1, 2, 3]}


def test_one_run_of_each_new_kind_is_trained_and_hardly() -> None:
    seen: list[dict[str, Any]] = []
    started = StartedKinds(steps=1)
    runs = columns(5, steps=40, n_test=20) | {"n": np.array([3, 4, 5, 6, 7])}
    started.start(seen.append, runs, ["a", "b", "a", "b", "a"])
    started.start(seen.append, runs, ["b", "c", "a", "c", "a"])
    started.start(seen.append, runs, ["b", "c", "a", "c", "a"])
    assert [one["n"].tolist() for one in seen] == [[3, 4], [4]]
    assert {step for one in seen for step in one["steps"]} == {1}
    assert {drawn for one in seen for drawn in one["n_test"]} == {2}
    assert (runs["steps"] == 40).all()


def test_a_kind_whose_start_failed_is_new_still() -> None:
    def fail(runs: Any) -> None:
        raise InterruptedError

    seen: list[Any] = []
    started = StartedKinds()
    with pytest.raises(InterruptedError):
        started.start(fail, columns(1), ["a"])
    started.start(seen.append, columns(1), ["a"])
    assert len(seen) == 1

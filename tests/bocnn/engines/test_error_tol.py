"""Training ends at the first step whose training error is at most `error_tol`."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.dense.engine import Dense
from bocnn.engines.registry import ENGINES
from bocnn.measure.trajectory import TrajectoryPoint
from tests.bocnn.run_columns import columns

GIVEN: dict[str, Any] = {"n": 15, "d": 30, "mu_norm": 0.5, "p_flip": 0.3, "steps": 400}
KINDS: list[dict[str, Any]] = [
    {"loss": "hinge", "train": "hidden"},
    {"batch": 5},
    {"momentum": 0.5, "precision": "float64"},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("tol", [0.0, 0.2])
def test_it_ends_at_the_first_such_step(kind: dict[str, Any], tol: float) -> None:
    runs = columns(6, **GIVEN, **kind)
    ended = MODEL.run(runs | {"error_tol": np.full(6, tol)})
    _, recorded = MODEL.record(runs, np.arange(401))
    for r in range(6):
        errors = recorded["train_error"][recorded["run"] == r]
        first = np.flatnonzero(errors <= tol)[0]
        assert 0 < first < 400
        assert (ended["steps_run"][r], ended["train_error"][r]) == (first, errors[first])
        assert ended["status"][r] == "ok"


def test_the_dense_network_ends_where_the_gram_engine_does() -> None:
    runs = MODEL.canonical(columns(3, **GIVEN, error_tol=0.0, precision="float64"))
    found = Dense().record(runs, np.array([0]))
    steps = found.trajectory[np.arange(3), found.lengths - 1, TrajectoryPoint._fields.index("step")]
    np.testing.assert_array_equal(steps, MODEL.run(runs)["steps_run"])
    assert not found.status.any()


def test_a_run_that_misses_it_is_unconverged() -> None:
    runs = columns(2, **GIVEN | {"steps": 2}, error_tol=0.0)
    assert (MODEL.run(runs)["status"] == "unconverged").all()
    assert (Dense().run(MODEL.canonical(runs)).status == 1).all()


def test_engines_that_do_not_stop_there_refuse_it() -> None:
    runs = columns(2, **GIVEN, error_tol=0.0)
    assert [e.name for e in ENGINES if e.accepts(runs).any()] == ["gram-cpu", "dense"]
    with pytest.raises(ValueError, match="dense-cpu: it does not stop at an error_tol"):
        MODEL.check_runs(columns(2, **GIVEN | {"d": 10**9}, error_tol=0.0, optimizer="adam"), False)

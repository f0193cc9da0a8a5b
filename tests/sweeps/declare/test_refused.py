"""Combinations of known words that a model does not train: refused by the plan, not by a run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bocnn
from bocnn.engines.dense.engine import Dense
from bocnn.models.cnn.model import Bocnn
from bocnn.registry import noises
from sweeps.errors import SweepError
from tests.bocnn.engines.test_additions import signs
from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP, errors_of, planned, resolved
from tests.toy import RecordingToy, Toy


class Choosy(Toy):
    """The toy, which does not train x = 2 with n = 2."""

    def check_runs(self, columns: Any, recorded: bool) -> None:
        if np.any((columns["x"] == 2) & (columns["n"] == 2)):
            raise ValueError("received x = 2 with n = 2; expected one of both at most")


class Unrecorded(RecordingToy):
    """The toy, which records no run with n = 2."""

    def check_runs(self, columns: Any, recorded: bool) -> None:
        if recorded and np.any(columns["n"] == 2):
            raise ValueError("received n = 2; expected 1, where runs are recorded")


def test_a_combination_that_is_not_trained_is_refused_before_anything_starts(out: Path) -> None:
    assert errors_of(TOY_SWEEP, Choosy()).endswith(
        "test.yaml:1: file: received x = 2 with n = 2; expected one of both at most"
    )
    with pytest.raises(SweepError, match=r"1 error in test\.yaml; nothing was started"):
        planned(TOY_SWEEP, out, Choosy())
    assert not out.exists()
    assert resolved(TOY_SWEEP.replace("n: [1, 2]", "n: [1]"), Choosy()).cells.number == 16


def test_what_cannot_be_recorded_is_refused_at_the_key_that_records_it() -> None:
    recorded = TOY_SWEEP + "trajectory: [0, 5]\n"
    assert "trajectory: received n = 2; expected 1, where runs" in errors_of(recorded, Unrecorded())
    assert resolved(TOY_SWEEP, Unrecorded()).cells.number == 32


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Bocnn:
    """The model with noise that the dense engine alone trains, and only within its sizes."""
    monkeypatch.setitem(noises.NOISES, "toy_signs", noises.Noise(signs))
    columns = tuple(
        replace(c, choices=(*c.choices, "toy_signs")) if c.name == "noise" else c
        for c in Bocnn.parameters
    )
    monkeypatch.setattr(Bocnn, "parameters", columns)
    return bocnn.MODEL


def signs_sweep(d: int) -> str:
    """The small sweep with that noise."""
    return BOCNN_SWEEP.replace("d: 50", f"d: {d}, noise: toy_signs")


def test_sizes_beyond_the_only_engine_of_a_word_are_refused(wide: Bocnn) -> None:
    assert resolved(signs_sweep(50), wide).cells.number == 12
    message = errors_of(signs_sweep(10**9), wide)
    assert "no engine trains this combination of parameters" in message
    assert "gram-cpu: received noise: toy_signs" in message
    assert "dense: the run is beyond its sizes" in message


def test_what_no_engine_that_records_trains_is_refused_at_the_key_that_records(
    wide: Bocnn, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = signs_sweep(50) + "trajectory: [0, 5]\n"
    assert resolved(recorded, wide).cells.number == 12
    assert "trajectory: no engine trains" in errors_of(
        signs_sweep(10**9) + "trajectory: [0]\n", wide
    )
    monkeypatch.delattr(Dense, "record")
    message = errors_of(recorded, wide)
    assert "trajectory: no engine trains this combination of parameters and records it" in message
    assert "gram-cpu: received noise: toy_signs" in message and "dense: " not in message

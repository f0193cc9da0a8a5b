"""The dense network beside the engine that trains a run: what it refuses, and why."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.dense import engine
from bocnn.models.cnn.oracle import train_oracle
from tests.bocnn.run_columns import columns

STEPS = np.array([0, 5])


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            {"noise": "laplace", "d": 10**8},
            r"would need [\d,.]+ GB for this run, and takes at most 6\.4 GB",
        ),
        ({"n_test": 10**8}, r"would need .* GB"),
        ({"spike": 2.0}, "draws no data with a spectrum_decay, spike"),
        ({"gradient": "orthogonal", "train": "hidden"}, "received gradient: orthogonal"),
        ({"optimizer": "adam", "sam_radius": 0.1}, "dense network itself trains this run"),
    ],
    ids=str,
)
def test_a_run_that_it_cannot_train_beside_is_refused(given: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        train_oracle(MODEL.canonical(columns(1, **given)), STEPS)


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs torch: pip install 'bocnn\[dense\]'"):
        train_oracle(MODEL.canonical(columns(1)), STEPS)


def test_it_records_what_the_model_records() -> None:
    given = columns(2, precision="float64", steps=12, n_test=10)
    measured, records = MODEL.record(given, STEPS)
    again, beside = MODEL.oracle(given, STEPS)
    assert again.keys() == measured.keys() and beside.keys() == records.keys()
    np.testing.assert_array_equal(beside["run"], records["run"])
    np.testing.assert_array_equal(beside["step"], records["step"])
    for name in ("train_loss", "w_norm", "gamma_max", "rho_max"):
        np.testing.assert_allclose(beside[name], records[name], rtol=1e-9, atol=1e-12)

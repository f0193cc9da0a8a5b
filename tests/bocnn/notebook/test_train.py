"""One network from a notebook: the numbers of a sweep, errors that name the remedy, a readable result."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bocnn
from bocnn import MODEL, TrainingResult
from tests.bocnn.run_columns import columns
from tests.sweeps.small import BOCNN_SWEEP, planned, rows, train

GIVEN: dict[str, Any] = {
    "n": 6,
    "m": 3,
    "d": 50,
    "mu_norm": 4.0,
    "sigma_0": 0.01,
    "v0": 0.1,
    "eta": 0.05,
    "steps": 30,
    "n_test": 20,
}


def test_measures_are_those_of_the_model() -> None:
    found = bocnn.train(**GIVEN, seed=5, replicate=2)
    inputs = columns(3, **GIVEN) | {"seed": np.full(3, 5)}
    expected = MODEL.run(inputs)
    assert found.status == expected["status"][2] == "ok"
    assert found.measures == {
        name: values[2] for name, values in expected.items() if name != "status"
    }
    assert isinstance(found.measures["steps_run"], int)
    assert (found.seed, found.replicate) == (5, 2) and "seed=5, replicate=2, data=" in repr(found)
    assert found.engine == MODEL.engine_of(inputs)["engine"]


def test_measures_are_those_of_the_same_run_in_a_sweep_bit_for_bit(tmp_path: Path) -> None:
    keyed = planned(BOCNN_SWEEP, tmp_path, MODEL)[0].resolved.model.keyed
    train(BOCNN_SWEEP, tmp_path, MODEL)
    for row in rows(tmp_path).to_pylist()[::7]:
        given = {name: row[name] for name in GIVEN} | {"p_flip": row["p_flip"]}
        found = bocnn.train(**given, seed=11, replicate=row["replicate"], keyed=keyed)
        assert found.measures == {name: row[name] for name in found.measures}


def test_a_trajectory_is_recorded_at_its_steps_and_at_the_end() -> None:
    found = bocnn.train(**GIVEN, trajectory=[20, 0, 5, 99])
    measured, recorded = MODEL.record(
        columns(1, **GIVEN) | {"seed": np.zeros(1, int)}, np.array([0, 5, 20])
    )
    assert found.trajectory is not None
    assert found.trajectory["step"].tolist() == [0, 5, 20, 30]
    for name, values in found.trajectory.items():
        np.testing.assert_array_equal(values, recorded[name])
    assert found.measures["test_error"] == measured["test_error"][0]
    assert found.engine == "gram-cpu"


def test_null_is_none() -> None:
    found = bocnn.train(**GIVEN | {"n_test": 1}, eta_output=None)
    assert found.measures["test_error_se"] is None and found.parameters["eta_output"] is None


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"mu_nrm": 1}, TypeError, "received 'mu_nrm' in parameters.*did you mean 'mu_norm'"),
        ({"qqq": 1}, TypeError, "received 'qqq' in parameters.*expected data, input, n, d"),
        ({"keyed": ["p_flop"]}, TypeError, "received 'p_flop' in keyed.*did you mean 'p_flip'"),
        ({"noise": "isotropc"}, ValueError, "received noise = 'isotropc'.*mean 'isotropic'"),
        ({"n": 0}, ValueError, r"received n = 0; expected \[1, 100000\]"),
        ({"n": 2.5}, ValueError, r"received n = 2.5; expected \[1"),
        ({"p_flip": 0.6}, ValueError, r"received p_flip = 0.6; expected \[0, 0.5\]"),
        ({"eta": 0}, ValueError, r"received eta = 0; expected \(0, inf\)"),
        ({"v0": float("nan")}, ValueError, "received v0 = nan"),
        ({"eta": "fast"}, ValueError, "received eta = 'fast'"),
        ({"eta": None}, ValueError, "received eta = None"),
        ({"trajectory": [-1]}, ValueError, "whole steps ≥ 0"),
        ({"trajectory": [0.5]}, ValueError, "whole steps ≥ 0"),
    ],
)
def test_errors_are_refused_with_the_remedy(given: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        bocnn.train(**GIVEN | given)


def test_parameters_that_are_missing_are_named() -> None:
    with pytest.raises(TypeError, match="without a default: m, mu_norm, sigma_0, v0, eta, steps"):
        bocnn.train(n=3, d=4)


def test_a_result_shows_itself_as_text_and_as_html() -> None:
    found = bocnn.train(**GIVEN, trajectory=[0])
    text, page = repr(found), found._repr_html_()
    assert text.startswith("TrainingResult: ok, trained by gram-cpu")
    assert f"{found.measures['test_error']:.6g}" in text and "trajectory of 2 points" in text
    assert "mu_norm=4" in text and "eta_output=null" in text
    assert page.count("<table>") == page.count("</table>") == 3
    assert "<td>test_error</td>" in page and "<th>gamma_max</th>" in page
    assert "&lt;" in TrainingResult("<", {"a": None}, {}, "e")._repr_html_()


def test_importing_the_package_imports_nothing_that_compiles() -> None:
    code = (
        "import sys, bocnn; heavy = {'numba', 'llvmlite', 'torch', 'ray', 'scipy'};"
        "print(heavy & sys.modules.keys()); bocnn.MODEL; print('numba' in sys.modules);"
        "bocnn.nothing"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["set()", "True"]
    assert "module 'bocnn' has no attribute 'nothing'" in done.stderr

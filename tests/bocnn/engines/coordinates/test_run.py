"""Compiled training in d coordinates: rows of the dense network in torch, whatever is trained beside."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.coordinates.engine import DenseCPU
from bocnn.engines.cpu.stages import DIVERGED, OK, UNCONVERGED
from bocnn.engines.dense.engine import Dense
from bocnn.measure.measures import Measures
from tests.bocnn.run_columns import columns
from tests.tolerance import RELATIVE

KINDS: list[dict[str, Any]] = [
    {"optimizer": "adam"},
    {"optimizer": "adamw", "weight_decay": 0.1, "data": "xor", "mu_support": 7, "p_flip": 0.2},
    {"optimizer": "adam", "weight_decay": 0.1, "beta1": 0.5, "beta2": 0.9, "n": 19, "m": 3},
    {"optimizer": "rmsprop", "momentum": 0.5, "train": "hidden", "d": 700, "mu_support": 300},
    {"optimizer": "sign", "weight_decay": 0.5, "noise": "isotropic", "mu_support": 200},
    {"optimizer": "sign", "n": 1, "m": 1, "d": 2, "eta_output": 0.01},
    {"noise": "laplace", "momentum": 0.5, "momentum_rule": "nesterov"},
    {"noise": "rademacher", "activation": "leaky_relu", "leak": 0.2, "output_init": "normal"},
    {"noise": "student_t", "activation": "tanh", "loss": "square", "loss_tol": 0.1, "d": 17},
    {"noise": "uniform", "weight_decay": 0.1, "train": "hidden", "loss_tol": 1e-9},
    {"noise": "sparse", "optimizer": "adam", "activation": "softplus", "eta": 0.002},
]
TESTED = ("test_error", "test_error_clean", "test_error_se")


def runs_of(kind: dict[str, Any], runs: int = 2, **more: Any) -> dict[str, Any]:
    """Canonical runs of a kind."""
    return MODEL.canonical(columns(runs, **{"eta": 0.003, "d": 300} | kind | more))


def measures(engine: Any, runs: dict[str, Any]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Measures by name, and statuses."""
    found = engine.run(runs)
    return dict(zip(Measures._fields, found.measures.T, strict=True)), found.status


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_rows_are_those_of_the_network_in_torch(kind: dict[str, Any], precision: str) -> None:
    runs = runs_of(kind, precision=precision, n_test=20)
    assert DenseCPU().accepts(runs).all()
    found, status = measures(DenseCPU(), runs)
    expected, expected_status = measures(Dense(), runs)
    np.testing.assert_array_equal(status, expected_status)
    tolerance, least = RELATIVE[np.dtype(precision)], 1e-6 * (precision == "float32")
    if kind.get("optimizer") == "sign" and precision == "float32":
        tolerance = 1e-2  # where a gradient is 0 but for rounding, its sign is rounding's
    for name in set(found) - set(TESTED):
        np.testing.assert_allclose(
            found[name], expected[name], rtol=tolerance, atol=least, err_msg=name
        )


@pytest.mark.parametrize("kind", [k for k in KINDS if "noise" in k and k["noise"] != "isotropic"])
def test_errors_on_drawn_noise_are_those_of_the_same_patches(kind: dict[str, Any]) -> None:
    runs = runs_of(kind, precision="float64", p_flip=0.1)
    found, expected = (measures(engine, runs)[0] for engine in (DenseCPU(), Dense()))
    for name in TESTED:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", KINDS[:5], ids=str)
def test_exact_errors_agree_with_drawn_ones_within_their_spread(kind: dict[str, Any]) -> None:
    runs = runs_of(kind, 3, precision="float64", n_test=4000, mu_norm=1.5)
    found, expected = (measures(engine, runs)[0] for engine in (DenseCPU(), Dense()))
    spread = np.hypot(found["test_error_se"], expected["test_error_se"])
    assert (np.abs(found["test_error"] - expected["test_error"]) < 4.5 * spread).all()
    assert (found["test_error_clean"] > 0.01).all()


@pytest.mark.parametrize("kind", [KINDS[1], KINDS[6]], ids=str)
def test_rows_do_not_depend_on_what_is_trained_beside_them(kind: dict[str, Any]) -> None:
    runs = runs_of(kind, 5)
    order = np.array([3, 0, 4])
    whole = DenseCPU().run(runs)
    part = DenseCPU().run({name: column[order] for name, column in runs.items()})
    np.testing.assert_array_equal(whole.measures[order], part.measures)
    mixed = MODEL.run({name: np.tile(column, 2) for name, column in runs.items()})
    np.testing.assert_array_equal(mixed["train_loss"][5:], whole.measures[:, 0])


def test_a_run_stops_at_its_loss_or_is_unconverged_or_diverged() -> None:
    adam = {"optimizer": "adam", "steps": 200}
    found, status = measures(DenseCPU(), runs_of(adam, loss_tol=0.3))
    assert (status == OK).all() and (found["train_loss"] <= 0.3).all()
    assert (found["steps_run"] < 200).all()
    assert (measures(DenseCPU(), runs_of(adam, loss_tol=1e-30))[1] == UNCONVERGED).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverged_run_is_a_status_and_nulls() -> None:
    runs = runs_of({"noise": "laplace", "mu_norm": 20.0, "v0": 5.0, "eta": 1000.0, "steps": 400}, 4)
    found, status = measures(DenseCPU(), runs)
    assert (status == measures(Dense(), runs)[1]).all() and (status == DIVERGED).any()
    assert all(np.isnan(values[status == DIVERGED]).all() for values in found.values())


@pytest.mark.parametrize(
    "given", [{"bias": "trained"}, {"batch": 7}, {"train": "output", "noise": "laplace"}], ids=str
)
def test_what_it_refuses_the_network_in_torch_takes(given: dict[str, Any]) -> None:
    runs = runs_of({"optimizer": "adam"} | given)
    assert not DenseCPU().accepts(runs).any()
    assert MODEL.engine_of(runs)["engine"] == "dense"


def test_its_cost_grows_with_d_and_it_refuses_what_does_not_fit() -> None:
    for kind in ({"optimizer": "adam"}, {"noise": "laplace"}):
        small, large = (DenseCPU().cost(runs_of(kind, d=d)) for d in (10**4, 10**5))
        assert (large.flops > 7 * small.flops).all()
        assert (large.memory_bytes > 7 * small.memory_bytes).all()
        assert not DenseCPU().accepts(runs_of(kind, d=10**8)).any()

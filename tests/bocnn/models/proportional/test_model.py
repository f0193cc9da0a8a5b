"""The model as a sweep sees it: statuses, poles, pairs, and the closed forms."""

from typing import Any

import numpy as np
import pytest

from bocnn.models.proportional.model import MODEL
from tests.tolerance import assert_near


def columns(count: int, **given: Any) -> dict[str, np.ndarray]:
    """`count` replicates of one setting."""
    row = {column.name: column.default for column in MODEL.parameters} | {"seed": 5} | given
    kinds = {str: object}
    return {
        name: np.array([np.nan if value is None else value] * count, dtype=kinds.get(type(value)))
        for name, value in row.items()
    } | {"replicate": np.arange(count)}


SECOND = {"n": 40, "d": 30, "h": 20, "train": "second"}
LINEAR = {"d": 80, "h": 20, "train": "first", "activation": "linear", "eta": 0.05}
FIRST = {"n": 40, "d": 80, "h": 20, "train": "first", "eta": 0.3}


@pytest.mark.parametrize(
    "given",
    [
        {**SECOND, "n": 200, "d": 100, "h": 60, "activation": "linear"},
        {**SECOND, "n": 200, "d": 300, "h": 400, "activation": "linear"},
        {**SECOND, "n": 200, "d": 100, "h": 60},
        {**SECOND, "n": 200, "d": 300, "h": 400, "activation": "erf"},
        {**FIRST, "n": 200, "d": 100, "activation": "linear"},
        {**FIRST, "n": 100, "d": 200, "h": 100, "activation": "erf", "init": 0.01},
        {**FIRST, "n": 100, "d": 200, "h": 150, "activation": "relu"},
        {**SECOND, "n": 200, "d": 100, "h": 60, "activation": "softplus"},
        {**SECOND, "n": 100, "d": 150, "h": 200, "activation": "tanh", "ridge": 0.1},
        {**SECOND, "n": 200, "d": 300, "h": 190, "spectrum_decay": 0.5, "ridge": 0.02},
        {**LINEAR, "n": 200, "d": 300, "spectrum_decay": 0.5, "ridge": 0.1},
        {**FIRST, "d": 60, "h": 60, "activation": "sigmoid", "eta": 4.0, "ridge": 0.01},
    ],
    ids=lambda given: f"{given['train']}-{given.get('activation', 'relu')}-{given['h']}",
)
def test_means_are_the_closed_forms(given: dict[str, Any]) -> None:
    """Up to what falls as 1/n, of which the theory's own tests take the limit."""
    count = 12
    rows = MODEL.run(columns(count, **given, sigma=0.7, r=1.2))
    assert set(rows["status"]) == {"ok"}
    for name in ("bias", "variance"):
        expected = rows[f"predicted_{name}"][0]
        error = rows[name].std(ddof=1) / count**0.5
        allowed = 4.5 * error + 6 * expected / given["n"] + 1e-9
        assert abs(rows[name].mean() - expected) < allowed, name
    assert_near(rows["risk"], rows["bias"] + rows["variance"])


def test_bias_and_variance_grow_as_the_squares_of_teacher_and_noise() -> None:
    """Of one key, whatever scales it had been made of."""
    row = {name: values[0] for name, values in MODEL.keyed_runs(columns(1, **SECOND)).items()}
    clean, noisy, strong = (
        MODEL.measure(row | more) for more in ({}, {"sigma": 0.5}, {"sigma": 1.0, "r": 2.0})
    )
    assert clean["bias"] == noisy["bias"] and clean["variance"] == 0.0
    assert_near(strong["bias"], 4 * noisy["bias"])
    assert_near(strong["variance"], 4 * noisy["variance"])


def test_a_pole_is_null_and_never_a_number() -> None:
    rows = MODEL.run(columns(2, **{**SECOND, "h": 40}, sigma=0.5))
    assert set(rows["status"]) == {"ok"}
    assert np.isnan(rows["predicted_risk"]).all() and np.isfinite(rows["risk"]).all()


def test_too_few_steps_are_unconverged_and_keep_their_values() -> None:
    for activation in ("relu", "linear"):
        rows = MODEL.run(columns(2, **FIRST, activation=activation, steps=3))
        assert set(rows["status"]) == {"unconverged"}
        assert (rows["steps_run"] == 3).all() and np.isfinite(rows["risk"]).all()


def test_without_a_tolerance_all_steps_are_taken() -> None:
    rows = MODEL.run(columns(2, **FIRST, steps=30, grad_tol=None))
    assert set(rows["status"]) == {"ok"} and (rows["steps_run"] == 30).all()


@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_divergence_is_a_status_and_nulls(activation: str) -> None:
    rows = MODEL.run(columns(2, **{**FIRST, "eta": 1e6}, activation=activation, steps=2000))
    assert set(rows["status"]) == {"diverged"}
    assert all(np.isnan(rows[column.name]).all() for column in MODEL.measures[1:])


def test_vanishing_initialization_makes_a_smooth_network_linear() -> None:
    """n = 40 samples, 200 neurons: the distance to the linear network's risk falls with the scale."""
    keyed = MODEL.keyed_runs(columns(4, **{**FIRST, "h": 200}, grad_tol=1e-12))
    rows = [{name: values[k] for name, values in keyed.items()} for k in range(4)]
    linear, *smooth = (
        np.mean([MODEL.measure(row | more)["bias"] for row in rows])
        for more in (
            {"activation": "linear"},
            {"activation": "erf", "init": 1.0},
            {"activation": "erf", "init": 0.01},
        )
    )
    assert abs(smooth[1] - linear) < 0.2 * abs(smooth[0] - linear)


def test_cost_and_memory_rise_with_size() -> None:
    for given in (SECOND, {**FIRST, "steps": 100, "grad_tol": None}):
        for name in ("n", "h", "d"):
            larger = columns(1, **{**given, name: 400})
            assert MODEL.flops(larger) > MODEL.flops(columns(1, **given))
            assert MODEL.memory_bytes(larger) > MODEL.memory_bytes(columns(1, **given))


def test_the_mean_field_has_no_prediction_and_moves_further() -> None:
    """In the width's limit the kernel regime's filters stand still, those of the mean field do not."""
    kernel, mean = (
        MODEL.run(columns(3, **FIRST, activation="tanh", width_exponent=q)) for q in (0.5, 1.0)
    )
    assert np.isfinite(kernel["predicted_risk"]).all()
    assert np.isnan(mean["predicted_risk"]).all() and np.isfinite(mean["risk"]).all()
    assert (mean["nonlinear"] > 2 * kernel["nonlinear"]).all()


def test_integrals_that_do_not_converge_are_refused() -> None:
    with pytest.raises(
        ValueError, match="received activation: tanh with init: 6; expected init up to 5"
    ):
        MODEL.run(columns(2, **FIRST, activation="tanh", init=6.0))
    assert set(MODEL.run(columns(1, **SECOND, activation="erf", init=6.0))["status"]) == {"ok"}

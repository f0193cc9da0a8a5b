"""The clean test error in closed form: against the boundary's formulas, limits, and trained networks."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.theory.boundary import both_layers_boundary, hidden_layer_boundary, hidden_layer_constant
from bocnn.theory.critical_ratio import FROZEN, GRADIENT_FLOW, Overlap, clean_error, critical_ratio
from bocnn.theory.predictions.error import (
    TrainedUntil,
    both_layers_error,
    error_at,
    hidden_layer_error,
)
from bocnn.theory.predictions.named import PREDICTIONS, predict
from bocnn.theory.training_time import Descent, Sizes, stop_margin, stop_time, training_steps
from tests.bocnn.run_columns import columns

SIZES = Sizes(
    n=np.array([20.0, 50.0]), d=np.array([1e3, 1e8]), m=np.array([10.0, 30.0]), sigma_p=1.0
)
V0 = np.array([0.02, 1e-3])
FOREVER = TrainedUntil(np.full(2, 0.01), np.full(2, 1e15))
MEAN_FIELD = {"mean_field", "mean_field_median"}
OVERLAPS = pytest.mark.parametrize("overlap", [FROZEN, GRADIENT_FLOW, Overlap(0.6, 0.4)], ids=str)


@OVERLAPS
def test_the_spline_is_the_integral(overlap: Overlap) -> None:
    ratios = np.array([0.0, 1e-4, 3e-3, 0.02, 0.11, 0.3, 0.77, 1.2, 1.9])
    exact = [clean_error(ratio, overlap) for ratio in ratios]
    np.testing.assert_allclose(error_at(ratios, overlap), exact, atol=1e-4)
    np.testing.assert_allclose(error_at(-ratios, overlap), 1 - error_at(ratios, overlap))
    assert error_at(np.array([1e6]), overlap) == 0


@OVERLAPS
@pytest.mark.parametrize("level", [0.05, 0.2, 0.35])
def test_on_the_boundary_the_error_is_the_level(overlap: Overlap, level: float) -> None:
    hidden = hidden_layer_boundary(SIZES, hidden_layer_constant(level, overlap), 0.1)
    error = hidden_layer_error(hidden, SIZES, counts=(0.8, 1.0), overlap=overlap)
    np.testing.assert_allclose(error, level, atol=1e-5)
    margin, ratio = stop_margin(0.01), critical_ratio(level, overlap)
    both = both_layers_boundary(V0, SIZES, margin=margin, ratio=ratio, overlap=overlap).mu_norm
    descent = Descent(both, V0, np.full(2, 1e-3))
    found = both_layers_error(descent, SIZES, FOREVER, overlap=overlap)
    np.testing.assert_allclose(found, level, atol=1e-5)


def test_steps_that_end_training_give_what_their_loss_gives() -> None:
    descent = Descent(np.array([2.0, 30.0]), V0, np.array([0.01, 1e-5]))
    tau = stop_time(descent.mu_norm, V0, SIZES, margin=stop_margin(0.01))
    steps = training_steps(tau, descent, SIZES)
    expected = both_layers_error(descent, SIZES, FOREVER)
    for until in (
        TrainedUntil(np.full(2, np.nan), steps),
        TrainedUntil(np.full(2, 1e-6), steps),
        TrainedUntil(np.array([0.01, np.nan]), np.array([1e15, steps[1]])),
    ):
        np.testing.assert_allclose(both_layers_error(descent, SIZES, until), expected, rtol=1e-5)
    shorter = both_layers_error(descent, SIZES, TrainedUntil(np.full(2, np.nan), steps / 2))
    assert np.all(np.abs(shorter - expected) > 1e-4)


def test_with_large_output_weights_both_layers_are_the_hidden_layer() -> None:
    mu = np.array([3.0, 40.0])
    descent = Descent(mu, np.full(2, 1e3), np.full(2, 1e-6))
    for kept in (1.0, 0.6, -0.6):
        both = both_layers_error(descent, SIZES, FOREVER, counts=(kept, 1.0))
        np.testing.assert_allclose(
            both, hidden_layer_error(mu, SIZES, counts=(kept, 1.0)), rtol=1e-4
        )


def test_flips_move_the_boundary_by_their_law() -> None:
    mu = np.array([3.0, 40.0])
    flipped = hidden_layer_error(mu / np.sqrt(1 - 2 * 0.2), SIZES, counts=(0.6, 1.0))
    np.testing.assert_allclose(flipped, hidden_layer_error(mu, SIZES))


def test_with_many_samples_counts_do_not_matter_and_with_few_they_set_a_floor() -> None:
    run = RUN | {"train": "hidden", "d": 10**10, "sigma_0": 1e-12, "eta": 1e-9}
    many = columns(1, **(run | {"n": 50_000, "p_flip": 0.2, "mu_norm": 20.0}))
    sizes = Sizes(*(many[name].astype(float) for name in Sizes._fields))
    law = hidden_layer_error(many["mu_norm"], sizes, counts=(0.6, 1.0), overlap=GRADIENT_FLOW)
    np.testing.assert_allclose(predict("gradient_flow", many), law, atol=1e-3)
    strong = columns(1, **(run | {"n": 20, "p_flip": 0.4, "mu_norm": 1e5}))
    # The share of classes of which more labels are flipped than kept, and half of those with as many.
    sets = np.random.default_rng(1).multinomial(20, [0.3, 0.2, 0.5], 200_000)
    pull = sets[:, 0] - sets[:, 1]
    floor = np.mean(pull < 0) + np.mean(pull == 0) / 2
    np.testing.assert_allclose(predict("gradient_flow", strong), floor, atol=5e-3)


@pytest.mark.parametrize(
    ("change", "spoken"),
    [
        ({}, {"gradient_flow", "frozen_activations", "gradient_flow_median"}),
        ({"eta": 0.05}, MEAN_FIELD),
        ({"eta": 2.0}, {"one_large_step"} | MEAN_FIELD),
        ({"sigma_0": 1e-3}, set()),
        ({"eta": 2.0, "sigma_0": 1e-3}, {"one_large_step"} | MEAN_FIELD),
        ({"eta": 2.0, "sigma_0": 3e-2}, MEAN_FIELD),
        ({"eta": 2.0, "train": "both"}, set()),
        ({"eta": 0.01, "v0": 2.0, "train": "both"}, {"one_large_step"} | MEAN_FIELD),
        ({"activation": "leaky_relu", "leak": 0.1}, {"leaky_gradient_flow"}),
        ({"activation": "leaky_relu", "leak": 0.1, "p_flip": 0.1}, set()),
        ({"activation": "leaky_relu", "leak": 0.1, "eta": 2.0}, set()),
    ],
    ids=str,
)
def test_each_prediction_speaks_in_its_regime(change: dict[str, Any], spoken: set[str]) -> None:
    run = columns(1, **(RUN | {"train": "hidden"} | change))
    found = {one.name for one in PREDICTIONS if np.isfinite(predict(one.name, run)).all()}
    assert found == spoken


RUN: dict[str, Any] = {
    "n": 20,
    "d": 10_000,
    "m": 10,
    "mu_norm": 4.0,
    "sigma_0": 1e-5,
    "v0": 0.1,
    "eta": 0.005,
    "steps": 50_000,
    "loss_tol": 0.01,
}


@pytest.mark.parametrize(
    "change",
    [
        {"data": "xor"},
        {"output_init": "sign"},
        {"bias": "trained"},
        {"activation": "leaky_relu", "train": "both"},
        {"loss": "square"},
        {"momentum": 0.999, "eta": 0.05},
        {"momentum": 0.9, "optimizer": "rmsprop"},
        {"weight_decay": 0.1},
        {"batch": 5},
        {"eta_output": 0.1},
        {"v0": -0.05},
        {"mu_norm": 0.0},
        {"steps": 0},
        {"train": "output"},
    ],
    ids=str,
)
def test_theory_is_silent_where_it_was_not_derived(change: dict[str, Any]) -> None:
    both, hidden = (
        predict("gradient_flow", columns(1, **RUN, train=t)) for t in ("both", "hidden")
    )
    assert 0 < hidden[0] < both[0] < 0.5
    for prediction in PREDICTIONS:
        silent = predict(prediction.name, columns(1, **(RUN | {"train": "hidden"} | change)))
        assert np.isnan(silent).all(), prediction.name


@pytest.mark.parametrize("rule", ["heavy_ball", "nesterov"])
@pytest.mark.parametrize("name", ["gradient_flow", "mean_field"])
def test_momentum_is_gradient_descent_by_what_its_steps_add_up_to(name: str, rule: str) -> None:
    run = RUN | {"train": "hidden", "steps": 60, "eta": 0.002, "mu_norm": 1.5}
    mixed = columns(2, **run, momentum_rule=rule)
    mixed["momentum"] = np.array([0.0, 0.8])
    given = predict(name, mixed)
    whole = predict(name, columns(1, **(run | {"eta": 0.01})))
    np.testing.assert_allclose(given, [predict(name, columns(1, **run))[0], whole[0]], rtol=1e-12)
    assert (given[0] == given[1]) == (
        name == "gradient_flow"
    )  # whose ratio of signal and noise is constant


def test_of_noise_with_a_part_along_the_signal_the_mean_field_alone_speaks() -> None:
    run = RUN | {"train": "hidden", "steps": 40}
    isotropic = columns(1, **(run | {"noise": "isotropic"}))
    speaking = {one.name for one in PREDICTIONS if not np.isnan(predict(one.name, isotropic)).all()}
    assert speaking == {"mean_field", "mean_field_median"}
    for noise in ("laplace", "student_t"):
        other = columns(1, **(run | {"noise": noise}))
        assert all(np.isnan(predict(one.name, other)).all() for one in PREDICTIONS)


def test_an_unknown_prediction_is_refused() -> None:
    with pytest.raises(
        ValueError, match="received the prediction 'magic'; expected one of gradient"
    ):
        MODEL.predict("magic", columns(1, **RUN))


def test_a_worker_that_trains_imports_no_special_functions() -> None:
    heavy = "{'scipy.special', 'scipy.interpolate'}"
    said = f"import sys, bocnn.models.cnn.model; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_predictions_are_of_measures_that_the_model_has() -> None:
    measures = {column.name for column in MODEL.measures}
    assert {one.measure for one in MODEL.predictions} <= measures
    assert len({one.name for one in MODEL.predictions}) == len(MODEL.predictions)


@pytest.mark.parametrize("train", ["hidden", "both"])
def test_trained_networks_have_the_predicted_error(train: str) -> None:
    """Near the boundary the error falls by 0.2 over 40 % of ‖μ‖: 0.05 of it is 10 % of position."""
    v0 = {"hidden": 0.1, "both": 0.02}[train]
    shared = RUN | {"n": 40, "train": train, "v0": v0, "n_test": 200}
    for mu_norm in {"hidden": (9.0, 11.0), "both": (10.0, 13.0)}[train]:
        run = shared | {"mu_norm": mu_norm, "d": 400_000, "eta": 2e-4, "sigma_0": 1e-7 * 0.5}
        runs = columns(60, **run)
        error = MODEL.run(runs)["test_error_clean"]
        predicted = MODEL.predict("gradient_flow", runs)[0]
        assert 0.05 < predicted < 0.4
        assert abs(error.mean() - predicted) < 0.05 + 2 * error.std() / np.sqrt(60)

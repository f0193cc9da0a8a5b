"""Training on the Gram matrix is the dense network's own, step by step, for every kind of run."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bocnn import activation, dense
from bocnn.draws import draw_order
from bocnn.gram import (
    DIVERGED,
    OK,
    UNCONVERGED,
    Rule,
    forward,
    loss_value,
    new_scratch,
    new_velocity,
    train,
)
from tests.bocnn.paired import SEED, Pair, Problem, make_pair, output_weights, products, rule
from tests.tolerance import assert_near

MODES = ("both", "hidden", "output")


def gram_loss(pair: Pair, how: Rule) -> float:
    output = np.empty_like(pair.points.observed)
    forward(pair.points, pair.network, how, new_scratch(pair.points, pair.network), output)
    return loss_value(pair.points, how.loss, output)


def gram_train(pair: Pair, how: Rule, steps: int) -> tuple[int, int]:
    velocity = new_velocity(pair.network)
    return train(pair.points, pair.network, velocity, how, (0, steps, SEED))


def kept(how: Rule, mode: str) -> Rule:
    """The rule with the layers of a mode alone."""
    eta = 0.0 if mode == "output" else how.eta
    return how._replace(eta=eta, eta_output=0.0 if mode == "hidden" else how.eta_output)


def assert_same_state(pair: Pair, how: Rule, loss: str = "logistic") -> None:
    expected = float(dense.training_loss(pair.dense, pair.data, loss).detach())
    filters = 2 * pair.problem.m
    assert_near(gram_loss(pair, how), expected)
    assert_near(pair.network.activations[:filters], products(pair))
    assert_near(pair.network.output[:, :filters], output_weights(pair))


def follow(pair: Pair, recipe: dense.Recipe, how: Rule, steps: int = 30) -> None:
    """Train both one step at a time and hold them against each other at each."""
    optimizer, velocity = dense.optimizer_of(pair.dense, recipe), new_velocity(pair.network)
    for step in range(steps):
        assert_same_state(pair, how, recipe.loss)
        train(pair.points, pair.network, velocity, how, (step, step + 1, SEED))
        dense.step(pair.dense, pair.data, recipe, optimizer)
    assert_same_state(pair, how, recipe.loss)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("n", "d"), [(1, 2), (3, 2), (7, 50), (20, 400), (60, 30), (60, 400)])
@pytest.mark.parametrize("p_flip", [0.0, 0.3])
def test_trajectories_are_the_dense_networks(n: int, d: int, mode: str, p_flip: float) -> None:
    pair = make_pair(Problem(n, d, p_flip=p_flip, seed=n + d))
    how = kept(rule(eta=4.0 / d, eta_output=4.0 / d), mode)
    follow(pair, dense.Recipe(4.0 / d, mode), how)


@given(
    n=st.integers(1, 60),
    d=st.integers(2, 400),
    m=st.integers(1, 9),
    mode=st.sampled_from(MODES),
    mu_norm=st.floats(0.0, 20.0),
    v0=st.floats(-2.0, 2.0),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60)
def test_trained_states_agree_for_any_problem(n, d, m, mode, mu_norm, v0, seed) -> None:
    pair = make_pair(Problem(n, d, m, mu_norm, 0.25, v0, seed))
    eta = 1.0 / (d + mu_norm**2)
    how = kept(rule(eta=eta, eta_output=eta), mode)
    gram_train(pair, how, 40)
    dense.train(pair.dense, pair.data, dense.Recipe(eta, mode), 40)
    assert_same_state(pair, how)


@pytest.mark.parametrize("name", activation.NAMES)
@pytest.mark.parametrize("loss", ["logistic", "square"])
@pytest.mark.parametrize("patches", [1, 2, 3])
def test_every_network_and_loss_is_the_dense_one(name: str, loss: str, patches: int) -> None:
    pair = make_pair(Problem(11, 40, m=3, activation=name, patches=patches))
    how = rule(activation=name, loss=loss, eta=0.02, eta_output=0.02)
    follow(pair, dense.Recipe(0.02, loss=loss), how)


@pytest.mark.parametrize("law", ["signal", "xor"])
@pytest.mark.parametrize("isotropic", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_every_data_law_is_the_dense_one(law: str, isotropic: bool, bias: bool) -> None:
    pair = make_pair(Problem(15, 60, law=law, isotropic=isotropic, bias=bias))
    follow(pair, dense.Recipe(0.03), rule(eta=0.03, eta_output=0.03))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options",
    [
        {"momentum": 0.9},
        {"momentum": 0.8, "nesterov": True},
        {"weight_decay": 0.05},
        {"momentum": 0.7, "weight_decay": 0.02},
        {"momentum": 0.7, "nesterov": True, "weight_decay": 0.02},
    ],
    ids=lambda options: "+".join(options),
)
def test_every_update_is_torchs_sgd(mode: str, options: dict[str, Any]) -> None:
    pair = make_pair(Problem(12, 70, bias=True, isotropic=True))
    how = rule(
        eta=0.01,
        eta_output=0.004,
        momentum=options.get("momentum", 0.0),
        nesterov=options.get("nesterov", False),
        decay=options.get("weight_decay", 0.0),
    )
    recipe = dense.Recipe(0.01, mode, eta_output=0.004, options=options)
    follow(pair, recipe, kept(how, mode))


def batches(n: int, size: int) -> Iterator[torch.Tensor]:
    """The batches of a run, epoch after epoch, from the table of counters."""
    order = np.empty(n, np.int64)
    epoch = 0
    while True:
        draw_order(SEED, epoch, order)
        yield from torch.tensor(order).split(size)
        epoch += 1


@pytest.mark.parametrize("size", [1, 5, 6, 13, 40])
def test_mini_batches_are_torchs_sgd(size: int) -> None:
    pair = make_pair(Problem(13, 70))
    recipe = dense.Recipe(0.02, options={"momentum": 0.5}, batches=batches(13, size))
    follow(pair, recipe, rule(eta=0.02, eta_output=0.02, momentum=0.5, batch=size))


def test_training_in_parts_is_training_at_once() -> None:
    how = rule(eta=0.02, eta_output=0.02, momentum=0.5, batch=4, decay=0.01)
    whole, parts = make_pair(Problem(13, 70)), make_pair(Problem(13, 70))
    gram_train(whole, how, 40)
    velocity = new_velocity(parts.network)
    for span in ((0, 7, SEED), (7, 7, SEED), (7, 40, SEED)):
        train(parts.points, parts.network, velocity, how, span)
    np.testing.assert_array_equal(whole.network.activations, parts.network.activations)


def test_float32_follows_float64_to_its_precision() -> None:
    exact, single = make_pair(Problem(20, 300)), make_pair(Problem(20, 300), np.float32)
    for pair in (exact, single):
        gram_train(pair, rule(eta=0.02, eta_output=0.02), 100)
    assert single.network.activations.dtype == np.float32
    assert_near(single.network.activations, exact.network.activations, np.float32)
    assert_near(single.network.output, exact.network.output, np.float32)


def test_a_step_descends_along_the_gradient_of_finite_differences() -> None:
    pair, delta, how = make_pair(Problem(12, 80)), 1e-6, rule(eta=0.0, eta_output=1e-3)
    before = pair.network.output.copy()
    slopes = np.empty_like(before)
    for place in np.ndindex(before.shape):
        losses = []
        for change in (delta, -delta):
            pair.network.output[place] = before[place] + change
            losses.append(gram_loss(pair, how))
        pair.network.output[place] = before[place]
        slopes[place] = (losses[0] - losses[1]) / (2 * delta)
    gram_train(pair, how, 1)
    np.testing.assert_allclose((before - pair.network.output) / 1e-3, slopes, atol=1e-8)


def test_permuting_samples_permutes_the_preactivations() -> None:
    one, other = make_pair(Problem(9, 60)), make_pair(Problem(9, 60))
    order = np.random.default_rng(1).permutation(9)
    moved = np.concatenate([[0, 1], 2 + order])
    points = one.points._replace(
        gram=one.points.gram[moved][:, moved].copy(),
        observed=one.points.observed[order],
        at=np.stack([one.points.at[order, 0], 2 + np.arange(9)], axis=1),
    )
    network = one.network._replace(activations=one.network.activations[:, moved].copy())
    train(points, network, new_velocity(network), rule(), (0, 50, SEED))
    gram_train(other, rule(), 50)
    assert_near(network.activations, other.network.activations[:, moved])


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_coefficients_give_the_change_of_the_filters(decay: float) -> None:
    pair = make_pair(Problem(15, 100))
    before = pair.network.activations.copy()
    gram_train(pair, rule(eta=0.03, decay=decay, momentum=0.3), 40)
    change = pair.network.activations - pair.network.scale[0] * before
    assert_near(change, pair.network.coefficients @ pair.points.gram)


def test_small_steps_conserve_the_invariants_of_gradient_flow() -> None:
    pair = make_pair(Problem(10, 100, v0=0.1))

    def invariant() -> np.ndarray:
        along = pair.network.activations[:, 0] / pair.problem.mu_norm
        return along**2 - pair.network.output[0] ** 2

    start, output = invariant(), pair.network.output[0].copy()
    gram_train(pair, rule(eta=1e-4, eta_output=1e-4), 20_000)
    assert np.max(np.abs(pair.network.output[0] - output)) > 0.03
    np.testing.assert_allclose(invariant(), start, atol=2e-4)


def test_filters_that_round_up_stay_silent() -> None:
    pair = make_pair(Problem(10, 50, m=3, activation="sigmoid"))
    gram_train(pair, rule(activation="sigmoid", decay=0.1, momentum=0.5), 20)
    assert pair.network.activations.shape[0] == 8
    assert not pair.network.activations[6:].any()
    assert not pair.network.output[:, 6:].any()


@pytest.mark.parametrize("mode", MODES)
def test_only_the_named_layers_move(mode: str) -> None:
    pair = make_pair(Problem(10, 50))
    hidden, output = pair.network.activations.copy(), pair.network.output.copy()
    gram_train(pair, kept(rule(), mode), 10)
    assert (mode == "output") == np.array_equal(hidden, pair.network.activations)
    assert (mode == "hidden") == np.array_equal(output, pair.network.output)


def test_training_stops_at_the_first_loss_within_the_tolerance() -> None:
    pair, fresh = make_pair(Problem(10, 100)), make_pair(Problem(10, 100))
    status, steps = gram_train(pair, rule(loss_tol=0.1), 10_000)
    assert status == OK
    dense.train(fresh.dense, fresh.data, dense.Recipe(0.05), steps - 1)
    assert float(dense.training_loss(fresh.dense, fresh.data).detach()) > 0.1
    dense.train(fresh.dense, fresh.data, dense.Recipe(0.05), 1)
    assert float(dense.training_loss(fresh.dense, fresh.data).detach()) <= 0.1


def test_a_loss_that_is_not_reached_is_unconverged() -> None:
    assert gram_train(make_pair(Problem(10, 100)), rule(loss_tol=1e-9), 3) == (UNCONVERGED, 3)


def test_a_loss_within_the_tolerance_at_the_start_takes_no_step() -> None:
    assert gram_train(make_pair(Problem(10, 100)), rule(loss_tol=100.0), 3) == (OK, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_leaving_the_finite_numbers_is_divergence(dtype: type) -> None:
    pair = make_pair(Problem(10, 100), dtype)
    pair.network.output[:, :8] = np.sqrt(np.finfo(dtype).max) * 10
    pair.network.activations[:] *= np.sqrt(np.finfo(dtype).max)
    assert gram_train(pair, rule(eta=1e6, eta_output=1e6), 50)[0] == DIVERGED


def test_infinite_outputs_are_no_reached_loss() -> None:
    pair = make_pair(Problem(1, 1000, p_flip=0.0))
    how = rule(eta=1e300, eta_output=1e300, loss_tol=0.01)
    assert gram_train(pair, how, 50)[0] == DIVERGED

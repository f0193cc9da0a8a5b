"""Training on the Gram matrix is the dense network's own, step by step, for every kind of run."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bocnn.data.draws import draw_order
from bocnn.dynamics import activation
from bocnn.dynamics.losses import loss_value
from bocnn.dynamics.state import Network
from bocnn.engines.cpu.lane_state import (
    LANE_AT_STOP,
    LaneRun,
    Stop,
    clear_lane,
    load_lane,
    resume_lane,
)
from bocnn.engines.dense import network as dense
from bocnn.engines.dense import training as dense_training
from tests.bocnn.dense_pairs import Pair, Problem, make_pair, output_weights, products
from tests.bocnn.lane_training import SEED, Rule, Training, make_rule
from tests.tolerance import assert_near

MODES = ("both", "hidden", "output")


LOSSES = ("logistic", "square", "hinge", "exponential")

DTYPES = [pytest.param(np.float32, marks=pytest.mark.slow), np.float64]
"""What fills lanes of single precision is compiled for these tests alone; others train in it."""


def start(pair: Pair, rule: Rule, *, wide: bool = True) -> Training:
    """The engine's training of a pair."""
    return Training(pair.training_set, pair.network, rule, wide=wide)


def trained(pair: Pair, rule: Rule, steps: int) -> Training:
    """The engine's training of a pair after some steps."""
    training = start(pair, rule)
    training.until(steps)
    return training


def assert_same_state(pair: Pair, training: Training, loss: str = "logistic") -> None:
    expected = float(dense.training_loss(pair.dense, pair.data, loss).detach())
    filters, network = 2 * pair.problem.m, training.network
    found = loss_value(training.rule.step_type.loss, pair.training_set.observed, training.output)
    assert_near(found, expected)
    assert_near(network.activations[:filters], products(pair))
    assert_near(network.output[:, :filters], output_weights(pair))


def follow(pair: Pair, recipe: dense_training.Recipe, rule: Rule, steps: int = 30) -> None:
    """Train densely, alone and in a lane, one step at a time, and hold all against each other at each."""
    trainings = [start(pair, rule, wide=wide) for wide in (False, True)]
    optimizer = dense_training.optimizer_of(pair.dense, recipe)
    for step in range(steps + 1):
        for training in trainings:
            assert_same_state(pair, training, recipe.loss)
            training.until(step + 1)
        dense_training.step(pair.dense, pair.data, recipe, optimizer)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("n", "d"), [(1, 2), (3, 2), (7, 50), (20, 400), (60, 30), (60, 400)])
@pytest.mark.parametrize("p_flip", [0.0, 0.3])
def test_trajectories_are_the_dense_networks(n: int, d: int, mode: str, p_flip: float) -> None:
    pair = make_pair(Problem(n, d, p_flip=p_flip, seed=n + d))
    rule = make_rule(eta=4.0 / d, eta_output=4.0 / d).kept(mode)
    follow(pair, dense_training.Recipe(4.0 / d, mode), rule)


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
    training = trained(pair, make_rule(eta=eta, eta_output=eta).kept(mode), 40)
    dense_training.train(pair.dense, pair.data, dense_training.Recipe(eta, mode), 40)
    assert_same_state(pair, training)


@pytest.mark.parametrize("name", activation.NAMES)
@pytest.mark.parametrize(
    ("loss", "patches"),
    [
        *((loss, q) for loss in ("logistic", "square") for q in (1, 2, 3)),
        *((loss, 2) for loss in LOSSES[2:]),
    ],
)
def test_every_network_and_loss_is_the_dense_one(name: str, loss: str, patches: int) -> None:
    pair = make_pair(Problem(11, 40, m=3, activation=name, patches=patches))
    rule = make_rule(activation=name, loss=loss, eta=0.02, eta_output=0.02)
    follow(pair, dense_training.Recipe(0.02, loss=loss), rule)


@pytest.mark.parametrize("law", ["signal", "xor"])
@pytest.mark.parametrize("isotropic", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_every_data_law_is_the_dense_one(law: str, isotropic: bool, bias: bool) -> None:
    pair = make_pair(Problem(15, 60, data=law, isotropic=isotropic, bias=bias))
    follow(pair, dense_training.Recipe(0.03), make_rule(eta=0.03, eta_output=0.03))


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
    rule = make_rule(
        eta=0.01,
        eta_output=0.004,
        momentum=options.get("momentum", 0.0),
        nesterov=options.get("nesterov", False),
        decay=options.get("weight_decay", 0.0),
    )
    recipe = dense_training.Recipe(0.01, mode, eta_output=0.004, options=options)
    follow(pair, recipe, rule.kept(mode))


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
    recipe = dense_training.Recipe(0.02, options={"momentum": 0.5}, batches=batches(13, size))
    follow(pair, recipe, make_rule(eta=0.02, eta_output=0.02, momentum=0.5, batch=size))


def test_training_in_parts_is_training_at_once() -> None:
    rule = make_rule(eta=0.02, eta_output=0.02, momentum=0.5, batch=4, decay=0.01)
    pair = make_pair(Problem(13, 70))
    whole, parts = start(pair, rule), start(pair, rule)
    whole.until(40)
    for step in (7, 7, 40):
        parts.until(step)
    np.testing.assert_array_equal(whole.network.activations, parts.network.activations)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sigmoid"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_runs_lane_and_company_change_no_bit(name: str, dtype: type) -> None:
    pair = make_pair(Problem(13, 70, activation=name), dtype)
    rule = make_rule(activation=name, momentum=0.5, batch=4)
    here, there = start(pair, rule), start(pair, rule)
    other = make_pair(Problem(13, 70, seed=1, mu_norm=1e15), dtype)
    quick, stop = make_rule(eta=7.0).step, Stop(60, 0.5, -1.0, 2)
    load_lane(there.state, 5, LaneRun(other.training_set, other.network, quick, stop, SEED))
    stop = Stop(50, -1.0, -1.0, 4)
    load_lane(there.state, 6, LaneRun(pair.training_set, pair.network, rule.step, stop, SEED))
    clear_lane(there.state, 0)
    here.until(50)
    clock = there.state.clock
    for lane in np.flatnonzero(clock.status == LANE_AT_STOP):
        resume_lane(there.state, lane, 50)
    while min(clock.step[[2, 6]]) < 50:
        there.advance()
        for lane in np.flatnonzero(clock.status > LANE_AT_STOP):
            clear_lane(there.state, lane)
    expected = here.network.activations
    np.testing.assert_array_equal(there.network_in(2).activations, expected)
    np.testing.assert_array_equal(there.network_in(6).activations, expected)


@pytest.mark.slow
def test_float32_follows_float64_to_its_precision() -> None:
    exact, single = (
        trained(
            make_pair(Problem(20, 300), dtype), make_rule(eta=0.02, eta_output=0.02), 100
        ).network
        for dtype in (np.float64, np.float32)
    )
    assert single.activations.dtype == np.float32
    assert_near(single.activations, exact.activations, np.float32)
    assert_near(single.output, exact.output, np.float32)


def test_a_step_descends_along_the_gradient_of_finite_differences() -> None:
    pair, delta, rule = make_pair(Problem(12, 80)), 1e-6, make_rule(eta=0.0, eta_output=1e-3)
    before = pair.network.output.copy()
    slopes = np.empty_like(before)
    for index in np.ndindex(before.shape):
        losses = []
        for change in (delta, -delta):
            pair.network.output[index] = before[index] + change
            output = start(pair, rule).output
            losses.append(loss_value(rule.step_type.loss, pair.training_set.observed, output))
        pair.network.output[index] = before[index]
        slopes[index] = (losses[0] - losses[1]) / (2 * delta)
    after = trained(pair, rule, 1).network.output
    np.testing.assert_allclose((before - after) / 1e-3, slopes, atol=1e-8)


def test_permuting_samples_permutes_the_preactivations() -> None:
    pair = make_pair(Problem(9, 60))
    order = np.random.default_rng(1).permutation(9)
    moved = np.concatenate([[0, 1], 2 + order])
    training_set = pair.training_set._replace(
        gram=pair.training_set.gram[moved][:, moved].copy(),
        observed=pair.training_set.observed[order],
        shared=pair.training_set.shared[:, order].copy(),
    )
    network = pair.network._replace(activations=pair.network.activations[:, moved].copy())
    permuted = Training(training_set, network, make_rule(), wide=True)
    permuted.until(50)
    plain = trained(pair, make_rule(), 50).network
    assert_near(permuted.network.activations, plain.activations[:, moved])


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_coefficients_give_the_change_of_the_filters(decay: float) -> None:
    pair = make_pair(Problem(15, 100))
    ended = trained(pair, make_rule(eta=0.03, decay=decay, momentum=0.3), 40).network
    change = ended.activations - ended.scale[0] * pair.network.activations
    assert_near(change, ended.coefficients @ pair.training_set.gram)


def test_small_steps_conserve_the_invariants_of_gradient_flow() -> None:
    pair = make_pair(Problem(10, 100, v0=0.1))

    def invariant(network: Network) -> np.ndarray:
        return (network.activations[:, 0] / pair.problem.mu_norm) ** 2 - network.output[0] ** 2

    ended = trained(pair, make_rule(eta=1e-4, eta_output=1e-4), 20_000).network
    assert np.max(np.abs(ended.output[0] - pair.network.output[0])) > 0.03
    np.testing.assert_allclose(invariant(ended), invariant(pair.network), atol=2e-4)


def test_filters_that_round_up_stay_silent() -> None:
    pair = make_pair(Problem(10, 50, m=3, activation="sigmoid"))
    ended = trained(pair, make_rule(activation="sigmoid", decay=0.1, momentum=0.5), 20).network
    assert ended.activations.shape[0] == 8
    assert not ended.activations[6:].any()
    assert not ended.output[:, 6:].any()


@pytest.mark.parametrize("mode", MODES)
def test_only_the_named_layers_move(mode: str) -> None:
    pair = make_pair(Problem(10, 50))
    ended = trained(pair, make_rule().kept(mode), 10).network
    assert (mode == "output") == np.array_equal(pair.network.activations, ended.activations)
    assert (mode == "hidden") == np.array_equal(pair.network.output, ended.output)


@pytest.mark.parametrize("loss", LOSSES)
def test_training_stops_at_the_first_loss_within_the_tolerance(loss: str) -> None:
    pair = make_pair(Problem(10, 100))
    status, steps = trained(pair, make_rule(loss=loss, loss_tol=0.1), 10_000).status
    assert status == "ok"
    recipe = dense_training.Recipe(0.05, loss=loss)
    dense_training.train(pair.dense, pair.data, recipe, steps - 1)
    assert float(dense.training_loss(pair.dense, pair.data, loss).detach()) > 0.1
    dense_training.train(pair.dense, pair.data, recipe, 1)
    assert float(dense.training_loss(pair.dense, pair.data, loss).detach()) <= 0.1


def test_a_loss_that_is_not_reached_is_unconverged() -> None:
    ended = trained(make_pair(Problem(10, 100)), make_rule(loss_tol=1e-9), 3)
    assert ended.status == ("unconverged", 3)


def test_a_loss_within_the_tolerance_at_the_start_takes_no_step() -> None:
    assert trained(make_pair(Problem(10, 100)), make_rule(loss_tol=100.0), 3).status == ("ok", 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_leaving_the_finite_numbers_is_divergence(dtype: type) -> None:
    pair = make_pair(Problem(10, 100), dtype)
    pair.network.output[:, :8] = np.sqrt(np.finfo(dtype).max) * 10
    pair.network.activations[:] *= np.sqrt(np.finfo(dtype).max)
    assert trained(pair, make_rule(eta=1e6, eta_output=1e6), 50).status[0] == "diverged"


def test_infinite_outputs_are_no_reached_loss() -> None:
    pair = make_pair(Problem(1, 1000, p_flip=0.0))
    rule = make_rule(eta=1e300, eta_output=1e300, loss_tol=0.01)
    assert trained(pair, rule, 50).status[0] == "diverged"

"""The dynamics on the Gram matrix are the dense network's, step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bocnn import dense
from bocnn.gram import DIVERGED, OK, UNCONVERGED, Schedule, loss, outputs, train
from tests.bocnn.paired import Pair, Problem, dense_noise, dense_output, dense_signal, make_pair
from tests.tolerance import assert_near

MODES = ("both", "hidden", "output")


def schedule(eta: float, steps: int, mode: str = "both", loss_tol: float = -1.0) -> Schedule:
    return Schedule(eta, steps, loss_tol, mode != "output", mode != "hidden")


def gram_loss(pair: Pair) -> float:
    output = np.empty(pair.sample.observed.size, pair.network.noise.dtype)
    outputs(pair.sample, pair.network, output)
    return loss(pair.sample, output)


def assert_same_state(pair: Pair) -> None:
    assert_near(gram_loss(pair), float(dense.logistic_loss(pair.dense, pair.data).detach()))
    assert_near(pair.network.noise, dense_noise(pair))
    assert_near(pair.network.signal * pair.sample.mu_norm, dense_signal(pair))
    assert_near(pair.network.output, dense_output(pair))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("n", "d"), [(1, 2), (3, 2), (7, 50), (20, 400), (60, 30), (60, 400)])
@pytest.mark.parametrize("p_flip", [0.0, 0.3])
def test_trajectories_are_the_dense_networks(n: int, d: int, mode: str, p_flip: float) -> None:
    pair = make_pair(Problem(n, d, p_flip=p_flip, seed=n + d))
    eta = 4.0 / d
    for _ in range(30):
        assert_same_state(pair)
        train(pair.sample, pair.network, schedule(eta, 1, mode))
        dense.train(pair.dense, pair.data, eta, 1, mode)
    assert_same_state(pair)


@given(
    n=st.integers(1, 60),
    d=st.integers(2, 400),
    m=st.integers(1, 9),
    mode=st.sampled_from(MODES),
    mu_norm=st.floats(0.0, 20.0),
    v0=st.floats(-2.0, 2.0),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_trained_states_agree_for_any_problem(n, d, m, mode, mu_norm, v0, seed) -> None:
    pair = make_pair(Problem(n, d, m, mu_norm, 0.25, v0, seed))
    eta = 1.0 / (d + mu_norm**2)
    train(pair.sample, pair.network, schedule(eta, 40, mode))
    dense.train(pair.dense, pair.data, eta, 40, mode)
    assert_same_state(pair)


def test_float32_follows_float64_to_its_precision() -> None:
    exact, single = make_pair(Problem(20, 300)), make_pair(Problem(20, 300), np.float32)
    for pair in (exact, single):
        train(pair.sample, pair.network, schedule(0.02, 100))
    assert single.network.noise.dtype == np.float32
    assert_near(single.network.noise, exact.network.noise, np.float32)
    assert_near(single.network.output, exact.network.output, np.float32)


def test_a_step_descends_along_the_gradient_of_finite_differences() -> None:
    pair, eta, delta = make_pair(Problem(12, 80)), 1e-3, 1e-6
    before = pair.network.output.copy()
    slopes = np.empty_like(before)
    for place in np.ndindex(before.shape):
        losses = []
        for change in (delta, -delta):
            pair.network.output[place] = before[place] + change
            losses.append(gram_loss(pair))
        pair.network.output[place] = before[place]
        slopes[place] = (losses[0] - losses[1]) / (2 * delta)
    train(pair.sample, pair.network, schedule(eta, 1, "output"))
    np.testing.assert_allclose((before - pair.network.output) / eta, slopes, atol=1e-8)


def test_permuting_samples_permutes_the_preactivations() -> None:
    one, other = make_pair(Problem(9, 60)), make_pair(Problem(9, 60))
    order = np.random.default_rng(1).permutation(9)
    sample = one.sample._replace(
        gram=one.sample.gram[order][:, order].copy(),
        observed=one.sample.observed[order],
        true=one.sample.true[order],
    )
    network = one.network._replace(noise=one.network.noise[order].copy())
    train(sample, network, schedule(0.05, 50))
    train(other.sample, other.network, schedule(0.05, 50))
    assert_near(network.noise, other.network.noise[order])
    assert_near(network.signal, other.network.signal)


def test_coefficients_give_the_change_of_the_filters() -> None:
    pair = make_pair(Problem(15, 100))
    before = pair.network.noise.copy()
    train(pair.sample, pair.network, schedule(0.03, 40))
    assert_near(pair.network.noise - before, pair.sample.gram @ pair.network.coefficients)


def test_small_steps_conserve_the_invariants_of_gradient_flow() -> None:
    pair = make_pair(Problem(10, 100, v0=0.1))
    start = pair.network.signal**2 - pair.network.output[0] ** 2
    train(pair.sample, pair.network, schedule(1e-4, 20_000))
    end = pair.network.signal**2 - pair.network.output[0] ** 2
    assert np.max(np.abs(pair.network.output[0] - 0.1)) > 0.05
    np.testing.assert_allclose(end, start, atol=2e-4)


@pytest.mark.parametrize("mode", MODES)
def test_only_the_named_layers_move(mode: str) -> None:
    pair = make_pair(Problem(10, 50))
    noise, output = pair.network.noise.copy(), pair.network.output.copy()
    train(pair.sample, pair.network, schedule(0.05, 10, mode))
    assert (mode == "output") == np.array_equal(noise, pair.network.noise)
    assert (mode == "hidden") == np.array_equal(output, pair.network.output)


def test_training_stops_at_the_first_loss_within_the_tolerance() -> None:
    pair, fresh = make_pair(Problem(10, 100)), make_pair(Problem(10, 100))
    status, steps = train(pair.sample, pair.network, schedule(0.05, 10_000, "both", 0.1))
    assert status == OK
    dense.train(fresh.dense, fresh.data, 0.05, steps - 1)
    assert float(dense.logistic_loss(fresh.dense, fresh.data).detach()) > 0.1
    dense.train(fresh.dense, fresh.data, 0.05, 1)
    assert float(dense.logistic_loss(fresh.dense, fresh.data).detach()) <= 0.1


def test_a_loss_that_is_not_reached_is_unconverged() -> None:
    pair = make_pair(Problem(10, 100))
    assert train(pair.sample, pair.network, schedule(0.05, 3, "both", 1e-9)) == (UNCONVERGED, 3)


def test_a_loss_within_the_tolerance_at_the_start_takes_no_step() -> None:
    pair = make_pair(Problem(10, 100))
    assert train(pair.sample, pair.network, schedule(0.05, 3, "both", 100.0)) == (OK, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_leaving_the_finite_numbers_is_divergence(dtype: type) -> None:
    pair = make_pair(Problem(10, 100), dtype)
    pair.network.output[:] = np.sqrt(np.finfo(dtype).max) * 10
    pair.network.noise[:] *= np.sqrt(np.finfo(dtype).max)
    status, _ = train(pair.sample, pair.network, schedule(1e6, 50))
    assert status == DIVERGED

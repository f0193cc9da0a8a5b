"""Measures: exact tails, a covariance's root at any rank, and the test error of a known network."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammaincc

from bocnn import dense
from bocnn.draws import Seed
from bocnn.gram import Network, Schedule, outputs, train
from bocnn.measures import (
    chance_negative,
    cholesky,
    clean_error,
    filter_factor,
    learning,
    memorization,
    training_error,
    upper_gamma,
    wrongness,
)
from tests.bocnn.paired import Pair, Problem, make_pair
from tests.tolerance import assert_near

SEED = Seed(np.uint64(1), np.uint64(2), np.uint64(3))


@given(a=st.integers(1, 2000), ratio=st.floats(0.0, 5.0))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_gamma_tail_is_scipys(a: int, ratio: float) -> None:
    np.testing.assert_allclose(
        upper_gamma(a, a * ratio), gammaincc(a, a * ratio), rtol=1e-9, atol=1e-13
    )


@given(
    constant=st.floats(-5, 5),
    slope=st.floats(-5, 5).filter(lambda x: x == 0 or abs(x) > 1e-9),
    half=st.integers(1, 20),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_chance_of_a_negative_output_is_a_chi_tail(constant, slope, half) -> None:
    length = stats.chi(2 * half)
    if slope == 0.0:
        expected = wrongness(constant)
    elif slope < 0.0:
        expected = length.sf(constant / -slope)
    else:
        expected = length.cdf(-constant / slope)
    assert chance_negative(constant, slope, half) == pytest.approx(expected, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("rank", [0, 1, 3, 6, 9])
def test_the_root_of_a_covariance_gives_it_back_at_any_rank(rank: int) -> None:
    vectors = np.random.default_rng(rank).standard_normal((6, max(rank, 1))) * (rank > 0)
    covariance = vectors @ vectors.T
    root = covariance.copy()
    cholesky(root)
    lower = np.tril(root)
    np.testing.assert_allclose(lower @ lower.T, covariance, atol=1e-7)


def trained(problem: Problem) -> Pair:
    """A pair trained in both ways, so that signal and noise matter to the test error."""
    pair = make_pair(problem)
    train(pair.sample, pair.network, Schedule(0.02, 60, -1.0, True, True))
    dense.train(pair.dense, pair.data, 0.02, 60)
    return pair


def root_of(pair: Pair) -> np.ndarray:
    """Cholesky factor of the pre-activations' covariance, from the dense network's own filters."""
    direction = pair.mu / pair.mu.norm()
    filters = pair.dense.hidden.detach().reshape(-1, pair.mu.numel())
    filters = filters - torch.outer(filters @ direction, direction)
    root = 1.2**2 * (filters @ filters.T).numpy()
    cholesky(root)
    return root


@pytest.mark.parametrize(
    "problem",
    [
        Problem(20, 100, mu_norm=1.0),
        Problem(20, 400, mu_norm=2.0),
        Problem(8, 5),
        Problem(4, 2, mu_norm=0.3),
    ],
)
def test_the_test_error_is_that_of_fresh_samples(problem: Problem) -> None:
    pair = trained(problem)
    error, deviation = clean_error(root_of(pair), pair.network, problem.mu_norm, 4_000, SEED)
    fresh = dense.draw_data(torch.Generator().manual_seed(5), 100_000, pair.mu, 1.2, 0.0)
    drawn = dense.error(pair.dense, fresh.patches, fresh.true)
    assert abs(error - drawn) < 4 * np.hypot(deviation, 0.5 / np.sqrt(100_000))
    assert 0.002 < drawn < 0.5


def test_the_standard_error_is_the_spread_over_draws() -> None:
    pair = trained(Problem(20, 200, mu_norm=1.0))
    root, found = root_of(pair), []
    for replicate in range(200):
        seed = SEED._replace(replicate=np.uint64(replicate))
        found.append(clean_error(root, pair.network, 1.0, 50, seed))
    errors, deviations = np.array(found).T
    assert np.std(errors) == pytest.approx(np.mean(deviations), rel=0.15)


def test_one_draw_has_no_standard_error() -> None:
    pair = trained(Problem(20, 200))
    assert np.isnan(clean_error(root_of(pair), pair.network, 1.5, 1, SEED)[1])


def test_a_network_that_outputs_zero_is_wrong_half_the_time() -> None:
    network = Network(np.zeros((3, 4)), np.zeros(4), np.zeros((2, 4)), np.zeros((3, 4)))
    assert clean_error(np.zeros((4, 4)), network, 1.0, 10, SEED) == (0.5, 0.0)


def test_small_errors_are_resolved_far_below_one_draw() -> None:
    pair = trained(Problem(30, 20, mu_norm=4.0, p_flip=0.0))
    error, deviation = clean_error(root_of(pair), pair.network, 4.0, 1_000, SEED)
    assert 0 < error < 1e-4
    assert deviation < error


def test_the_trained_filters_are_the_dense_networks() -> None:
    """Filters rebuilt from a factor and coefficients have the Gram matrix of the trained ones."""
    pair = make_pair(Problem(6, 50))
    noise = pair.data.patches[:, 1].numpy()
    direction = (pair.mu / pair.mu.norm()).numpy()
    filters = pair.dense.hidden.detach().numpy().reshape(8, 50)
    filters = filters - np.outer(filters @ direction, direction)
    standard = np.vstack([noise / 1.2, filters / 0.05])
    factor = np.linalg.cholesky(standard @ standard.T)
    train(pair.sample, pair.network, Schedule(0.02, 60, -1.0, True, True))
    dense.train(pair.dense, pair.data, 0.02, 60)
    rebuilt = filter_factor(factor, pair.network, (0.05, 1.2))
    ended = pair.dense.hidden.detach().numpy().reshape(8, 50)
    ended = ended - np.outer(ended @ direction, direction)
    assert_near(rebuilt @ rebuilt.T, ended @ ended.T)


def test_measures_are_the_dense_networks_by_definition() -> None:
    pair = trained(Problem(20, 60, p_flip=0.3))
    expected = dense.measure(pair.dense, pair.data, pair.mu)
    output = np.empty(20)
    outputs(pair.sample, pair.network, output)
    assert training_error(pair.sample, output) == expected["train_error"]
    assert_near(memorization(pair.sample, pair.network), expected["max_w_xi"])
    assert_near(learning(pair.network, 1.5), expected["max_w_mu"])
    assert_near(np.max(pair.network.output, axis=1), [expected["max_v1"], expected["max_v2"]])
    assert_near(np.linalg.norm(pair.network.output), expected["v_norm"])

"""Test error: exact tails, a covariance's root at any rank, and the error of a known network."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammaincc

from bocnn.data.draws import Seed
from bocnn.engines.dense import network as dense
from bocnn.measure.chi_tails import upper_gammas
from bocnn.measure.fresh_output import FreshOutput, cholesky
from bocnn.measure.measures import noise_memorization, signal_learning, training_error
from bocnn.measure.test_error import clean_error, zero_one_loss
from tests.bocnn.arenas import arena, chances_negative, padded_zeros, passing
from tests.bocnn.dense_pairs import Problem
from tests.bocnn.lane_training import make_rule
from tests.bocnn.trained_pairs import trained
from tests.tolerance import assert_near

SEED = Seed(np.uint64(1), np.uint64(2), np.uint64(3))


@given(a=st.integers(1, 2000), ratio=st.floats(0.0, 5.0))
@settings(max_examples=300)
def test_the_gamma_tail_is_scipys(a: int, ratio: float) -> None:
    found = np.empty(1)
    upper_gammas(a, np.array([a * ratio]), found)
    np.testing.assert_allclose(found[0], gammaincc(a, a * ratio), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("a", [1, 2, 10, 64, 65, 500])
def test_tails_far_out_are_small_and_not_broken(a: int) -> None:
    tails = np.empty(5)
    upper_gammas(a, np.array([0.0, 600.0, 700.0, 1e4, 1e300]), tails)
    assert tails[0] == 1.0
    assert np.all(np.diff(tails) <= 0.0)
    assert tails[-1] < 1e-200


@given(
    constant=st.floats(-5, 5),
    slope=st.floats(-5, 5).filter(lambda x: x == 0 or abs(x) > 1e-9),
    half=st.integers(1, 20),
)
@settings(max_examples=200)
def test_the_chance_of_a_negative_output_is_a_chi_tail(constant, slope, half) -> None:
    length = stats.chi(2 * half)
    if slope == 0.0:
        expected = zero_one_loss(constant)
    elif slope < 0.0:
        expected = length.sf(constant / -slope)
    else:
        expected = length.cdf(-constant / slope)
    found = chances_negative(constant, np.array([slope]), half)[0]
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("rank", [0, 1, 3, 6, 9])
def test_the_root_of_a_covariance_gives_it_back_at_any_rank(rank: int) -> None:
    vectors = np.random.default_rng(rank).standard_normal((6, max(rank, 1))) * (rank > 0)
    covariance, root = vectors @ vectors.T, padded_zeros(6, 6)
    root[:6, :6] = covariance
    cholesky(root, np.empty(len(root)))
    assert not np.tril(root, -1).any()
    np.testing.assert_allclose((root.T @ root)[:6, :6], covariance, atol=1e-7)


PROBLEMS = [
    Problem(20, 100, mu_norm=1.0),
    Problem(20, 400, mu_norm=2.0),
    Problem(8, 5),
    Problem(4, 2, mu_norm=0.3),
    Problem(20, 60, isotropic=True),
    Problem(20, 60, bias=True, v0=0.5),
    Problem(20, 60, isotropic=True, bias=True, activation="sigmoid"),
    Problem(20, 60, data="xor", mu_norm=2.0),
    Problem(20, 60, data="xor", mu_norm=2.0, isotropic=True, activation="tanh"),
    Problem(20, 60, activation="leaky_relu"),
    Problem(20, 60, activation="relu2", v0=0.5),
    Problem(20, 60, activation="relu3", v0=0.5, data="xor", mu_norm=2.0),
    Problem(20, 60, activation="relu2", v0=0.5, bias=True),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_test_error_is_that_of_fresh_samples(problem: Problem) -> None:
    run = trained(problem)
    error, deviation = clean_error(run.fresh, run.step_type, 4_000, SEED, arena())
    generator, centres = torch.Generator().manual_seed(5), run.pair.centres.float()
    options = dense.SampleOptions(sigma_p=1.2, isotropic=problem.isotropic)
    single = run.pair.dense.float()  # the sign of an output counts; parts stay in a cache
    parts = (dense.draw_data(generator, 1_000, centres, options) for _ in range(100))
    drawn = np.mean([dense.error(single, part.patches, part.true) for part in parts])
    assert abs(error - drawn) < 4 * np.hypot(deviation, 0.5 / np.sqrt(100_000))
    assert 0.002 < drawn < 0.8


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_trained_filters_are_the_dense_networks(problem: Problem) -> None:
    run = trained(problem)
    ended = run.pair.dense.hidden.detach().numpy().reshape(2 * problem.m, -1)
    gram = ended @ ended.T
    if problem.bias:
        biases = run.pair.dense.bias.detach().numpy().reshape(-1)
        gram = gram + np.outer(biases, biases)
    filters = run.filters[:, : 2 * problem.m]
    assert_near(filters.T @ filters, gram)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_measures_are_the_dense_networks_by_definition(problem: Problem) -> None:
    run = trained(problem)
    pair = run.pair
    expected = dense.measure(pair.dense, pair.data, pair.centres)
    assert training_error(pair.training_set.observed, run.output) == expected["train_error"]
    memorized = noise_memorization(
        pair.training_set.observed, run.geometry, pair.network, run.filters
    )
    assert_near(memorized, expected["max_w_xi"])
    assert_near(signal_learning(run.geometry, run.filters), expected["max_w_mu"])


@pytest.mark.parametrize("n_test", [3, 49, 50])
def test_the_standard_error_is_the_spread_over_draws(n_test: int) -> None:
    run, found = trained(Problem(20, 200, mu_norm=1.0)), []
    fresh = run.fresh
    for replicate in range(1_000):
        seed = SEED._replace(replicate=np.uint64(replicate))
        found.append(passing(clean_error, fresh, run.step_type, n_test, seed))
    errors, deviations = np.array(found).T
    assert np.std(errors) == pytest.approx(np.sqrt(np.mean(deviations**2)), rel=0.1)


@pytest.mark.parametrize("n_test", [1, 2])
def test_a_single_pair_has_no_standard_error(n_test: int) -> None:
    run = trained(Problem(20, 200))
    error, deviation = clean_error(run.fresh, run.step_type, n_test, SEED, arena())
    assert 0.0 <= error <= 1.0
    assert np.isnan(deviation)


@pytest.mark.parametrize("count", [5, 127, 128])
def test_more_draws_begin_with_the_fewer(count: int) -> None:
    """A draw more changes the mean by its own error alone, within a chunk and beyond it."""
    run = trained(Problem(20, 200, mu_norm=1.0))
    means = [
        clean_error(run.fresh, run.step_type, size, SEED, arena())[0] for size in (count, count + 1)
    ]
    assert 0.0 <= (count + 1) * means[1] - count * means[0] <= 1.0


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "softplus"])
def test_a_pair_is_a_draw_and_its_mirror_image(activation: str) -> None:
    """Where the root changes its sign, both draws of a pair are swapped."""
    run = trained(Problem(20, 60, activation=activation, mu_norm=1.0))
    mirrored, apart = run.fresh._replace(root=-run.fresh.root), 0
    for replicate in range(40):
        seed = SEED._replace(replicate=np.uint64(replicate))
        one, other = (
            clean_error(fresh, run.step_type, 1, seed, arena())[0]
            for fresh in (run.fresh, mirrored)
        )
        assert clean_error(run.fresh, run.step_type, 2, seed, arena())[0] == pytest.approx(
            (one + other) / 2
        )
        apart += one != other
    assert apart > 3


def test_a_network_that_outputs_zero_is_wrong_half_the_time() -> None:
    silent = FreshOutput(
        np.zeros(2), np.ones(2), np.zeros(4), np.zeros((4, 4)), np.zeros(4), np.zeros((0, 4))
    )
    assert clean_error(silent, make_rule().step_type, 10, SEED, arena()) == (0.5, 0.0)


def test_small_errors_are_resolved_far_below_one_draw() -> None:
    run = trained(Problem(30, 20, mu_norm=4.0, p_flip=0.0))
    error, deviation = clean_error(run.fresh, run.step_type, 1_000, SEED, arena())
    assert 0 < error < 1e-4
    assert deviation < error


def test_what_is_not_a_number_stays_so() -> None:
    assert np.isnan(chances_negative(np.nan, np.array([-1.0, 1.0, 0.0]), 10)).all()
    assert np.isnan(chances_negative(1.0, np.array([np.nan]), 10)).all()


@pytest.mark.parametrize("half", [10, 100])
def test_a_sure_signal_beats_any_noise(half: int) -> None:
    slopes = np.array([-1e-200, 1e-200, -1e-310])
    np.testing.assert_array_equal(chances_negative(1e200, slopes, half), 0.0)


def test_a_roots_pivots_are_compared_with_their_own_rows() -> None:
    covariance = padded_zeros(2, 2)
    covariance[0, 0], covariance[1, 1] = 1e18, 1.0
    cholesky(covariance, np.empty(len(covariance)))
    np.testing.assert_allclose(np.diag(covariance)[:2], [1e9, 1.0])

"""The error of leaky filters: its limits, its derivation by simulation, and trained networks."""

import numpy as np
import pytest
from scipy.special import ndtr

from bocnn import MODEL
from bocnn.theory.critical_ratio import Overlap, clean_error
from bocnn.theory.leaky import leaky_constant, leaky_error, leaky_errors
from tests.bocnn.run_columns import columns

CONSTANTS = (0.04, 0.3, 0.708, 1.64, 2.71)
LEAKS = pytest.mark.parametrize("leak", [0.0, 0.01, 0.2, 0.5, 0.9, 1.0])


def test_a_linear_network_has_the_error_of_one_large_step() -> None:
    for constant in (0.0, *CONSTANTS, 20.0):
        assert leaky_error(constant, 1.0) == pytest.approx(ndtr(-np.sqrt(constant)), rel=1e-9)


def test_without_a_leak_filters_are_active_on_all_samples_of_their_class() -> None:
    for constant in CONSTANTS:
        expected = clean_error(np.sqrt(constant) / 2, Overlap(1.0, 1.0))
        assert leaky_error(constant, 0.0) == pytest.approx(expected, rel=1e-9)


@LEAKS
def test_the_integral_is_the_share_of_drawn_normals(leak: float) -> None:
    plus, minus = np.random.default_rng(0).standard_normal((2, 400_000))
    own, other = plus - leak * minus, minus - leak * plus
    activated = [np.maximum(x, 0) + leak * np.minimum(x, 0) for x in (own, other)]
    for constant in CONSTANTS:
        wrong = activated[1] - activated[0] > (1 + leak) ** 2 * np.sqrt(constant / 2)
        error = wrong.std() / np.sqrt(wrong.size)
        assert abs(wrong.mean() - leaky_error(constant, leak)) < 4.5 * error


@LEAKS
def test_the_constant_of_a_level_has_that_error(leak: float) -> None:
    for level in (0.3, 0.2, 0.05):
        assert leaky_error(leaky_constant(level, leak), leak) == pytest.approx(level, rel=1e-9)


@pytest.mark.parametrize(("leak", "constant"), [(0.2, 0.3), (0.2, 1.64), (0.5, 0.04), (0.5, 0.708)])
def test_trained_networks_have_it(leak: float, constant: float) -> None:
    """Hidden layer alone, small steps from a small start at d = 10¹⁰, 200 runs."""
    n, m, d = 40, 15, 10**10
    runs = columns(
        200,
        n=n,
        m=m,
        d=d,
        mu_norm=(constant * d / n) ** 0.25,
        sigma_p=1.0,
        sigma_0=0.1 * np.sqrt(n) / d,
        v0=1 / m,
        eta=0.05 * n * m / d,
        steps=20_000,
        loss_tol=0.05,
        train="hidden",
        activation="leaky_relu",
        leak=leak,
        n_test=500,
    )
    found = MODEL.run(runs)["test_error_clean"].astype(float)
    error = found.std() / np.sqrt(found.size)
    assert abs(found.mean() - leaky_error(constant, leak)) < 3 * error + 0.002


def test_what_is_no_leak_or_no_level_is_refused() -> None:
    with pytest.raises(ValueError, match=r"received the leak 1\.5; expected one between 0 and 1"):
        leaky_error(1.0, 1.5)
    with pytest.raises(
        ValueError, match=r"received the level 0\.5; expected one between 0 and 0\.5"
    ):
        leaky_constant(0.5, 0.2)


@pytest.mark.parametrize("leak", [0.01, 0.2, 1.0])
def test_many_errors_at_once_are_those_one_by_one(leak: float) -> None:
    found = leaky_errors(np.array(CONSTANTS) ** 0.25, leak)
    expected = [leaky_error(constant, leak) for constant in CONSTANTS]
    np.testing.assert_allclose(found, expected, atol=5e-5)  # the slope jumps along the integral


def test_classes_of_unequal_size_are_drawn_normals() -> None:
    leak, share, threshold = 0.3, 0.6, 0.5
    plus, minus = np.random.default_rng(0).standard_normal((2, 400_000))
    plus, minus = np.sqrt(share) * plus, np.sqrt(2 - share) * minus
    own, other = plus - leak * minus, minus - leak * plus
    activated = [np.maximum(x, 0) + leak * np.minimum(x, 0) for x in (own, other)]
    wrong = np.mean(activated[1] - activated[0] > threshold)
    constant = 2 * (threshold / (1 + leak) ** 2) ** 2
    found = leaky_errors(np.array([constant**0.25]), leak, memorized=share)
    assert abs(found[0] - wrong) < 4.5 * 0.5 / 400_000**0.5


@pytest.mark.parametrize("leak", [0.02, 0.4])
def test_trained_leaky_networks_have_the_named_prediction(leak: float) -> None:
    for signal in (0.3, 2.0):
        runs = columns(
            120,
            **{"n": 16, "m": 10, "d": 10**8, "mu_norm": (signal * 10**8 / 16) ** 0.25},
            **{"activation": "leaky_relu", "leak": leak, "train": "hidden", "v0": 0.1},
            **{"eta": 0.1 * 10 * 16 / 10**8, "sigma_0": 0.1 * 4 / 10**8, "loss_tol": 0.05},
            **{"steps": 20_000, "n_test": 200},
        )
        error = MODEL.run(runs)["test_error_clean"]
        predicted = MODEL.predict("leaky_gradient_flow", runs)[0]
        assert abs(error.mean() - predicted) < 0.012 + 3 * error.std() / 120**0.5

"""Closed forms of the proportional limit: identities, limits, and plain simulations."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special
from threadpoolctl import threadpool_limits

from bocnn.theory.proportional import closed_forms as theory
from bocnn.theory.proportional.closed_forms import Terms
from bocnn.theory.proportional.moments import moments
from tests.tolerance import assert_near

GAMMAS = np.array([0.1, 0.4, 0.8, 0.99, 1.01, 1.5, 3.0])
RIDGES = np.array([1e-6, 0.03, 0.5, 4.0])[:, None]
DRAWS = {60: 100, 180: 20}
"""Sizes n of the simulations, and draws of each."""
R = 1.3


def near(actual: Terms, expected: Terms, relative: float = 1e-9) -> None:
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=relative, atol=relative)


def test_the_resolvent_solves_its_equation() -> None:
    a = theory.resolvent(GAMMAS, RIDGES)
    assert_near(GAMMAS * a**2 + (1 - GAMMAS + RIDGES) * a, np.broadcast_to(RIDGES, a.shape))
    assert ((a > 0) & (a < 1)).all()


def test_ridge_terms_are_derivatives_of_the_resolvent() -> None:
    """With m(−l) = A/l: V = γ d(A)/dl and B = l² d(−m)/dl, as the spectrum's moments are."""
    h = 1e-5 * RIDGES
    slope = (theory.resolvent(GAMMAS, RIDGES + h) - theory.resolvent(GAMMAS, RIDGES - h)) / (2 * h)
    a = theory.resolvent(GAMMAS, RIDGES)
    np.testing.assert_allclose(
        theory.ridge_variance(GAMMAS, RIDGES), GAMMAS * slope, rtol=1e-5, atol=1e-9
    )
    np.testing.assert_allclose(
        theory.ridge_bias(GAMMAS, RIDGES), a - RIDGES * slope, rtol=1e-4, atol=1e-8
    )


def test_strong_ridges_learn_nothing() -> None:
    assert_near(theory.ridge_bias(GAMMAS, 1e12), np.ones_like(GAMMAS))
    np.testing.assert_allclose(theory.ridge_variance(GAMMAS, 1e12), 0.0, atol=1e-9)


def test_many_random_features_are_kernel_ridge_regression() -> None:
    of = moments("relu")
    ridge = GAMMAS * of.rest / of.linear**2
    kernel = Terms(theory.ridge_bias(GAMMAS, ridge), theory.ridge_variance(GAMMAS, ridge))
    near(theory.random_features(GAMMAS, 1e8, activation="relu"), kernel, 1e-6)


def test_features_that_are_nearly_linear_are_the_linear_network() -> None:
    """k → 0 leaves the linear network wherever that has no null directions (h < d or n < d)."""
    k = 1e-9
    for g, h in ((0.8, 0.5), (2.0, 0.5), (2.0, 3.0)):
        b = theory.resolvent(g / min(h, 1.0), k * g / min(h, 1.0)) / abs(1 - h)
        bias = b if h < 1 else b + theory.ridge_bias(g, k * g)
        assert bias == pytest.approx(theory.linear_second_layer(g, h).bias, rel=1e-6)


def test_the_linear_network_is_continuous_where_features_are_as_many_as_dimensions() -> None:
    for g in (0.3, 0.7, 0.95):
        below, above = (theory.linear_second_layer(g, g + e) for e in (-1e-9, 1e-9))
        near(below, above, 1e-6)


def test_many_linear_features_are_the_first_layer() -> None:
    for g in (0.5, 2.0):
        near(theory.linear_second_layer(g, 1e9), theory.linear_first_layer(g), 1e-6)


def test_vanishing_initialization_is_the_limit_of_a_smooth_kernel() -> None:
    kernel = theory.kernel_first_layer(GAMMAS, activation="erf", scale=1e-6)
    near(kernel, theory.linear_first_layer(GAMMAS), 1e-5)


def test_larger_initialization_has_more_bias_and_less_variance() -> None:
    scales = np.array([0.01, 0.3, 1.0, 3.0])
    kernel = theory.kernel_first_layer(2.0, activation="erf", scale=scales)
    assert (np.diff(kernel.bias) > 0).all() and (np.diff(kernel.variance) < 0).all()


def test_poles_are_infinite_and_nothing_else_is() -> None:
    assert np.isposinf(theory.linear_second_layer(2.0, 1.0)).all()
    assert np.isposinf(theory.linear_first_layer(1.0).variance)
    assert np.isposinf(theory.random_features(0.5, 1.0, activation="relu")).all()
    assert np.isfinite(theory.kernel_first_layer(1.0, activation="relu")).all()


Estimator = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Weights (n, test) that a method gives the labels, from X (n, d) and test points (test, d)."""

Maker = Callable[[int, int, np.random.Generator], Estimator]
"""A method for n and d, with what it draws itself."""


def least_squares(features: Callable[[np.ndarray], np.ndarray]) -> Estimator:
    return lambda x, fresh: np.linalg.pinv(features(x)).T @ features(fresh).T


def simulated(make: Maker, g: float, n: int) -> np.ndarray:
    """B and V of every draw, shape (draws, 2), from test points that are drawn."""
    rng = np.random.default_rng(8)
    d = round(g * n)
    rows = []
    for _ in range(DRAWS[n]):
        x, fresh = rng.standard_normal((n, d)), rng.standard_normal((300, d))
        weights = make(n, d, rng)(x, fresh)
        target = R * np.ones(d) / np.sqrt(d)
        bias = np.mean((weights.T @ (x @ target) - fresh @ target) ** 2)
        rows.append((bias / R**2, np.mean(np.sum(weights**2, axis=0))))
    return np.array(rows)


def assert_simulated(make: Maker, g: float, expected: Terms) -> None:
    """The simulated terms, followed along 1/n to n = ∞, are the predicted ones."""
    with threadpool_limits(1):
        few, many = (simulated(make, g, n) for n in DRAWS)
    ratio = max(DRAWS) / min(DRAWS)
    shares = np.array([-1.0, ratio]) / (ratio - 1)
    limit = shares[0] * few.mean(0) + shares[1] * many.mean(0)
    errors = [rows.std(0) / len(rows) ** 0.5 for rows in (few, many)]
    error = np.hypot(shares[0] * errors[0], shares[1] * errors[1])
    for k, term in enumerate(expected):
        assert abs(limit[k] - term) < 3.5 * error[k] + 0.01 * term + 1e-9, (limit, error, expected)


def second_layer(share: float, phi: Callable[[np.ndarray], np.ndarray]) -> Maker:
    def make(n: int, d: int, rng: np.random.Generator) -> Estimator:
        filters = rng.standard_normal((round(share * n), d)) / np.sqrt(d)
        return least_squares(lambda x: phi(x @ filters.T))

    return make


def tangent_kernel(n: int, d: int, rng: np.random.Generator) -> Estimator:
    """The infinitely wide network's kernel, E[φ′φ′] ⟨x, x′⟩ of ReLU."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        inner = a @ b.T
        norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
        return inner * (np.pi - np.arccos(np.clip(inner / norms, -1, 1))) / (2 * np.pi)

    return lambda x, fresh: np.linalg.solve(kernel(x, x), kernel(x, fresh))


def relu(a: np.ndarray) -> np.ndarray:
    return np.maximum(a, 0.0)


@pytest.mark.parametrize(("g", "h"), [(2.0, 0.5), (0.8, 0.4), (0.5, 2.0), (2.0, 2.0)])
def test_linear_features_are_simulated(g: float, h: float) -> None:
    assert_simulated(second_layer(h, lambda a: a), g, theory.linear_second_layer(g, h))


@pytest.mark.parametrize("phi", [relu, special.erf], ids=["relu", "erf"])
@pytest.mark.parametrize(("g", "h"), [(1.5, 0.5), (0.5, 2.0)])
def test_random_features_are_simulated(g: float, h: float, phi: Callable) -> None:
    name = "relu" if phi is relu else "erf"
    expected = theory.random_features(g, h, activation=name)
    assert_simulated(second_layer(h, phi), g, expected)


@pytest.mark.parametrize("g", [0.4, 1.0, 2.5])
def test_the_kernel_is_simulated(g: float) -> None:
    assert_simulated(tangent_kernel, g, theory.kernel_first_layer(g, activation="relu"))


@pytest.mark.parametrize("g", [0.5, 2.5])
def test_least_squares_of_least_norm_is_simulated(g: float) -> None:
    expected = theory.linear_first_layer(g)
    assert_simulated(lambda n, d, rng: least_squares(lambda x: x), g, expected)

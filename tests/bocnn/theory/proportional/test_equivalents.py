"""Deterministic equivalents: their limits, and plain simulations with ridges and covariances."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special
from threadpoolctl import threadpool_limits

from bocnn.theory.proportional import closed_forms
from bocnn.theory.proportional.closed_forms import Terms
from bocnn.theory.proportional.equivalents import Ratios, first_layer, power_law, second_layer
from bocnn.theory.proportional.moments import MOMENT_ACTIVATIONS, moments

ONES = np.ones(5)
DRAWS = {40: 60, 120: 20}
SHAPES = [(0.4, 0.3), (0.4, 0.8), (0.4, 2.0), (2.0, 0.5), (2.0, 1.4), (2.0, 3.0)]


def near(actual: Terms, expected: Terms) -> None:
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("g", "h"), SHAPES)
@pytest.mark.parametrize("name", MOMENT_ACTIVATIONS)
def test_without_a_ridge_and_with_equal_eigenvalues_they_are_the_closed_forms(
    name: str, g: float, h: float
) -> None:
    of = moments(name, 0.8)
    second = second_layer(Ratios(g, h), of, ridge=0.0, eigenvalues=ONES)
    if name == "linear":
        near(second, closed_forms.linear_second_layer(g, h))
    else:
        near(second, closed_forms.random_features(g, h, activation=name, scale=0.8))
    first = first_layer(g, of, ridge=0.0, eigenvalues=ONES)
    near(first, closed_forms.kernel_first_layer(g, activation=name, scale=0.8))


def test_many_features_with_a_ridge_are_kernel_ridge_regression() -> None:
    of, ridge = moments("relu"), 0.3
    for g in (0.4, 2.0):
        found = second_layer(Ratios(g, 1e7), of, ridge=ridge * 1e7 / g, eigenvalues=ONES)
        level = (g * of.rest + ridge) / of.linear**2
        expected = Terms(closed_forms.ridge_bias(g, level), closed_forms.ridge_variance(g, level))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_ridge_takes_the_poles_away_and_a_large_one_learns_nothing() -> None:
    of = moments("relu")
    at_pole = [second_layer(Ratios(2.0, 1.0), of, ridge=x, eigenvalues=ONES) for x in (0.0, 0.1)]
    assert np.isinf(at_pole[0]).all() and np.isfinite(at_pole[1]).all()
    nothing = Terms(np.array(1.0), np.array(0.0))
    np.testing.assert_allclose(
        second_layer(Ratios(2.0, 1.5), of, ridge=1e9, eigenvalues=ONES), nothing, atol=1e-6
    )
    np.testing.assert_allclose(
        first_layer(2.0, of, ridge=1e9, eigenvalues=ONES), nothing, atol=1e-6
    )


def simulated(n: int, shape: tuple[int, int], setting: tuple[str, float, float]) -> np.ndarray:
    """B and V of draws of the second layer, or of the ridge on inputs where h is 0; shape (draws, 2)."""
    (d, h), (name, ridge, decay) = shape, setting
    phi = {"relu": lambda a: np.maximum(a, 0), "erf": special.erf, "linear": lambda a: a}[name]
    rng, rows = np.random.default_rng(4), []
    scales = np.sqrt(power_law(d, decay))
    for _ in range(DRAWS[n]):
        x, fresh = (rng.standard_normal((k, d)) * scales for k in (n, 500))
        filters = rng.standard_normal((h, d)) / np.sqrt(d) if h else np.eye(d)
        features, tested = phi(x @ filters.T), phi(fresh @ filters.T)
        core = features.T @ features + n * ridge * np.eye(features.shape[1])
        weights = tested @ np.linalg.solve(core, features.T)
        target = np.full(d, 1 / np.sqrt(d))
        missed = weights @ (x @ target) - fresh @ target
        rows.append((np.mean(missed**2), np.mean(np.sum(weights**2, axis=1))))
    return np.array(rows)


Equivalent = Callable[[np.ndarray], Terms]
"""B and V from the eigenvalues."""


def assert_simulated(
    shape: tuple[float, float], setting: tuple[str, float, float], expected: Equivalent
) -> None:
    """What the simulated terms differ by, relative to the expected ones, is 0 along 1/n at n = ∞."""
    means, errors = [], []
    for n in DRAWS:
        d, h = (round(share * n) for share in shape)
        terms = np.array(expected(power_law(d, setting[2])))
        with threadpool_limits(1):
            rows = simulated(n, (d, h), setting) / terms - 1
        means.append(rows.mean(0))
        errors.append(rows.std(0) / len(rows) ** 0.5)
    limit = 1.5 * means[1] - 0.5 * means[0]
    error = np.hypot(0.5 * errors[0], 1.5 * errors[1])
    assert (np.abs(limit) < 4 * error + 0.01).all() and error.max() < 0.1, (limit, error)


@pytest.mark.parametrize(
    ("shape", "setting"),
    [
        ((2.0, 1.0), ("relu", 0.05, 0.0)),
        ((0.5, 1.5), ("erf", 0.02, 0.4)),
        ((1.5, 0.6), ("linear", 0.1, 0.8)),
    ],
)
def test_second_layers_are_simulated(
    shape: tuple[float, float], setting: tuple[str, float, float]
) -> None:
    of = moments(setting[0])
    assert_simulated(
        shape,
        setting,
        lambda s: second_layer(Ratios(*shape), of, ridge=setting[1], eigenvalues=s),
    )


@pytest.mark.parametrize(("g", "decay"), [(0.6, 0.5), (2.0, 0.9)])
def test_ridge_regression_on_inputs_is_simulated(g: float, decay: float) -> None:
    """What the tangent kernel is, with a linear activation: b₀ = 1, b₁ = 0."""
    of = moments("linear")
    assert_simulated(
        (g, 0.0),
        ("linear", 0.2, decay),
        lambda s: first_layer(g, of, ridge=0.2, eigenvalues=s),
    )

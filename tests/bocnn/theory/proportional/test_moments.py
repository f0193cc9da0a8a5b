"""Gaussian moments of activations against quadrature."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from bocnn.theory.proportional.moments import MOMENT_ACTIVATIONS, moments
from tests.tolerance import assert_near

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda a: a,
    "relu": lambda a: np.maximum(a, 0.0),
    "erf": special.erf,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "softplus": lambda a: np.log1p(np.exp(a)),
    "tanh": np.tanh,
}
SLOPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": np.ones_like,
    "relu": lambda a: np.heaviside(a, 0.5),
    "erf": lambda a: 2 / np.sqrt(np.pi) * np.exp(-(a**2)),
    "sigmoid": lambda a: 1 / (2 + 2 * np.cosh(a)),
    "softplus": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": lambda a: np.cosh(a) ** -2.0,
}
POINTS = np.linspace(-9, 9, 18000)  # ReLU's kink is in the middle of two
DENSITY = np.exp(-(POINTS**2) / 2) / np.sqrt(2 * np.pi)


def mean(values: np.ndarray) -> float:
    return float(np.trapezoid(values * DENSITY, POINTS))


@pytest.mark.parametrize("scale", [0.1, 1.0, 2.5])
@pytest.mark.parametrize("name", MOMENT_ACTIVATIONS)
def test_moments_are_the_integrals(name: str, scale: float) -> None:
    phi, slope = FUNCTIONS[name](scale * POINTS), SLOPES[name](scale * POINTS)
    linear = mean(POINTS * phi)
    expected = (
        mean(phi),
        linear,
        mean(phi**2) - mean(phi) ** 2 - linear**2,
        mean(slope),
        mean(slope**2) - mean(slope) ** 2,
    )
    np.testing.assert_allclose(moments(name, scale), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", MOMENT_ACTIVATIONS)
def test_what_is_linear_is_the_mean_slope(name: str) -> None:
    """Stein: E[G φ(sG)] = s E φ′(sG)."""
    scales = np.array([0.2, 1.0, 3.0])
    of = moments(name, scales)
    assert_near(of.linear, scales * of.slope)
    assert of.rest.shape == scales.shape


def test_a_tanh_of_steep_slope_is_a_sign() -> None:
    """Its integrals need nodes that are the closer the larger the scale."""
    for scale in (10.0, 40.0):
        of = moments("tanh", scale)
        assert abs(of.linear - np.sqrt(2 / np.pi)) < 1 / scale**2
        assert abs(of.rest - (1 - 2 / np.pi)) < 2 / scale


def test_what_is_not_finite_has_no_moments() -> None:
    with np.errstate(invalid="ignore"):
        assert np.isnan(moments("tanh", np.array([np.nan, 1.0])).slope).tolist() == [True, False]

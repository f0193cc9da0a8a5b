"""The correlation of the classes' noise at finite d: by Monte Carlo, and in a trained network."""

import numpy as np
import pytest

from benchmarks.limit import Point
from benchmarks.limit_terms import Drawn, Terms, draw, signs, train
from bocnn.arrays import Array
from bocnn.theory.critical_ratio import (
    FROZEN,
    GRADIENT_FLOW,
    Overlap,
    clean_error,
    critical_ratio,
    noise_response,
)
from bocnn.theory.finite_dimension import class_correlation, correlation_coefficient


@pytest.mark.parametrize("overlap", [FROZEN, GRADIENT_FLOW], ids=str)
@pytest.mark.parametrize("correlation", [-0.6, -0.05, 0.4])
def test_the_error_with_a_correlation_is_that_of_monte_carlo(
    overlap: Overlap, correlation: float
) -> None:
    rng = np.random.default_rng(1)
    plus, other = rng.standard_normal((2, 400_000))
    minus = correlation * plus + np.sqrt(1 - correlation**2) * other
    wrong = noise_response(minus, overlap) - noise_response(plus, overlap) > 0.3
    error = clean_error(0.3, overlap, correlation=correlation)
    assert abs(error - wrong.mean()) < 4 * np.sqrt(error * (1 - error) / wrong.size)
    ratio = critical_ratio(0.1, overlap, correlation=correlation)
    assert clean_error(ratio, overlap, correlation=correlation) == pytest.approx(0.1)


def test_a_negative_correlation_needs_more_signal() -> None:
    assert class_correlation(Overlap(0.5, 0.25)) == pytest.approx(-2 * np.sqrt(0.5 / np.pi))
    coefficients = [correlation_coefficient(level) for level in (0.3, 0.2, 0.1, 0.05)]
    assert coefficients == pytest.approx([1.05, 0.77, 0.56, 0.47], abs=0.01)


def correlation(drawn: Drawn, u: Array, point: Point) -> float:
    """Mean covariance of filters of opposite classes over that of two filters of a class."""
    law = (u @ u.transpose(0, 2, 1)).mean(0)
    alike = np.equal.outer(signs(point.m), signs(point.m))
    pairs = alike & ~np.eye(2 * point.m, dtype=bool)
    return float(law[~alike].mean() / law[pairs].mean())


def test_small_steps_correlate_the_classes_at_finite_d_and_not_at_infinity() -> None:
    point, d = Point(n=40, step_size=0.02), 1e4
    drawn = draw(point, 24)
    flow = train(drawn, point, d, Terms(activity=True))
    limit = train(drawn, point, d, Terms())
    unit = np.sqrt(point.n / d)
    moved = correlation(drawn, flow.u, point) - correlation(drawn, limit.u, point)
    assert moved / unit == pytest.approx(class_correlation(), rel=0.12)

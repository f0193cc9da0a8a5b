"""Products of activations at correlated normals, against integrals over both."""

import numpy as np
import pytest

from bocnn.theory.proportional.hermite import product_moment
from bocnn.theory.proportional.moments import INTEGRATED, integrated
from tests.tolerance import assert_near

GRID = np.linspace(-9, 9, 721)
DENSITY = np.exp(-(GRID**2) / 2) / np.sqrt(2 * np.pi) * (GRID[1] - GRID[0])


def by_integral(name: str, scales: tuple[float, float], correlation: float) -> float:
    """Over u = a x and v = b (ρ x + √(1 − ρ²) y)."""
    u = integrated(name, scales[0] * GRID)[0]
    inner = correlation * GRID[:, None] + np.sqrt(1 - correlation**2) * GRID
    v = integrated(name, scales[1] * inner)[0]
    return float((u * DENSITY) @ v @ DENSITY)


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.4, 0.99, 1.0])
@pytest.mark.parametrize("scales", [(0.3, 1.0), (1.0, 1.0), (1.5, 2.5)])
@pytest.mark.parametrize("name", INTEGRATED)
def test_sums_are_the_integrals(name: str, scales: tuple[float, float], correlation: float) -> None:
    pair = np.array([[1.0, correlation], [correlation, 1.0]])
    found = product_moment(name, np.array(scales), pair)[0, 1]
    assert abs(found - by_integral(name, scales, correlation)) < 1e-9


@pytest.mark.parametrize("name", INTEGRATED)
def test_the_diagonal_is_exact_where_degrees_do_not_suffice(name: str) -> None:
    scale = 20.0
    found = product_moment(name, np.array([scale, 1.0]), np.eye(2))
    points = np.linspace(-9, 9, 40001)
    density = np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi) * (points[1] - points[0])
    assert_near(found[0, 0], float(integrated(name, scale * points)[0] ** 2 @ density))


def test_what_hardly_differs_keeps_its_difference() -> None:
    """Filters w and w + e: of the difference the power is that of its slope, e² E φ′², not rounding."""
    step, scales = 1e-6, np.array([2.0, 2.0 + 1e-6])
    found = product_moment("tanh", scales, np.ones((2, 2)))
    by_slope = float((integrated("tanh", 2 * GRID)[1] * GRID) ** 2 @ DENSITY) * step**2
    power = found[0, 0] - 2 * found[0, 1] + found[1, 1]
    assert abs(power - by_slope) < 1e-15
    assert np.linalg.eigvalsh(found).min() > -1e-15

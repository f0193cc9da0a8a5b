"""What the kernel regime predicts, against wide random first layers."""

import numpy as np
import pytest

from bocnn.theory import kernel
from tests.tolerance import assert_near

N, D = 12, 5


@pytest.fixture
def x() -> np.ndarray:
    rows = np.random.default_rng(3).standard_normal((N, D))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def y() -> np.ndarray:
    return np.random.default_rng(4).choice([-1.0, 1.0], N)


def slopes(x: np.ndarray, filters: int, seed: int) -> np.ndarray:
    """1 where a random filter is active on a point, (filters, n)."""
    return np.random.default_rng(seed).standard_normal((filters, D)) @ x.T > 0


def test_the_limit_is_the_mean_of_random_first_layers(x: np.ndarray) -> None:
    count = 200_000
    active = slopes(x, count, 0).astype(float)
    drawn = (x @ x.T) * (active.T @ active) / count
    error = np.abs(x @ x.T) * 0.5 / np.sqrt(count)
    assert (np.abs(drawn - kernel.limit_gram(x)) <= 4.5 * error).all()


def test_the_limit_has_halves_on_its_diagonal_and_is_positive(x: np.ndarray) -> None:
    gram = kernel.limit_gram(x)
    assert_near(np.diag(gram), np.full(N, 0.5))
    assert np.linalg.eigvalsh(gram)[0] > 0


def test_the_predicted_curve_is_repeated_multiplication(x: np.ndarray, y: np.ndarray) -> None:
    gram, left, expected = kernel.limit_gram(x), y, []
    for _ in range(31):
        expected.append(np.linalg.norm(left))
        left = left - 0.4 * gram @ left
    found = kernel.predicted_residual(gram, y, eta=0.4, steps=np.arange(31))
    assert_near(found, np.array(expected))


def test_the_worst_labels_fall_slowest(x: np.ndarray, y: np.ndarray) -> None:
    gram = kernel.limit_gram(x)
    worst = np.linalg.eigh(gram).eigenvectors[:, 0] * np.sqrt(N)
    ends = [kernel.predicted_residual(gram, z, eta=0.4, steps=np.array([50])) for z in (y, worst)]
    assert ends[0] < ends[1]


def test_the_distance_is_that_of_the_wide_networks_least_norm(x: np.ndarray, y: np.ndarray) -> None:
    """The least move of a linearized network that fits y has norm √(yᵀ H⁻¹ y), H near H∞."""
    count = 40_000
    active = slopes(x, count, 1).astype(float)
    drawn = (x @ x.T) * (active.T @ active) / count
    moved = np.sqrt(y @ np.linalg.solve(drawn, y))
    assert moved == pytest.approx(kernel.distance_bound(kernel.limit_gram(x), y), rel=0.05)


def test_the_bound_is_the_distance_by_the_samples(x: np.ndarray, y: np.ndarray) -> None:
    gram = kernel.limit_gram(x)
    expected = kernel.distance_bound(gram, y) * np.sqrt(2 / N)
    assert kernel.generalization_bound(gram, y) == pytest.approx(expected, rel=1e-12)


def test_parallel_points_have_no_finite_bound(x: np.ndarray, y: np.ndarray) -> None:
    twice = np.concatenate([x, x[:1]])
    gram = kernel.limit_gram(twice)
    assert kernel.complexity(gram, np.append(y, 1.0 - y[0])) > 1e12

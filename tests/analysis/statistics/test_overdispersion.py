"""Dispersion of replicates: what columns tell of each other, and what they do not."""

import numpy as np
import pytest

from analysis.statistics.overdispersion import dispersion, shared_dof, similarity_dof

COLUMNS, SWEEPS = 40, 400


def scores(shared: float, replicates: int, seed: int = 0, size: float = 1.0) -> np.ndarray:
    """Centred scores of columns that share a part of their variance, (columns, replicates)."""
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((COLUMNS, replicates)) * np.sqrt(1 - shared)
    common = rng.standard_normal(replicates) * np.sqrt(shared)
    each = np.sqrt(size) * (own + common)
    return (each - each.mean(axis=1, keepdims=True)) / np.sqrt(replicates)


def freedom(shared: float, replicates: int) -> float:
    """Median freedom of a column's dispersion over simulated sweeps."""
    found = [dispersion(scores(shared, replicates, k)).dof[0] for k in range(SWEEPS)]
    return float(np.median(found))


@pytest.mark.parametrize("replicates", [3, 10])
def test_independent_columns_lend_each_other_their_freedom(replicates: int) -> None:
    own = replicates - 1
    assert freedom(1.0, replicates) == pytest.approx(own)
    assert freedom(0.0, replicates) > 6 * own
    assert own < freedom(0.5, replicates) < freedom(0.1, replicates)


def test_the_size_is_the_columns_mean_where_they_are_alike_and_independent() -> None:
    found = [dispersion(scores(0.0, 3, k, size=2.0)).size for k in range(SWEEPS)]
    assert np.mean(found) == pytest.approx(2.0, rel=0.03)
    # A column's own dispersion of two degrees of freedom scatters by its own size.
    assert np.mean(np.std(found, axis=1)) < 0.7


def test_columns_that_differ_keep_their_own() -> None:
    calm, wild = scores(0.0, 60, 0, size=1.0), scores(0.0, 60, 1, size=9.0)
    found = dispersion(np.concatenate([calm, wild]))
    assert np.mean(found.size[:COLUMNS]) == pytest.approx(1.0, rel=0.25)
    assert np.mean(found.size[COLUMNS:]) == pytest.approx(9.0, rel=0.25)
    assert found.dof[0] < 2 * 59


@pytest.mark.parametrize("shape", [(1, 3), (5, 2), (0, 3)])
def test_too_little_to_compare_leaves_each_column_to_itself(shape: tuple[int, int]) -> None:
    each = np.random.default_rng(0).standard_normal(shape)
    each -= each.mean(axis=1, keepdims=True)
    found = dispersion(each)
    np.testing.assert_allclose(found.size, (each**2).sum(axis=1) * shape[1] / (shape[1] - 1))
    assert np.all(found.dof == shape[1] - 1)


def test_dof_is_between_that_of_one_column_and_of_all() -> None:
    one = np.ones((6, 6))
    assert shared_dof(one, 4) == pytest.approx(4)
    assert 4 < shared_dof(np.eye(6), 4) <= 24
    assert similarity_dof(np.ones(6), 4) == np.inf
    assert similarity_dof(np.array([0.01, 1.0, 100.0]), 30) < 1

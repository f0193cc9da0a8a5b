"""Draws without anything of size d have the law of drawn vectors."""

import numpy as np
import pytest
from scipy import stats

from bocnn.data.draws import (
    SIGNAL,
    Seed,
    draw_factor,
    draw_labels,
    draw_normals,
    draw_order,
)
from tests.bocnn.arenas import arena, passing


def seed(replicate: int) -> Seed:
    return Seed(np.uint64(7), np.uint64(8), np.uint64(replicate))


@pytest.mark.parametrize("dimension", [1, 2, 4, 5, 6, 40])
def test_inner_products_have_the_law_of_drawn_vectors(dimension: int) -> None:
    rows, draws = 5, 4_000
    generator = np.random.default_rng(dimension)
    vectors = generator.standard_normal((draws, rows, dimension))
    drawn = np.einsum("rid,rjd->rij", vectors, vectors)
    factors = [passing(draw_factor, seed(r), rows, dimension) for r in range(draws)]
    bartlett = np.array([factor.T @ factor for factor in factors])
    for i, j in [(0, 0), (4, 4), (0, 1), (2, 4), (3, 4)]:
        assert stats.ks_2samp(drawn[:, i, j], bartlett[:, i, j]).pvalue > 1e-3
    determinants = [np.linalg.det(gram[:3, :3]) for gram in (*drawn, *bartlett)]
    if dimension >= 3:
        assert stats.ks_2samp(determinants[:draws], determinants[draws:]).pvalue > 1e-3
    else:
        assert np.max(np.abs(determinants)) < 1e-8


def test_a_factor_has_no_more_rows_than_dimensions() -> None:
    assert draw_factor(seed(0), 9, 4, arena()).shape == (4, 9)
    assert draw_factor(seed(0), 4, 9, arena()).shape == (4, 4)


def test_an_epochs_order_is_a_uniform_permutation() -> None:
    counts = np.zeros((5, 5))
    for epoch in range(5_000):
        order = np.empty(5, np.int64)
        draw_order(seed(2), epoch, order)
        assert sorted(order) == [0, 1, 2, 3, 4]
        counts[np.arange(5), order] += 1
    # A position has each sample once, so counts vary by 1 − 1/5 of a Poisson count's variance.
    statistic = 0.8 * np.sum((counts - 1000.0) ** 2 / 1000.0)
    assert stats.chi2(16).sf(statistic) > 1e-3


def test_labels_are_balanced_and_flips_grow_with_p() -> None:
    flipped: set[int] = set()
    clean, _ = draw_labels(seed(1), 20_000, 0.0, arena())
    assert abs(clean.mean()) < 4 / np.sqrt(clean.size)
    for p in (0.0, 0.1, 0.3, 0.49):
        true, observed = draw_labels(seed(1), 20_000, p, arena())
        np.testing.assert_array_equal(true, clean)
        now = set(np.flatnonzero(true != observed).tolist())
        assert flipped <= now
        assert abs(len(now) / clean.size - p) < 4 * 0.5 / np.sqrt(clean.size)
        flipped = now


def test_normals_of_a_quantity_are_standard_over_replicates() -> None:
    drawn = np.concatenate(
        [passing(draw_normals, seed(r), SIGNAL, (5, 2))[:, 0] for r in range(2_000)]
    )
    assert stats.kstest(drawn, "norm").pvalue > 0.01

"""Draws without anything of size d have the law of drawn vectors."""

import numpy as np
import pytest
from scipy import stats

from bocnn.data.data_model import data_model_of
from bocnn.data.draws import (
    SIGNAL,
    Seed,
    draw_factor,
    draw_labels,
    draw_normals,
    draw_order,
)
from bocnn.data.records import EVEN_CLASSES, Classes, Flips
from tests.bocnn.arenas import arena, passing


def seed(replicate: int) -> Seed:
    return Seed(np.uint64(7), np.uint64(8), np.uint64(replicate))


@pytest.mark.parametrize(
    ("dimension", "block"), [(1, 0), (2, 0), (4, 0), (5, 0), (6, 0), (40, 0), (40, 3)]
)
def test_inner_products_have_the_law_of_drawn_vectors(dimension: int, block: int) -> None:
    rows, draws = 5, 4_000
    generator = np.random.default_rng(dimension)
    vectors = generator.standard_normal((draws, rows, dimension))
    drawn = np.einsum("rid,rjd->rij", vectors, vectors)
    factors = [passing(draw_factor, seed(r), rows, dimension, block) for r in range(draws)]
    bartlett = np.array([factor.T @ factor for factor in factors])
    for i, j in [(0, 0), (4, 4), (0, 1), (2, 4), (3, 4)]:
        assert stats.ks_2samp(drawn[:, i, j], bartlett[:, i, j]).pvalue > 1e-3
    determinants = [np.linalg.det(gram[:3, :3]) for gram in (*drawn, *bartlett)]
    if dimension >= 3:
        assert stats.ks_2samp(determinants[:draws], determinants[draws:]).pvalue > 1e-3
    else:
        assert np.max(np.abs(determinants)) < 1e-8


def test_a_factor_has_no_more_rows_than_dimensions() -> None:
    assert draw_factor(seed(0), 9, 4, 0, arena()).shape == (4, 9)
    assert draw_factor(seed(0), 4, 9, 0, arena()).shape == (4, 4)


def test_blocks_have_random_numbers_of_their_own() -> None:
    one, other = (passing(draw_factor, seed(0), 4, 9, block) for block in (0, 1))
    assert not np.isclose(one, other)[np.triu_indices(4)].any()


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
    clean, _ = draw_labels(seed(1), 20_000, EVEN_CLASSES, Flips(0.0, 0.0, False), arena())
    assert abs(clean.mean()) < 4 / np.sqrt(clean.size)
    for p in (0.0, 0.1, 0.3, 0.5):
        true, observed = draw_labels(seed(1), 20_000, EVEN_CLASSES, Flips(p, p, False), arena())
        np.testing.assert_array_equal(true, clean)
        now = set(np.flatnonzero(true != observed).tolist())
        assert flipped <= now
        assert abs(len(now) / clean.size - p) < 4 * 0.5 / np.sqrt(clean.size)
        flipped = now


@pytest.mark.parametrize("share", [0.5, 0.2, 0.05])
@pytest.mark.parametrize("counted", [False, True])
def test_classes_have_their_share_and_the_minority_grows_with_it(
    share: float, counted: bool
) -> None:
    none = Flips(0.0, 0.0, False)
    true, _ = draw_labels(seed(1), 2_001, Classes(1 - share, counted), none, arena())
    smaller, _ = draw_labels(seed(1), 2_001, Classes(1 - share / 2, counted), none, arena())
    spread = 0.5 if counted else 4 * np.sqrt(2_001 * share * (1 - share))
    assert abs(np.sum(true < 0) - 2_001 * share) <= spread
    assert ((smaller < 0) <= (true < 0)).all()


@pytest.mark.parametrize("flips", [Flips(0.3, 0.0, False), Flips(0.1, 0.4, False)])
def test_each_class_is_flipped_with_a_probability_of_its_own(flips: Flips) -> None:
    true, observed = draw_labels(seed(1), 20_000, EVEN_CLASSES, flips, arena())
    for label, p in ((1.0, flips.positive), (-1.0, flips.negative)):
        share = np.mean(observed[true == label] != label)
        assert abs(share - p) <= 4 * np.sqrt(p * (1 - p) / 9_000)


@pytest.mark.parametrize(
    ("n", "p", "count"), [(20, 0.2, 4), (21, 0.5, 11), (20, 0.02, 0), (7, 0.1, 1)]
)
def test_a_counted_process_flips_an_exact_number_and_a_growing_set(
    n: int, p: float, count: int
) -> None:
    for r in range(20):
        true, observed = draw_labels(seed(r), n, EVEN_CLASSES, Flips(p, p, True), arena())
        assert np.sum(true != observed) == count
        fewer = draw_labels(seed(r), n, EVEN_CLASSES, Flips(p / 2, p / 2, True), arena())[1]
        assert ((fewer != true) <= (observed != true)).all()


@pytest.mark.parametrize("word", ["flip", "asymmetric", "count"])
def test_labels_of_the_data_model_are_those_of_the_compiled_draw(word: str) -> None:
    row = {"data": "signal", "noise": "orthogonal", "n": 200, "label_process": word}
    row |= {"p_flip": 0.3, "p_flip_negative": 0.1}
    drawn = data_model_of(row).draw_labels(row, seed(4))
    negative = 0.1 if word == "asymmetric" else 0.3
    true, observed = draw_labels(
        seed(4), 200, EVEN_CLASSES, Flips(0.3, negative, word == "count"), arena()
    )
    np.testing.assert_array_equal(drawn.true, true)
    np.testing.assert_array_equal(drawn.observed, observed)


def test_normals_of_a_quantity_are_standard_over_replicates() -> None:
    drawn = np.concatenate(
        [passing(draw_normals, seed(r), SIGNAL, (5, 2))[:, 0] for r in range(2_000)]
    )
    assert stats.kstest(drawn, "norm").pvalue > 0.01

"""Counts of classes and flips: against drawn training sets, and what they do to a mean and a median."""

import numpy as np
import pytest
from scipy.special import ndtr

from bocnn.arrays import Array
from bocnn.theory.critical_ratio import GRADIENT_FLOW, noise_response
from bocnn.theory.predictions.counts import (
    class_counts,
    kept_labels,
    mean_over_counts,
    median_over_counts,
    training_sets,
)
from bocnn.theory.predictions.error import error_at

ROOTS = np.array([0.3, 0.8, 1.5])


def linear_error(kept: float, _memorized: float) -> Array:
    """Of a linear classifier."""
    return np.asarray(ndtr(-kept * ROOTS))


def drawn(n: int, p_flip: float, sets: int) -> tuple[Array, Array]:
    """q and s of both classes in drawn training sets, shape (2, sets) each."""
    rng = np.random.default_rng(3)
    true = rng.choice([-1, 1], (sets, n))
    observed = np.where(rng.random((sets, n)) < p_flip, -true, true)
    kept = [((true == side) * true * observed).sum(axis=1) for side in (1, -1)]
    memorized = [(observed == side).sum(axis=1) for side in (1, -1)]
    return np.array(kept) * 2 / n, np.array(memorized) * 2 / n


@pytest.mark.parametrize(("n", "p_flip"), [(1, 0.3), (7, 0.0), (20, 0.2), (60, 0.35), (1000, 0.1)])
def test_counts_are_those_of_drawn_training_sets(n: int, p_flip: float) -> None:
    of, (kept, memorized) = class_counts(n, p_flip), drawn(n, p_flip, 20_000)
    assert of.probability.sum() == pytest.approx(1)
    for exact, found in ((of.kept, kept[0]), (of.memorized, memorized[0])):
        mean = np.sum(of.probability * exact)
        assert abs(mean - found.mean()) < 4 * found.std() / 20_000**0.5 + 1e-9
    spread = np.sum(of.probability * (of.kept - np.sum(of.probability * of.kept)) ** 2)
    assert spread == pytest.approx(kept[0].var(), rel=0.06)
    if n <= 200:
        together = np.sum(of.probability * of.kept * of.memorized)
        assert together == pytest.approx(np.mean(kept[0] * memorized[0]), abs=0.02)


@pytest.mark.parametrize(("n", "p_flip"), [(9, 0.0), (20, 0.3)])
def test_mean_and_median_are_those_of_drawn_training_sets(n: int, p_flip: float) -> None:
    kept, _ = drawn(n, p_flip, 20_000)
    errors = ndtr(-kept[:, :, None] * ROOTS).mean(axis=0)
    mean, median = (
        over(n, p_flip, linear_error) for over in (mean_over_counts, median_over_counts)
    )
    np.testing.assert_allclose(mean, errors.mean(axis=0), atol=4e-3)
    np.testing.assert_allclose(median, np.median(errors, axis=0), atol=0.02)
    assert (mean > median).all()


def test_classes_of_a_set_share_its_samples() -> None:
    sets = training_sets(20, 0.2)
    np.testing.assert_allclose(sets.memorized.sum(axis=0), 2)
    assert sets.kept.sum(axis=0).std() > 0.1


@pytest.mark.parametrize("memorized", [0.4, 0.85, 1.0, 1.5])
@pytest.mark.parametrize("ratio", [-0.4, 0.0, 0.2, 0.6])
def test_the_error_of_unequal_classes_is_that_of_draws(memorized: float, ratio: float) -> None:
    plus, minus = np.random.default_rng(0).normal(size=(2, 400_000))
    own, other = (
        np.sqrt(share) * noise_response(z, GRADIENT_FLOW)
        for share, z in ((memorized, plus), (2 - memorized, minus))
    )
    error = float(error_at(np.array(ratio), GRADIENT_FLOW, memorized=memorized))
    assert abs(error - np.mean(other - own > ratio)) < 4 * 0.5 / 400_000**0.5


def test_a_mean_over_few_samples_is_above_that_of_many_and_goes_to_it() -> None:
    """Of a convex error: by the variance of q, 1/n, times half the curvature."""
    many = linear_error(1.0, 1.0)
    excess = [mean_over_counts(n, 0.0, linear_error) - many for n in (40, 80)]
    density = np.exp(-(ROOTS**2) / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(excess[1], ROOTS**3 * density / 160, rtol=0.1)
    np.testing.assert_allclose(excess[0] / excess[1], 2, rtol=0.1)


@pytest.mark.parametrize(("n", "p_flip"), [(20, 0.1), (60, 0.35), (10_000, 0.2)])
def test_flips_of_equal_classes_are_binomial(n: int, p_flip: float) -> None:
    kept, probability = kept_labels(n, p_flip)
    assert probability.sum() == pytest.approx(1)
    assert np.sum(probability * kept) == pytest.approx(1 - 2 * p_flip, abs=1e-3)
    variance = np.sum(probability * (kept - (1 - 2 * p_flip)) ** 2)
    assert variance == pytest.approx(4 * p_flip * (1 - p_flip) / (n // 2), rel=0.02)
    assert kept_labels(n, 0.0) == (1, 1)

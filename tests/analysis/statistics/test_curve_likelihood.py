"""The likelihood of psychometric curves over a grid: floor and gap are those of the full grid."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from analysis.statistics import curve_likelihood, psychometric
from analysis.statistics.curve_likelihood import LAPSES, Counts, curve, grid_likelihood
from analysis.statistics.psychometric import fit_curves

U = np.linspace(0.0, 3.0, 16)


def drawn(seed: int, *, lapses: tuple[float, float], runs: int) -> Counts:
    """Counts of twelve columns whose thresholds move over the grid."""
    rng = np.random.default_rng(seed)
    thresholds = np.linspace(0.2, 2.8, 12)[:, None]
    width = np.array(rng.uniform(0.02, 0.6))
    share = curve(U, threshold=thresholds, width=width, lapses=lapses, link="probit")
    return Counts(rng.binomial(runs, share).astype(float), np.full(share.shape, float(runs)))


@pytest.mark.parametrize("runs", [3, 20])
@pytest.mark.parametrize("lapses", [(0.0, 0.0), (0.02, 0.1), (0.07, 0.01), (0.07, 0.07)])
def test_floor_and_gap_are_those_that_all_pairs_in_full_would_give(
    monkeypatch: pytest.MonkeyPatch, lapses: tuple[float, float], runs: int
) -> None:
    for seed in range(10):
        counts = drawn(seed, lapses=lapses, runs=runs)
        found = grid_likelihood(counts, U, link="probit", lapses=LAPSES)
        with monkeypatch.context() as patch:
            patch.setattr(curve_likelihood, "COARSE_MARGIN", np.inf)
            full = grid_likelihood(counts, U, link="probit", lapses=LAPSES)
        assert (found.floor, found.gap) == (full.floor, full.gap)
        np.testing.assert_array_equal(found.likelihood, full.likelihood)


def test_the_likelihood_of_all_columns_is_that_of_each_one() -> None:
    """Binomial, whatever runs its cells have."""
    counts = drawn(0, lapses=(0.02, 0.1), runs=6)
    runs = counts.runs.copy()
    runs[3, 4:7], runs[5] = 0.0, 9.0
    counts = Counts(np.minimum(counts.upper, runs), runs)
    rng = np.random.default_rng(1)
    share = rng.uniform(0.01, 0.99, (40, len(U)))
    table = curve_likelihood._Table(np.log(share / (1 - share)), np.log1p(-share))
    found = table.loss(counts)
    for upper, own, loss in zip(*counts, found, strict=True):
        expected = upper * np.log(share) + (own - upper) * np.log1p(-share)
        np.testing.assert_allclose(loss, expected.sum(axis=1), rtol=1e-12)


def test_thresholds_between_candidates_are_on_the_spline() -> None:
    counts = drawn(2, lapses=(0.0, 0.0), runs=6)
    curves = fit_curves(counts, U)
    thresholds, fine = psychometric._fine(curves, curves.likelihood)
    assert len(thresholds) == psychometric.SPLINE_REFINEMENT * (len(curves.thresholds) - 1) + 1
    expected = CubicSpline(curves.thresholds, curves.likelihood, axis=1)(thresholds)
    np.testing.assert_allclose(fine, expected, rtol=1e-9, atol=1e-9)

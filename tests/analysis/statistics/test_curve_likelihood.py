"""The likelihood of psychometric curves over a grid: floor and gap are those of the full grid."""

import numpy as np
import pytest

from analysis.statistics import curve_likelihood
from analysis.statistics.curve_likelihood import LAPSES, Counts, curve, grid_likelihood

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

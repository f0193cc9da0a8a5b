"""Half of the runs benign: planted thresholds come back, clean gaps stay open, lapses do no harm."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from analysis.boundary.mean_crossing import MEDIAN
from analysis.boundary.median_crossing import find_median_boundary
from analysis.errors import AnalysisError
from analysis.statistics.bootstrap import Resampling
from analysis.statistics.curve_likelihood import Counts, curve
from analysis.statistics.psychometric import confidence_distribution, fit_curves, quantiles
from tests.analysis.synthetic import Planted, cells_of

FINE = tuple(float(v) for v in np.geomspace(0.5, 20.0, 24))
FEW = Resampling(draws=200)


@pytest.mark.parametrize("link", ["probit", "logistic"])
def test_a_curve_is_one_half_at_its_threshold(link: str) -> None:
    u = np.linspace(-3, 3, 13)
    value = curve(u, threshold=np.array(0.5), width=np.array(0.7), lapses=(0.03, 0.12), link=link)
    assert value[7] == pytest.approx(0.5)
    assert np.all(np.diff(value) > 0)
    assert 0.03 <= value.min() < value.max() <= 0.88


def test_the_most_likely_curve_is_that_of_an_optimizer() -> None:
    u = np.linspace(-2, 2, 17)
    runs = np.full(17, 40.0)
    upper = np.random.default_rng(0).binomial(40, stats.norm.cdf((u - 0.3) / 0.5)).astype(float)

    def loss(p: np.ndarray) -> float:
        value = np.clip(stats.norm.cdf((u - p[0]) / np.exp(p[1])), 1e-9, 1 - 1e-9)
        return -float(np.sum(upper * np.log(value) + (runs - upper) * np.log1p(-value)))

    best = optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead")
    found = fit_curves(Counts(upper[None], runs[None]), u, lapses=(0.0,))
    assert quantiles(found, np.array([[0.5]])).item() == pytest.approx(best.x[0], abs=0.005)
    assert found.width[0] == pytest.approx(np.exp(best.x[1]), rel=0.2)
    assert found.likelihood.max() == pytest.approx(-best.fun, abs=0.2)


def test_the_interval_is_that_of_the_profile_likelihood() -> None:
    u = np.linspace(-2, 2, 33)
    runs = np.full((1, 33), 200.0)
    upper = np.round(200 * stats.norm.cdf(u / 0.5))[None]
    found = fit_curves(Counts(upper, runs), u, lapses=(0.0,))
    low, high = quantiles(found, np.array([[0.025], [0.975]]))[:, 0]
    drop = found.likelihood[0].max() - np.interp([low, high], found.thresholds, found.likelihood[0])
    np.testing.assert_allclose(2 * drop, stats.chi2.ppf(0.95, 1), rtol=0.15)


def test_between_cleanly_separated_cells_every_threshold_is_about_as_likely() -> None:
    u = np.arange(10.0)
    upper = np.where(u < 4.5, 0.0, 20.0)[None]
    found = fit_curves(Counts(upper, np.full((1, 10), 20.0)), u)
    thresholds, share = confidence_distribution(found)
    inside = (thresholds >= 4.2) & (thresholds <= 4.8)
    np.testing.assert_allclose(share[0, inside], thresholds[inside] - 4.0, atol=0.13)


@pytest.mark.parametrize("rising", [False, True])
def test_planted_thresholds_come_back(rising: bool) -> None:
    planted = Planted(y=FINE, factors=(1.0, 1.3), rising=rising, replicates=20)
    boundary = find_median_boundary(cells_of(planted), 0.25, resampling=FEW)
    truth = np.log(planted.boundary())
    assert boundary.definition == MEDIAN
    assert boundary.rising.tolist() == [rising] * 2
    assert np.abs(boundary.estimate - truth).max() < 0.25
    assert np.mean((boundary.low <= truth) & (truth <= boundary.high)) > 0.8
    assert boundary.raw is not None
    assert np.nanmedian(np.abs(boundary.raw - truth)) < 0.2


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_what_replicates_share_widens_the_interval(shared: float) -> None:
    planted = Planted(y=FINE, replicates=20, spread=0.0)
    cells = cells_of(planted)
    rng = np.random.default_rng(1)
    own, common = rng.standard_normal(cells.values.shape), rng.standard_normal(20)
    noise = np.sqrt(1 - shared) * own + np.sqrt(shared) * common
    u = np.log(np.array(FINE))[:, None] - np.log(planted.boundary())[:, :, None, None]
    noisy = replace(cells, values=0.5 / (1 + np.exp(5 * (u + 0.4 * noise))))
    together, apart = (
        find_median_boundary(noisy, 0.25, resampling=replace(FEW, resample_jointly=one))
        for one in (True, False)
    )
    ratio = np.median((together.high - together.low) / (apart.high - apart.low))
    if shared:
        assert ratio > 1.8
        # All columns move together, so the draws do.
        assert np.corrcoef(together.draws[:, 0].T)[0, 1] > 0.9
    else:
        assert 1.0 <= ratio < 1.4


def test_columns_that_never_cross_are_censored() -> None:
    planted = Planted(y=tuple(np.geomspace(2.2, 3.2, 12)), spread=0.05, constant=0.6)
    boundary = find_median_boundary(cells_of(planted), 0.25, resampling=FEW)
    states = [boundary.state(0, i) for i in range(8)]
    assert (states[0], states[-1]) == ("below grid", "above grid")
    assert "inside" in states


def test_a_column_without_runs_has_no_boundary() -> None:
    cells = cells_of(Planted(y=FINE))
    values = cells.values.copy()
    values[:, 2] = np.nan
    boundary = find_median_boundary(replace(cells, values=values), 0.25, resampling=FEW)
    assert boundary.state(0, 2) == "no data"
    assert np.isnan(boundary.low[0, 2])
    assert boundary.state(0, 3) == "inside"


def test_errors_are_reported() -> None:
    with pytest.raises(AnalysisError, match=r"link 'probti'.*Did you mean 'probit'"):
        find_median_boundary(cells_of(Planted()), 0.25, link="probti")
    with pytest.raises(AnalysisError, match=r"'mu_norm' has 1 value; expected at least 2"):
        find_median_boundary(cells_of(Planted(y=(1.0,))), 0.25)

"""Quantities over a setting, local exponents, and measures that settle."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.dataset.plane import equal
from analysis.scaling.power_law import Estimate
from analysis.scaling.prediction import AGREES, DISAGREES
from analysis.scaling.sliding_exponent import local_exponents
from analysis.scaling.trend import fit_power, follow
from analysis.statistics.bootstrap import Resampling
from analysis.training.settling import FALLS, GROWS, INCONCLUSIVE, SETTLES, ending, median
from sweeps.declare.analysis_spec import TrendSpec
from tests.analysis.exact import exact_boundary
from tests.analysis.synthetic import Planted, cells_of

SIZES = np.array([10.0, 20.0, 40.0, 80.0])


def measured(values: np.ndarray, error: float) -> list[Estimate]:
    """Estimates whose 95 % intervals have a relative error."""
    return [Estimate(v, v * np.exp(-1.96 * error), v * np.exp(1.96 * error)) for v in values]


def test_a_power_of_the_setting_comes_back_as_often_as_stated() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(400):
        noisy = 3 * SIZES**-0.25 * np.exp(0.1 * rng.standard_normal(4))
        power, _ = fit_power(SIZES, measured(noisy, 0.1), confidence=0.95)
        assert power is not None
        covered.append(power.low < -0.25 < power.high)
    assert 0.93 <= np.mean(covered) <= 1.0


def test_scatter_beyond_the_errors_widens_the_interval() -> None:
    scattered = SIZES**-0.25 * np.array([1.0, 2.0, 0.5, 1.0])
    narrow, _ = fit_power(SIZES, measured(SIZES**-0.25, 0.01), confidence=0.95)
    wide, _ = fit_power(SIZES, measured(scattered, 0.01), confidence=0.95)
    assert narrow is not None and wide is not None
    assert wide.high - wide.low > 20 * (narrow.high - narrow.low)


def test_missing_and_open_estimates_are_left_out() -> None:
    some = [*measured(SIZES[:2], 0.1), None, Estimate(80.0, 0.0, np.inf)]
    power, reason = fit_power(SIZES, some, confidence=0.95)
    assert power is None and reason == "2 of at least 3 values with a closed interval"


def boundary_of(planted: Planted, *settings: dict[str, float]) -> Boundary:
    """The boundary of a planted sweep whose settings hold these values."""
    cells = cells_of(planted)
    plane = replace(cells.plane, settings=tuple(map(equal, settings)), setting_values=settings)
    named = replace(cells, plane=plane)
    return find_boundary(named, 0.25, resampling=Resampling(draws=200))


def test_exponents_and_shifts_are_followed_over_a_setting() -> None:
    planted = Planted(factors=(1.0, 1.3, 1.69), spread=0.2)
    values = [1.0, 2.0, 3.0000001]
    boundary = boundary_of(planted, *({"p_flip": value} for value in values))
    (shift,) = follow(boundary, TrendSpec("p_flip", "shift"))
    # As they are, not as labels round them.
    assert shift.values.tolist() == values and shift.verdict == ""
    assert [e.value for e in shift.estimates if e] == pytest.approx([1.0, 1.3, 1.69], rel=0.1)
    (exponent,) = follow(boundary, TrendSpec("p_flip", "exponent", limit=0.25))
    assert exponent.verdict == AGREES
    assert all(e is not None and abs(e.value - 0.25) < 0.1 for e in exponent.estimates)
    (other,) = follow(boundary, TrendSpec("p_flip", "exponent", limit=0.9))
    assert other.verdict == DISAGREES


def test_other_settings_are_held_fixed() -> None:
    planted = Planted(factors=(1.0, 1.0, 1.5, 1.5), spread=0.1)
    settings = [{"d": d, "p_flip": p} for d in (10, 20) for p in (0, 0.1)]
    boundary = boundary_of(planted, *settings)
    found = follow(boundary, TrendSpec("d", "exponent"))
    assert [trend.others for trend in found] == ["p_flip = 0", "p_flip = 0.1"]
    assert [trend.values.tolist() for trend in found] == [[10, 20], [10, 20]]
    assert follow(boundary, TrendSpec("m", "exponent")) == []


def test_local_exponents_follow_a_bent_boundary() -> None:
    x = np.geomspace(1, 1000, 24)
    found = local_exponents(exact_boundary(np.exp(0.05 * np.log(x) ** 2), x=x), 0)
    assert len(found) == 12
    for one in found:
        assert one.law.slope is not None
        assert one.law.slope.value == pytest.approx(0.1 * np.log(one.at), abs=0.02)


def test_a_plane_of_few_columns_has_no_local_exponents() -> None:
    x = np.geomspace(1, 1000, 5)
    assert local_exponents(exact_boundary(x**0.25, x=x), 0) == ()


@pytest.mark.parametrize(
    ("power", "verdict"), [(1.0, GROWS), (0.0, SETTLES), (-0.5, FALLS), (0.02, INCONCLUSIVE)]
)
def test_a_measure_that_grows_or_settles(power: float, verdict: str) -> None:
    rng = np.random.default_rng(2)
    steps = np.arange(101.0)
    runs = np.exp(rng.normal(size=(40, 1))) * np.maximum(steps, 1) ** (
        power + 0.01 * rng.normal(size=(40, 1))
    )
    found = ending(steps, runs)
    assert found.verdict == verdict
    assert found.growth is not None
    assert found.growth.low <= power <= found.growth.high


def test_too_few_runs_have_no_median_interval() -> None:
    assert median(np.arange(5.0), 0.95) is None
    steps, runs = np.arange(3.0), np.ones((5, 3))
    assert ending(steps, runs).verdict == INCONCLUSIVE


def test_the_medians_interval_holds_as_stated() -> None:
    rng = np.random.default_rng(3)
    found = [median(rng.exponential(size=20), 0.95) for _ in range(1000)]
    covered = np.mean([one.low < np.log(2) < one.high for one in found if one])
    assert 0.94 < covered < 0.98

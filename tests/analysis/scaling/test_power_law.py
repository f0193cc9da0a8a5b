"""Laws: the planted exponent comes back at its coverage; a law that does not hold shows."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.cells import Cells
from analysis.scaling.paired_shift import boundary_shift
from analysis.scaling.power_law import fit_power_law
from analysis.scaling.prediction import compare
from analysis.statistics.bootstrap import Resampling
from analysis.statistics.profiles import straight_profiles
from sweeps.declare.analysis_spec import PredictionSpec
from tests.analysis.exact import cut, exact_boundary
from tests.analysis.synthetic import Planted, cells_of

FINE = tuple(float(v) for v in np.geomspace(0.5, 20.0, 24))
PAIRED = frozenset({"factor"})
QUARTER = PredictionSpec("a quarter", 0.25, None, "planted")


@cache
def boundaries(replicates: int) -> tuple[Boundary, ...]:
    """Boundaries of forty sweeps of two settings, factor 1.3 apart."""
    return tuple(
        find_boundary(
            cells_of(Planted(replicates=replicates, y=FINE, factors=(1.0, 1.3), seed=seed)),
            0.25,
            resampling=Resampling(draws=300, seed=seed),
        )
        for seed in range(40)
    )


@pytest.mark.parametrize("replicates", [10, 40])
def test_slope_intervals_hold_the_planted_exponent(replicates: int) -> None:
    laws = [fit_power_law(b, s) for b in boundaries(replicates) for s in (0, 1)]
    slopes = [law.slope for law in laws if law.slope]
    assert len(slopes) == 80
    assert np.mean([one.value for one in slopes]) == pytest.approx(0.25, abs=0.01)
    assert 0.88 <= np.mean([one.low <= 0.25 <= one.high for one in slopes]) <= 1.0
    assert 0.5 < np.mean([law.misfit for law in laws]) < 1.5


@pytest.mark.parametrize("replicates", [10, 40])
def test_shift_intervals_hold_the_planted_factor(replicates: int) -> None:
    means = [boundary_shift(b, 1).mean for b in boundaries(replicates)]
    covered = [mean is not None and mean.low <= 1.3 <= mean.high for mean in means]
    assert np.mean(covered) >= 0.88


def unpaired(boundary: Boundary) -> Boundary:
    """The boundary of a dataset that does not say that its settings share their draws."""
    return replace(boundary, plane=replace(boundary.plane, paired=frozenset()))


def independent(replicates: int, seed: int) -> Cells:
    """Two settings, factor 1.3 apart, each with random numbers of its own."""
    one, other = (
        cells_of(Planted(replicates=replicates, y=FINE, factors=(1.0, 1.3), seed=s))
        for s in (seed, 1000 + seed)
    )
    values = np.stack([one.values[0], other.values[1]])
    return replace(one, values=values, plane=replace(one.plane, paired=frozenset()))


@pytest.mark.parametrize("replicates", [3, 10])
def test_unpaired_shift_intervals_hold_the_planted_factor(replicates: int) -> None:
    found = [
        find_boundary(independent(replicates, seed), 0.25, resampling=Resampling(draws=300))
        for seed in range(40)
    ]
    shifts = [boundary_shift(b, 1) for b in found]
    assert not any(shift.paired for shift in shifts)
    means = [shift.mean for shift in shifts]
    covered = [mean is not None and mean.low <= 1.3 <= mean.high for mean in means]
    assert np.mean(covered) >= 0.88
    taken = [boundary_shift(replace(b, plane=replace(b.plane, paired=PAIRED)), 1) for b in found]
    widths = [
        np.mean([s.mean.high - s.mean.low for s in part if s.mean]) for part in (shifts, taken)
    ]
    assert widths[0] < widths[1]  # the noise of both has more degrees of freedom than that of pairs


def test_a_shift_is_paired_where_the_dataset_says_so_of_all_that_differs() -> None:
    settings = ({"p": 0, "n": 1}, {"p": 1, "n": 1}, {"p": 0, "n": 2}, {"p": 1, "n": 2})
    plane = replace(boundaries(10)[0].plane, setting_values=settings, paired=frozenset({"p"}))
    assert [plane.are_paired(0, s) for s in range(4)] == [True, True, False, False]
    assert not replace(plane, setting_values=()).are_paired(0, 1)


def test_pairing_narrows_the_shift() -> None:
    # A shift below one step of the grid, so that both boundaries rest on the same cells.
    near = Planted(replicates=20, y=FINE, factors=(1.0, 1.04), seed=1)
    boundary = find_boundary(cells_of(near), 0.25, resampling=Resampling(draws=500))
    paired, apart = (boundary_shift(b, 1) for b in (boundary, unpaired(boundary)))
    assert paired.paired and not apart.paired
    assert paired.mean is not None
    assert apart.mean is not None
    assert paired.mean.value == apart.mean.value
    assert paired.mean.high - paired.mean.low < 0.8 * (apart.mean.high - apart.mean.low)
    assert paired.factor
    assert paired.none == 1.0


def test_a_shift_on_a_linear_axis_is_a_difference() -> None:
    one = exact_boundary(np.full(5, 2.0), x=np.arange(1.0, 6), log=False)
    crossings = np.concatenate([one.estimate[None], one.draws])
    both = replace(
        one,
        plane=replace(
            one.plane,
            settings=("a", "b"),
            setting_values=({"p": 0}, {"p": 1}),
            paired=frozenset({"p"}),
        ),
        profiles=straight_profiles(np.concatenate([crossings, crossings + 0.5], 1), (0.2, 20.0)),
        rising=np.array([False, False]),
        **{
            name: np.concatenate([getattr(one, name), getattr(one, name) + 0.5], axis=axis)
            for name, axis in (("estimate", 0), ("low", 0), ("high", 0), ("draws", 1))
        },
        runs=np.full((2, 5), 20.0),
    )
    shift = boundary_shift(both, 1)
    assert not shift.factor
    assert shift.none == 0.0
    assert shift.mean is not None
    assert shift.mean.value == pytest.approx(0.5)
    assert shift.mean.high - shift.mean.low < 1e-9


def test_exact_laws_come_back() -> None:
    x = np.geomspace(1, 1000, 9)
    power = fit_power_law(exact_boundary(3 * x**0.4, x=x, error=1e-6), 0)
    assert power.slope is not None
    assert power.intercept is not None
    assert power.slope.value == pytest.approx(0.4)
    assert power.intercept.value == pytest.approx(np.log(3))
    for log in (True, False):
        line = fit_power_law(exact_boundary(2 + 0.5 * x, x=x, error=1e-6, log=log), 0, kind="line")
        assert line.slope is not None
        assert line.intercept is not None
        assert line.slope.value == pytest.approx(0.5, rel=1e-4)
        assert line.intercept.value == pytest.approx(2, rel=1e-3)
    from_linear_axis = fit_power_law(exact_boundary(3 * x**0.4, x=x, error=1e-6, log=False), 0)
    assert from_linear_axis.slope is not None
    assert from_linear_axis.slope.value == pytest.approx(0.4, rel=1e-4)


def test_a_boundary_without_any_noise_is_fitted() -> None:
    x = np.geomspace(1, 1000, 9)
    law = fit_power_law(exact_boundary(3 * x**0.4, x=x, error=0.0), 0)
    assert law.slope is not None
    assert law.slope.low == pytest.approx(law.slope.high) == pytest.approx(0.4)


def test_the_range_limits_the_columns() -> None:
    x = np.geomspace(1, 1000, 13)
    kinked = exact_boundary(np.where(x < 30, x**0.5, 30**0.5 * (x / 30) ** 0.1), x=x)
    low, high = (fit_power_law(kinked, 0, x_range=span).slope for span in ((0, 29.0), (31.0, 2000)))
    assert low is not None
    assert high is not None
    assert low.value == pytest.approx(0.5, abs=0.02)
    assert high.value == pytest.approx(0.1, abs=0.02)
    assert fit_power_law(kinked, 0).misfit > 10


@pytest.mark.parametrize(
    ("columns", "exponent", "error", "verdict"),
    [
        (8, 0.25, 0.01, "agrees"),
        (8, 0.30, 0.01, "disagrees"),
        (3, 0.25, 0.01, "inconclusive"),
        (8, 0.25, 1.0, "inconclusive"),
    ],
)
def test_verdicts(columns: int, exponent: float, error: float, verdict: str) -> None:
    x = np.geomspace(10, 1000, columns)
    noisy = exact_boundary(x**0.25, x=x, error=error)
    assert compare(noisy, 0, theory=replace(QUARTER, exponent=exponent)).verdict == verdict


def test_a_misfit_is_said() -> None:
    x = np.geomspace(1, 1000, 13)
    bent = exact_boundary(np.exp(0.25 * np.log(x) + 0.1 * (np.arange(13) % 2)), x=x)
    found = compare(bent, 0, theory=QUARTER)
    assert found.words == f"{found.verdict}; poor fit"
    assert found.law.misfit > 3


def test_the_constant_at_a_fixed_exponent_draws_theorys_line() -> None:
    x = np.geomspace(10, 1000, 8)
    found = compare(exact_boundary(7 * x**0.25, x=x), 0, theory=QUARTER)
    assert found.constant is not None
    assert found.constant.value == pytest.approx(np.log(7))
    assert found.constant.low < np.log(7) < found.constant.high


def test_too_few_columns_are_no_error() -> None:
    x = np.geomspace(10, 1000, 8)
    open_ended = exact_boundary(x**0.25, x=x)
    open_ended.estimate[0, 1:] = np.inf
    open_ended.high[0, 1:] = np.inf
    law = fit_power_law(open_ended, 0)
    assert law.slope is None
    assert law.reason == "1 of at least 2 columns cross inside the grid, with an interval"
    assert (law.columns, law.columns_in_range) == (1, 8)
    assert compare(open_ended, 0, theory=QUARTER).verdict == "inconclusive"
    nothing = replace(QUARTER, x_range=(1e6, 1e7))
    assert compare(open_ended, 0, theory=nothing).constant is None


def test_a_power_law_leaves_out_what_has_no_logarithm() -> None:
    x = np.arange(6.0)
    boundary = exact_boundary(2 * np.maximum(x, 0.1) ** 0.5, x=x, log=False)
    boundary.estimate[0, 1] = -0.1
    law, line = (fit_power_law(boundary, 0, kind=kind) for kind in ("power", "line"))
    assert law.slope is not None
    assert law.slope.value == pytest.approx(0.5, rel=0.01)
    assert (law.columns, law.columns_in_range, line.columns) == (4, 6, 6)


def test_columns_beyond_the_grid_do_not_bend_the_law() -> None:
    x = np.geomspace(1, 100, 12)
    whole, half, dropped = [], [], []
    for seed in range(200):
        offset = 0.1 * np.random.default_rng(seed).standard_normal(x.shape)
        boundary = exact_boundary(x**0.25 * np.exp(offset), x=x, error=0.1)
        seen = cut(boundary, top=0.6)
        inside = seen.closed[0]
        whole.append(fit_power_law(boundary, 0).slope.value)  # type: ignore[union-attr]
        half.append(fit_power_law(seen, 0).slope.value)  # type: ignore[union-attr]
        dropped.append(np.polyfit(np.log(x)[inside], seen.estimate[0, inside], 1)[0])
    assert np.mean(whole) == pytest.approx(0.25, abs=0.01)
    assert np.mean(half) == pytest.approx(0.25, abs=0.015)
    # What leaving them out would do: columns near the edge stay only where they err downwards.
    assert np.mean(dropped) < 0.21


def test_lines_and_power_laws_are_unbiased_in_either_coordinate() -> None:
    x = np.geomspace(1, 100, 12)
    slopes = []
    for seed in range(200):
        offset = 0.1 * np.random.default_rng(seed).standard_normal(x.shape)
        line = exact_boundary((1 + 0.05 * x) * np.exp(offset), x=x, error=0.1)
        slopes.append(fit_power_law(line, 0, kind="line").slope.value)  # type: ignore[union-attr]
    assert np.mean(slopes) == pytest.approx(0.05, rel=0.02)


def test_a_fit_is_made_once_for_each_boundary_and_its_options() -> None:
    x = np.geomspace(10, 1000, 12)
    first, second = exact_boundary(x**0.25, x=x), exact_boundary(x**0.25, x=x)
    law = fit_power_law(first, 0)
    assert fit_power_law(first, 0, kind="power", x_range=None) is law
    assert compare(first, 0, theory=replace(QUARTER, x_range=None)).law is law
    assert fit_power_law(first, 0, x_range=(10.0, 500.0)) is not law
    assert fit_power_law(second, 0) is not law
    assert fit_power_law(second, 0) == law

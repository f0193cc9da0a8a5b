"""Laws solved for on profiles: exact on exact profiles, whatever is beyond the grid."""

import numpy as np
import pytest

from analysis.statistics.bootstrap import interval, shrink_errors, shrink_nonlinear
from analysis.statistics.estimating_equations import (
    FitProblem,
    linearized_coefficients,
    linearized_crossings,
    link_of,
    solve_all,
)
from analysis.statistics.profiles import Profiles, straight_profiles

X = np.linspace(0.0, 4.0, 9)
GRID = np.linspace(-1.0, 1.2, 45)


def task(profiles: Profiles, kind: str = "power") -> FitProblem:
    design = np.stack([np.ones(len(X)), X], axis=1)
    reader = profiles.of(0, np.arange(len(X)))
    return FitProblem(reader, design, np.full(len(X), 0.1), link_of(kind, True), 9.0)


def saturating(crossings: np.ndarray) -> Profiles:
    """Profiles that rise from −0.25 to 0.25 through their crossings, (rows, columns)."""
    values = 0.5 / (1 + np.exp(-5 * (GRID - crossings[:, None, :, None]))) - 0.25
    return Profiles(GRID, values, np.zeros((len(crossings), 1, len(X))), np.zeros(1))


def drawn(line: np.ndarray) -> np.ndarray:
    """A line and draws of it, each moved as a whole: (21, columns)."""
    moved = np.random.default_rng(0).normal(scale=0.05, size=(20, 1))
    return np.concatenate([line[None], line + moved])


@pytest.mark.parametrize("slope", [0.1, 0.5, -0.4])
def test_profiles_that_saturate_give_the_law_beyond_the_grid_too(slope: float) -> None:
    rows = drawn(0.2 + slope * X)
    start = np.where((rows[0] < -1) | (rows[0] > 1.2), np.sign(slope) * np.inf, rows[0])
    found = solve_all(task(saturating(rows)), start)
    np.testing.assert_allclose(found[0], [0.2, slope], atol=1e-3)
    np.testing.assert_allclose(found[1:, 0], rows[1:, 0], atol=3e-3)
    np.testing.assert_allclose(found[1:, 1], slope, atol=3e-3)


def test_a_straight_line_on_a_log_axis_is_met() -> None:
    rows = drawn(np.log(0.5 + 0.6 * X))
    found = solve_all(task(saturating(rows), "line"), np.where(rows[0] > 1.2, np.inf, rows[0]))
    np.testing.assert_allclose(found[0], [0.5, 0.6], atol=2e-3)


def test_fewer_than_two_columns_inside_give_no_law() -> None:
    rows = drawn(np.full(len(X), 5.0))
    rows[:, 0] = 0.0
    start = np.where(rows[0] > 1.2, np.inf, rows[0])
    assert np.isnan(solve_all(task(saturating(rows)), start)[1:]).any()


def test_crossings_about_a_law_are_linear_and_end_at_the_grid() -> None:
    rows = drawn(0.2 + 0.5 * X)
    found = linearized_crossings(
        task(straight_profiles(rows[:, None], (-1.0, 1.2))), 0.25 + 0.5 * X
    )
    inside = 0.25 + 0.5 * X <= 1.2
    np.testing.assert_allclose(found[:, inside], rows[:, inside], atol=1e-9)
    assert np.isnan(found[:, ~inside]).all()


def test_errors_shrink_by_as_much_as_luck_explains() -> None:
    rng = np.random.default_rng(0)
    lucky = np.sqrt(rng.chisquare(9, 400) / 9)
    assert np.ptp(shrink_errors(lucky, 9.0)) < 1e-9
    unlike = lucky * np.exp(rng.normal(scale=2.0, size=400))
    assert np.corrcoef(np.log(shrink_errors(unlike, 9.0)), np.log(unlike))[0, 1] > 0.99
    assert 0.85 < np.log(shrink_errors(unlike, 9.0)).std() / np.log(unlike).std() < 1.0
    holed = shrink_errors(np.array([1.0, np.nan, 4.0]), 9.0)
    assert holed[0] < holed[1] < holed[2]


def test_errors_that_grow_along_the_columns_are_drawn_to_their_trend() -> None:
    """So they are nearer to the true ones than their own, and than one size for all."""
    rng, true = np.random.default_rng(3), np.linspace(0.5, 1.5, 10)
    own, shrunk, common = [], [], []
    for _ in range(200):
        # Errors of crossings scatter as six times those of standard errors do.
        errors = true * np.exp(rng.normal(scale=np.sqrt(6 / (2 * 29)), size=10))
        for found, distances in (
            (errors, own),
            (shrink_errors(errors, 29.0), shrunk),
            (np.full(10, np.median(errors)), common),
        ):
            distances.append(np.std(np.log(found / true)))
    assert np.mean(shrunk) < 0.75 * min(np.mean(own), np.mean(common))


def test_a_trend_of_errors_ends_with_the_columns_that_are_known() -> None:
    errors = np.exp(0.5 * np.arange(10.0))
    errors[[0, 1, 8, 9]] = np.nan
    found = shrink_errors(errors, 29.0)
    assert found[0] == found[1] == pytest.approx(found[2], rel=0.2)
    assert found[8] == found[9] == pytest.approx(found[7], rel=0.2)
    assert np.all(np.diff(found[2:8]) > 0)


@pytest.mark.parametrize("draws", [200, 1000])
def test_an_interval_leaves_out_its_share(draws: int) -> None:
    low, high = interval(np.arange(draws, dtype=float)[:, None], np.array(0.025))
    # Of numbers exchangeable with the draws, (high − low) / (draws + 1) fall between the ends.
    assert (high - low).item() / (draws + 1) == pytest.approx(0.95, abs=0.002)


def test_a_law_to_first_order_is_that_of_crossings_linear_in_the_means() -> None:
    rows = drawn(0.1 + 0.05 * X)
    found = linearized_coefficients(
        task(straight_profiles(rows[:, None], (-1.0, 1.2))), np.array([0.1, 0.05])
    )
    np.testing.assert_allclose(found[:, 0] - found[0, 0], rows[:, 0] - rows[0, 0], rtol=1e-3)
    np.testing.assert_allclose(found[:, 1], 0.05, atol=1e-6)
    beyond = linearized_coefficients(
        task(straight_profiles(rows[:, None], (-1.0, 1.2))), np.array([9.0, 0.0])
    )
    assert np.isnan(beyond).all()


def test_calm_draws_keep_what_is_linear_and_shorten_what_bends() -> None:
    linear = np.linspace(-1.0, 1.0, 11)[:, None]
    rows = 3.0 + linear - linear[0] + np.arange(11)[:, None]
    calm = shrink_nonlinear(rows, linear, 2.0)
    np.testing.assert_allclose(calm[0], rows[0])
    np.testing.assert_allclose(
        calm - rows[0] - (linear - linear[0]), (rows - 3.0 - linear + linear[0]) / (2 * np.sqrt(3))
    )
    np.testing.assert_array_equal(shrink_nonlinear(rows, np.full(rows.shape, np.nan), 2.0), rows)
    lost = rows.copy()
    lost[3] = np.inf
    np.testing.assert_allclose(
        shrink_nonlinear(lost, linear, 2.0)[3], rows[0] + linear[3] - linear[0]
    )

"""Crossings: the shortcut equals scipy's isotonic fit, monotone profiles are met exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq, isotonic_regression

from analysis.statistics import block_averages, isotonic
from analysis.statistics.isotonic import cross, cross_zero, extremes
from analysis.statistics.local_linear import choose_bandwidth, smoother


def slow_crossing(profile: np.ndarray, weights: np.ndarray, u: np.ndarray) -> float:
    """The oracle: scipy's isotonic fit of one profile, and scipy's monotone cubic through it."""
    fit = isotonic_regression(profile, weights=weights).x
    cut = int(np.searchsorted(fit, 0.0))
    if cut in (0, len(u)):
        return -np.inf if cut == 0 else np.inf
    inner = slice(max(cut - 2, 0), cut + 2)
    curve = PchipInterpolator(u[inner], fit[inner])
    return float(brentq(curve, u[cut - 1], u[cut], xtol=1e-12))


@given(seed=st.integers(0, 2**32 - 1), cells=st.integers(4, 20), noise=st.floats(0.0, 3.0))
def test_it_equals_the_slow_oracle(seed: int, cells: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    u = np.cumsum(rng.uniform(0.2, 1.0, cells))
    weights = rng.integers(1, 10, cells).astype(float)
    trend = np.linspace(-1, 1, cells) + rng.uniform(-0.5, 0.5)
    profiles = trend + noise * rng.standard_normal((5, cells))
    found = cross_zero(profiles, weights, u).position
    for profile, position in zip(profiles, found, strict=True):
        expected = slow_crossing(profile, weights, u)
        if not np.isfinite(expected):
            assert position == expected
            continue
        # The oracle's end slopes differ by convention at the grid's ends.
        cut = int(np.searchsorted(u, expected))
        tolerance = 1e-7 if 2 <= cut <= cells - 2 else u[cut] - u[cut - 1]
        assert position == pytest.approx(expected, abs=tolerance)


def test_a_straight_profile_is_met_exactly() -> None:
    u = np.linspace(0, 1, 9)
    offsets = np.linspace(0.05, 0.95, 19)
    found = cross_zero(u - offsets[:, None], np.ones(9), u)
    np.testing.assert_allclose(found.position, offsets, atol=1e-8)
    np.testing.assert_allclose(found.gap, 0.125)
    np.testing.assert_allclose(found.jump, 0.125)


def test_profiles_that_never_cross_are_censored() -> None:
    u = np.arange(5.0)
    found = cross_zero(np.stack([u + 1, u - 9]), np.ones(5), u)
    assert found.position.tolist() == [-np.inf, np.inf]
    assert found.gap.tolist() == [0.0, 0.0]


def test_two_cells_are_enough_and_one_is_censored() -> None:
    found = cross_zero(np.array([[-1.0, 1.0]]), np.ones(2), np.array([0.0, 2.0]))
    assert found.position == pytest.approx(1.0)
    assert cross_zero(np.array([[-1.0]]), np.ones(1), np.zeros(1)).position == np.inf


@given(seed=st.integers(0, 2**32 - 1), bandwidth=st.floats(0.2, 5.0))
def test_the_smoother_leaves_straight_lines(seed: int, bandwidth: float) -> None:
    rng = np.random.default_rng(seed)
    u = np.cumsum(rng.uniform(0.5, 1.5, 12))
    matrix = smoother(u, rng.uniform(1, 5, 12), bandwidth)
    np.testing.assert_allclose(matrix @ (2 - 3 * u), 2 - 3 * u, rtol=1e-5)
    np.testing.assert_allclose(matrix.sum(1), 1)


def test_a_lonely_cell_is_its_own_mean() -> None:
    matrix = smoother(np.array([0.0, 1.0, 2.0, 3.0, 900.0]), np.ones(5), 0.5)
    np.testing.assert_allclose(matrix[-1], [0, 0, 0, 0, 1], atol=1e-12)
    assert smoother(np.zeros(1), np.ones(1), 1.0).tolist() == [[1.0]]


def test_noise_widens_the_bandwidth() -> None:
    u = np.linspace(0, 1, 40)
    rng = np.random.default_rng(0)
    curve = np.tanh(12 * (u - 0.5)) * np.ones((6, 1))
    widths = [
        choose_bandwidth(u, curve + noise * rng.standard_normal(curve.shape), np.ones(curve.shape))
        for noise in (0.001, 0.3)
    ]
    assert widths[0] < widths[1] / 2


def noisy(cells: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Profiles of all kinds, plateaus too, and unequal weights."""
    rng = np.random.default_rng(cells)
    u = np.linspace(0.0, 1.0, cells)
    rise = 1 / (1 + np.exp(-9 * (u - rng.uniform(-0.1, 1.1, (300, 1))))) - 0.5
    profiles = rise + noise * rng.standard_normal((300, cells))
    profiles[::2] = np.round(profiles[::2], 1)
    return profiles, rng.integers(1, 20, cells).astype(float)


def without_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every profile is taken for one whose fit is not plain around its crossing."""
    plain = isotonic._plain_cuts
    monkeypatch.setattr(
        isotonic, "_plain_cuts", lambda *all_of: (plain(*all_of)[0], np.array(False).repeat(300))
    )


@pytest.mark.parametrize("cells", [2, 7, 30])
@pytest.mark.parametrize("noise", [0.0, 0.02, 3.0])
def test_short_blocks_give_what_all_blocks_give(
    cells: int, noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit."""
    profiles, weights = noisy(cells, noise)
    u = np.linspace(0.0, 1.0, cells)
    without_plain(monkeypatch)
    short = cross_zero(profiles, weights, u)
    monkeypatch.setattr(block_averages, "_beside", block_averages._everywhere)
    for one, other in zip(short, cross_zero(profiles, weights, u), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("cells", [1, 2, 3, 7, 30])
@pytest.mark.parametrize("noise", [0.0, 0.02, 3.0])
def test_a_plain_fit_is_what_blocks_give(
    cells: int, noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every level."""
    profiles, weights = noisy(cells, noise)
    u = np.linspace(0.0, 1.0, cells)
    levels = (-0.4, 0.0, 0.05, 0.3)
    found = [cross(profiles, extremes(profiles), weights, u=u, level=at) for at in levels]
    plain = [isotonic._plain_cuts(profiles, extremes(profiles), at)[1] for at in levels]
    assert np.any(plain) or noise > 1
    without_plain(monkeypatch)
    for at, crossings in zip(levels, found, strict=True):
        for one, other in zip(crossings, cross_zero(profiles - at, weights, u), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


def test_all_levels_cut_profiles_of_any_shape_at_once() -> None:
    profiles, weights = noisy(7, 0.1)
    u = np.linspace(0.0, 1.0, 7)
    stacked = profiles.reshape(60, 5, 7)
    found = cross(stacked, extremes(stacked), weights, u=u, level=0.1)
    expected = cross_zero(profiles - 0.1, weights, u)
    np.testing.assert_allclose(found.position.ravel(), expected.position, atol=1e-9)
    assert found.gap.shape == found.jump.shape == (60, 5)

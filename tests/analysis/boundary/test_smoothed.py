"""Smoothed means and draws: those of the plain definition, draw by draw, and made once."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.boundary.mean_crossing import find_boundary
from analysis.boundary.smoothed import smoothed_means
from analysis.cells.cells import Cells
from analysis.statistics.bootstrap import Resampling, draw_means, multipliers
from analysis.statistics.isotonic import cross_zero
from analysis.statistics.local_linear import choose_bandwidth, smoother
from tests.analysis.synthetic import Planted, cells_of


@pytest.fixture
def cells() -> Cells:
    """Two settings, in which runs, a whole cell and a whole column are missing."""
    cells = cells_of(Planted(factors=(1.0, 1.3), replicates=6))
    values = cells.values.copy()
    values[0, 1, 4, 2:] = np.nan
    values[1, 3, 5] = np.nan
    values[0, 5] = np.nan
    return replace(cells, values=values)


@pytest.mark.parametrize("resample_jointly", [True, False])
def test_a_draw_is_smoothed_as_its_means_would_be(cells: Cells, resample_jointly: bool) -> None:
    how = Resampling(draws=30, seed=3, resample_jointly=resample_jointly)
    found = smoothed_means(cells, how)
    u, count = cells.plane.y.coordinates, len(cells.plane.y.values)
    flat = (-1, count)
    bandwidth = choose_bandwidth(u, cells.mean.reshape(flat), cells.used.reshape(flat))
    assert found.rising.tolist() == [False, False]
    for x in range(len(cells.plane.x.values)):
        weights = multipliers(how, cells.values.shape[3], column=(x, count))
        drawn = draw_means(cells.values[:, x], weights)
        rows = np.concatenate([cells.mean[None, :, x], drawn])
        for s in range(2):
            used = cells.used[s, x]
            ok = used > 0
            if not ok.any():
                assert np.isnan(found.values[:, s, x]).all()
                continue
            expected = rows[:, s, ok] @ smoother(u[ok], used[ok], bandwidth, u).T
            np.testing.assert_allclose(-found.values[:, s, x], expected, atol=1e-12)
            at_cells = found.values[:, s, x][:, ok]
            highest = np.maximum.accumulate(at_cells, axis=1) == at_cells
            np.testing.assert_array_equal(found.extreme.highest[:, s, x][:, ok], highest)


@pytest.mark.parametrize("level", [0.1, 0.25, 0.4])
def test_every_level_cuts_the_same_means(cells: Cells, level: float) -> None:
    """Where the smoothed means less the level are zero, whatever is known of them from other levels."""
    how = Resampling(draws=100)
    means = smoothed_means(cells, how)
    boundary = find_boundary(cells, level, resampling=how)
    u = cells.plane.y.coordinates
    for s, x in np.ndindex(*boundary.estimate.shape):
        ok = cells.used[s, x] > 0
        if ok.any():
            profile = means.values[:1, s, x][:, ok] + level
            expected = cross_zero(profile, cells.used[s, x, ok].astype(float), u[ok]).position
            assert boundary.estimate[s, x] == pytest.approx(expected[0], abs=1e-9)


def test_they_are_made_once_for_cells_and_draws(cells: Cells) -> None:
    first = smoothed_means(cells, Resampling(draws=100))
    assert smoothed_means(cells, Resampling(draws=100)) is first
    assert smoothed_means(cells, Resampling(draws=100, seed=1)) is not first
    assert smoothed_means(replace(cells), Resampling(draws=100)) is not first
    profiles = [
        find_boundary(cells, at, resampling=Resampling(draws=100)).profiles for at in (0.1, 0.4)
    ]
    assert profiles[0].values is profiles[1].values is first.values

"""Broken power laws: a planted break comes back, and a single law is seldom called kinked."""

import numpy as np
import pytest

from analysis.boundary.mean_crossing import find_boundary
from analysis.figures import draw_boundary
from analysis.scaling.broken_power_law import fit_broken_power_law
from analysis.scaling.power_law import fit_power_law
from analysis.statistics.bootstrap import Resampling
from tests.analysis.exact import exact_boundary
from tests.analysis.synthetic import Planted, cells_of

FINE = tuple(float(v) for v in np.geomspace(0.5, 40.0, 24))


def kinked(x: np.ndarray) -> np.ndarray:
    return 2 * np.where(x < 40, x**0.5, 40**0.5 * (x / 40) ** 0.1)


def test_a_kink_comes_back() -> None:
    x = np.geomspace(1, 1000, 16)
    found = fit_broken_power_law(exact_boundary(kinked(x), x=x), 0)
    assert found.preferred
    assert found.below is not None
    assert found.above is not None
    assert found.break_x is not None
    assert found.below.low < 0.5 < found.below.high
    assert found.above.low < 0.1 < found.above.high
    assert found.break_x.low < 40 < found.break_x.high
    assert np.exp(found.log_constant) == pytest.approx(2, rel=0.05)


def test_a_single_law_is_seldom_called_kinked() -> None:
    chosen = []
    for seed in range(40):
        planted = Planted(x=tuple(np.geomspace(100, 1e5, 12)), y=FINE, seed=seed)
        how = Resampling(draws=100, seed=seed)
        chosen.append(
            fit_broken_power_law(
                find_boundary(cells_of(planted), 0.25, resampling=how), 0
            ).preferred
        )
    assert np.mean(chosen) <= 0.05


def test_too_few_columns_are_not_fitted() -> None:
    x = np.geomspace(1, 1000, 5)
    found = fit_broken_power_law(exact_boundary(kinked(x), x=x), 0)
    assert (found.break_x, found.preferred, found.columns) == (None, False, 5)


def test_a_needed_kink_is_drawn() -> None:
    x = np.geomspace(1, 1000, 16)
    boundary = exact_boundary(kinked(x), x=x)
    kink = fit_broken_power_law(boundary, 0)
    axes = draw_boundary(boundary, [fit_power_law(boundary, 0)], broken_laws=[kink]).axes[0]
    line = next(one for one in axes.lines if str(one.get_label()).startswith("broken power law"))
    np.testing.assert_allclose(line.get_ydata(), kinked(np.asarray(line.get_xdata())), rtol=0.05)

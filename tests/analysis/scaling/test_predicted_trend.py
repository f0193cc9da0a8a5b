"""Quantities of a predicted boundary, followed over a setting as the measured ones are."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.dataset.plane import equal
from analysis.scaling.predicted_trend import predicted_power, predicted_values
from analysis.scaling.trend import Trend, follow
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import TrendSpec
from tests.analysis.synthetic import Planted, cells_of

SIZES = (10.0, 20.0, 40.0)


@pytest.fixture(scope="module")
def boundary() -> Boundary:
    """y* = x^¼ times 1, 1.3 and 1.69 at three sizes n."""
    cells = cells_of(Planted(factors=(1.0, 1.3, 1.69), spread=0.2))
    settings = tuple({"n": size} for size in SIZES)
    plane = replace(cells.plane, settings=tuple(map(equal, settings)), setting_values=settings)
    return find_boundary(replace(cells, plane=plane), 0.25, resampling=Resampling(draws=200))


def followed(boundary: Boundary, of: str) -> Trend:
    """The quantity over n."""
    (trend,) = follow(boundary, TrendSpec("n", of))  # type: ignore[arg-type]
    return trend


def test_exponents_and_shifts_are_the_lines_own(boundary: Boundary) -> None:
    x = boundary.plane.x.values
    lines = np.array([2 * x**0.1, 3 * x**0.2, 6 * x**0.4])
    exponents = predicted_values(boundary, followed(boundary, "exponent"), lines)
    assert exponents == pytest.approx([0.1, 0.2, 0.4])
    lines = np.array([1.0, 1.1, 1.4])[:, None] * x**0.3
    assert predicted_values(boundary, followed(boundary, "shift"), lines) == pytest.approx(
        [1.0, 1.1, 1.4]
    )


def test_the_break_of_a_bent_line_and_its_power(boundary: Boundary) -> None:
    x = boundary.plane.x.values
    middle = np.exp(np.log(x).mean())
    breaks = middle * np.array([0.8, 1.0, 1.25])
    lines = np.array([np.where(x < at, (x / at) ** 0.5, 1.0) for at in breaks])
    trend = followed(boundary, "kink")
    found = predicted_values(boundary, trend, lines)
    assert found[:2] == pytest.approx(breaks[:2].tolist(), rel=1e-6)
    assert np.isnan(found[2])  # most of its measured columns are beyond the grid
    measured = followed(boundary, "exponent")
    power = predicted_power(measured, tuple(3.0 * np.array(SIZES) ** -0.5), boundary.confidence)
    assert power == pytest.approx(-0.5)


def test_where_theory_is_silent_nothing_is_predicted(boundary: Boundary) -> None:
    silent = np.full((3, len(boundary.plane.x.values)), np.nan)
    silent[:, :2] = 1.0
    for of in ("exponent", "kink"):
        trend = followed(boundary, of)
        found = predicted_values(boundary, trend, silent)
        assert np.isnan(found).all()
        assert predicted_power(trend, found, boundary.confidence) is None
    silent[:] = np.nan
    assert np.isnan(predicted_values(boundary, followed(boundary, "shift"), silent)).all()

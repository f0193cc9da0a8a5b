"""Boundaries, shifts and trends, by their data: points, intervals, fitted and predicted lines."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.figures import (
    draw_boundary,
    draw_shift,
)
from analysis.figures.trends import MAX_POINTS_ASIDE, draw_local
from analysis.scaling.paired_shift import boundary_shift
from analysis.scaling.power_law import fit_power_law
from analysis.scaling.prediction import compare
from analysis.scaling.sliding_exponent import local_exponents
from tests.analysis.exact import exact_boundary
from tests.analysis.figures.drawn import FEW, QUARTER, legend
from tests.analysis.synthetic import Planted, cells_of


def test_the_boundary_figure_shows_fits_theory_and_their_range(boundary: Boundary) -> None:
    laws = [fit_power_law(boundary, s) for s in (0, 1)]
    figure = draw_boundary(boundary, laws, comparisons=[compare(boundary, 0, theory=QUARTER)])
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    fitted = next(line for label, line in lines.items() if str(label).startswith("fit"))
    x, y = np.log(fitted.get_xdata()), np.log(fitted.get_ydata())
    assert laws[0].slope is not None
    assert np.polyfit(x, y, 1)[0] == pytest.approx(laws[0].slope.value)
    theory = next(line for label, line in lines.items() if str(label).startswith("theory"))
    assert theory.get_xdata()[[0, -1]] == pytest.approx([100.0, 2000.0])
    assert np.polyfit(np.log(theory.get_xdata()), np.log(theory.get_ydata()), 1)[
        0
    ] == pytest.approx(0.25)
    assert len(legend(figure)) == 5


def test_lines_cover_axes_of_many_decades() -> None:
    x = np.geomspace(1e2, 1e9, 8)
    boundary = exact_boundary(x**0.25, x=x)
    figure = draw_boundary(boundary, [fit_power_law(boundary, 0)])
    fitted = next(li for li in figure.axes[0].lines if str(li.get_label()).startswith("fit"))
    assert fitted.get_xdata()[0] <= x[0]
    assert fitted.get_xdata()[-1] >= x[-1]


def test_censored_columns_stand_at_the_edges() -> None:
    cells = cells_of(Planted(y=tuple(np.geomspace(2.2, 3.2, 12)), spread=0.05))
    boundary = find_boundary(cells, 0.25, resampling=FEW)
    axes = draw_boundary(boundary, [fit_power_law(boundary, 0)]).axes[0]
    heights = {line.get_marker(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(heights["v"], cells.plane.y.edges[0])
    np.testing.assert_allclose(heights["^"], cells.plane.y.edges[-1])


def test_an_axis_through_zero_is_linear_and_still_shows_its_laws() -> None:
    x = np.arange(6.0)
    boundary = exact_boundary(1 + x, x=x)
    linear = replace(
        boundary, plane=replace(boundary.plane, x=replace(boundary.plane.x, log=False))
    )
    laws = [fit_power_law(linear, 0)]
    axes = draw_boundary(linear, laws, comparisons=[compare(linear, 0, theory=QUARTER)]).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    fitted = next(line for line in axes.lines if str(line.get_label()).startswith("fit"))
    assert np.all(np.asarray(fitted.get_xdata()) > 0)


def test_the_shift_figure_shows_shifts_and_their_mean(boundary: Boundary) -> None:
    shift = boundary_shift(boundary, 1)
    figure = draw_shift(boundary, [shift])
    points = figure.axes[0].containers[0].lines[0].get_ydata()
    np.testing.assert_array_equal(points, shift.columns[np.isfinite(shift.columns)])
    assert shift.mean is not None
    assert any(f"{shift.mean.value:.3f}" in text for text in legend(figure))


def test_boundaries_of_many_settings_are_distinguished() -> None:
    factors = tuple(1 + 0.1 * k for k in range(12))
    cells = cells_of(Planted(factors=factors, replicates=3))
    axes = draw_boundary(find_boundary(cells, 0.25, resampling=FEW), []).axes[0]
    points = [container.lines[0] for container in axes.containers]
    assert len({(line.get_color(), line.get_marker()) for line in points}) == len(points) == 12


def test_series_at_one_x_are_set_apart_and_keep_their_values() -> None:
    x = np.geomspace(1, 1000, 12)
    cells = replace(cells_of(Planted(factors=(1.0, 1.3), x=tuple(x))))
    found = find_boundary(cells, 0.25, resampling=FEW)
    exponents = [one for s in (0, 1) for one in local_exponents(found, s)]
    figure = draw_local(found, exponents)
    figure.canvas.draw()
    first, second = (container.lines[0] for container in figure.axes[0].containers)
    np.testing.assert_array_equal(first.get_xdata(), second.get_xdata())
    drawn = [one.get_transform().transform(one.get_xydata())[:, 0] for one in (first, second)]
    apart = MAX_POINTS_ASIDE * figure.dpi / 72
    np.testing.assert_allclose(drawn[1] - drawn[0], apart)

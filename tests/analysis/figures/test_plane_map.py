"""Maps, by their data: means, failures and sides of the level on true numeric axes."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.contour import QuadContourSet

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.cells import Cells
from analysis.figures import (
    draw_failures,
    draw_map,
    draw_runs,
)
from tests.analysis.figures.drawn import FEW, legend
from tests.analysis.synthetic import Planted, cells_of


def test_the_map_shows_the_means_in_their_cells(cells: Cells, boundary: Boundary) -> None:
    figure = draw_map(cells, boundary)
    for s, axes in enumerate(figure.axes[:2]):
        mesh = next(c for c in axes.collections if isinstance(c, QuadMesh))
        np.testing.assert_array_equal(np.ma.getdata(mesh.get_array()), cells.mean[s].T)
        assert mesh.get_clim() == (0.0, 0.5)
        corners = mesh.get_coordinates()
        np.testing.assert_allclose(corners[0, :, 0], cells.plane.x.edges)
        np.testing.assert_allclose(corners[:, 0, 1], cells.plane.y.edges)
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        contour = next(c for c in axes.collections if isinstance(c, QuadContourSet))
        np.testing.assert_array_equal(contour.levels, [0.25])
        rim, points = axes.containers
        np.testing.assert_allclose(points.lines[0].get_ydata(), np.exp(boundary.estimate[s]))
        bars, below = (drawn.lines[2][0].get_segments()[0] for drawn in (points, rim))
        np.testing.assert_array_equal(bars, below)
        ends = np.exp([boundary.low[s], boundary.high[s]])
        np.testing.assert_allclose(bars[0::2, 1], np.maximum(ends[0], cells.plane.y.edges[0]))
        np.testing.assert_allclose(bars[1::2, 1], np.minimum(ends[1], cells.plane.y.edges[-1]))
        np.testing.assert_allclose(bars[0::2, 0], boundary.plane.x.values)


def test_a_crossing_without_an_interval_has_a_mark_and_no_bar(
    cells: Cells, boundary: Boundary
) -> None:
    low, high = boundary.low.copy(), boundary.high.copy()
    low[0, 2], high[0, 2] = np.nan, np.nan
    axes = draw_map(cells, replace(boundary, low=low, high=high)).axes[0]
    _, points = axes.containers
    assert np.isfinite(points.lines[0].get_ydata()).all()
    bars = points.lines[2][0].get_segments()[0]
    np.testing.assert_allclose(bars[0::2, 0], np.delete(boundary.plane.x.values, 2))


def test_cells_without_runs_are_hatched_and_failures_are_counted(cells: Cells) -> None:
    values = cells.values.copy()
    values[0, 1, 2] = np.nan
    values[0, 3] = np.nan
    lost = np.zeros(values.shape[:3], dtype=np.int64)
    lost[0, 1, 2] = 10
    holed = replace(
        cells, values=values, status=cells.status | {"diverged": lost}, missing=3 * lost
    )
    figure = draw_map(holed, find_boundary(holed, 0.25, resampling=FEW))
    assert "no usable run" in legend(figure)
    assert figure.axes[0].get_title() == "factor = 1\n10 diverged, 30 missing"
    assert figure.axes[1].get_title() == "factor = 1.3"
    mesh = next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    assert np.ma.getmaskarray(mesh.get_array()).sum() == 1 + 16


def test_a_cell_that_no_run_was_planned_for_is_interpolated_along_y(cells: Cells) -> None:
    values, planned = cells.values.copy(), cells.status[cells.success].copy()
    values[0, 1, 2:4], planned[0, 1, 2:4] = np.nan, 0
    values[0, 2, 5] = np.nan  # planned, and lost
    sparse = replace(cells, values=values, status=cells.status | {cells.success: planned})
    figure = draw_map(sparse, find_boundary(sparse, 0.25, resampling=FEW))
    assert "colours interpolated between rows with runs" in legend(figure)
    mesh = next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    drawn, mean = np.ma.masked_invalid(mesh.get_array()).T, cells.mean[0]
    u = cells.plane.y.coordinates
    expected = np.interp(u[2:4], u[[1, 4]], mean[1, [1, 4]])
    np.testing.assert_allclose(drawn[1, 2:4], expected)
    assert np.ma.getmaskarray(drawn).sum() == 1 and np.ma.getmaskarray(drawn)[2, 5]


def test_a_level_that_nothing_reaches_draws_no_contour(cells: Cells) -> None:
    figure = draw_map(cells, find_boundary(cells, 0.9, resampling=FEW))
    assert not any(isinstance(c, QuadContourSet) for c in figure.axes[0].collections)


def test_other_measures_use_their_own_range(cells: Cells) -> None:
    loss = replace(cells, measure="train_loss", role="")
    figure = draw_map(loss, find_boundary(loss, 0.25, resampling=FEW))
    mesh = next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    assert mesh.get_clim() == (cells.mean.min(), cells.mean.max())


def test_linear_axes_stay_linear() -> None:
    even = cells_of(Planted(y=tuple(np.linspace(0.5, 8, 12)), y_scale="lin"))
    figure = draw_map(even, find_boundary(even, 0.25, resampling=FEW))
    assert figure.axes[0].get_yscale() == "linear"


def test_two_colours_tell_the_sides_of_the_level(cells: Cells, boundary: Boundary) -> None:
    figure = draw_map(cells, boundary, two_colours=True)
    for s, axes in enumerate(figure.axes):
        mesh = next(c for c in axes.collections if isinstance(c, QuadMesh))
        np.testing.assert_array_equal(np.ma.getdata(mesh.get_array()), cells.mean[s].T > 0.25)
    assert legend(figure)[1:] == ["mean ≤ 0.25 (benign)", "mean > 0.25 (harmful)"]


def test_failures_are_a_share_of_what_was_planned(cells: Cells) -> None:
    values, lost = cells.values.copy(), np.zeros(cells.values.shape[:3], dtype=np.int64)
    values[1, 2, 3, :4], lost[1, 2, 3] = np.nan, 4
    status = {"ok": cells.status["ok"] - lost, "diverged": lost}
    figure = draw_failures(replace(cells, values=values, status=status), settings=[1])
    mesh = next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    share = np.ma.getdata(mesh.get_array())
    assert share[3, 2] == pytest.approx(0.4)
    assert share.sum() == pytest.approx(0.4)


def test_runs_are_shown_where_they_were_spent(cells: Cells) -> None:
    planned = cells.status[cells.success].copy()
    planned[0, 1, 2:4], planned[0, 2, 3] = 0, 500
    figure = draw_runs(replace(cells, status=cells.status | {cells.success: planned}))
    mesh = next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    drawn = np.ma.masked_invalid(mesh.get_array()).T
    assert np.argwhere(np.ma.getmaskarray(drawn)).tolist() == [[1, 2], [1, 3]]
    assert drawn[2, 3] == 500 and mesh.get_clim() == (1, 500)
    assert figure.axes[-1].get_ylabel() == "runs of a cell"


def test_every_column_of_panels_has_its_axis_named() -> None:
    four = cells_of(Planted(factors=(1.0, 1.1, 1.2, 1.3), replicates=3))
    figure = draw_map(four, find_boundary(four, 0.25, resampling=FEW))
    assert [axes.get_xlabel() for axes in figure.axes[:4]] == ["", "d", "d", "d"]
    assert [axes.get_ylabel() for axes in figure.axes[:4]] == ["mu_norm", "", "", "mu_norm"]


def test_a_map_of_one_setting(cells: Cells, boundary: Boundary) -> None:
    figure = draw_map(cells, boundary, settings=[1])
    assert [axes.get_title() for axes in figure.axes] == ["factor = 1.3", ""]
    mesh = next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(np.ma.getdata(mesh.get_array()), cells.mean[1].T)

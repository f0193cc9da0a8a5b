"""Figures, by their data: what is drawn equals what was computed, on true numeric axes."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.cells import Cells
from analysis.figures import (
    draw_boundary,
    draw_failures,
    draw_map,
    draw_shift,
    draw_trajectories,
    draw_trajectory,
    page_svg,
    save,
)
from analysis.figures.style import INK, colours, dark, marks
from analysis.scaling.paired_shift import boundary_shift
from analysis.scaling.power_law import fit_power_law
from analysis.scaling.prediction import compare
from analysis.statistics.bootstrap import Resampling
from analysis.training.trajectories import Trajectories
from sweeps.declare.analysis_spec import PredictionSpec
from tests.analysis.exact import exact_boundary
from tests.analysis.synthetic import Planted, cells_of

QUARTER = PredictionSpec("a quarter", 0.25, (100.0, 2000.0), "planted")
FEW = Resampling(draws=100)


@pytest.fixture
def cells() -> Cells:
    return cells_of(Planted(factors=(1.0, 1.3)))


@pytest.fixture
def boundary(cells: Cells) -> Boundary:
    return find_boundary(cells, 0.25, resampling=FEW)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_map_shows_the_means_at_their_places(cells: Cells, boundary: Boundary) -> None:
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
        points = axes.containers[0].lines[0].get_ydata()
        np.testing.assert_allclose(points, np.exp(boundary.estimate[s]))


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


def test_a_level_that_nothing_reaches_draws_no_contour(cells: Cells) -> None:
    figure = draw_map(cells, find_boundary(cells, 0.9, resampling=FEW))
    assert not any(isinstance(c, QuadContourSet) for c in figure.axes[0].collections)


def test_other_measures_use_their_own_range(cells: Cells) -> None:
    loss = replace(cells, measure="train_loss")
    figure = draw_map(loss, find_boundary(loss, 0.25, resampling=FEW))
    mesh = next(c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    assert mesh.get_clim() == (cells.mean.min(), cells.mean.max())


def test_linear_axes_stay_linear() -> None:
    even = cells_of(Planted(y=tuple(np.linspace(0.5, 8, 12)), y_scale="lin"))
    figure = draw_map(even, find_boundary(even, 0.25, resampling=FEW))
    assert figure.axes[0].get_yscale() == "linear"


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


def test_saving_twice_gives_the_same_bytes(
    cells: Cells, boundary: Boundary, tmp_path: Path
) -> None:
    files = [save(draw_map(cells, boundary), tmp_path / name) for name in ("level-0.25", "b")]
    assert [path.name for path in files[0]] == ["level-0.25.png", "level-0.25.svg"]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert plt.get_fignums() == []


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


@pytest.fixture
def trajectories() -> Trajectories:
    steps = np.array([0.0, 1.0, 2.0, 4.0])
    median = np.arange(1.0, 49.0).reshape(3, 2, 2, 4)
    return Trajectories(
        panels=("v0 = 0.1", "v0 = 1"),
        settings=("p_flip = 0", "p_flip = 0.1"),
        fixed="",
        measures=("w", "v", "ratio"),
        labels=("hidden", "output", "hidden / output"),
        steps=steps,
        log_steps=False,
        median=median,
        low=median / 2,
        high=median * 2,
        runs=np.full((2, 2), 9),
        diverged=np.array([[0, 0], [3, 0]]),
    )


def test_trajectories_show_both_layers_left_and_their_ratio_right(
    trajectories: Trajectories,
) -> None:
    figure = draw_trajectories(trajectories)
    left, right = figure.axes[:4], figure.axes[4:]
    for k, (one, other) in enumerate(zip(left, right, strict=True)):
        s, p = divmod(k, 2)
        for line, measure in zip([*one.lines, *other.lines], range(3), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), trajectories.steps)
            np.testing.assert_array_equal(line.get_ydata(), trajectories.median[measure, s, p])
        assert (one.get_yscale(), other.get_yscale()) == ("log", "linear")
        assert one.get_ylim() == left[0].get_ylim()
        assert other.get_ylim() == right[0].get_ylim()
    assert left[2].get_title() == "v0 = 0.1\np_flip = 0.1\n3 of 9 diverged"
    assert [text.split(":")[0] for text in legend(figure)] == ["left axis"] * 2 + ["right axis"]


def test_one_panel_keeps_the_scales_of_all(trajectories: Trajectories) -> None:
    whole, one = draw_trajectories(trajectories), draw_trajectory(trajectories, 1, 0)
    assert one.axes[0].get_ylim() == whole.axes[0].get_ylim()
    np.testing.assert_array_equal(one.axes[0].lines[0].get_ydata(), trajectories.median[0, 1, 0])
    assert not one.legends


def test_trajectories_without_a_number_or_a_second_step_still_draw(
    trajectories: Trajectories,
) -> None:
    nothing = np.full((3, 2, 2, 1), np.nan)
    draw_trajectories(
        replace(trajectories, steps=np.array([0.0]), median=nothing, low=nothing, high=nothing)
    )


def test_a_log_range_of_steps_keeps_its_scale_and_shows_step_0(trajectories: Trajectories) -> None:
    for steps, scale, ticks in (
        ([0.0, 1.0, 10.0, 100.0], "symlog", ["0", "10⁰", "10¹", "10²"]),
        ([1.0, 10.0, 100.0, 1000.0], "log", ["10⁰", "10¹", "10²", "10³"]),
    ):
        found = replace(trajectories, steps=np.array(steps), log_steps=True)
        axes = draw_trajectories(found).axes[0]
        assert axes.get_xscale() == scale
        assert axes.get_xlim()[0] < steps[0] and steps[-1] < axes.get_xlim()[1]
        within = [at for at in axes.get_xticks() if steps[0] <= at <= steps[-1]]
        assert [axes.xaxis.get_major_formatter()(at) for at in within] == ticks
        places = axes.transData.transform([(step, 1.0) for step in steps])[:, 0]
        assert (np.diff(places) > 10).all()  # of 72 an inch: each step has its own


@pytest.mark.parametrize("count", [1, 5, 11, 35, 100, 130])
def test_no_two_marks_of_a_figure_are_alike(count: int) -> None:
    assert len(set(marks(count))) == len(marks(count)) == count


def test_boundaries_of_many_settings_are_told_apart() -> None:
    factors = tuple(1 + 0.1 * k for k in range(12))
    cells = cells_of(Planted(factors=factors, replicates=3))
    axes = draw_boundary(find_boundary(cells, 0.25, resampling=FEW), []).axes[0]
    points = [container.lines[0] for container in axes.containers]
    assert len({(line.get_color(), line.get_marker()) for line in points}) == len(points) == 12


@pytest.mark.parametrize("name", ["costs $5 to $10", r"$\frac{1}{2$", r"$\undefined$", "$"])
def test_names_are_drawn_as_they_are_written(boundary: Boundary, name: str, tmp_path: Path) -> None:
    theory = replace(QUARTER, name=name)
    figure = draw_boundary(boundary, [], comparisons=[compare(boundary, 0, theory=theory)])
    save(figure, tmp_path / "named")  # nothing of it is laid out as a formula
    assert name in re.sub(r"\s+", " ", "".join(legend(figure)))
    words = ElementTree.fromstring(page_svg(figure)).itertext()
    assert name in re.sub(r"\s+", " ", "".join(words))


def test_a_picture_for_the_page_keeps_the_digits_of_its_words(boundary: Boundary) -> None:
    figure = draw_boundary(boundary, [])
    figure.axes[0].set_title("0.123456 of 1e-05, 10⁻³")
    text = page_svg(figure)
    root = ElementTree.fromstring(text)
    words = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "0.123456 of 1e-05, 10⁻³" in words
    assert not re.search(r'="[\d.]*\.\d{3}', text)


def test_a_picture_for_the_page_turns_light_where_the_page_is_dark(boundary: Boundary) -> None:
    text = page_svg(draw_boundary(boundary, [fit_power_law(boundary, 0)]))
    root = ElementTree.fromstring(text)
    rules = "".join(style.text or "" for style in root.iter("{http://www.w3.org/2000/svg}style"))
    assert "prefers-color-scheme: dark" in rules
    darkened = to_hex(dark(colours(1)[0]))
    for ink in (INK, darkened):
        assert f"{ink}" in rules
        assert f"stroke: {ink}" in text.split("<style>@media")[0]

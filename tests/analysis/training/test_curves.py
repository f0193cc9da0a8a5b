"""Curves beside what is predicted: means, intervals, limits over a size, verdicts, and what is drawn."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analysis.cells.aggregate import aggregate
from analysis.dataset.files import Dataset
from analysis.dataset.plane import PlaneAxis
from analysis.figures.curves import draw_curves
from analysis.report.sections.training.curves import (
    CurveLine,
    MeasuredCurve,
    point_rows,
    power_prediction,
    share_prediction,
)
from analysis.scaling.prediction import AGREES, DISAGREES, INCONCLUSIVE
from analysis.training.curves import Line, agreement, curve_lines, mean_power
from sweeps.declare.analysis_spec import AnalysisSpec, CurveSpec
from sweeps.declare.axis import Axis
from sweeps.declare.document.document import SweepDocument
from tests.analysis.in_memory import dataset_of

X = np.linspace(0.2, 3.0, 12)
SIZES = (50.0, 100.0, 200.0)
SPEC = CurveSpec("risk", "theory", "n")
VIEW = AnalysisSpec("x", "y", "risk", (), curves=(SPEC,))


def planted(
    *,
    seed: int = 0,
    slope: float = 20.0,
    sizes: Sequence[float] = SIZES,
    bias: float = 0.0,
    bend: float = 0.0,
) -> Dataset:
    """risk = y x + slope/n + noise, predicted y x (1 + bias), nothing at x = X[5]; `bend` is at n = 100."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(X, [1.0, 3.0], sizes, np.arange(15), indexing="ij")
    x, y, n, replicate = (part.ravel() for part in grid)
    theory = np.where(x == X[5], np.nan, x * y * (1 + bias))
    columns = {"x": x, "y": y, "n": n, "replicate": replicate, "theory": theory}
    columns["risk"] = x * y + slope / n + bend * (n == 100.0) + 0.2 * rng.standard_normal(x.size)
    table = pa.table({**columns, "status": ["ok"] * x.size, "run_id": np.arange(x.size)})
    axes = {"x": Axis(tuple(X), "lin"), "y": Axis((1.0, 3.0), "list")}
    sweep = SweepDocument("planted", 15, axes, {}, {"n": tuple(sizes)}, VIEW, x.size)
    return dataset_of(table, sweep)


def shown(line: Line) -> CurveLine:
    """The line as the report's section has it."""
    axis = PlaneAxis("x", "x", X, log=False)
    return CurveLine(MeasuredCurve([line], axis, "y", "risk"), line)


def limits(dataset: Dataset) -> list[Line]:
    return [line for line in curve_lines(dataset, VIEW, SPEC) if line.limit]


def test_there_is_a_line_for_every_y_and_size_and_a_limit_for_every_y() -> None:
    lines = curve_lines(planted(), VIEW, SPEC)
    assert [(line.y, line.size) for line in lines if not line.limit] == [
        (y, size) for size in SIZES for y in (1.0, 3.0)
    ]
    assert [line.y for line in lines if line.limit] == [1.0, 3.0]


def test_a_limit_covers_what_was_planted_as_often_as_stated() -> None:
    within = [line.within[line.judged] for seed in range(40) for line in limits(planted(seed=seed))]
    # 880 points at a stated 95 %.
    assert 0.925 <= np.mean(within) <= 0.985


def test_finite_sizes_disagree_where_only_their_limit_is_predicted() -> None:
    *_, line = (one for one in curve_lines(planted(), VIEW, SPEC) if one.size == 50)
    found, limit = agreement(line), agreement(limits(planted())[0])
    assert found is not None and limit is not None
    assert (found.verdict, limit.verdict) == (DISAGREES, AGREES)
    assert found.points == limit.points == X.size - 1


def test_a_wrong_prediction_disagrees() -> None:
    found = agreement(limits(planted(bias=0.3))[1])
    assert found is not None and found.verdict == DISAGREES
    assert found.largest == pytest.approx(1 - 1 / 1.3, abs=0.2)


def test_what_is_predicted_nowhere_is_not_judged_and_few_points_tell_nothing() -> None:
    dataset = planted()
    lines = curve_lines(dataset, VIEW, CurveSpec("risk"))
    assert agreement(lines[0]) is None and share_prediction(shown(lines[0])) is None
    few = Line(SPEC, 1.0, "", "", False, *(np.ones(3) for _ in range(4)), 15)
    found = agreement(few)
    assert found is not None and found.verdict == INCONCLUSIVE


def test_sizes_scattering_about_a_line_widen_its_interval() -> None:
    calm = limits(planted(seed=1))[0]
    wild = limits(planted(seed=1, bend=1.0))[0]
    assert (wild.half > 2 * calm.half).all()


def test_one_size_has_no_limit() -> None:
    assert limits(planted(sizes=(50.0,))) == []


def test_rows_hold_every_point_and_nulls_where_nothing_is_predicted() -> None:
    line = limits(planted())[1]
    found = point_rows([shown(line)])
    assert [row["x"] for row in found] == list(X)
    assert [row["predicted"] is None for row in found] == [x == X[5] for x in X]
    # Where nothing is predicted, at a pole, there is no limit.
    assert [row["mean"] is None for row in found] == [x == X[5] for x in X]
    assert all(row["low"] < row["mean"] < row["high"] for row in found if row["mean"])
    judged = share_prediction(shown(line))
    assert judged is not None and judged.setting == "y = 3, limit over n"


def test_the_figure_shows_the_largest_size_its_prediction_and_the_limit() -> None:
    dataset = planted()
    lines = curve_lines(dataset, VIEW, SPEC)
    plane = aggregate(dataset, VIEW).plane
    (axes,) = draw_curves(lines, plane.x, labels=("risk", "y")).axes
    drawn = [container.lines[0] for container in axes.containers]
    shown = [line for line in lines if line.size == 200 or line.limit]
    assert len(drawn) == len(shown) == 4
    for points, line in zip(drawn, shown, strict=True):
        np.testing.assert_array_equal(points.get_ydata(), line.mean[np.isfinite(line.mean)])
    predicted = [
        line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata())
    ]
    assert len(predicted) == 2
    np.testing.assert_array_equal(predicted[0].get_ydata(), shown[0].predicted)


def test_more_lines_than_colours_are_distinguished() -> None:
    dataset = planted()
    plane = aggregate(dataset, VIEW).plane
    line = curve_lines(dataset, VIEW, SPEC)[0]
    lines = [replace(line, y=float(k), size=None) for k in range(13)]
    (axes,) = draw_curves(lines, plane.x, labels=("risk", "y")).axes
    drawn = {(c.lines[0].get_color(), c.lines[0].get_marker()) for c in axes.containers}
    assert len(drawn) == len(axes.containers) == 13


def test_lines_at_the_insets_y_stand_in_axes_of_their_own() -> None:
    dataset = planted()
    lines = curve_lines(dataset, VIEW, CurveSpec("risk", "theory", "n", inset=1.0))
    (axes,) = draw_curves(lines, aggregate(dataset, VIEW).plane.x, labels=("risk", "y")).axes
    (small,) = axes.child_axes
    for drawing, y in ((axes, 3.0), (small, 1.0)):
        drawn = [container.lines[0].get_ydata() for container in drawing.containers]
        shown = [line for line in lines if line.y == y and (line.limit or line.size == 200)]
        assert len(drawn) == 2
        for points, line in zip(drawn, shown, strict=True):
            np.testing.assert_array_equal(points, line.mean[np.isfinite(line.mean)])
    (legend,) = axes.figure.legends
    named = {text.get_text() for text in legend.get_texts()}
    assert {"y = 1, n = 200", "y = 3, n = 200"} <= named


def test_a_planted_power_is_within_its_interval_as_often_as_stated() -> None:
    x, rng, inside = np.array([64.0, 256.0, 1024.0]), np.random.default_rng(3), 0
    for _ in range(400):
        shared = rng.standard_normal(10)  # as replicates share their data over x
        values = x[:, None] ** -0.5 * np.exp(0.3 * shared + 0.1 * rng.standard_normal((3, 10)))
        found = mean_power(x, values)
        assert found is not None
        inside += found.low <= -0.5 <= found.high
    assert 365 <= inside <= 393  # 380, give or take three standard errors


def test_a_power_leaves_out_replicates_without_a_positive_value_and_needs_two() -> None:
    x, values = np.array([1.0, 2.0, 4.0]), np.array([[1.0, 1, 1], [2, 0, 2], [4, 4, 4]])
    found = mean_power(x, values)
    assert found is not None and found.value == pytest.approx(1.0)
    assert mean_power(x, values[:, :1]) is None and mean_power(x - 1, values) is None


@pytest.mark.parametrize(("power", "verdict"), [(1.0, AGREES), (-0.5, DISAGREES)])
def test_a_predicted_power_is_judged(power: float, verdict: str) -> None:
    dataset = planted(slope=0.0)
    line = curve_lines(dataset, VIEW, CurveSpec("risk", power=power))[-1]
    judged = power_prediction(shown(line))
    assert judged is not None and judged.verdict == verdict and judged.measured is not None
    assert judged.measured.low < judged.measured.value < judged.measured.high
    assert judged.setting == "y = 3, n = 200" and judged.quantity == "power of x"
    assert power_prediction(shown(limits(dataset)[0])) is None

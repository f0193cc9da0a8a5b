"""Which law, which level, which verdict: planted ones win, and doubtful ones are inconclusive."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.boundary.mean_crossing import MEAN, MEDIAN, find_boundary
from analysis.cells.cells import transposed
from analysis.dataset.files import Dataset
from analysis.figures import save
from analysis.figures.levels import draw_levels
from analysis.figures.residuals import draw_residuals
from analysis.report.sections.boundary.median_boundary import MedianBoundary
from analysis.report.sections.boundary.row_scan import RowScan
from analysis.report.sections.scaling.collapse import CollapseByOrder
from analysis.report.sections.scaling.levels import ExponentByLevel
from analysis.report.sections.scaling.model_comparison import ModelComparison
from analysis.report.sections.scaling.theory import TheoryVerdicts
from analysis.report.tasks import Tasks
from analysis.scaling.exponent_by_level import default_levels, exponents
from analysis.scaling.model_selection import select_law
from analysis.scaling.verdict import judge_exponent, judge_line
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import CollapseSpec, PredictionSpec
from tests.analysis.cells.test_aggregate import VIEW
from tests.analysis.exact import exact_boundary
from tests.analysis.report.page import results_of
from tests.analysis.synthetic import Planted, cells_of

X = np.geomspace(1, 1000, 14)
FEW = Resampling(draws=100)
QUARTER = PredictionSpec("a quarter", 0.25, None, "planted")
LAWS = {
    "power law": 3 * X**0.4,
    "linear": 2 + 0.5 * X,
    "broken power law": 2 * np.where(X < 40, X**0.5, 40**0.5 * (X / 40) ** 0.1),
    "fixed exponent: a quarter": 5 * X**0.25,
}


@pytest.mark.parametrize("planted", LAWS)
@pytest.mark.parametrize("log", [True, False])
def test_the_planted_law_is_preferred(planted: str, log: bool) -> None:
    y = LAWS[planted] * np.exp(0.01 * np.random.default_rng(0).standard_normal(14))
    error = 0.01 if log else 0.01 * float(np.median(y))
    boundary = exact_boundary(y if log else LAWS[planted], x=X, error=error, log=log)
    found = select_law(boundary, 0, theories=[QUARTER])
    assert found.candidates[0].name == planted
    assert found.candidates[0].delta_bic == 0
    assert {one.name for one in found.candidates} == set(LAWS)
    for one in found.candidates:
        assert one.chi2 == pytest.approx(np.sum(one.residuals**2))
        assert one.delta_aic >= 0


def test_too_few_columns_compete_for_nothing() -> None:
    found = select_law(exact_boundary(X[:3] ** 0.4, x=X[:3]), 0)
    assert found.candidates == ()


def test_a_theory_with_a_range_does_not_compete() -> None:
    part = replace(QUARTER, x_range=(1.0, 30.0))
    names = [
        one.name
        for one in select_law(exact_boundary(LAWS["power law"], x=X), 0, theories=[part]).candidates
    ]
    assert "fixed exponent: a quarter" not in names


def test_the_residual_figure_shows_every_law() -> None:
    boundary = exact_boundary(LAWS["linear"], x=X)
    found = select_law(boundary, 0)
    figure = draw_residuals(boundary, found)
    for axes, one in zip(figure.axes, found.candidates, strict=True):
        np.testing.assert_array_equal(axes.lines[1].get_ydata(), one.residuals)
        assert axes.get_title(loc="left").startswith(f"{one.name}: ΔAIC")


def test_levels_cut_between_the_least_and_the_largest_mean() -> None:
    cells = cells_of(Planted())
    levels = default_levels(cells)
    assert len(levels) == 5
    assert cells.mean.min() < levels[0] < levels[-1] < cells.mean.max()
    assert default_levels(replace(cells, values=np.full(cells.values.shape, 0.3))) == ()


def test_a_planted_law_shows_the_same_exponent_at_every_level() -> None:
    cells = cells_of(Planted(replicates=20, y=tuple(np.geomspace(0.3, 30, 28))))
    found = exponents(cells, resampling=FEW)
    assert len(found) == 10
    assert [one.definition for one in found] == [MEAN] * 5 + [MEDIAN] * 5
    for one in found:
        assert one.law.slope is not None
        assert one.law.slope.value == pytest.approx(0.25, abs=0.04)
    axes = draw_levels(cells, found, theories=[QUARTER]).axes[0]
    values = [one.law.slope.value for one in found[:5] if one.law.slope]
    np.testing.assert_allclose(axes.containers[0].lines[0].get_ydata(), values)


@pytest.mark.parametrize(
    ("x", "exponent", "error", "verdict", "reason"),
    [
        (X, 0.25, 0.01, "agrees", ""),
        (X, 0.30, 0.01, "disagrees", ""),
        (X, 0.25, 1.0, "inconclusive", "interval too wide"),
        (
            np.geomspace(10, 20, 8),
            0.25,
            1e-4,
            "inconclusive",
            "range too narrow: under 0.5 decades",
        ),
        (X[:3], 0.25, 0.01, "inconclusive", "3 of at least 4 columns"),
    ],
)
def test_verdicts_on_exponents(
    x: np.ndarray, exponent: float, error: float, verdict: str, reason: str
) -> None:
    boundary = exact_boundary(x**0.25, x=x, error=error)
    theory = replace(QUARTER, exponent=exponent)
    found = judge_exponent(boundary, 0, theory=theory, sweep="mine")
    assert (found.verdict, found.reason, found.sweep) == (verdict, reason, "mine")
    assert (found.prediction, found.source, found.predicted) == ("a quarter", "planted", exponent)
    assert found.decades == pytest.approx(np.log10(x[-1] / x[0]))


@pytest.mark.parametrize(
    ("constant", "error", "verdict", "reason"),
    [
        (5.0, 0.01, "agrees", ""),
        (6.0, 0.01, "disagrees", ""),
        (5.0, 3.0, "inconclusive", "interval too wide"),
    ],
)
def test_verdicts_on_lines(constant: float, error: float, verdict: str, reason: str) -> None:
    boundary = exact_boundary(5 * X**0.25, x=X, error=error)
    predicted = constant * X**0.25
    found = judge_line(boundary, 0, predicted=predicted, theory=QUARTER, sweep="mine")
    assert (found.verdict, found.reason, found.quantity) == (verdict, reason, "factor")
    assert found.measured is not None
    assert found.measured.value == pytest.approx(5 / constant)
    silent = judge_line(boundary, 0, predicted=np.full(14, np.nan), theory=QUARTER, sweep="mine")
    assert (silent.verdict, silent.measured) == ("inconclusive", None)


def test_an_upright_boundary_is_found_along_x() -> None:
    planted = Planted(exponent=0.0, constant=2.0, replicates=20)
    upright = transposed(cells_of(planted))
    columns, rows = (
        find_boundary(one, 0.25, resampling=FEW) for one in (upright, transposed(upright))
    )
    # Each column is on one side; only the rows cross.
    assert "inside" not in {columns.state(0, i) for i in range(16)} - {columns.state(0, 8)}
    assert rows.closed.all()
    np.testing.assert_allclose(rows.estimate, np.log(2.0), atol=0.2)


def test_a_column_that_turns_back_says_so() -> None:
    cells = cells_of(Planted(spread=0.1))
    values = cells.values.copy()
    values[0, 3, -4:] = 0.4
    boundary = find_boundary(replace(cells, values=values), 0.25, resampling=FEW)
    assert boundary.recrosses is not None
    assert np.flatnonzero(boundary.recrosses[0]).tolist() == [3]


def test_raw_crossings_stand_beside_the_estimate() -> None:
    planted = Planted(spread=0.0, replicates=2)
    boundary = find_boundary(cells_of(planted), 0.25, resampling=FEW)
    assert boundary.raw is not None
    np.testing.assert_allclose(boundary.raw, np.log(planted.boundary()), atol=0.02)


SECTIONS_BY_FILE = {
    "theory": TheoryVerdicts,
    "levels": ExponentByLevel,
    "selection": ModelComparison,
    "median-boundary": MedianBoundary,
    "rows": RowScan,
    "collapse": CollapseByOrder,
}


def test_sections_are_ready_for_a_report(dataset: Dataset, tmp_path) -> None:
    line = replace(QUARTER, line="0.6 * d**0.25")
    view = replace(VIEW, theory=(line,), collapse=CollapseSpec("mu_norm**4 / d"))
    results = results_of(dataset, view, FEW)
    sections = {name: section(results) for name, section in SECTIONS_BY_FILE.items()}
    for section in sections.values():
        section.begin(Tasks())
    rows = {name: table.rows for name, one in sections.items() for table in one.tables()}
    assert set(rows) == set(sections)
    boundaries, settings, quantities = 2, 2, {"exponent", "exponent at finite size", "factor"}
    assert {row["quantity"] for row in rows["theory"]} == quantities
    assert len(rows["theory"]) == boundaries * settings * len(quantities)
    definitions, levels = 2, len(default_levels(results.cells))
    assert len(rows["levels"]) == definitions * levels * settings
    assert {row["definition"] for row in rows["median-boundary"]} == {MEDIAN}
    assert "mu_norm" in rows["rows"][0]
    assert rows["collapse"][0]["quality"] > 0.9
    for section in sections.values():
        assert section.words().endswith(".")
        assert not section.is_empty()
        for block in section.figures():
            assert block.draw().axes, block.name
    (figure,) = sections["levels"].figures()
    files = save(figure.draw(), tmp_path / "levels")
    assert all(path.stat().st_size for path in files)

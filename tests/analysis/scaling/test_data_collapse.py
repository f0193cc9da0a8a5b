"""Collapse: the planted order parameter explains the plane, and its exponent comes back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.cells.aggregate import aggregate
from analysis.cells.columns import along_x, evaluate, names_in, on_plane
from analysis.dataset.files import Dataset, open_dataset
from analysis.errors import AnalysisError
from analysis.figures.collapse import draw_collapse
from analysis.report.sections.scaling.collapse import CollapseByOrder
from analysis.scaling.data_collapse import collapse
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import CollapseSpec
from sweeps.declare.document.document import read_document
from tests.analysis.cells.test_aggregate import VIEW, with_column
from tests.analysis.report.page import results_of
from tests.analysis.synthetic import Planted, cells_of, write_table

FEW = Resampling(draws=60)


def order(planted: Planted, exponent: float) -> np.ndarray:
    x, y = np.meshgrid(planted.x, planted.y, indexing="ij")
    return np.asarray(y / x**exponent)


def test_the_planted_order_parameter_collapses_the_plane() -> None:
    planted = Planted(replicates=20)
    cells = cells_of(planted)
    right, wrong = (
        collapse(cells, 0, order(planted, b), name="y/x^b", resampling=FEW) for b in (0.25, 0.0)
    )
    assert right.quality > 0.99
    assert right.quality > wrong.quality + 0.02
    assert right.misfit < 2 < wrong.misfit
    assert right.best is not None
    assert right.best.low < 0.25 < right.best.high
    assert right.best.high - right.best.low < 0.1
    assert np.all(np.diff(right.order) >= 0)
    assert np.all(np.diff(right.curve) <= 0)


def test_without_noise_the_exponent_is_met() -> None:
    planted = Planted(spread=0.0, replicates=2)
    found = collapse(cells_of(planted), 0, order(planted, 0.25), name="q", resampling=FEW)
    assert found.best is not None
    assert found.best.value == pytest.approx(0.25, abs=0.01)
    assert found.quality == pytest.approx(1.0)


def test_an_axis_without_logarithm_has_no_best_exponent() -> None:
    planted = Planted(x=(0.0, 1.0, 2.0), exponent=0.0)
    found = collapse(cells_of(planted), 0, order(planted, 0.0), name="q", resampling=FEW)
    assert found.best is None
    assert found.quality > 0.9


def test_an_order_parameter_without_values_is_refused() -> None:
    planted = Planted()
    nothing = np.full((8, 16), np.nan)
    with pytest.raises(
        AnalysisError, match="0 cells have both a mean and a finite order parameter 'q'"
    ):
        collapse(cells_of(planted), 0, nothing, name="q")


def test_the_figure_shows_cells_and_curve() -> None:
    planted = Planted(factors=(1.0, 1.3))
    cells = cells_of(planted)
    found = [collapse(cells, s, order(planted, 0.25), name="q", resampling=FEW) for s in (0, 1)]
    axes = draw_collapse(cells, found).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), found[0].mean)
    np.testing.assert_array_equal(axes.lines[3].get_ydata(), found[1].curve)
    assert axes.get_xscale() == "log"


def test_formulas_read_columns_of_the_dataset(dataset: Dataset, two_settings: Planted) -> None:
    cells = aggregate(dataset, VIEW)
    found = on_plane(dataset, cells, "n * mu_norm**4 / d")
    x, y = np.meshgrid(two_settings.x, two_settings.y, indexing="ij")
    np.testing.assert_allclose(found, 20 * y**4 / x)
    np.testing.assert_allclose(along_x(dataset, cells, "sqrt(d)"), np.sqrt(two_settings.x))


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("n *", r"Received the formula 'n \*'"),
        ("__import__('os')", r"expected numbers, column names"),
        ("d if n else n", r"expected numbers, column names"),
        ("mu_nrom**2", r"no column 'mu_nrom'. Did you mean 'mu_norm'"),
        ("d + train", r"'train' holds string"),
        ("replicate * d", r"'replicate' takes several values within a cell"),
        ("1" * 501, r"at most 500 are taken"),
    ],
)
def test_wrong_formulas_are_reported(dataset: Dataset, formula: str, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        on_plane(dataset, aggregate(dataset, VIEW), formula)


def test_a_predicted_line_must_not_vary_along_y(dataset: Dataset) -> None:
    with pytest.raises(AnalysisError, match=r"'d \* mu_norm' varies along mu_norm"):
        along_x(dataset, aggregate(dataset, VIEW), "d * mu_norm")


def test_a_derived_column_is_read_where_the_sweep_has_it(tmp_path: Path) -> None:
    planted = Planted(replicates=2)
    table = planted.table().append_column(
        "star", with_column(planted.table(), "n", planted.table()["d"])["n"]
    )
    dataset = open_dataset(str(write_table(tmp_path / "data", table, planted.sweep())))
    cells = aggregate(dataset, VIEW)
    np.testing.assert_allclose(along_x(dataset, cells, "star / 2"), np.array(planted.x) / 2)


def test_an_order_parameter_that_cannot_be_drawn_says_why(dataset: Dataset) -> None:
    view = replace(VIEW, collapse=CollapseSpec(("mu_norm**4 / d", "replicate * d")))
    section = CollapseByOrder(results_of(dataset, view, FEW))
    (table,) = section.tables()
    assert {row["order_parameter"] for row in table.rows} == {"mu_norm**4 / d"}
    assert [figure.name for figure in section.figures()] == ["collapse-1"]
    assert "Not drawn: Column 'replicate' takes several values within a cell" in section.words()


def test_the_sweep_names_the_order_parameters() -> None:
    view = Planted().sweep()["analysis"]
    for given, orders in (("d / n", ("d / n",)), (["d", "n"], ("d", "n"))):
        document = Planted().sweep() | {"analysis": view | {"collapse": {"order": given}}}
        found = read_document(document, where="a test").analysis
        assert found is not None
        assert found.orders == orders


def test_arithmetic() -> None:
    columns = {"a": np.array([1.0, 4.0]), "b": 2.0}
    np.testing.assert_allclose(evaluate("-sqrt(a) / b + 3**b", columns), [8.5, 8.0])
    np.testing.assert_allclose(evaluate("max(a, b) + a // 3 + log10(10)", columns), [3.0, 6.0])
    assert names_in("log(a) * b") == {"a", "b"}
    assert np.isinf(evaluate("1 / (a - a)", columns)).all()

"""What is shown of a sweep that does not say it."""

from pathlib import Path

import pytest

from analysis.cells.default_analysis import USUAL_LEVEL, default_analysis
from analysis.dataset.files import open_dataset
from analysis.errors import AnalysisError
from analysis.report.results import ReportOptions, analyse
from tests.analysis.synthetic import Planted


def without_analysis(folder: Path, planted: Planted) -> str:
    """The folder of a planted sweep that states no analysis."""
    return str(planted.but(sweep_extra=planted.sweep_extra | {"analysis": None}).write(folder))


def test_the_plane_is_that_of_the_first_two_axes(tmp_path: Path) -> None:
    found = default_analysis(open_dataset(without_analysis(tmp_path, Planted())))
    assert (found.x, found.y, found.measure) == ("d", "mu_norm", "test_error_clean")
    assert found.levels == (USUAL_LEVEL,) and not found.curves


def test_what_is_given_is_kept(tmp_path: Path) -> None:
    dataset = open_dataset(without_analysis(tmp_path, Planted()))
    found = default_analysis(dataset, x="mu_norm", levels=(0.3,))
    assert (found.x, found.y, found.levels) == ("mu_norm", "d", (0.3,))


def test_one_axis_gives_curves_and_no_boundary(tmp_path: Path) -> None:
    found = default_analysis(open_dataset(without_analysis(tmp_path, Planted(y=(2.0,)))))
    assert (found.x, found.y, found.levels) == ("d", "mu_norm", ())
    assert [curve.measure for curve in found.curves] == ["test_error_clean"]


def test_a_single_cell_gives_curves(tmp_path: Path) -> None:
    one = Planted(x=(100.0,), y=(2.0,))
    found = default_analysis(open_dataset(without_analysis(tmp_path, one)))
    assert (found.x, found.y, found.levels) == ("d", "mu_norm", ())


def test_a_measure_on_one_side_of_the_level_is_cut_in_the_middle(tmp_path: Path) -> None:
    high = Planted(y=(0.5, 1.0, 2.0, 4.0), x=(5000.0, 6000.0), spread=0.0)
    dataset = open_dataset(without_analysis(tmp_path, high))
    (level,) = default_analysis(dataset).levels
    means = high.measure().mean(axis=-1)
    assert means.min() > USUAL_LEVEL
    assert level == pytest.approx((means.min() + means.max()) / 2, rel=0.05)


def test_a_constant_measure_has_no_level(tmp_path: Path) -> None:
    flat = Planted(y=(1e9, 1e10), spread=0.0)
    found = default_analysis(open_dataset(without_analysis(tmp_path, flat)))
    assert found.levels == () and found.curves


def test_an_unknown_column_is_an_error(tmp_path: Path) -> None:
    location = without_analysis(tmp_path, Planted())
    with pytest.raises(AnalysisError, match="no column 'nonsense'"):
        analyse(location, ReportOptions(measure="nonsense"))


def test_the_results_say_what_was_chosen(tmp_path: Path) -> None:
    stated = analyse(str(Planted().write(tmp_path / "stated")))
    assert stated.choice == ""
    plane = analyse(without_analysis(tmp_path / "plane", Planted()))
    assert "test_error_clean over d and mu_norm, cut at 0.2" in plane.choice
    line = analyse(without_analysis(tmp_path / "line", Planted(y=(2.0,))))
    assert "test_error_clean over d. " in line.choice

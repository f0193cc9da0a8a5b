"""The steps of a notebook give what the functions give, and every result shows itself."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import analysis
from analysis import AnalysisError, aggregate, find_boundary, fit_power_law, open_dataset
from tests.analysis.synthetic import Planted

HOW = analysis.Resampling(draws=100)


@dataclass
class Ended:
    """What a sweep's run returns, as far as an analysis needs it."""

    location: str


class Broken(Planted):
    """A boundary with a break at x = 1000, through which a single power law is fitted all the same."""

    def boundary(self) -> np.ndarray:
        return 3.0 * np.minimum((np.array([self.x]) / 1e3) ** 0.6, 1.0)


def test_each_step_gives_what_its_function_gives(folder: Path) -> None:
    dataset = open_dataset(str(folder))
    spec = dataset.sweep.analysis
    assert spec is not None
    expected = find_boundary(aggregate(dataset, spec), 0.25, resampling=HOW)
    for location in (folder, str(folder), Ended(str(folder))):
        boundary = analysis.open(location).cells().boundary(draws=100)
        np.testing.assert_array_equal(boundary.draws, expected.draws)
    law = boundary.law("p_flip = 0.1")
    assert law.slope == fit_power_law(expected, 1).slope
    assert boundary.law(-1).slope == law.slope


def test_every_result_shows_itself_and_is_drawn(folder: Path) -> None:
    dataset = analysis.open(folder)
    cells = dataset.cells()
    boundary = cells.boundary(draws=100)
    law, broken, shift = boundary.law(), boundary.broken_law(), boundary.shift()
    words = {
        dataset: ("Dataset of 'planted': 3,072 rows in 3 files", "d", "8: 100 … 10000"),
        cells: ("Cells of test error", "p_flip = 0.1", "8 × 16", "1,536"),
        boundary: ("Boundary (mean) at", "0.25, 95% intervals", "inside"),
        law: ("mu_norm ∝ d^b, p_flip = 0", "exponent b", "8 of 8"),
        broken: ("below and above a break, p_flip = 0", "exponent above", "preferred by BIC  no"),
        shift: ("as a factor, p_flip = 0.1 against p_flip = 0", "5179", "mean"),
    }
    for result, parts in words.items():
        for part in parts:
            assert part in repr(result)
            for word in part.replace("'", "&#x27;").split("  "):
                assert word in result._repr_html_()
    assert all(isinstance(one.figure(), Figure) for one in (cells, boundary, law, shift))


def test_a_law_that_does_not_hold_says_so_in_words_and_on_the_figure(tmp_path: Path) -> None:
    boundary = analysis.open(Broken().write(tmp_path / "data")).cells().boundary(draws=100)
    law, broken = boundary.law(), boundary.broken_law()
    assert law.misfit > 3 and "poor fit" in repr(law)
    assert broken.preferred and broken.break_x is not None
    assert broken.break_x.low < 1e3 < broken.break_x.high
    legend = [text.get_text() for text in boundary.figure().legends[0].get_texts()]
    assert any("poor fit" in text for text in legend)
    assert any("broken power law" in text for text in legend)


def test_a_shift_is_that_of_its_function_and_of_another_setting(folder: Path) -> None:
    boundary = analysis.open(folder).cells().boundary(draws=100)
    shift = boundary.shift("p_flip = 0.1")
    assert shift.mean == analysis.boundary_shift(boundary, 1).mean
    with pytest.raises(AnalysisError, match="Received the first setting, 'p_flip = 0'"):
        boundary.shift(0)


def test_the_other_definition_and_another_plane(folder: Path) -> None:
    cells = analysis.open(folder).cells(x="mu_norm", y="d", levels=(0.3,))
    assert cells.plane.y.name == "d"
    assert cells.boundary(median=True, draws=100).definition == "median"


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    bare = Planted(sweep_extra={"analysis": None}).write(tmp_path / "data")
    cells = analysis.open(bare).cells(x="d")
    assert (cells.plane.y.name, cells.measure, cells.levels) == (
        "mu_norm",
        "test_error_clean",
        (0.2,),
    )
    with pytest.raises(AnalysisError, match="states no level"):
        analysis.open(Planted(y=(2.0,)).write(tmp_path / "line")).cells(levels=()).boundary()
    with pytest.raises(AnalysisError, match="Received the setting 'p_flip = 1'"):
        cells.boundary(0.25, draws=100).law("p_flip = 1")


def test_figures_are_loaded_when_one_is_drawn(folder: Path) -> None:
    code = (
        "import sys, analysis\n"
        f"boundary = analysis.open({str(folder)!r}).cells().boundary(draws=100)\n"
        "print(boundary.law(), 'matplotlib' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.rstrip().endswith("False")

"""Which cells of two datasets differ by more than their errors."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.cells.difference import differences
from analysis.errors import AnalysisError
from tests.analysis.synthetic import Planted, cells_of

SMALL = Planted(x=(100.0, 1000.0, 5000.0), y=(1.0, 2.0, 4.0, 8.0), factors=(1.0, 1.2))


def test_the_same_runs_are_the_same() -> None:
    found = differences(cells_of(SMALL), cells_of(SMALL))
    assert (found.compared, found.same, found.moved) == (24, 24, ())
    assert (found.only_first, found.only_other) == (0, 0)


def test_other_runs_of_the_same_law_differ_within_their_errors() -> None:
    moved = [
        len(differences(cells_of(SMALL.but(seed=2 * k)), cells_of(SMALL.but(seed=2 * k + 1))).moved)
        for k in range(100)
    ]
    # At 0.95 about 5 of 100 comparisons may find a cell.
    assert sum(count > 0 for count in moved) <= 12


def test_a_moved_cell_is_found_and_no_other() -> None:
    first, other = cells_of(SMALL), cells_of(SMALL.but(seed=1))
    values = other.values.copy()
    values[1, 0, 2] = first.values[1, 0, 2] + 0.5
    found = differences(first, replace(other, values=values))
    (cell,) = found.moved
    assert (cell.setting, cell.x, cell.y) == ("factor = 1.2", 100.0, 4.0)
    assert cell.difference == pytest.approx(0.5)
    assert 0 < cell.half < 0.5


def test_values_that_do_not_vary_and_differ_have_moved() -> None:
    first = cells_of(SMALL)
    values = np.zeros_like(first.values)
    raised = values.copy()
    raised[0, 0, 0] = 1e-9
    found = differences(replace(first, values=values), replace(first, values=raised))
    assert [(cell.x, cell.y) for cell in found.moved] == [(100.0, 1.0)]
    assert found.same == 23


def test_cells_of_one_dataset_alone_are_counted() -> None:
    wider = SMALL.but(x=(100.0, 1000.0, 5000.0, 9000.0))
    found = differences(cells_of(SMALL), cells_of(wider))
    assert (found.compared, found.only_first, found.only_other) == (24, 0, 8)


def test_a_cell_without_runs_is_not_compared() -> None:
    first = cells_of(SMALL)
    values = first.values.copy()
    values[0, 0, 0] = np.nan
    found = differences(first, replace(first, values=values))
    assert (found.compared, found.same, found.only_first) == (23, 23, 1)


def test_another_plane_is_an_error() -> None:
    with pytest.raises(AnalysisError, match="expected the same: --x, --y and --measure"):
        differences(cells_of(SMALL), cells_of(SMALL.but(x_name="n")))
    with pytest.raises(AnalysisError, match="no cell in common"):
        differences(cells_of(SMALL), cells_of(SMALL.but(y=(3.0, 5.0, 7.0, 9.0))))

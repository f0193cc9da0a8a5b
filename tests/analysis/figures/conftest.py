"""Fixtures of the tests of figures."""

import pytest

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.cells import Cells
from tests.analysis.figures.drawn import FEW
from tests.analysis.synthetic import Planted, cells_of


@pytest.fixture
def cells() -> Cells:
    return cells_of(Planted(factors=(1.0, 1.3)))


@pytest.fixture
def boundary(cells: Cells) -> Boundary:
    return find_boundary(cells, 0.25, resampling=FEW)

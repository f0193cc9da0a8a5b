"""Datasets with too many runs to hold their values: cells of batches, and a report that says so."""

from pathlib import Path

import numpy as np
import pytest

from analysis.boundary.median_crossing import find_median_boundary
from analysis.cells.cells import transposed
from analysis.errors import AnalysisError
from analysis.report.registry import sections_of
from analysis.report.results import analyse
from analysis.report.sections.boundary.median_boundary import MedianBoundary
from tests.analysis.report.page import FEW
from tests.analysis.synthetic import Planted, write_table


@pytest.fixture
def location(two_settings: Planted, tmp_path: Path) -> str:
    analysis = two_settings.sweep()["analysis"] | {"collapse": {"order": "n * mu_norm**4 / d"}}
    planted = two_settings.but(sweep_extra={"analysis": analysis})
    table = planted.table()
    kept = table.filter(np.arange(table.num_rows) % 7 > 0)
    return str(write_table(tmp_path / "large", kept, planted.sweep()))


def test_too_many_values_are_kept_as_batches(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = analyse(location, FEW)
    monkeypatch.setattr("analysis.dataset.files.MAX_VERIFIED_ROWS", 0)
    monkeypatch.setattr("analysis.cells.aggregate.MAX_VALUES", 0)
    monkeypatch.setattr("analysis.cells.aggregate.BATCHES", 6)
    large = analyse(location, FEW)
    assert large.cells.values.shape[3] == 6
    assert large.runs == whole.runs
    turned = transposed(large.cells)
    assert (turned.runs_used == large.cells.runs_used.swapaxes(1, 2)).all()
    assert turned.runs_used.shape == turned.mean.shape
    np.testing.assert_allclose(
        large.levels[0].boundary.estimate, whole.levels[0].boundary.estimate, atol=0.1
    )
    sections = {section.title: section for section in sections_of(large)}
    assert "Collapse" in sections
    assert MedianBoundary.title not in sections
    assert "those of 6 batches" in sections["Runs"].words()
    with pytest.raises(AnalysisError, match="means of batches of runs; expected single runs"):
        find_median_boundary(large.cells, 0.25)

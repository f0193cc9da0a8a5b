"""What the page knows of boundaries at several levels: plain numbers, whatever could not be measured."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.boundary.mean_crossing import find_boundary
from analysis.report.blocks import LevelCut, LevelsBlock
from analysis.report.html.levels import level_data
from analysis.report.results import analyse
from analysis.report.sections.scaling.levels import ExponentByLevel
from analysis.report.tasks import Tasks
from analysis.scaling.power_law import Estimate, fit_power_law
from analysis.statistics.bootstrap import Resampling
from tests.analysis.report.page import FEW
from tests.analysis.synthetic import Planted, cells_of

PLANTED = Planted(factors=(1.0, 1.3), replicates=6)


def test_what_could_not_be_measured_is_no_number() -> None:
    cells = cells_of(PLANTED)
    boundary = find_boundary(cells, 0.25, resampling=Resampling(draws=100))
    odd = boundary.estimate.copy()
    odd[0, :3] = np.nan, np.inf, -np.inf
    nowhere = Estimate(np.nan, np.nan, np.nan)
    law = replace(fit_power_law(boundary, 1), setting=0, intercept=nowhere)
    predicted = {"theory": np.full(odd.shape, np.nan)}
    cut = LevelCut(0.25, odd, boundary.low, boundary.high, [law], predicted)
    data = level_data(LevelsBlock(cells, [cut, cut], (), 0))
    json.dumps(data, allow_nan=False)
    level = data["levels"][0]
    assert level["at"][0][:3] == [None, "high", "low"]
    assert [one["line"] for one in level["laws"]] == [None, None]
    assert level["predicted"]["theory"] == [[None] * 8] * 2


def test_levels_are_sorted_and_the_map_shows_one_of_them(tmp_path: Path) -> None:
    results = analyse(str(PLANTED.write(tmp_path / "data")), FEW)
    section = ExponentByLevel(results)
    section.begin(Tasks())
    block = section.cuts()
    assert block is not None
    levels = [cut.level for cut in block.cuts]
    assert levels == sorted(set(levels)) and len(levels) > 3
    assert levels[block.first] == results.spec.levels[0] == 0.25
    found = block.cuts[block.first].estimate
    planted = np.log(PLANTED.boundary())
    inside = np.isfinite(found)
    assert found[inside] == pytest.approx(planted[inside], abs=0.3)

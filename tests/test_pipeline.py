"""Sweep file to figure: a planted boundary comes back, and failures are reported all the way."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.figures import draw_map
from analysis.report.report import write_report
from analysis.report.results import Results, analyse
from sweeps.driver import datasets
from sweeps.models.installed import load_model
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.small import PROPORTIONAL_SWEEP, planned, train
from tests.toy import LEVEL

PLANTED = """\
name: planted
model: toy
seed: {seed}
replicates: 12
axes:
  x: {{log: [1, 100, 9]}}
  y: {{log: [0.3, 60, 24]}}
fixed: {{exponent: 0.5, constant: 1.2, shift: 1.5, noise: 0.1}}
settings: {{p_flip: [0, 0.1]}}
analysis:
  x: x
  y: y
  measure: error
  levels: [0.25]
  theory: [{{name: planted, exponent: 0.5}}]
"""

EXPLOSIVE = """\
name: explosive
seed: 1
replicates: 6
axes:
  v0: {log: [0.05, 5, 4]}
  mu_norm: {log: [1, 20, 5]}
fixed: {n: 20, m: 5, d: 200, sigma_0: 0.01, eta: 30, steps: 1500, n_test: 20}
settings: {p_flip: [0, 0.2]}
analysis: {x: v0, y: mu_norm, measure: test_error_clean, levels: [0.2]}
"""


def recovered(folder: Path, seed: int) -> Results:
    """The results of a planted sweep."""
    train(PLANTED.format(seed=seed), folder)
    return analyse(str(folder))


def truth(results: Results) -> np.ndarray:
    """log y of the planted boundary, (settings, columns)."""
    x = results.cells.plane.x.values
    return np.log(1.2 * np.sqrt(x) * np.array([[1.0], [1.5]]))


def test_a_planted_boundary_is_within_its_intervals(tmp_path: Path) -> None:
    inside = []
    for seed in range(6):
        found = recovered(tmp_path / str(seed), seed)
        boundary = found.levels[0].boundary
        assert boundary.level == LEVEL
        inside.append((boundary.low <= truth(found)) & (truth(found) <= boundary.high))
    # 108 columns at a stated 95 %: fewer than 95 inside has a chance below one in a thousand.
    assert np.sum(inside) >= 95


def test_planted_exponent_and_shift_are_found(tmp_path: Path) -> None:
    level = recovered(tmp_path, 1).levels[0]
    for comparison in level.comparisons:
        assert comparison.law.slope is not None
        assert comparison.law.slope.value == pytest.approx(0.5, abs=0.02)
        assert comparison.verdict.startswith("agrees")
    shift = level.shifts[0].mean
    assert shift is not None
    assert shift.value == pytest.approx(1.5, abs=0.05)


def test_diverged_runs_are_counted_from_row_to_report(tmp_path: Path) -> None:
    train(EXPLOSIVE, tmp_path / "data", load_model("bocnn"))
    status = datasets.read_status(DatasetFolder(str(tmp_path / "data")))
    diverged = status.by_status["diverged"]
    assert diverged > 10
    assert status.published == status.planned == 240
    found = analyse(str(tmp_path / "data"))
    assert found.cells.status["diverged"].sum() == diverged
    titles = [axes.get_title() for axes in draw_map(found.cells, found.levels[0].boundary).axes]
    assert sum(int(t.split("\n")[1].split()[0]) for t in titles if "diverged" in t) == diverged
    write_report([analyse(str(tmp_path / "data"))], tmp_path / "report")
    assert f"| diverged | {diverged} |" in (tmp_path / "report" / "table.md").read_text()


def test_the_sweep_beside_the_rows_is_what_analysis_reads(tmp_path: Path) -> None:
    train(PLANTED.format(seed=2), tmp_path)
    stored = json.loads((tmp_path / "_sweep.json").read_text())
    found = analyse(str(tmp_path))
    np.testing.assert_array_equal(found.cells.plane.x.values, stored["axes"]["x"]["values"])
    np.testing.assert_array_equal(found.cells.plane.y.values, stored["axes"]["y"]["values"])
    assert stored["planned_runs"] == found.cells.values.size


def test_the_sweep_file_of_a_report_trains_the_same_runs(tmp_path: Path) -> None:
    few = PLANTED.format(seed=3).replace("100, 9]", "100, 3]").replace("60, 24]", "60, 8]")
    train(few, tmp_path / "data")
    (written,) = (
        path
        for path in write_report([analyse(str(tmp_path / "data"))], tmp_path / "report").files
        if path.name == "sweep.yaml"
    )
    plan, _ = planned(written.read_text(encoding="utf-8"), tmp_path / "data")
    assert plan.total == 2 * 3 * 8 * 12
    assert plan.todo == 0


CURVES = """\
analysis:
  x: h
  y: d
  measure: risk
  levels: []
  curves: [{measure: risk, predicted: predicted_risk, source: theory}]
"""


def test_a_sweep_without_levels_is_reported_by_its_curves(tmp_path: Path) -> None:
    for name in ("one", "two"):
        train(PROPORTIONAL_SWEEP + CURVES, tmp_path / name, load_model("proportional"))
    datasets = [analyse(str(tmp_path / name)) for name in ("one", "two")]
    files = {path.name for path in write_report(datasets, tmp_path / "report").files}
    assert {"curve-risk.svg", "curve-verdicts.csv", "curves.csv", "predictions.md"} <= files
    assert not any(name.startswith(("boundary", "map")) for name in files)
    predicted = (tmp_path / "report" / "predictions.md").read_text(encoding="utf-8")
    assert predicted.count("risk = predicted_risk") == 8  # two datasets, two d, two activations
    assert "inconclusive" in predicted

"""Curves along the training: lines over recorded steps, one training each."""

from pathlib import Path

import numpy as np
import pytest

from analysis.dataset.files import open_dataset
from analysis.figures.curves import draw_curves
from analysis.report.report import write_report
from analysis.report.results import analyse
from analysis.training.learning_curves import recorded_lines
from sweeps.models.installed import load_model
from tests.sweeps.small import errors_of, train

ALONG = """\
trajectory: [0, 4, 10]
analysis:
  x: m
  y: n
  measure: residual
  levels: []
  curves: [{measure: residual, predicted: predicted_residual, recorded: true, source: theory}]
"""
SWEEP = f"""\
name: along
model: kernel
seed: 1
replicates: 4
axes: {{m: [16, 64], n: [12]}}
fixed: {{d: 6, eta: 0.3, steps: 20, n_test: 20}}
settings: {{labels: [teacher, random]}}
{ALONG}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("along") / "data"
    train(SWEEP, where, load_model("kernel"))
    return where


def test_a_line_is_the_mean_of_what_was_recorded_and_ends_as_the_rows_do(folder: Path) -> None:
    dataset = open_dataset(str(folder))
    (spec,) = dataset.sweep.analysis.curves
    lines, steps = recorded_lines(str(folder), dataset.sweep, spec, over="m")
    assert steps is not None
    np.testing.assert_array_equal(steps.values, [0, 4, 10, 20])
    assert [(line.y, line.setting) for line in lines] == [
        (m, f"labels = {word}") for m in (16.0, 64.0) for word in ("random", "teacher")
    ]
    m, words = dataset.numbers("m"), np.array(dataset.table["labels"].to_pylist())
    for line in lines:
        mine = (m == line.y) & (words == line.setting.split(" = ")[1])
        for values, name in ((line.mean, "residual"), (line.predicted, "predicted_residual")):
            assert values[-1] == pytest.approx(dataset.numbers(name)[mine].mean())
        ends = dataset.numbers("residual")[mine]
        # Student's t at 97.5 % with three degrees of freedom.
        assert line.half[-1] == pytest.approx(3.1824 * ends.std(ddof=1) / 2, rel=1e-4)
        assert line.replicates == 4


def test_the_report_judges_them(folder: Path, tmp_path: Path) -> None:
    files = {path.name for path in write_report([analyse(str(folder))], tmp_path).files}
    assert {"curve-residual.svg", "curve-verdicts.csv"} <= files
    text = (tmp_path / "curve-verdicts.csv").read_text(encoding="utf-8")
    assert text.count("residual = predicted_residual") == 4
    assert '"m = 16, labels = random"' in text


@pytest.mark.parametrize(
    ("steps", "scale"),
    [("{log: [0, 20, 4]}", "symlog"), ("{log: [1, 20, 4]}", "log"), ("[0, 5, 10, 15]", "linear")],
)
def test_curves_along_the_training_are_drawn_on_the_scale_of_the_steps(
    tmp_path: Path, steps: str, scale: str
) -> None:
    text = SWEEP.replace("[0, 4, 10]", steps).replace("replicates: 4", "replicates: 1")
    train(text, tmp_path, load_model("kernel"))
    dataset = open_dataset(str(tmp_path))
    assert dataset.sweep.analysis is not None
    (spec,) = dataset.sweep.analysis.curves
    lines, plane = recorded_lines(str(tmp_path), dataset.sweep, spec, over="m")
    assert plane is not None
    (axes,) = draw_curves(lines, plane, labels=("residual", "m")).axes
    assert axes.get_xscale() == scale
    assert axes.get_xlim()[0] < plane.values[0] and plane.values[-1] < axes.get_xlim()[1]


def test_without_records_there_are_no_lines(folder: Path, tmp_path: Path) -> None:
    train(SWEEP.replace(ALONG, ""), tmp_path, load_model("kernel"))
    dataset = open_dataset(str(folder))
    assert dataset.sweep.analysis is not None
    (spec,) = dataset.sweep.analysis.curves
    assert recorded_lines(str(tmp_path), dataset.sweep, spec, over="m") == ([], None)


def test_curves_of_what_is_not_recorded_are_errors() -> None:
    wrong = SWEEP.replace("measure: residual, predicted", "measure: residuals, predicted")
    text = errors_of(wrong, load_model("kernel"))
    assert "received 'residuals'; expected a recorded measure: residual, predicted_residual" in text
    assert "did you mean 'residual'" in text.lower()
    text = errors_of(SWEEP.replace("trajectory: [0, 4, 10]\n", ""), load_model("kernel"))
    assert "the sweep records none; give steps under trajectory" in text

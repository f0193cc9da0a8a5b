"""What a model predicts of its measure: from the sweep file to the dataset and the report's verdicts."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.cells.aggregate import aggregate
from analysis.cells.predicted import predicted_boundary, predicted_on_plane
from analysis.dataset.files import open_dataset
from analysis.errors import AnalysisError
from analysis.report.results import ReportOptions, analyse
from analysis.report.sections.scaling.model_comparison import ModelComparison
from analysis.report.sections.scaling.theory import TheoryVerdicts
from analysis.report.sections.scaling.trends import Trends
from analysis.scaling.model_selection import FIXED_EXPONENT
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import PredictionSpec
from sweeps.declare.file_names import PREDICTIONS
from tests.sweeps.small import errors_of, train
from tests.toy import TOY, PredictingToy

SWEEP = """\
name: predicted
model: toy
replicates: 8
axes:
  x_scaled: {log: [0.25, 100, 10]}
  y: {log: [0.1, 40, 25]}
settings: {p_flip: [0, 0.1], word: [plain, fancy]}
derived: {x: 4 * x_scaled}
analysis:
  x: x_scaled
  y: y
  measure: error
  levels: [0.25, 0.2]
  theory:
    - {name: square root, exponent: EXPONENT, prediction: exact, x_range: [0.25, 13], within: 0.05}
    - {name: halved, prediction: halved, x_range: [0.25, 13]}
"""
LINE = "line: sqrt(x)"
HALF = SWEEP.replace("EXPONENT", "0.5")
FEW = ReportOptions(resampling=Resampling(draws=300))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset whose sweep's exponent is not the planted one."""
    out = tmp_path_factory.mktemp("predicted") / "data"
    assert not train(SWEEP.replace("EXPONENT", "0.7"), out, PredictingToy()).missing
    return out


def test_the_file_has_a_row_for_each_cell_and_says_what_it_holds(folder: Path) -> None:
    table = pq.read_table(folder / PREDICTIONS)
    assert table.num_rows == 10 * 25 * 4
    assert {"x_scaled", "x", "y", "p_flip", "word", "exact", "halved"} == set(table.column_names)
    exact = table.schema.field("exact").metadata
    assert exact[b"measure"] == b"error" and exact[b"meaning"] == b"the mean of the formula"
    assert table["exact"].null_count == 4 * 25 * 4  # x above 50: null, not NaN
    assert not np.isnan(table["exact"].drop_null().to_numpy()).any()


def test_predictions_stand_at_their_cells(folder: Path) -> None:
    dataset = open_dataset(str(folder))
    spec = dataset.sweep.analysis
    assert spec is not None
    cells = aggregate(dataset, spec)
    predicted = predicted_on_plane(dataset, cells, "exact")
    assert predicted.shape == cells.mean.shape == (4, 10, 25)
    error = cells.mean[:, :6] - predicted[:, :6]
    # The toy's noise is 0.05 a run, cut at 0 and 0.5, where its mean moves by 0.02.
    assert np.abs(error).max() < 0.1 and np.isnan(predicted[:, 6:]).all()
    for s, shift in enumerate((1.0, 1.0, 1.5, 1.5)):
        at = predicted_boundary(dataset, cells, spec.theory[0], 0.25)[s]
        planted = shift * np.sqrt(4 * cells.plane.x.values)
        np.testing.assert_allclose(at[:6], planted[:6], rtol=1e-3)
    half = predicted_boundary(dataset, cells, spec.theory[1], 0.25)
    np.testing.assert_allclose(half[3, 2:6], planted[2:6] / 2, rtol=1e-3)


def test_a_wrong_exponent_is_told_from_a_wrong_theory(folder: Path) -> None:
    section = TheoryVerdicts(analyse(str(folder), FEW))
    found = {
        (one.prediction, one.quantity): one
        for one in section.verdicts
        if one.level == 0.25 and one.definition == "mean" and one.setting.startswith("p_flip = 0,")
    }
    asymptotic = found["square root", "exponent"]
    assert (asymptotic.predicted, asymptotic.verdict) == (
        0.7,
        "agrees with the finite-size prediction, not with the asymptotic one",
    )
    finite = found["square root", "exponent at finite size"]
    assert finite.predicted == pytest.approx(0.5, abs=1e-3) and finite.verdict == "agrees"
    position = found["square root", "factor"]
    assert position.measured is not None and abs(position.measured.value - 1) < 0.05
    assert position.verdict == "agrees"
    assert ("halved", "exponent") not in found  # it states none
    assert found["halved", "exponent at finite size"].verdict == "agrees"
    wrong = found["halved", "factor"]
    assert wrong.measured is not None and wrong.measured.value == pytest.approx(2, rel=0.05)
    assert wrong.verdict == "disagrees"


def test_a_trend_over_a_setting_stands_beside_what_theory_has_at_the_sizes(tmp_path: Path) -> None:
    text = HALF + (
        "  across: [{setting: p_flip, of: exponent}, {setting: p_flip, of: shift, limit: 1.2}]\n"
    )
    assert not train(text, tmp_path / "data", PredictingToy()).missing
    section = Trends(analyse(str(tmp_path / "data"), FEW))
    verdicts, values = section.tables()
    rows = [row for row in values.rows if row["others"] == "word = plain" and row["level"] == 0.25]
    for theory in ("square root", "halved"):
        found = [row[f"predicted at finite size, {theory}"] for row in rows]
        assert found == pytest.approx([0.5, 0.5, 1.0, 1.5], abs=1e-3)
    measured = [row["measured"] for row in rows]
    assert measured == pytest.approx([0.5, 0.5, 1.0, 1.5], abs=0.05)
    judged = [row for row in verdicts.rows if row["level"] == 0.25]
    exact = [row for row in judged if row["source"] == "square root"]
    assert {row["quantity"] for row in exact} == {"shift at finite size"}
    assert {row["verdict"] for row in exact} == {"agrees"}
    assert all(row["predicted"] == pytest.approx(1.5, abs=1e-3) for row in exact)
    # The limit that the sweep states is another number, and wrong.
    stated = [row for row in judged if row["quantity"] == "shift"]
    assert {row["predicted"] for row in stated} == {1.2}
    assert {row["verdict"] for row in stated} == {"disagrees"}


def test_a_finite_size_that_is_no_nearer_explains_nothing(tmp_path: Path) -> None:
    """A claimed accuracy that covers the measured exponent does not make the asymptotic one wrong."""
    text = SWEEP.replace("EXPONENT", "0.5").replace("within: 0.05", "within: 0.5")
    text = text.replace("axes:", "fixed: {exponent: 0.6}\naxes:").replace("prediction: exact", LINE)
    assert not train(text, tmp_path / "data", PredictingToy()).missing
    section = TheoryVerdicts(analyse(str(tmp_path / "data"), FEW))
    verdicts = {
        one.quantity: one.verdict
        for one in section.verdicts
        if (one.prediction, one.level, one.definition) == ("square root", 0.25, "mean")
        and one.setting.startswith("p_flip = 0,")
    }
    assert verdicts["exponent"] == "disagrees"
    assert verdicts["exponent at finite size"] == verdicts["factor"] == "agrees"


def test_an_exponent_that_agrees_needs_no_finite_size(tmp_path: Path) -> None:
    assert not train(HALF, tmp_path / "data", PredictingToy()).missing
    section = TheoryVerdicts(analyse(str(tmp_path / "data"), FEW))
    verdicts = [
        one.verdict
        for one in section.verdicts
        if (one.quantity, one.level, one.definition) == ("exponent", 0.25, "mean")
    ]
    assert verdicts == ["agrees"] * 4


def test_a_prediction_for_some_settings_is_compared_with_these_alone(tmp_path: Path) -> None:
    text = HALF.replace("prediction: halved,", "line: x / 4, where: {p_flip: 0.1, word: [fancy]},")
    text = text.replace("{name: square root,", "{name: square root, where: {word: [plain]},")
    text = text.replace("x_range: [0.25, 13], within", "within")  # laws with a range do not compete
    assert not train(text, tmp_path / "data", PredictingToy()).missing
    results = analyse(str(tmp_path / "data"), FEW)
    plain = {"p_flip = 0, word = plain", "p_flip = 0.1, word = plain"}
    found = TheoryVerdicts(results).verdicts
    for name, settings in (("square root", plain), ("halved", {"p_flip = 0.1, word = fancy"})):
        assert {one.setting for one in found if one.prediction == name} == settings
    compared = [[one.law.setting for one in level.comparisons] for level in results.levels]
    assert compared == [[0, 2]] * 2
    fixed = [one.selection for one in ModelComparison(results).comparisons]
    assert [any(FIXED_EXPONENT in c.name for c in one.candidates) for one in fixed] == [
        "plain" in setting for setting in results.cells.plane.settings
    ] * 2
    line = results.levels[0].predicted[results.spec.theory[1]]
    assert [bool(np.isfinite(part).any()) for part in line] == [
        setting == "p_flip = 0.1, word = fancy" for setting in results.cells.plane.settings
    ]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            "{wort: plain}",
            "received 'wort'; expected a setting: p_flip, word; did you mean 'word'?",
        ),
        ("{word: [plain, odd]}", "received word = 'odd'; expected of its values: 'plain', 'fancy'"),
        ("{p_flip: '0'}", "received p_flip = '0'; expected of its values: 0, 0.1"),
        ("{p_flip: [0, .nan], word: [.inf]}", "expected of p_flip a value or a list of values"),
        ("{p_flip: []}", "expected of p_flip a value or a list of values"),
        ("{p_flip: true}", "expected of p_flip a value or a list of values"),
        ("plain", "expected settings with their values: {p_flip: [0, 0.1]}"),
    ],
)
def test_a_prediction_for_no_setting_of_the_sweep_is_refused(where: str, message: str) -> None:
    text = HALF.replace("prediction: halved,", f"prediction: halved, where: {where},")
    assert message in errors_of(text, PredictingToy())


def test_a_prediction_that_is_added_later_needs_no_training(tmp_path: Path) -> None:
    out = tmp_path / "data"
    before = HALF.replace(", prediction: exact", "").replace("prediction: halved", "exponent: 1")
    assert not train(before, out, PredictingToy()).missing
    assert not (out / PREDICTIONS).exists()

    def nothing(job: object) -> dict[int, str]:
        raise AssertionError("something was to be trained")

    assert not train(HALF, out, PredictingToy(), executor=nothing).missing
    assert pq.read_table(out / PREDICTIONS).num_rows == 1000
    assert not train(before, out, PredictingToy(), executor=nothing).missing
    assert not (out / PREDICTIONS).exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "prediction: exact",
            "prediction: exakt",
            "predictions of error that the model toy has: exact",
        ),
        ("prediction: exact", "prediction: m", "received 'm'; predictions of error"),
        ("prediction: halved", "source: none", "predicts nothing; give an exponent, a line"),
        ("prediction: halved", "prediction: halved, line: x", "give one of line and prediction"),
        ("within: 0.05", "within: -1", "within"),
    ],
)
def test_what_the_model_does_not_predict_is_refused(old: str, new: str, message: str) -> None:
    assert message in errors_of(HALF.replace(old, new), PredictingToy())


def test_a_model_that_predicts_nothing_says_so() -> None:
    assert "predictions of error that the model toy has: none" in errors_of(HALF, TOY)


def test_a_file_that_is_missing_or_foreign_is_named(folder: Path, tmp_path: Path) -> None:
    dataset = open_dataset(str(folder))
    assert dataset.sweep.analysis is not None
    cells = aggregate(dataset, dataset.sweep.analysis)
    with pytest.raises(AnalysisError, match=r"holds no prediction 'exakt'\. Did you mean 'exact'"):
        predicted_on_plane(dataset, cells, "exakt")
    theory = PredictionSpec("none", line="x / 4")
    np.testing.assert_allclose(
        predicted_boundary(dataset, cells, theory, 0.25)[2], cells.plane.x.values
    )
    table = pq.read_table(folder / PREDICTIONS)
    altered = table.set_column(6, "halved", table["exact"])
    kept = (folder / PREDICTIONS).read_bytes()
    try:
        pq.write_table(altered, folder / PREDICTIONS)
        with pytest.raises(AnalysisError, match="holds other numbers than those that were written"):
            predicted_on_plane(dataset, cells, "exact")
        (folder / PREDICTIONS).unlink()
        with pytest.raises(
            AnalysisError, match="Run the sweep again to write it: nothing is trained"
        ):
            predicted_on_plane(dataset, cells, "exact")
    finally:
        (folder / PREDICTIONS).write_bytes(kept)

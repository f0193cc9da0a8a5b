"""The one contract of a sweep file: every key can be given, comes back in the record, and is read."""

import ast
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from sweeps.declare.analysis_spec import AnalysisSpec, CurveSpec, PredictionSpec, TrendSpec
from sweeps.declare.document.document import ADDED, read_document
from sweeps.declare.file.form import SECTION_RECORDS, File
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.plan.declared import declared
from tests.sweeps.small import errors_of, resolved
from tests.toy import PredictingToy, RecordingToy

ROOT = Path(__file__).parents[3]
CONTRACT = ("sweeps/declare/analysis_spec.py", "sweeps/declare/file/form.py")

WHOLE: dict[str, Any] = {
    "name": "whole",
    "model": "toy",
    "description": "every key once",
    "seed": 3,
    "replicates": 2,
    "axes": {"x": [1, 2], "y": {"log": [1, 4, 2]}, "n": [1, 2]},
    "zip": [["x", "n"]],
    "fixed": {"cost": 10},
    "derived": {"width": "x * 2"},
    "settings": {"p_flip": [0, 0.1]},
    "trajectory": {"log": [0, 8, 3]},
    "sampling": {"target": "exponent", "half_width": 0.01, "at_most": 100, "round": 10}
    | {"strategy": "columns", "x_range": [1, 2]},
    "sizes": {"smoke": {"replicates": 1, "sampling": {"half_width": 0.1}}},
    "analysis": {
        "x": "x",
        "y": "y",
        "measure": "error",
        "levels": [0.25],
        "theory": [
            {"name": "a", "exponent": 1, "x_range": [1, 2], "source": "b", "line": "2 * x * cost"},
            {"name": "b", "prediction": "exact", "within": 0.1, "where": {"p_flip": [0.1]}},
        ],
        "collapse": {"order": ["x / y", "x * y"]},
        "across": [
            {"setting": "p_flip", "of": "kink", "exponent": 1, "limit": 2, "x_range": [1, 2]}
            | {"source": "c"}
        ],
        "curves": [
            {"measure": "error", "predicted": "error", "power": -1, "inset": 4, "source": "d"}
            | {"recorded": False, "limit": "p_flip"}
        ],
    },
}
"""A sweep file in which every key is given."""


class WholeToy(RecordingToy, PredictingToy):
    """A model that records and predicts."""


def sections(value: Any, name: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every part of a file that has keys of its own, with the section that it is in."""
    parts = (
        [(name, value)] if isinstance(value, dict) and (not name or name in SECTION_RECORDS) else []
    )
    for key, inner in value.items() if isinstance(value, dict) else ():
        for item in inner if isinstance(inner, list) else [inner]:
            parts += sections(item, key)
    return parts


def keys() -> set[tuple[str, str]]:
    """Every key of the contract: its section, "" for the file itself, and its name."""
    inner = {
        (s, f.name) for s, record in SECTION_RECORDS.items() for f in dataclasses.fields(record)
    }
    return inner | {("", name) for name in File.model_fields}


def test_the_example_has_every_key() -> None:
    given = {(section, key) for section, part in sections(WHOLE) for key in part}
    assert given >= keys()


def test_every_key_can_be_given_and_comes_back_in_the_record() -> None:
    whole = json.loads(json.dumps(WHOLE))
    whole["settings"]["p_flip"] = [0.1, 0.2]  # a limit is over sizes, which are above 0
    sweep = resolved(json.dumps(whole), WholeToy())
    document = {"schema_version": 1, "planned_runs": 2 * 2 * 2 * 2} | declared(sweep)
    record = read_document(document, where="here")
    expected = AnalysisSpec(**whole["analysis"])
    assert record.analysis == sweep.spec.analysis == expected
    assert dataclasses.asdict(expected)["theory"][0]["line"] == "2 * x * cost"
    assert record.name == "whole"
    assert record.replicates == 2
    assert record.axes["y"].values == (1.0, 4.0)
    assert record.axes["y"].scale == "log"
    assert record.zip == (("x", "n"),)
    assert record.fixed == {"cost": 10.0}
    assert record.settings == {"p_flip": (0.1, 0.2)}
    assert record.sampling == sweep.spec.sampling == SamplingSpec(**whole["sampling"])
    assert record.sampling.x_range == (1.0, 2.0)
    assert record.trajectory is not None
    assert record.trajectory.values == (0, 1, 8)
    assert set(document) == {*File.model_fields, "schema_version", "planned_runs", "draws"} - {
        "sizes"
    }
    assert set(document) - set(File.model_fields) <= set(ADDED)


def test_every_key_is_read_by_somebody() -> None:
    paths = [
        p for package in ("sweeps", "analysis") for p in sorted((ROOT / package).rglob("*.py"))
    ]
    trees = [ast.parse(p.read_text()) for p in paths if not str(p).endswith(CONTRACT)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    read |= {node.value for node in nodes if isinstance(node, ast.Constant) and node.value}
    unread = {name for section, name in keys() if section and name not in read - {"order"}}
    assert unread == {"order"}  # read as `formulas`
    assert not {name for section, name in keys() if not section and name not in read}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 *", "analysis.theory.0.line: '2 .' is not a formula"),
        ("2 * widht", "analysis.theory.0.line: the formula names 'widht'.*did you mean 'width'"),
        (
            "double",
            r"'double', which is derived and no column of the dataset; write 2 \* x instead",
        ),
        ("2", None),
        ("x * error / width", None),
    ],
)
def test_a_predicted_line_is_a_formula_of_columns(line: str, message: str | None) -> None:
    text = json.dumps(
        {
            **{"name": "t", "model": "toy", "replicates": 1, "axes": {"x": [1, 2], "y": [1]}},
            "derived": {"double": "2 * x", "width": "double / 2"},
            "analysis": {
                **{"x": "x", "y": "y", "measure": "error", "levels": [0.5]},
                "theory": [{"name": "t", "exponent": 1, "line": line}],
            },
        }
    )
    if message is None:
        assert resolved(text).spec.analysis is not None
        return
    with pytest.raises(AssertionError, match=message):
        assert not errors_of(text)


def test_records_take_what_files_take_and_nothing_else() -> None:
    assert PredictionSpec("a", 1).exponent == 1.0
    assert isinstance(PredictionSpec("a", 1).exponent, float)
    assert CurveSpec("error", power=-1).power == -1.0
    for wrong in ({"exponent": "1"}, {"exponent": float("nan")}, {"exponent": 101}):
        with pytest.raises(ValueError, match="exponent"):
            PredictionSpec("a", **wrong)
    with pytest.raises(ValueError, match="of"):
        TrendSpec(setting="d", of="slope")  # type: ignore[arg-type]

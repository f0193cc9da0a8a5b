"""The resolved sweep of a dataset: read into a record, and refused where it is none."""

from typing import Any

import pytest

from sweeps.declare.axis import Axis
from sweeps.declare.cells.resolve import resolve
from sweeps.declare.document.digest import with_digest
from sweeps.declare.document.document import DocumentError, SweepDocument, count_runs, read_document
from sweeps.declare.file import presets
from sweeps.models.installed import load_model
from sweeps.plan.declared import declared

DOCUMENT: dict[str, Any] = {
    "schema_version": 1,
    "name": "here",
    "replicates": 2,
    "axes": {"x": {"values": [1, 2, 4], "scale": "log"}, "y": {"values": ["a"], "scale": "list"}},
    "settings": {"p": [0, None]},
    "fixed": {"m": 3, "folder": "/data"},
    "zip": [],
    "planned_runs": 12,
    "draws": {"keyed": [], "paired": ["p"]},
    "locations": ["folder"],
    "trajectory": [0, 5],
}


def read(**changes: Any) -> SweepDocument:
    """The record of the document with other values of some keys; `...` takes a key out."""
    document = {key: value for key, value in (DOCUMENT | changes).items() if value is not ...}
    return read_document(document, where="folder/_sweep.json")


def test_a_document_becomes_a_record() -> None:
    record = read()
    assert record.axes == {"x": Axis((1, 2, 4), "log"), "y": Axis(("a",), "list")}
    assert record.settings == {"p": (0, None)}
    assert record.constants == {"m": (3,)}
    assert record.planned_runs == 12
    assert record.paired == ("p",)
    assert record.trajectory == Axis((0, 5), "list")
    assert read(trajectory=...).trajectory is None
    assert read(
        zip=[["x", "y"]], axes=DOCUMENT["axes"] | {"y": {"values": [1, 2, 3], "scale": "list"}}
    )
    scaled = read(trajectory={"values": [0, 1, 10], "scale": "log"}).trajectory
    assert scaled == Axis((0, 1, 10), "log")


def test_what_is_missing_is_worked_out_or_absent() -> None:
    record = read(
        **dict.fromkeys(("planned_runs", "fixed", "zip", "draws", "locations", "trajectory"), ...)
    )
    assert record.planned_runs == 12
    assert (record.fixed, record.zip, record.paired, record.analysis) == ({}, (), (), None)


def test_control_characters_are_written_out() -> None:
    axes = {"x\x1b": {"values": ["\x1b[2J"], "scale": "list"}}
    record = read(name="a\x07b", axes=axes, planned_runs=...)
    assert record.name == "a\\x07b"
    assert record.axes["x\\x1b"].values == ("\\x1b[2J",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema version 2, expected 1. This release cannot read it"),
        ({"schema_version": ...}, "schema version None, expected 1"),
        ({"axes": ...}, r"malformed \(KeyError: 'axes'\); expected name, axes"),
        ({"axes": None}, "axes is None, expected names with their values"),
        ({"axes": {"x": {"values": [], "scale": "lin"}}}, r"axes.x is \[\], expected a list of"),
        ({"settings": {"p": 1}}, "settings.p is 1, expected a list of values"),
        ({"fixed": []}, r"fixed is \[\], expected names with their values"),
        ({"seed": "7"}, "seed is '7', expected a whole number"),
        ({"trajectory": ["end"]}, r"trajectory is .*, expected a list of steps"),
        ({"draws": {"paired": "p"}}, "draws is .*, expected lists of names"),
        ({"axes": {"x": {"values": [1], "scale": "sin"}}}, "scale 'sin', expected lin, log, list"),
        ({"axes": {"x": {"values": [[1]], "scale": "lin"}}}, r"the value \[1\], expected a number"),
        ({"settings": {"p": ["", 1.0]}}, "expected numbers or words, not both"),
        ({"settings": {"p": [True]}}, "the value True, expected a number, a word or null"),
        (
            {"settings": {"p": [2**63]}},
            "the value 9223372036854775808, expected a whole number of 64 bits",
        ),
        ({"replicates": "four"}, "the count 'four', expected a whole number of at least 1"),
        ({"replicates": True}, "the count True"),
        ({"replicates": 0}, "the count 0"),
        ({"replicates": 2**63}, "the count 9223372036854775808"),
        ({"planned_runs": 11}, "planned_runs is 11, and its axes make 12 runs"),
        ({"zip": [["x", "z"]]}, "zip names z, expected names of axes"),
        ({"zip": [[]]}, r"zip is \[\[\]\], expected lists of names"),
        ({"zip": [["x", "p"]]}, "planned_runs is 12, and its axes make 6 runs"),
        ({"analysis": {"x": "x"}}, "analysis.y is .*: Field required"),
        (
            {"analysis": {"x": "x", "y": "y", "measure": "e", "levels": ["low"]}},
            "analysis.levels.0.int is 'low': Input should be a valid integer",
        ),
    ],
)
def test_what_is_no_resolved_sweep_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=f"folder/_sweep.json: .*{message}"):
        read(**changes)


def test_a_document_that_was_altered_is_refused() -> None:
    document = with_digest(DOCUMENT)
    assert read_document(document, where="here").name == "here"
    with pytest.raises(DocumentError, match="here was altered since it was written"):
        read_document(document | {"replicates": 4, "planned_runs": 24}, where="here")


def test_zipped_names_vary_together() -> None:
    assert count_runs({"x": 3, "y": 3, "p": 2}, [["x", "y"]], replicates=5) == 30
    assert count_runs({}, [], replicates=5) == 5


@pytest.mark.parametrize("name", presets.preset_names())
def test_every_shipped_sweep_is_read_back(name: str) -> None:
    resolved = resolve(presets.find(name)[0], name, load_model)
    planned = resolved.cells.number * resolved.spec.replicates
    document = declared(resolved) | {"schema_version": 1, "planned_runs": planned}
    record = read_document(document, where=name)
    assert record.planned_runs == planned
    assert record.analysis == resolved.spec.analysis
    assert record.axes == resolved.spec.axes
    assert record.trajectory == resolved.spec.trajectory
    assert record.fixed == resolved.spec.fixed

"""Mistakes in sweep files: each told with its line, what was expected and the nearest valid word."""

import re
from pathlib import Path

import pytest

from sweeps.mistakes import SweepError
from sweeps.presets import find
from sweeps.protocol import load_model
from tests.sweeps.small import KERNEL_SWEEP, mistakes, resolved

KERNEL = load_model("kernel")
BODY = """\
name: wrong
replicates: 2
axes:
  x: [1, 2]
  y: [3]
"""


ANALYSIS = "analysis: {x: x, y: y, measure: error, levels: [0.1]"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("replicate: 3", "replicate: unknown key; valid: name, .*; did you mean 'replicates'"),
        ("seed: -1", "seed: received -1; expected greater than or equal to 0"),
        ("seed: 1.5", "seed: received 1.5; expected a valid integer"),
        ("seed: true", "seed: received True; expected a valid integer"),
        ("fixed: {width: true}", "fixed.width: received True; expected a valid integer or "),
        ("fixed: {width: wide}", r"fixed.width: received 'wide'; expected a number in \(0, inf\)"),
        ("fixed: {width: -1}", r"fixed.width: received -1; expected a number in \(0, inf\)"),
        ("fixed: {width: null}", "fixed.width: received None; expected a number"),
        ("fixed: {width: .inf}", "fixed.width: received inf; expected .* a finite number"),
        ("fixed: {exponent: steep}", r"received 'steep'; expected a number \(exponent of"),
        ("fixed: {width: 2001-02-03}", r"received datetime.date\(2001, 2, 3\); expected"),
        ("fixed: {width: 2001-99-99}", "'2001-99-99' is not a valid timestamp"),
        ("fixed: {width: 1" + "0" * 400 + "}", r"'10+\.\.\.0+' is not a valid int"),
        ("fixed: {word: plane}", "'plane'; expected one of plain, fancy; did you mean 'plain'"),
        ("fixed: {widht: 1}", "widht: is neither a parameter of toy .*; did you mean 'width'"),
        ("fixed: {x: 1}", "fixed.x: is given in axes already; give it once"),
        ("fixed: {seed: 1}", "fixed.seed: is a column that every dataset has"),
        ("fixed: {error: 1}", "fixed.error: is a column that every dataset has"),
        ("fixed: [1]", r"fixed: received \[1\]; expected a valid dictionary"),
        ("settings: {p_flip: [0, 0.5]}", r"received 0.5 \(1 of 2 values are wrong\); expected a"),
        ("settings: {p_flip: []}", "settings.p_flip: received no values"),
        ("settings: {p_flip: 0.1}", "settings.p_flip: received 0.1; expected a list of values"),
        ("derived: {width: shit * 2}", "names 'shit', which is given nowhere; did you mean 'shift"),
        ("derived: {width: log + 1}", "names 'log', which is given nowhere"),
        ("derived: {width: 0 - 1}", r"derived.width: received -1 \(2 of 2 values are wrong\)"),
        ("derived: {n: x / 2}", r"received 0.5 .* \(a shape\); round\(\) makes whole numbers"),
        ("derived: {n: word}", "the formula reads a column of words"),
        ("derived: {word: 1}", "a formula gives numbers; expected one of plain, fancy"),
        ("derived: {width: noise, noise: width}", "formulas go in a circle: .* → "),
        ("derived: {width: width}", "formulas go in a circle: width → width"),
        ("derived: {width: open('f')}", "derived.width: only sqrt, .* can be called"),
        ("derived: {width: 1, unused: 2}", "derived.unused: is neither a parameter of toy nor"),
        ("zip: [[x, z]]", "zip.0: 'z' is not an axis"),
        ("zip: [[x, y]]", "zip.0: zipped axes must be equally long: x has 2, y has 1"),
        ("zip: [[x, x]]", "zip.0: 'x' is zipped twice"),
        ("zip: [x, y]", "zip.0: received 'x'; expected a valid list"),
        ("name: again", "name: stands twice, first on line 1"),
        ("fixed: {width: 1, width: 2}", "fixed.width: stands twice, first on line 6"),
        ("fixed: &a {width: 1}\nsettings: *a", r"aliases \(\*name\) are not taken"),
        ("fixed: !!python/object/apply:os.system [ls]", "not valid YAML: could not determine"),
        ("fixed: {width: [1}", "not valid YAML"),
        ("1: 2", "1: received 1; .*strings"),
        ("analysis: {x: x, y: z, measure: error, levels: [0.1]}", "expected an axis: x, y"),
        ("analysis: {x: x, y: y, measure: eror, levels: [0.1]}", "did you mean 'error'"),
        ("analysis: {x: x, y: y, measure: error, levels: []}", "analysis.levels: received"),
        (
            "analysis: {x: x, y: y, measure: error, levels: [], curves: [{measure: eror}]}",
            "analysis.curves.0.measure: received 'eror'; expected a measure: .*did you mean 'error'",
        ),
        (
            "analysis: {x: x, y: y, measure: error, levels: [], curves: [{measure: error, limit: n}]}",
            "analysis.curves.0.limit: received 'n'; expected a setting: the sweep has none",
        ),
        (
            "settings: {word: [plain, fancy]}\n"
            "analysis: {x: x, y: y, measure: error, levels: [], "
            "curves: [{measure: error, limit: word}]}",
            "limit: word takes the value 'plain'; expected sizes, numbers above 0",
        ),
        (
            "analysis: {x: x, y: y, measure: error, levels: [], curves: [{mesure: error}]}",
            "unknown key; valid: measure, predicted, limit, power, recorded, inset, source; did you "
            "mean 'measure'",
        ),
        ("analysis: {x: x, y: y, measure: error, level: [1]}", "did you mean 'levels'"),
        ("analysis: {x: x, y: y, measure: error, levels: [.nan]}", "received nan; expected"),
        (f"{ANALYSIS}, collapse: {{order: x *}}}}", "analysis.collapse.order: 'x .' is not a form"),
        (f"{ANALYSIS}, collapse: {{order: [x, widht]}}}}", "names 'widht'.*did you mean 'width'"),
        (f"{ANALYSIS}, collapse: {{order: []}}}}", r"analysis.collapse.order: received \[\]"),
        (
            f"{ANALYSIS}, collapse: {{ordre: x}}}}",
            "unknown key; valid: order; did you mean 'order'",
        ),
    ],
)
def test_one_mistake(line: str, message: str) -> None:
    text = mistakes(BODY + line)
    assert re.search(message, text), text
    assert "nothing was started" in text


def test_every_mistake_is_told_at_once_in_order_of_lines() -> None:
    text = mistakes(
        """\
name: Wrong
replicate: 3
axes:
  x: {log: [0, 1, 3]}
  yy: [1]
fixed:
  widht: 0.3
  word: plane
derived:
  n: round(z)
settings:
  p_flip: [0, 0.7]
""",
    )
    head, *listed = text.splitlines()
    places = [line.strip().split(": ")[0] for line in listed]
    keys = [line.strip().split(": ")[1] for line in listed]
    assert head == f"{len(listed)} mistakes in test.yaml; nothing was started"
    assert [int(place.split(":")[1]) for place in places] == sorted(
        int(place.split(":")[1]) for place in places
    )
    for line, key in [
        (1, "name"),
        (2, "replicate"),
        (4, "axes.x"),
        (5, "axes.yy"),
        (7, "fixed.widht"),
        (8, "fixed.word"),
        (10, "derived.n"),
        (12, "settings.p_flip"),
    ]:
        assert (f"test.yaml:{line}", key) in list(zip(places, keys, strict=True))
    for word in ("replicates", "width", "plain"):
        assert f"did you mean '{word}'?" in text
    assert "parameter y (ordinate of the plane) is missing" in text


def test_a_wrong_value_is_one_mistake_whatever_types_were_tried() -> None:
    assert mistakes(BODY + "fixed: {width: true}").startswith("1 mistake in")


def test_a_long_value_is_shown_short() -> None:
    assert len(mistakes(BODY + f"fixed: {[0] * 10_000}")) < 500


@pytest.mark.parametrize("text", ["", "3", "[1, 2]", "just words", "null"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    assert "expected keys such as name and axes" in mistakes(text)


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000])
def test_a_file_nested_without_end(text: str) -> None:
    assert "YAML" in mistakes(text)


def test_a_sweep_that_does_not_exist_is_told_with_the_shipped_ones() -> None:
    with pytest.raises(SweepError, match=r"label-flip-plane, .*; did you mean 'label-flip-plane'"):
        find("label-flip-plan")


def test_a_name_too_long_for_a_path() -> None:
    with pytest.raises(SweepError, match="is neither a file nor a shipped sweep"):
        find("x" * 5000)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(SweepError, match="cannot read the sweep file"):
        find(str(path))


def test_a_file_too_large_for_a_sweep(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text("#" * 10_000_001)
    with pytest.raises(SweepError, match="is over 10 MB"):
        find(str(path))


def test_a_column_of_text_takes_text_alone() -> None:
    for wrong in ("3", '"a\\nb"'):
        with pytest.raises(
            SweepError, match=r"fixed\.folder: received .*; expected text \(folder of"
        ):
            resolved(KERNEL_SWEEP.replace("n_test: 30", f"n_test: 30, folder: {wrong}"), KERNEL)
    found = resolved(KERNEL_SWEEP.replace("n_test: 30", "n_test: 30, folder: /a/b"), KERNEL)
    assert set(found.cells.columns["folder"]) == {"/a/b"}

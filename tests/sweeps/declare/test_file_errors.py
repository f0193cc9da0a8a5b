"""Errors in sweep files: each reported with its line, what was expected and the nearest valid word."""

import re
from pathlib import Path

import numpy as np
import pytest

from sweeps.declare.file.presets import find
from sweeps.errors import SweepError
from sweeps.models.installed import load_model
from tests.sweeps.small import KERNEL_SWEEP, PROPORTIONAL_SWEEP, errors_of, resolved

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
        ("fixed: {width: true}", "fixed.width: received True; expected a finite number, a word"),
        ("fixed: {width: wide}", r"fixed.width: received 'wide'; expected a number in \(0, inf\)"),
        ("fixed: {width: -1}", r"fixed.width: received -1; expected a number in \(0, inf\)"),
        ("fixed: {width: null}", "fixed.width: received None; expected a number"),
        ("fixed: {width: .inf}", "fixed.width: received inf; expected a finite number"),
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
        ("derived: {width: 1 / (x - 1)}", r"received inf .* in \(0, inf\) .*, where x = 1"),
        (
            "derived: {n: x / 2}",
            r"received 0.5 .* \(a shape\), where x = 1; round\(\) makes whole numbers",
        ),
        ("derived: {n: word}", "the formula reads a column of words"),
        ("derived: {word: 1}", "a formula gives numbers; expected one of plain, fancy"),
        ("derived: {width: noise, noise: width}", "formulas go in a circle: .* → "),
        ("derived: {width: width}", "formulas go in a circle: width → width"),
        ("derived: {width: open('f')}", "derived.width: only sqrt, .* can be called"),
        ("derived: {width: 1, unused: 2}", "derived.unused: is neither a parameter of toy nor"),
        ("zip: [[x, z]]", "zip.0.1: 'z' is not an axis"),
        ("zip: [[x, y]]", "zip.0: zipped axes must be equally long: x has 2, y has 1"),
        ("zip: [[x, x]]", "zip.0.1: 'x' is zipped twice"),
        ("zip: [x, y]", "zip.0: received 'x'; expected a valid list"),
        ("?", "None: received None; Keys should be strings"),
        ("fixed: {~: 1}", "fixed.None: received None; expected a valid string"),
        ("name: again", "name: given twice, first on line 1"),
        ("fixed: {width: 1, width: 2}", "fixed.width: given twice, first on line 6"),
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
            "limit: word takes 'plain', 'fancy'; expected sizes, numbers above 0",
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
def test_one_error(line: str, message: str) -> None:
    text = errors_of(BODY + line)
    assert re.search(message, text), text
    assert "nothing was started" in text


def test_all_errors_are_reported_together_in_order_of_lines() -> None:
    text = errors_of(
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
    positions = [line.strip().split(": ")[0] for line in listed]
    keys = [line.strip().split(": ")[1] for line in listed]
    assert head == f"{len(listed)} errors in test.yaml; nothing was started"
    assert [int(position.split(":")[1]) for position in positions] == sorted(
        int(position.split(":")[1]) for position in positions
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
        assert (f"test.yaml:{line}", key) in list(zip(positions, keys, strict=True))
    for word in ("replicates", "width", "plain"):
        assert f"did you mean '{word}'?" in text
    assert "parameter y (ordinate of the plane) is missing" in text


def test_a_wrong_value_is_one_error_whatever_types_were_tried() -> None:
    assert errors_of(BODY + "fixed: {width: true}").startswith("1 error in")


def test_a_long_value_is_shown_short() -> None:
    assert len(errors_of(BODY + f"fixed: {[0] * 10_000}")) < 500


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        (
            "fixed: {p_flip: [0, 0.1], widht: words, noise: -1}\nsettings: {word: [grand, plan]}",
            [
                r"6: fixed.p_flip: received \[0, 0.1\]; expected a finite .*axes or settings",
                "6: fixed.widht: is neither",
                "6: fixed.noise: received -1; expected",
                "7: settings.word: received 'grand', 'plan'; expected one of plain, fancy",
            ],
        ),
        (
            "fixed: {widht: true}",
            ["6: fixed.widht: received True; .*; and widht is neither .* did you mean 'width'"],
        ),
        (
            "derived: {width: [1], k: 2}",
            ["6: derived.width: received .1.; expected a valid string", "6: derived.k: is neither"],
        ),
        (
            "zip: [[x, 3, q], [y]]",
            [
                "6: zip.0.1: received 3; expected a valid string",
                "6: zip.0.2: 'q' is not an axis",
                "6: zip.1: received .'y'.; expected two axes or more",
            ],
        ),
        (
            "analysis: {x: 3, y: q, measure: eror, levels: [.nan], across: [{setting: k, of: kink}],\n"
            "  theory: [{name: t, exponent: 1.0e+308}, 5], curves: [3, {measure: eror}],\n"
            "  collapse: {order: [1, x *, zz]}}",
            [
                "6: analysis.x: received 3; expected a valid string",
                "6: analysis.levels.0: received nan; expected",
                "6: analysis.y: received 'q'; expected an axis: x, y",
                "6: analysis.measure: received 'eror'",
                "6: analysis.across.0.setting: received 'k'; expected a setting",
                "7: analysis.theory.0.exponent: received 1e.308; expected less than or equal to 100",
                "7: analysis.theory.1: received 5; expected keys with values: name",
                "7: analysis.curves.0: received 3; expected keys with values: measure",
                "7: analysis.curves.1.measure: received 'eror'",
                "8: analysis.collapse.order.0: received 1; expected a valid string",
                "8: analysis.collapse.order.1: 'x .' is not a formula",
                "8: analysis.collapse.order.2: the formula names 'zz'",
            ],
        ),
        ("fixed: {width: .nan}", ["6: fixed.width: received nan; expected a finite number"]),
    ],
)
def test_an_ill_typed_value_is_one_error_beside_all_real_ones(line: str, listed: list[str]) -> None:
    _, *found = errors_of(BODY + line).splitlines()
    assert len(found) == len(listed), found
    for text, pattern in zip(found, listed, strict=True):
        assert re.search(f"test.yaml:{pattern}", text), (pattern, text)


@pytest.mark.parametrize("section", ["axes", "fixed", "derived", "settings"])
def test_nothing_is_missing_that_a_section_of_another_type_may_hold(section: str) -> None:
    whole = {
        "axes": "{x: [1]}",
        "fixed": "{y: 1, a: 2}",
        "derived": "{width: a + 1}",
        "settings": "{word: [plain]}",
    }
    text = "".join(f"{key}: {form}\n" for key, form in (whole | {section: "[1]"}).items())
    message = errors_of(f"name: wrong\nreplicates: 2\n{text}")
    assert f"{section}: received [1]; expected a valid dictionary" in message
    assert "missing" not in message
    assert "given nowhere" not in message


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ("1/n", "; a formula goes under derived"),
        ("sqrt(n)", "; a formula goes under derived"),
        ("-n", "; a formula goes under derived"),
        ('"0.1"', "; write numbers without quotes"),
        ("wide", ""),
        ("1 /", ""),
    ],
)
def test_a_formula_where_a_number_belongs_is_shown_its_section(value: str, remedy: str) -> None:
    text = errors_of(BODY + f"fixed: {{width: {value}}}")
    assert text.endswith(
        f"expected a number in (0, inf) (width of the transition in log y){remedy}"
    )


def test_null_is_taken_where_a_column_says_so() -> None:
    proportional = load_model("proportional")
    sweep = PROPORTIONAL_SWEEP.replace("grad_tol: 0.001", "grad_tol: null")
    cells = resolved(sweep, proportional).cells
    assert np.isnan(cells.columns["grad_tol"]).all()
    few = {name: values[:1] for name, values in cells.columns.items()}
    few |= {"seed": np.array([1]), "replicate": np.array([0])}
    assert (
        proportional.run(few)["steps_run"][0] == 200
    )  # as many as there are, since nothing stops it


def test_pi_is_a_number_and_no_name() -> None:
    assert resolved(BODY + "derived: {width: pi}").cells.columns["width"][0] == 3.14159265359
    assert "fixed.pi: is 3.14159 in every formula; take another name" in errors_of(
        BODY + "fixed: {pi: 3}\nderived: {width: pi}"
    )
    assert "names 'e', which is given nowhere; Euler's number is exp(1)" in errors_of(
        BODY + "derived: {width: e}"
    )


@pytest.mark.parametrize("text", ["", "3", "[1, 2]", "just words", "null"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    assert "expected keys such as name and axes" in errors_of(text)


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000])
def test_a_file_nested_without_end(text: str) -> None:
    assert "YAML" in errors_of(text)


def test_a_sweep_that_does_not_exist_is_reported_with_the_shipped_ones() -> None:
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

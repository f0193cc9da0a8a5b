"""From a sweep file's text to its cells: axes, zips, settings, defaults, derived values, and back."""

import json
from typing import Any

import numpy as np
import pytest

import bocnn
from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.declare.cells.resolve import ResolvedSweep, meanings, resolve
from sweeps.declare.file import presets
from sweeps.declare.file.sweep_file import to_json
from sweeps.declare.file.yaml_file import from_json
from sweeps.errors import SweepError
from sweeps.models.installed import load_model
from sweeps.plan.plan import make_plan
from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP, errors_of, resolved, todo_ids

HEAD = "name: t\nreplicates: 2\n"


def cells(body: str) -> dict[str, list[Any]]:
    """The columns of the cells of a sweep over the toy."""
    return {name: v.tolist() for name, v in resolved(HEAD + body).cells.columns.items()}


def run_ids(sweep: ResolvedSweep) -> list[bytes]:
    """The identities of all runs of a sweep, in order."""
    return list(todo_ids(make_plan(sweep, np.zeros(0, dtype=ID_DTYPE))))


def test_cells_are_the_product_of_axes_then_settings() -> None:
    found = cells("axes: {x: [1, 2], y: [3, 4]}\nsettings: {p_flip: [0, 0.1]}")
    assert found["x"] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert found["y"] == [3, 3, 4, 4, 3, 3, 4, 4]
    assert found["p_flip"] == [0, 0.1] * 4


@pytest.mark.parametrize("name", presets.preset_names())
def test_every_shipped_sweep_resolves(name: str) -> None:
    sweep = resolve(presets.find(name)[0], name, load_model)
    assert sweep.spec.name == name
    assert sweep.spec.analysis is not None
    records = len(sweep.spec.trajectory.values) if sweep.spec.trajectory else 1
    assert sweep.cells.number * sweep.spec.replicates * records > 140


def test_zipped_axes_go_together() -> None:
    found = cells("axes: {x: [1, 2], width: [5, 6, 7], y: [3, 4]}\nzip: [[x, y]]")
    assert list(zip(found["x"], found["y"], found["width"], strict=True)) == [
        (x, y, width) for x, y in ((1, 3), (2, 4)) for width in (5, 6, 7)
    ]


def test_every_parameter_is_a_column_of_its_type() -> None:
    sweep = resolved(HEAD + "axes: {x: [1, 2], y: [3]}")
    assert list(sweep.cells.columns) == [column.name for column in sweep.model.parameters]
    assert sweep.cells.columns["width"].tolist() == [0.3, 0.3]
    assert sweep.cells.columns["word"].tolist() == ["plain", "plain"]
    kinds = {name: values.dtype.kind for name, values in sweep.cells.columns.items()}
    assert (kinds["x"], kinds["n"], kinds["word"]) == ("f", "i", "O")


def test_null_is_a_default_that_may_be_stated() -> None:
    stated = BOCNN_SWEEP.replace("steps: 30", "steps: 30, loss_tol: null")
    assert run_ids(resolved(stated, bocnn.MODEL)) == run_ids(resolved(BOCNN_SWEEP, bocnn.MODEL))


def test_an_auxiliary_axis_serves_formulas_and_is_kept() -> None:
    sweep = resolved(HEAD + "axes: {inv_y: [0.5, 0.25], x: [1]}\nderived: {y: 1 / inv_y}")
    assert sweep.cells.auxiliary == ("inv_y",)
    assert sweep.cells.columns["inv_y"].tolist() == [0.5, 0.25]
    assert sweep.cells.columns["y"].tolist() == [2.0, 4.0]


def test_an_auxiliary_setting_is_kept_too() -> None:
    sweep = resolved(
        HEAD + "axes: {x: [1], y: [2]}\nsettings: {k: [0, 1]}\nderived: {p_flip: k / 10}"
    )
    assert sweep.cells.auxiliary == ("k",)
    assert sweep.cells.columns["p_flip"].tolist() == [0.0, 0.1]


def test_derived_values_do_not_mind_the_order_of_the_file() -> None:
    derived = ["a: 2 * x", "y: a + b", "b: a ** 2"]
    body = "axes: {x: [1, 3]}\nderived:\n  "
    for turn in range(3):
        text = body + "\n  ".join(derived[turn:] + derived[:turn])
        assert cells(text)["y"] == [6.0, 42.0]


def test_a_formula_reads_defaults_and_fixed_auxiliaries() -> None:
    found = cells("axes: {x: [1, 2]}\nfixed: {k: 4}\nderived: {y: k * width, n: round(x)}")
    assert found["y"] == [1.2, 1.2]
    assert found["n"] == [1, 2]


def test_ranges_of_whole_numbers_are_rounded() -> None:
    assert cells("axes: {x: [1], y: [1], n: {log: [1, 100, 4]}}")["n"] == [1, 5, 22, 100]


def test_rounding_that_makes_values_equal_is_refused() -> None:
    text = errors_of(HEAD + "axes: {x: [1], y: [1], n: {log: [1, 5, 9]}}")
    assert "4 values twice after rounding" in text


def test_listed_values_of_whole_numbers_are_not_rounded() -> None:
    text = errors_of(HEAD + "axes: {x: [1], y: [1], n: [1.5]}")
    assert "received 1.5; expected a number, whole, in [1, 1000000] (a shape)" in text


@pytest.mark.parametrize("number", ["1e-3", "1E-3", "0.001", "1.0e-3", "+1e-3", ".1e-2"])
def test_numbers_are_read_as_people_write_them(number: str) -> None:
    assert cells(f"axes: {{x: [{number}], y: [1]}}")["x"] == [0.001]


def test_cells_that_are_the_same_run_are_refused() -> None:
    text = HEAD + "axes: {k: {lin: [1, 2, 5]}, x: [1]}\nderived: {y: round(k)}"
    with pytest.raises(
        SweepError, match="3 cells are the same run as another cell: an axis that only serves"
    ):
        run_ids(resolved(text))


def test_too_many_cells_are_refused() -> None:
    text = HEAD + "axes: {x: {lin: [1, 2, 100000]}, y: {lin: [1, 2, 100000]}}"
    assert "make 10,000,000,000 cells; at most 20,000,000" in errors_of(text)


def test_too_many_runs_are_refused() -> None:
    text = "name: t\nreplicates: 2000000000\naxes: {x: [1, 2], y: [1]}"
    with pytest.raises(SweepError, match=r"2 cells of 2,000,000,000 replicates are more than"):
        run_ids(resolved(text))


@pytest.mark.parametrize(
    "body",
    [
        "axes: {x: {log: [0.013, 5, 7]}, y: {lin: [0.1, 0.7, 4]}, n: {log: [1, 1000, 5]}}",
        "axes: {x: [1, 2], y: [3, 4]}\nzip: [[x, y]]\nsettings: {p_flip: [0, 0.1]}",
        "axes: {inv_y: {log: [0.01, 1, 3]}, x: [1]}\nderived: {y: 1 / inv_y, noise: 0}",
        "axes: {x: [1], y: [1], word: [plain, fancy]}\nfixed: {exponent: -1, shift: 1e-3}",
        'axes: {x: [1], y: [1]}\ndescription: "σ₀ 😀 \\x7f \\x85 \\u2028 \\ufeff \\" \\\\"',
        "axes: {x: [1], y: [1]}\nanalysis: {x: x, y: y, measure: error, levels: [0.25], "
        'theory: [{name: t, exponent: 0.5, x_range: [1, 2]}], collapse: {order: [x, "max(x, 1)"]}}',
    ],
)
def test_the_resolved_sweep_reads_back_to_the_same_runs(body: str) -> None:
    first = resolved(HEAD + body)
    for text in (
        to_json(first.spec),
        from_json(json.dumps(json.loads(to_json(first.spec)), indent=1)),
    ):
        second = resolved(text)
        assert second.spec == first.spec
        assert second.cells.auxiliary == first.cells.auxiliary
        assert run_ids(second) == run_ids(first)


def test_the_resolved_sweep_is_json() -> None:
    found = json.loads(to_json(resolved(TOY_SWEEP).spec))
    assert found["axes"]["y"]["scale"] == "log"
    assert found["axes"]["n"]["values"] == [1, 2]
    assert found["seed"] == 7


@pytest.mark.parametrize("number", ["010", "0x10", "1:30", "1:30.5", "0b11"])
def test_numbers_that_only_yaml_reads_are_refused(number: str) -> None:
    assert f"{number}' is not a valid" in errors_of(TOY_SWEEP.replace("seed: 7", f"seed: {number}"))


def test_given_values_of_a_whole_number_are_never_rounded() -> None:
    text = TOY_SWEEP.replace("n: [1, 2]", "n: {values: [1.4, 2], scale: log}")
    assert "received 1.4 (1 of 2 values are wrong)" in errors_of(text)


def test_formulas_give_twelve_digits_whatever_the_processor() -> None:
    text = TOY_SWEEP.replace("fixed: {cost: 1.0e+6}", "derived: {cost: x ** 0.7 / 3}")
    found = resolved(text).cells.columns["cost"]
    assert all(value == float(f"{value:.12g}") for value in found.tolist())


def test_minus_zero_is_zero() -> None:
    plain = TOY_SWEEP.replace("cost: 1.0e+6", "cost: 1.0e+6, exponent: 0.0")
    minus = plain.replace("exponent: 0.0", "exponent: -0.0")
    ids = [todo_ids(make_plan(resolved(t), np.empty(0, ID_DTYPE))) for t in (plain, minus)]
    np.testing.assert_array_equal(*ids)


def test_a_plane_of_zipped_axes_is_refused() -> None:
    plane = "analysis: {x: x, y: n, measure: error, levels: [0.25]}\n"
    text = TOY_SWEEP + "zip: [[x, n]]\n" + plane
    assert "two axes that are not zipped together" in errors_of(text)


def test_an_auxiliary_column_tells_which_formulas_read_it() -> None:
    text = TOY_SWEEP.replace("x: [1.0, 2.0]", "k: [0.5, 1]") + "derived: {x: 2 * k}\n"
    assert meanings(resolved(text)) == {"k": "k, x = 2 * k"}

"""Settings share their random draws where they can, cells along axes never, and the dataset says which."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.report.results import ReportOptions, analyse
from analysis.report.sections.boundary.shift import ShiftOfBoundary
from bocnn import MODEL
from bocnn.parameters.keys import cell_keys
from sweeps.declare.cells.draws import Draws
from sweeps.errors import SweepError
from sweeps.plan.idle import idle_everywhere
from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP, errors_of, planned, resolved, rows, train

PLAIN = """\
name: paired
replicates: 6
axes: {d: [100, 200], mu_norm: [1, 4]}
fixed: {n: 8, m: 3, sigma_0: 0.01, v0: 0.2, eta: 0.1, steps: 20, n_test: 20}
"""
TWICE = """\
name: twice
replicates: 12
axes: {d: [200, 400], mu_norm: {log: [1, 8, 7]}}
fixed: {n: 10, m: 4, sigma_0: 0.01, v0: 0.1, eta: 0.2, steps: 50, n_test: 50}
settings: {loss_tol: [null, 1.0e-30]}
analysis: {x: d, y: mu_norm, measure: test_error_clean, levels: [0.2]}
"""


def draws(text: str) -> Draws:
    return resolved(text, MODEL).draws


def without(*names: str) -> str:
    """The plain sweep without some fixed parameters."""
    text = PLAIN
    for part in PLAIN.partition("fixed: {")[2].partition("}")[0].split(", "):
        if part.split(":")[0] in names:
            text = text.replace(f"{part}, ", "").replace(f", {part}", "")
    return text


def keys(text: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One number for the key of each cell, and the cells' columns."""
    found = resolved(text, MODEL)
    assert found.model.keyed == found.draws.keyed
    columns = found.cells.columns
    columns["seed"] = np.zeros(found.cells.number, dtype=np.int64)
    key0, key1 = cell_keys(MODEL.canonical(columns), keyed=found.draws.keyed)
    return key0 * np.uint64(2**32) + key1, columns


def by_setting(folder: Path, name: str, values: tuple[object, ...]) -> list[pa.Table]:
    """The rows of a dataset under each value of a setting, those of one run at one position."""
    table = rows(folder).sort_by([(key, "ascending") for key in ("d", "mu_norm", "replicate")])
    positions = [[k for k, v in enumerate(table[name].to_pylist()) if v == one] for one in values]
    return [table.take(found) for found in positions]


@pytest.mark.parametrize(
    "setting",
    [
        "p_flip: [0, 0.1]",
        "loss_tol: [null, 0.1]",
        "n_test: [500, 501]",
        "eta: [0.1, 0.2]",
        "steps: [10, 20]",
        "v0: [0.1, 0.2]",
        "loss: [logistic, square]",
        "train: [both, hidden]",
        "weight_decay: [0, 0.1]",
        "momentum: [0, 0.5]",
        "batch: [0, 4]",
        "precision: [float32, float64]",
        "activation: [relu, tanh]",
    ],
)
def test_a_setting_that_leaves_the_draws_alone_is_paired_and_cells_are_not(setting: str) -> None:
    name = setting.partition(":")[0]
    found, columns = keys(f"{without(name)}settings: {{{setting}}}\n")
    assert draws(f"{without(name)}settings: {{{setting}}}\n") == Draws((), (name,))
    cells = list(zip(columns["d"], columns["mu_norm"], strict=True))
    assert np.unique(found).size == len(set(cells)) == found.size // 2
    for cell in set(cells):
        assert np.unique(found[[one == cell for one in cells]]).size == 1


@pytest.mark.parametrize(
    "setting",
    [
        "sigma_p: [1, 2]",
        "n: [8, 9]",
        "m: [3, 4]",
        "noise: [orthogonal, isotropic]",
        "sigma_0: [0.01, 0.02]",
        "data: [signal, xor]",
        "bias: [none, trained]",
        "output_init: [constant, normal]",
    ],
)
def test_a_setting_that_changes_the_draws_is_not_paired(setting: str) -> None:
    text = f"{without(setting.partition(':')[0])}settings: {{{setting}}}\n"
    assert draws(text) == Draws((), ())
    assert np.unique(keys(text)[0]).size == resolved(text, MODEL).cells.number


@pytest.mark.parametrize(
    "axis", ["p_flip: [0, 0.1]", "eta: [0.1, 0.2]", "n_test: [10, 20]", "train: [both, hidden]"]
)
def test_cells_along_an_axis_that_leaves_the_draws_alone_are_independent(axis: str) -> None:
    name = axis.partition(":")[0]
    text = without(name).replace("axes: {", f"axes: {{{axis}, ")
    assert draws(text) == Draws((name,), ())
    assert np.unique(keys(text)[0]).size == 8


FORMULAS = [
    # A formula of a setting and of an axis that is a parameter itself.
    ("", "derived: {eta: rate / d}\nsettings: {rate: [1, 2]}\n", Draws((), ("rate",))),
    # Through two formulas.
    (
        "",
        "derived: {eta: r / d, r: 2 * rate}\nsettings: {rate: [1, 2]}\n",
        Draws((), ("rate",)),
    ),
    # An axis that only serves formulas, and is carried by a parameter that changes the draws.
    (
        "snr",
        "derived: {mu_norm: snr, eta: rate / snr}\nsettings: {rate: [1, 2]}\n",
        Draws((), ("rate",)),
    ),
    # One that reaches nothing but the step size: cells along it would share a key.
    ("a", "derived: {eta: rate * a}\nsettings: {rate: [1, 3]}\n", Draws(("eta",), ())),
    # One that reaches the loss's tolerance, and a setting of its own.
    (
        "a",
        "derived: {loss_tol: a}\nsettings: {p_flip: [0, 0.1]}\n",
        Draws(("loss_tol",), ("p_flip",)),
    ),
    # Carried by a parameter, but two of its values round to one.
    (
        "a",
        "derived: {n: 8 + round(a / 9), eta: rate * a}\nsettings: {rate: [1, 3]}\n",
        Draws(("eta",), ()),
    ),
    # Products of an axis and a setting that agree at unlike points, whose step sizes are unlike.
    (
        "a",
        "derived: {sigma_p: a * s, eta: a / 9}\nsettings: {s: [1, 2]}\n",
        Draws(("eta",), ()),
    ),
    # A setting of two parameters, of which one changes the draws.
    ("", "derived: {eta: s / 9, n: 4 * s}\nsettings: {s: [1, 2]}\n", Draws((), ())),
]


@pytest.mark.parametrize(("axis", "more", "expected"), FORMULAS)
def test_settings_are_followed_through_formulas(axis: str, more: str, expected: Draws) -> None:
    derived = more.partition("{")[2].partition("}")[0]
    names = [part.partition(":")[0] for part in derived.split(", ")]
    text = without(*names)
    if axis:
        text = text.replace("axes: {", f"axes: {{{axis}: [1, 2], ")
    if "mu_norm" in names:
        text = text.replace(", mu_norm: [1, 4]", "")
    assert draws(text + more) == expected
    found, columns = keys(text + more)
    settings = 1 if not expected.paired else 2
    assert np.unique(found).size == found.size // settings
    assert columns["d"].size == found.size


def test_a_model_that_does_not_say_pairs_nothing() -> None:
    assert resolved(TOY_SWEEP).draws == Draws((), ())


def test_the_order_of_settings_decides_nothing(tmp_path: Path) -> None:
    both = "settings: {p_flip: [0, 0.1], loss_tol: [null, 0.1]}\n"
    turned = "settings: {loss_tol: [0.1, null], p_flip: [0.1, 0]}\n"
    ids = []
    for text in (both, turned):
        plan, _ = planned(PLAIN + text, tmp_path, MODEL)
        ids.append(set(plan.ids(np.arange(plan.total)).tolist()))
    assert ids[0] == ids[1] and len(ids[0]) == 16 * 6


def test_the_same_training_twice_gives_equal_rows_and_a_shift_of_exactly_one(out: Path) -> None:
    train(TWICE, out, MODEL)
    first, second = by_setting(out, "loss_tol", (None, 1e-30))
    assert [first[c.name].equals(second[c.name]) for c in MODEL.measures[1:]] == 13 * [True]
    assert not first["run_id"].equals(second["run_id"])
    results = analyse(str(out), ReportOptions(include_unconverged=True))
    (shift,) = results.levels[0].shifts
    assert shift.paired and shift.mean is not None
    assert (shift.mean.value, shift.mean.low, shift.mean.high) == (1.0, 1.0, 1.0)
    words = ShiftOfBoundary(results).words()
    assert words == "Settings share their random draws, so the shift is a paired difference."


def test_another_number_of_test_draws_tests_the_same_networks(out: Path) -> None:
    text = TWICE.replace("loss_tol: [null, 1.0e-30]", "n_test: [50, 51]")
    train(text.replace(", n_test: 50}", "}"), out, MODEL)
    few, more = by_setting(out, "n_test", (50, 51))
    for name in ("train_loss", "w_norm", "max_w_xi", "v_norm", "steps_run"):
        assert few[name].equals(more[name])
    assert not few["test_error_clean"].equals(more["test_error_clean"])


def test_a_setting_that_changes_the_draws_is_said_to_be_unpaired(out: Path) -> None:
    text = TWICE.replace("loss_tol: [null, 1.0e-30]", "sigma_p: [1, 1.2]")
    train(text, out, MODEL)
    results = analyse(str(out))
    (shift,) = results.levels[0].shifts
    assert not shift.paired
    words = ShiftOfBoundary(results).words()
    assert words.startswith("Settings draw random numbers of their own")


def test_the_dataset_says_how_it_draws(out: Path) -> None:
    train(BOCNN_SWEEP, out, MODEL)
    stated = {"keyed": ["v0"], "paired": ["p_flip"]}
    assert json.loads((out / "_sweep.json").read_text())["draws"] == stated
    for path in out.glob("shard-*.parquet"):
        assert json.loads(pq.read_schema(path).metadata[b"sweep"])["draws"] == stated


def test_a_further_value_of_a_setting_trains_what_is_new_alone(out: Path) -> None:
    text = PLAIN + "settings: {p_flip: [0, 0.1]}\n"
    train(text, out, MODEL)
    plan, _ = planned(text.replace("[0, 0.1]", "[0, 0.1, 0.2]"), out, MODEL)
    assert (plan.todo, plan.done) == (24, 48)


def test_what_was_fixed_may_become_a_setting(out: Path) -> None:
    train(PLAIN, out, MODEL)
    plan, _ = planned(f"{without('eta')}settings: {{eta: [0.1, 0.2]}}\n", out, MODEL)
    assert (plan.todo, plan.done) == (24, 24)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (PLAIN, without("eta").replace("axes: {", "axes: {eta: [0.1, 0.2], "), "eta was no axis"),
        (
            f"{without('eta')}settings: {{eta: [0.1, 0.2]}}\n",
            without("eta").replace("axes: {", "axes: {eta: [0.1, 0.2], "),
            "eta was no axis and is one",
        ),
        (
            without("eta").replace("axes: {", "axes: {eta: [0.1, 0.2], "),
            f"{without('eta')}settings: {{eta: [0.1, 0.2]}}\n",
            "eta was an axis and is none",
        ),
    ],
)
def test_an_extension_that_would_draw_other_numbers_is_refused(
    old: str, new: str, message: str, out: Path
) -> None:
    train(old, out, MODEL)
    with pytest.raises(SweepError, match=f"{message}.*published runs would draw other random"):
        planned(new, out, MODEL)


def test_what_was_at_its_default_may_become_an_axis(out: Path) -> None:
    train(PLAIN, out, MODEL)
    plan, _ = planned(PLAIN.replace("axes: {", "axes: {p_flip: [0, 0.1], "), out, MODEL)
    assert (plan.todo, plan.done) == (24, 24)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("axes: {", "axes: {leak: [0.1, 0.2], "),
        ("axes: {", "axes: {batch: [8, 9], "),
        ("fixed: {", "settings: {momentum_rule: [heavy_ball, nesterov]}\nfixed: {"),
    ],
)
def test_cells_that_differ_in_what_has_no_effect_are_refused(
    old: str, new: str, tmp_path: Path
) -> None:
    with pytest.raises(
        SweepError, match=r"cells are the same run as another cell: .* has no effect"
    ):
        planned(PLAIN.replace(old, new), tmp_path, MODEL)


def test_a_parameter_that_is_idle_in_some_cells_is_no_error(tmp_path: Path) -> None:
    text = PLAIN.replace(
        "fixed: {", "settings: {activation: [relu, leaky_relu]}\nfixed: {leak: 0.1, "
    )
    plan, _ = planned(text, tmp_path, MODEL)
    assert plan.total == 48


def test_an_unknown_word_is_reported_at_its_line() -> None:
    assert "test.yaml:4: fixed.noise: received 'unheard_of'" in errors_of(
        PLAIN.replace("n_test: 20", "noise: unheard_of"), MODEL
    )


def test_the_plan_says_which_parameters_no_run_depends_on() -> None:
    idle = "leak: 0.2, batch: 9, momentum_rule: nesterov, loss: logistic"
    found = resolved(PLAIN.replace("n_test: 20", idle), MODEL)
    assert idle_everywhere(found) == {
        "batch": "a batch is the whole training set",
        "leak": "only leaky_relu has one",
        "momentum_rule": "there is no momentum",
    }
    some = PLAIN.replace(
        "fixed: {", "settings: {activation: [relu, leaky_relu]}\nfixed: {leak: 0.1, "
    )
    assert idle_everywhere(resolved(some, MODEL)) == {}
    assert idle_everywhere(resolved(TOY_SWEEP)) == {}

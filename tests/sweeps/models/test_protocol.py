"""What every model owes a sweep: the contract of `sweeps.models.protocol`, in one loop over all models."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bocnn
from bocnn.models.deep.model import MODEL as DEEP
from bocnn.models.limit.model import MODEL as LIMIT
from bocnn.models.proportional.model import MODEL as PROPORTIONAL
from bocnn.models.tangent.model import MODEL as TANGENT
from sweeps.declare.cells.identity import ID_DTYPE, cell_digests
from sweeps.declare.cells.values import outside
from sweeps.errors import SweepError
from sweeps.models.installed import load_model
from sweeps.models.protocol import Model, SharesDraws
from sweeps.plan.plan import make_plan
from tests.sweeps.small import (
    BOCNN_SWEEP,
    DEEP_SWEEP,
    IMAGES_SWEEP,
    KERNEL_SWEEP,
    LIMIT_SWEEP,
    PROPORTIONAL_SWEEP,
    TANGENT_SWEEP,
    TOY_SWEEP,
    resolved,
)
from tests.toy import LEVEL, TOY, boundary

Columns = dict[str, NDArray[Any]]

DIVERGING = {
    "toy": TOY_SWEEP.replace("{cost: 1.0e+6}", "{blow_up: 1.0}"),
    "bocnn": BOCNN_SWEEP.replace("eta: 0.05", "eta: 1.0e+9"),
    "proportional": PROPORTIONAL_SWEEP.replace("eta: 0.2", "eta: 1.0e+9"),
    "kernel": KERNEL_SWEEP.replace("eta: 0.3, steps: 20", "eta: 1.0e+300, steps: 20"),
    "tangent": TANGENT_SWEEP.replace("v0: [0.1, 1]", "v0: [0]"),
    "limit": LIMIT_SWEEP.replace("[0.4, 2]", "[1.0e+300, 1.7e+308]").replace(
        "20}", "20, kappa: 1.0e+200}"
    ),
    "deep": DEEP_SWEEP.replace("20}", "20, eta: 1.0e+200}"),
    "images": IMAGES_SWEEP.replace("eta: 0.3", "eta: 1.0e+200"),
}
SWEEPS = {
    "toy": TOY_SWEEP,
    "bocnn": BOCNN_SWEEP,
    "proportional": PROPORTIONAL_SWEEP,
    "kernel": KERNEL_SWEEP,
    "tangent": TANGENT_SWEEP,
    "limit": LIMIT_SWEEP,
    "deep": DEEP_SWEEP,
    "images": IMAGES_SWEEP,
}
KERNEL, IMAGES = (load_model(name) for name in ("kernel", "images"))
MODELS: list[Model] = [bocnn.MODEL, PROPORTIONAL, KERNEL, TANGENT, LIMIT, DEEP, IMAGES, TOY]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def columns_of(model: Model, sweep: str) -> Columns:
    """The columns of every run of a sweep, in one batch of one array shape."""
    plan = make_plan(resolved(sweep, model), np.zeros(0, dtype=ID_DTYPE))
    columns = plan.columns(np.arange(plan.total))
    first = np.all([columns[n] == columns[n][0] for n in model.shape_columns], axis=0)
    return take(columns, np.flatnonzero(first))


def take(columns: Columns, rows: Any) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def equal_bits(first: Columns, second: Columns) -> bool:
    """Whether two batches are the same to the last bit."""
    return first.keys() == second.keys() and all(
        np.array_equal(first[n], second[n])
        if first[n].dtype == object
        else first[n].tobytes() == second[n].tobytes()
        for n in first
    )


@each_model
def test_it_is_a_model(model: Model) -> None:
    assert isinstance(model, Model)


@each_model
def test_status_is_the_first_measure(model: Model) -> None:
    assert model.measures[0].name == "status"
    assert model.measures[0].choices[0] == "ok"


@each_model
def test_no_name_is_given_twice(model: Model) -> None:
    names = [column.name for column in (*model.parameters, *model.measures)]
    assert len({*names, "seed", "replicate", "run_id"}) == len(names) + 3


@each_model
def test_shape_columns_are_parameters(model: Model) -> None:
    assert {*model.shape_columns} <= {column.name for column in model.parameters}


@each_model
def test_words_are_named_for_every_parameter_of_words(model: Model) -> None:
    texts = {column.name: column for column in model.parameters if column.type == "string"}
    assert set(model.words) == set(texts)
    for name, column in texts.items():
        assert set(model.words[name]) == set(column.choices)


@each_model
def test_undrawn_parameters_are_parameters_and_none_is_keyed_unasked(model: Model) -> None:
    if not isinstance(model, SharesDraws):
        assert model is TOY
        return
    names = {column.name for column in model.parameters}
    assert set(model.undrawn) < names
    assert not model.keyed
    assert tuple(model.with_keyed(model.undrawn).keyed) == tuple(sorted(model.undrawn))


@each_model
def test_what_enters_the_key_enters_the_identity(model: Model) -> None:
    """Each `keyed` parameter makes another run of it, wherever it is not at its default."""
    if not isinstance(model, SharesDraws):
        return
    columns = columns_of(model, SWEEPS[model.name])
    plain = cell_digests(model, 11, columns)
    canonical = model.canonical(columns)
    for column in model.parameters:
        if column.name not in model.undrawn or column.name == "folder":
            continue
        keyed = cell_digests(model.with_keyed([column.name]), 11, columns)
        at_default = [v == column.default or v != v for v in canonical[column.name].tolist()]
        assert [one == two for one, two in zip(plain, keyed, strict=True)] == at_default


@each_model
def test_every_default_is_valid(model: Model) -> None:
    for column in model.parameters:
        if column.default in ("required", None):
            continue
        if column.type == "string":
            assert column.default in column.choices or not column.choices
        else:
            assert not outside(np.array([column.default], dtype=float), column.interval).any()


@each_model
def test_run_gives_exactly_the_declared_measures(model: Model) -> None:
    columns = columns_of(model, SWEEPS[model.name])
    measured = model.run(columns)
    assert list(measured) == [column.name for column in model.measures]
    assert {values.shape for values in measured.values()} == {columns["seed"].shape}
    assert set(measured["status"]) <= set(model.measures[0].choices)


@each_model
def test_a_batch_of_one_is_a_row_of_a_batch(model: Model) -> None:
    columns = columns_of(model, SWEEPS[model.name])
    whole = model.run(columns)
    for row in range(columns["seed"].size):
        assert equal_bits(model.run(take(columns, [row])), take(whole, [row]))


@each_model
def test_a_shuffled_batch_gives_shuffled_rows(model: Model) -> None:
    columns = columns_of(model, SWEEPS[model.name])
    order = np.random.default_rng(5).permutation(columns["seed"].size)
    assert equal_bits(model.run(take(columns, order)), take(model.run(columns), order))


@each_model
def test_replicates_differ(model: Model) -> None:
    columns = take(columns_of(model, SWEEPS[model.name]), [0, 0])
    columns["replicate"] = np.array([0, 1], dtype=np.int32)
    first, second = take(model.run(columns), [0]), take(model.run(columns), [1])
    assert not equal_bits(first, second)


@each_model
def test_diverged_rows_have_nulls(model: Model) -> None:
    measured = model.run(columns_of(model, DIVERGING[model.name]))
    diverged = measured["status"] == "diverged"
    assert diverged.any()
    for column in model.measures[1:]:
        assert np.isnan(measured[column.name][diverged]).all()


@each_model
def test_a_run_costs_flops_and_memory(model: Model) -> None:
    columns = columns_of(model, SWEEPS[model.name])
    for cost in (model.flops(columns), model.memory_bytes(columns)):
        assert cost.shape == columns["seed"].shape
        assert (cost > 0).all() and np.isfinite(cost).all()


@pytest.mark.parametrize(
    "model",
    [bocnn.MODEL, PROPORTIONAL, KERNEL, TANGENT, DEEP, IMAGES],
    ids=lambda model: model.name,
)
def test_installed_models_are_found_by_name(model: Model) -> None:
    assert type(load_model(model.name)) is type(model)


def test_an_unknown_model_is_named_with_the_installed_ones() -> None:
    with pytest.raises(
        SweepError,
        match=r"unknown model 'bocn'; installed: bocnn, deep, images, kernel, limit, proportional, "
        "tangent; did",
    ):
        load_model("bocn")


@pytest.mark.parametrize("p_flip", [0.0, 0.1])
def test_the_toy_crosses_its_level_at_the_planted_boundary(p_flip: float) -> None:
    text = TOY_SWEEP.replace("[0, 0.1]", f"[{p_flip}]").replace("replicates: 3", "replicates: 4000")
    columns = columns_of(TOY, text)
    columns = take(columns, (columns["x"] == 2.0) & (columns["y"] == columns["y"][0]))
    row = {name: values[0] for name, values in columns.items()}
    columns["y"] = np.full_like(columns["y"], boundary(row))
    assert boundary(row) == pytest.approx(2**0.5 * (1.5 if p_flip else 1.0))
    errors = TOY.run(columns)["error"]
    assert abs(errors.mean() - LEVEL) < 4 * errors.std() / errors.size**0.5


def test_the_toys_noise_does_not_know_p_flip() -> None:
    columns = columns_of(TOY, TOY_SWEEP.replace("{cost: 1.0e+6}", "{shift: 1.0, width: 2.0}"))
    clean, flipped = (take(columns, columns["p_flip"] == p) for p in (0.0, 0.1))
    assert equal_bits(TOY.run(clean), TOY.run(flipped))

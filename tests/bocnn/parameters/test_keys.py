"""What shares random numbers: runs that differ in what does not change the draws, and no others."""

from typing import Any

import numpy as np
import pytest
import torch

from bocnn import MODEL
from bocnn.data.draws import Seed
from bocnn.data.geometry import draw_geometry
from bocnn.data.training_set import draw_training_set
from bocnn.engines.cpu.runs import data_parameters_of
from bocnn.engines.dense.run import draw_run
from bocnn.engines.packing import pack_runs
from bocnn.engines.registry import GRAM_CPU
from bocnn.models.images.model import MODEL as IMAGES
from bocnn.models.kernel.draws import draw_data, draw_network
from bocnn.models.kernel.model import MODEL as KERNEL
from bocnn.models.proportional.model import MODEL as PROPORTIONAL
from bocnn.models.tangent.model import MODEL as TANGENT
from bocnn.parameters.columns import PARAMETERS
from bocnn.parameters.keys import cell_keys, undrawn
from tests.bocnn.arenas import workspace
from tests.bocnn.conftest import Engine
from tests.bocnn.models.images.test_images import columns_of as image_columns
from tests.bocnn.models.kernel.test_model import columns_of as kernel_columns
from tests.bocnn.models.kernel.test_model import keyed_row
from tests.bocnn.models.proportional.test_model import FIRST
from tests.bocnn.models.proportional.test_model import columns as proportional_columns
from tests.bocnn.models.tangent.test_model import columns_of as tangent_columns
from tests.bocnn.run_columns import columns

OTHER: dict[str, Any] = {
    "data": "xor",
    "input": "sum",
    "n": 21,
    "d": 201,
    "m": 6,
    "mu_norm": 3.0,
    "mu_support": 3,
    "sigma_p": 2.0,
    "noise": "isotropic",
    "dof": 3.0,
    "density": 0.2,
    "spectrum_decay": 0.5,
    "spike": 3.0,
    "noise_patches": 2,
    "minority_share": 0.3,
    "class_process": "count",
    "signal_spread": 0.5,
    "noise_spread": 0.4,
    "xor_cosine": 0.5,
    "label_process": "count",
    "p_flip": 0.3,
    "p_flip_negative": 0.1,
    "sigma_0": 0.02,
    "v0": 0.3,
    "output_init": "sign",
    "bias": "trained",
    "activation": "leaky_relu",
    "leak": 0.2,
    "loss": "square",
    "train": "hidden",
    "optimizer": "adam",
    "eta": 0.06,
    "eta_output": 0.01,
    "momentum": 0.5,
    "momentum_rule": "nesterov",
    "beta1": 0.8,
    "beta2": 0.99,
    "epsilon": 1e-6,
    "weight_decay": 0.1,
    "gradient": "normalized",
    "sam_radius": 0.2,
    "label_noise": 0.1,
    "batch": 7,
    "steps": 61,
    "loss_tol": 0.1,
    "error_tol": 0.2,
    "n_test": 501,
    "precision": "float64",
}
NAMES = [column.name for column in PARAMETERS]
UNDRAWN = undrawn(PARAMETERS)
# Words of what only they make matter: leak needs leaky_relu, the rule of momentum needs momentum.
WITH: dict[str, dict[str, Any]] = {
    "leak": {"activation": "leaky_relu"},
    "momentum_rule": {"momentum": 0.5},
    "beta1": {"optimizer": "adam"},
    "beta2": {"optimizer": "adam"},
    "epsilon": {"optimizer": "rmsprop"},
    "mu_support": {"optimizer": "adam"},
    "dof": {"noise": "student_t"},
    "density": {"noise": "sparse"},
    "xor_cosine": {"data": "xor"},
    "label_process": {"p_flip": 0.3},
    "p_flip_negative": {"label_process": "asymmetric"},
    "input": {"train": "hidden"},
}


def drawn(**given: Any) -> tuple[np.ndarray, ...]:
    """Patches, true labels, and the hidden layer at the start, of one run by its key."""
    runs = pack_runs(MODEL.canonical(columns(1, **given)), np.arange(1))
    parameters = data_parameters_of(runs, 0)
    seed, arena = Seed(runs.key0[0], runs.key1[0], runs.replicate[0]), workspace()
    geometry = draw_geometry(parameters, seed, arena)
    patches = geometry.points.copy()  # samples of one vector are put together from them
    training_set = draw_training_set(parameters, geometry, seed, np.float64, arena)
    return tuple(part.copy() for part in (patches, training_set.shared, geometry.filters))


def start(**given: Any) -> np.ndarray:
    """The first coordinate of every filter at the start, of one run by its key."""
    runs = MODEL.canonical(columns(1, **given))
    if GRAM_CPU.accepts(runs).all():
        return drawn(**given)[2][0]
    row = {name: column[0] for name, column in runs.items()}
    seed = Seed(*(word[0] for word in cell_keys(runs)), np.uint64(0))
    filters = draw_run(row, seed, torch.float64).network.hidden
    return filters[..., 0].detach().numpy().ravel()


def key(keyed: tuple[str, ...] = (), **given: Any) -> tuple[int, int]:
    found = cell_keys(MODEL.canonical(columns(1, **given)), keyed=keyed)
    return int(found[0][0]), int(found[1][0])


def test_every_parameter_has_another_value_here() -> None:
    assert list(OTHER) == NAMES


@pytest.mark.parametrize("name", UNDRAWN)
def test_what_does_not_change_the_draws_leaves_patches_labels_and_start_equal(name: str) -> None:
    more = WITH.get(name, {})
    for one, other in zip(drawn(**more), drawn(**more | {name: OTHER[name]}), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNDRAWN])
def test_what_changes_the_draws_changes_all_random_numbers(name: str) -> None:
    """Not a scale alone, and not a part of them."""
    more = WITH.get(name, {})
    assert key(**more | {name: OTHER[name]}) != key(**more)
    one, other = (
        start(**more | given)[:10] / given.get("sigma_0", 0.01)
        for given in ({}, {name: OTHER[name]})
    )
    assert not np.isclose(one, other, rtol=1e-6).any()


@pytest.mark.parametrize("name", UNDRAWN)
def test_an_axis_of_what_does_not_change_the_draws_has_numbers_of_its_own(name: str) -> None:
    more = WITH.get(name, {})
    assert key((name,), **more | {name: OTHER[name]}) != key((name,), **more)
    default = next(column.default for column in PARAMETERS if column.name == name)
    if default not in ("required", None):  # a default never enters
        assert key((name,), **more | {name: default}) == key((), **more | {name: default})


def test_seeds_have_random_numbers_of_their_own() -> None:
    assert len({key(seed=seed) for seed in (3, 4, 3 + 2**40)}) == 3


def test_equal_values_of_different_parameters_do_not_give_equal_keys() -> None:
    assert key(sigma_0=0.2, mu_norm=0.01) != key(sigma_0=0.01, mu_norm=0.2)


def test_the_number_of_test_draws_changes_neither_training_nor_the_first_draws(
    engine: Engine,
) -> None:
    few, more = (engine.run(engine.columns(6, n_test=n)) for n in (500, 501))
    tested = {"test_error", "test_error_clean", "test_error_se"}
    for name in few.keys() - tested:
        np.testing.assert_array_equal(few[name], more[name])
    last = 501 * more["test_error_clean"] - 500 * few["test_error_clean"]
    assert ((last > -1e-6) & (last < 1 + 1e-6)).all()


def test_the_test_draws_of_few_are_the_first_of_those_of_many() -> None:
    """The mean of 64 pairs is that of the first 64 of 128: half a step of a chunk on, others follow."""
    rows = [MODEL.run(columns(1, n_test=n))["test_error_clean"][0] for n in (126, 128, 130)]
    sums = np.array(rows) * (126, 128, 130)
    assert ((np.diff(sums) >= -1e-9) & (np.diff(sums) <= 2 + 1e-9)).all()


def test_a_run_by_its_own_key_is_the_same_alone_and_among_keyed_ones() -> None:
    """`keyed` names what enters, and its defaults stay out."""
    model = MODEL.with_keyed(["eta", "p_flip"])
    assert model.keyed == ("eta", "p_flip") and MODEL.keyed == ()
    inputs = columns(2, p_flip=0.0)
    one, other = MODEL.with_keyed(["p_flip"]).run(inputs), MODEL.run(inputs)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    assert (model.run(inputs)["train_loss"] != other["train_loss"]).all()


OTHERS: list[tuple[Any, Any, dict[str, Any]]] = [
    (
        PROPORTIONAL,
        lambda **given: proportional_columns(1, **(FIRST | given)),
        {
            "n": 41,
            "d": 81,
            "h": 21,
            "train": "second",
            "activation": "erf",
            "r": 2.0,
            "sigma": 0.5,
            "init": 0.5,
            "spectrum_decay": 0.5,
            "ridge": 0.1,
            "width_exponent": 0.7,
            "eta": 0.2,
            "steps": 7,
            "grad_tol": 1e-3,
        },
    ),
    (
        KERNEL,
        lambda **given: kernel_columns(1, **given),
        {
            "n": 31,
            "d": 13,
            "m": 65,
            "teacher": "quadratic",
            "labels": "random",
            "random_share": 0.3,
            "kappa": 2.0,
            "eta": 0.2,
            "steps": 7,
            "n_test": 50,
        },
    ),
    (
        IMAGES,
        lambda **given: image_columns(1, **given),
        {
            "n": 11,
            "data": "mnist5k",
            "positive": 1,
            "negative": 2,
            "center": "none",
            "d": 6,
            "m": 4,
            "mu_norm": 3.0,
            "sigma_p": 0.5,
            "p_flip": 0.3,
            "sigma_0": 0.2,
            "v0": 0.3,
            "train": "hidden",
            "eta": 0.1,
            "steps": 7,
            "loss_tol": 0.1,
            "n_test": 50,
        },
    ),
    (
        TANGENT,
        lambda **given: tangent_columns(1, **given),
        {name: OTHER[name] for name in [column.name for column in TANGENT.parameters]},
    ),
]


@pytest.mark.parametrize(
    ("model", "make", "name", "value"),
    [(m, make, name, v) for m, make, others in OTHERS for name, v in others.items()],
    ids=lambda part: getattr(part, "name", str(part)),
)
def test_further_models_share_keys_in_the_same_way(
    model: Any, make: Any, name: str, value: Any
) -> None:
    def key_of(model: Any, **given: Any) -> tuple[int, int]:
        columns = model.keyed_runs(make(**given))
        return int(columns["key0"][0]), int(columns["key1"][0])

    shared = key_of(model) == key_of(model, **{name: value})
    assert shared == (name in model.undrawn)
    alone = model.with_keyed([name])
    assert key_of(alone) != key_of(alone, **{name: value})


def test_the_kernel_model_sees_the_same_inputs_teacher_and_filters() -> None:
    plain = keyed_row()
    for given in ({"labels": "random"}, {"random_share": 0.5}, {"eta": 0.1}, {"n_test": 7}):
        row = keyed_row(**given)
        one, other = draw_data(plain, 30), draw_data(row, 30)
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.taught, other.taught)
        for first, second in zip(draw_network(plain, 12), draw_network(row, 12), strict=True):
            np.testing.assert_array_equal(first, second)


def test_the_tangent_model_has_the_data_of_the_networks() -> None:
    given = {"n": 20, "d": 400, "m": 10, "mu_norm": 5.0, "sigma_0": 0.001}
    row = TANGENT.keyed_runs(tangent_columns(1, **given))
    assert (int(row["key0"][0]), int(row["key1"][0])) == key(**given)

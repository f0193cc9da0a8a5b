"""The model as a sweep sees it: rows that depend on themselves alone, statuses, pairs, limits."""

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.engines.cpu.engine import WIDEST
from bocnn.engines.registry import GRAM_CPU, GRAM_GPU
from tests.bocnn.conftest import Engine
from tests.bocnn.run_columns import columns

# The GPU's interpreter is NumPy, which warns of the overflows that divergence is.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
EXPLOSIVE = {"mu_norm": 20.0, "v0": 5.0, "eta": 100.0, "p_flip": 0.2}


def measured(rows: dict, name: str) -> np.ndarray:
    return rows[name].astype(float)


def assert_same_rows(one: dict, other: dict) -> None:
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def assert_rows_are_their_own(engine: Engine, precision: str, n: int) -> None:
    """On the CPU more runs than lanes, which end at different steps: lanes are filled anew."""
    inputs = engine.columns(40, precision=precision, n=n)
    count = inputs["n"].size
    inputs["steps"] = np.arange(count) % 7 * (9 if count == 40 else 2)  # three where interpreted
    inputs["loss_tol"] = np.where(np.arange(count) % 3, np.nan, 0.6)
    together = engine.run(inputs)
    order = np.random.default_rng(0).permutation(count)
    shuffled = engine.run({name: values[order] for name, values in inputs.items()})
    assert_same_rows({n: v[order] for n, v in together.items()}, shuffled)
    alone = engine.run({name: values[2:3] for name, values in inputs.items()})
    assert_same_rows({n: v[2:3] for n, v in together.items()}, alone)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_row_does_not_depend_on_the_rows_beside_it(precision: str, engine: Engine) -> None:
    assert_rows_are_their_own(engine, precision, 20)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "engine",
    [GRAM_CPU.name, pytest.param(GRAM_GPU.name, marks=pytest.mark.slow)],
    indirect=True,
)
def test_a_row_of_many_samples_does_not_either(precision: str, engine: Engine) -> None:
    assert_rows_are_their_own(engine, precision, WIDEST + 1)


@pytest.mark.parametrize("scales", [{"sigma_p": 1e19, "eta": 1e-39}, {"mu_norm": 1e-16}])
def test_scales_beyond_float32_are_trained_in_float64(scales: dict) -> None:
    single = MODEL.run(columns(3, **scales))
    assert_same_rows(single, MODEL.run(columns(3, **scales, precision="float64")))
    assert set(single["status"]) == {"ok"}


def test_rows_of_different_shapes_kinds_and_precisions_can_stand_together(engine: Engine) -> None:
    parts = [
        engine.columns(3),
        engine.columns(3, n=31, m=2, precision="float64"),
        engine.columns(1, n=18, m=2),
        engine.columns(1, noise="isotropic"),
        engine.columns(1, activation="tanh", momentum=0.5),
    ]
    mixed = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    together = engine.run(mixed)
    first = 0
    for part in parts:
        last = first + part["n"].size
        assert_same_rows({n: v[first:last] for n, v in together.items()}, engine.run(part))
        first = last


def test_replicates_differ_and_the_same_run_is_the_same(engine: Engine) -> None:
    inputs = engine.columns(50)
    first = engine.run(inputs)
    assert np.unique(first["test_error"]).size == inputs["n"].size
    assert_same_rows(first, engine.run(inputs))


def test_settings_that_differ_in_flips_are_paired() -> None:
    """Half the runs of three samples have no flip at p = 0.2: these must be the clean runs."""
    clean, flipped = (MODEL.run(columns(400, n=3, p_flip=p)) for p in (0.0, 0.2))
    same = clean["train_loss"] == flipped["train_loss"]
    assert 0.4 < same.mean() < 0.62
    np.testing.assert_array_equal(
        clean["test_error_clean"][same], flipped["test_error_clean"][same]
    )


def test_the_noisy_test_error_follows_from_the_clean_one(engine: Engine) -> None:
    rows = engine.run(engine.columns(20, p_flip=0.2))
    np.testing.assert_allclose(rows["test_error"], 0.2 + 0.6 * rows["test_error_clean"], rtol=1e-12)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_divergence_is_a_status_and_nulls(precision: str, engine: Engine) -> None:
    steps = 30 if engine.name == GRAM_GPU.name and precision == "float32" else 3000
    given = {**EXPLOSIVE, "n": 20, "m": 5, "steps": steps}
    rows = engine.run(engine.columns(20, **given, precision=precision))
    diverged = rows["status"] == "diverged"
    assert diverged.mean() > 0.6
    for name in rows.keys() - {"status"}:
        assert np.isnan(measured(rows, name)[diverged]).all(), name
        if name != "signal_to_noise":
            assert np.isfinite(measured(rows, name)[~diverged]).all(), name


def test_an_unreached_loss_keeps_its_values(engine: Engine) -> None:
    inputs = engine.columns(5, loss_tol=1e-9)
    rows = engine.run(inputs)
    assert set(rows["status"]) == {"unconverged"}
    assert np.isfinite(measured(rows, "test_error")).all()
    assert (rows["steps_run"] == inputs["steps"]).all()


def test_a_reached_loss_ends_the_run(engine: Engine) -> None:
    rows = engine.run(engine.columns(5, loss_tol=0.2, steps=5000))
    assert set(rows["status"]) == {"ok"}
    assert (rows["train_loss"] <= 0.2).all()
    assert (rows["steps_run"] < 5000).all()


def test_float32_gives_the_measures_of_float64_to_its_precision() -> None:
    single, double = (MODEL.run(columns(50, precision=p)) for p in ("float32", "float64"))
    for name in ("train_loss", "test_error", "max_w_xi", "w_norm"):
        np.testing.assert_allclose(single[name], double[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"v0": 0.0, "train": "hidden"}, 0.5),
        ({"sigma_0": 0.0}, 0.5),
        ({"steps": 0, "v0": 0.0}, 0.5),
        ({"mu_norm": 0.0}, 0.5),
        ({"mu_norm": 100.0, "eta": 1e-2, "steps": 50}, 0.0),
    ],
)
def test_limits_have_their_known_errors(given: dict, expected: float, engine: Engine) -> None:
    rows = engine.run(engine.columns(20, **given))
    assert set(rows["status"]) == {"ok"}
    assert np.mean(rows["test_error_clean"]) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    "given",
    [
        {"n": 1},
        {"d": 2},
        {"d": 2, "data": "xor"},
        {"n": 1, "d": 2, "m": 1},
        {"n": 300},
        {"d": 10**12, "eta": 1e-11},
    ],
)
def test_extreme_sizes_run(given: dict, engine: Engine) -> None:
    rows = engine.run(engine.columns(4, **given))
    assert set(rows["status"]) == {"ok"}
    assert np.isfinite(measured(rows, "test_error")).all()


def test_nothing_learned_gives_the_loss_of_a_coin(engine: Engine) -> None:
    rows = engine.run(engine.columns(3, v0=0.0, train="hidden"))
    np.testing.assert_allclose(rows["train_loss"], np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(rows["train_error"], 0.5)


KINDS = [
    {"data": "xor"},
    {"noise": "isotropic"},
    {"bias": "trained"},
    {"data": "xor", "noise": "isotropic", "bias": "trained", "activation": "tanh"},
    {"output_init": "normal"},
    {"output_init": "sign", "loss": "square", "train": "hidden"},
    {"activation": "leaky_relu", "leak": 0.2},
    {"activation": "softplus", "sigma_0": 0.1},
    {"momentum": 0.5, "momentum_rule": "nesterov", "weight_decay": 0.01, "batch": 7},
    {"eta_output": 0.001},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "+".join(kind))
def test_every_kind_of_run_trains_and_differs_from_the_plain_one(kind: dict) -> None:
    rows, plain = MODEL.run(columns(20, **kind)), MODEL.run(columns(20))
    assert set(rows["status"]) == {"ok"}
    assert np.mean(rows["train_loss"]) < 0.69
    assert not np.array_equal(rows["test_error"], plain["test_error"])


def test_cost_and_memory_rise_with_size() -> None:
    for name, larger in (("n", 40), ("m", 10), ("steps", 120), ("n_test", 5000)):
        assert MODEL.flops(columns(1, **{name: larger})) > MODEL.flops(columns(1))
    assert MODEL.memory_bytes(columns(1, n=2000)) > 50 * MODEL.memory_bytes(columns(1))

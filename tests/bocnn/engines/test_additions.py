"""What a researcher adds to a registry is trained, by the dense engine; what is in none is refused."""

from typing import Any

import numpy as np
import pytest
import torch

from bocnn import MODEL
from bocnn.arrays import Array
from bocnn.engines.registry import GRAM_CPU, trained_words
from bocnn.registry import activations, label_processes, losses, noises, optimizers, signals
from tests.bocnn.run_columns import columns


def signs(sampler: noises.Sampler, shape: noises.Shape, directions: Array) -> Array:
    """Random signs."""
    return np.where(sampler.uniforms(shape) < 0.5, 1.0, -1.0)


def one_sided(true: Array, p_flip: float) -> Array:
    """Flips of the class +1 alone."""
    return np.where(true > 0, p_flip, 0.0)


ONE_SIDED = label_processes.LabelProcess(one_sided)


def adam(groups: list[dict[str, Any]], parameters: optimizers.OptimizerParameters) -> Any:
    """Adam."""
    return torch.optim.Adam(groups, lr=parameters.eta)


ADDITIONS: list[tuple[str, str, dict[str, Any], Any]] = [
    ("noise", "toy_signs", noises.NOISES, noises.Noise(signs)),
    ("data", "toy_orbit", signals.SIGNALS, signals.Signals(((1, 0, 1), (-1, 1, 1)))),
    ("label_process", "toy_one_sided", label_processes.LABEL_PROCESSES, ONE_SIDED),
    ("optimizer", "toy_adam", optimizers.OPTIMIZERS, adam),
    ("loss", "toy_absolute", losses.LOSSES, lambda f, y: (f - y).abs()),
    (
        "activation",
        "toy_gelu",
        activations.ACTIVATIONS,
        lambda a, leak: torch.nn.functional.gelu(a),
    ),
]
"""Column, word, registry and entry."""
each_addition = pytest.mark.parametrize(
    ("name", "word", "registry", "entry"), ADDITIONS, ids=[word for _, word, _, _ in ADDITIONS]
)


def runs_with(name: str, word: str, runs: int = 3) -> dict[str, Any]:
    """Runs with a word of ours."""
    return columns(runs, p_flip=0.2, n_test=200) | {name: np.array([word] * runs, dtype=object)}


@each_addition
def test_an_entry_is_trained_by_the_dense_engine(
    name: str, word: str, registry: Any, entry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry, word, entry)
    runs = runs_with(name, word)
    assert not GRAM_CPU.accepts(runs).any()
    assert MODEL.engine_of(runs)["engine"] == "dense"
    found, plain = MODEL.run(runs), MODEL.run(columns(3, p_flip=0.2, n_test=200))
    assert set(found["status"]) == {"ok"}
    assert (found["train_loss"] < 1).all() and (found["train_loss"] != plain["train_loss"]).all()
    assert word in trained_words()[name]
    assert (MODEL.flops(runs) > 0).all() and (MODEL.memory_bytes(runs) > 0).all()


@each_addition
def test_it_trains_beside_runs_of_the_gram_engine(
    name: str, word: str, registry: Any, entry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = MODEL.run(columns(1, p_flip=0.2, n_test=200))
    default = {"optimizer": "sgd", "label_process": "flip"}
    mixed = runs_with(name, word, 2)
    mixed[name][0] = default.get(name) or columns(1)[name][0]
    monkeypatch.setitem(registry, word, entry)
    found = MODEL.run(mixed)
    for column in plain:
        assert found[column][0] == plain[column][0], column
    assert MODEL.engine_of(mixed)["engine"] == "gram-cpu+dense"


@each_addition
def test_a_word_in_no_registry_is_refused(name: str, word: str, registry: Any, entry: Any) -> None:
    with pytest.raises(ValueError, match=f"received {name}: {word}; the engine"):
        MODEL.run(runs_with(name, word))


@each_addition
def test_it_is_recorded_beside_runs_of_the_gram_engine(
    name: str, word: str, registry: Any, entry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = np.array([0, 1, 7])
    plain, plain_records = MODEL.record(columns(1, p_flip=0.2, n_test=200), steps)
    default = {"optimizer": "sgd", "label_process": "flip"}
    mixed = runs_with(name, word, 2)
    mixed[name][0] = default.get(name) or columns(1)[name][0]
    monkeypatch.setitem(registry, word, entry)
    rows, records = MODEL.record(mixed, steps)
    assert records["run"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert records["step"].tolist() == 2 * [0, 1, 7, 60]
    for column, values in plain_records.items():
        np.testing.assert_array_equal(records[column][:4], values, err_msg=column)
    for column in plain:
        assert rows[column][0] == plain[column][0], column
    ended = MODEL.run(mixed)
    for column in ended:
        np.testing.assert_array_equal(rows[column], ended[column], err_msg=column)
    assert MODEL.engine_of(mixed, recorded=True)["engine"] == "gram-cpu+dense"


def test_coefficients_are_null_where_the_optimizer_leaves_the_span(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(optimizers.OPTIMIZERS, "toy_adam", adam)
    rows, records = MODEL.record(runs_with("optimizer", "toy_adam", 1), np.array([0, 7]))
    for name in ("gamma_max", "rho_max", "gamma_over_rho"):
        assert np.isnan(records[name]).all(), name
    assert np.isfinite(records["slope_max"]).all() and rows["status"].tolist() == ["ok"]


def test_without_torch_the_plan_has_a_cost_and_training_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(optimizers.OPTIMIZERS, "toy_adam", adam)
    monkeypatch.setattr("bocnn.engines.dense.engine.find_spec", lambda name: None)
    runs = runs_with("optimizer", "toy_adam")
    assert (MODEL.flops(runs) > 0).all()
    with pytest.raises(ValueError, match=r"dense: it needs torch: pip install 'bocnn\[dense\]'"):
        MODEL.run(runs)
    assert MODEL.engine_of(columns(2))["engine"] == "gram-cpu"


def test_flips_of_one_class_give_the_mean_of_the_classes_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(label_processes.LABEL_PROCESSES, "toy_one_sided", ONE_SIDED)
    strong = {"mu_norm": np.full(3, 100.0), "eta": np.full(3, 0.01)}
    found = MODEL.run(runs_with("label_process", "toy_one_sided") | strong)
    np.testing.assert_array_equal(found["test_error_clean"], 0.0)
    np.testing.assert_allclose(found["test_error"], (0.2 + 0.0) / 2)


def test_the_gram_engines_words_and_codes_are_the_entries() -> None:
    coded: Any
    for name, coded in (("noise", noises.NOISES), ("data", signals.SIGNALS)):
        codes = {word: entry.gram_code for word, entry in coded.items()}
        drawn = [word for word, code in codes.items() if code is not None]
        assert list(GRAM_CPU.words[name]) == sorted(drawn, key=codes.__getitem__), name
        assert [codes[word] for word in GRAM_CPU.words[name]] == [0, 1]
    for name, words in (
        ("loss", losses.LOSSES),
        ("activation", activations.ACTIVATIONS),
        ("optimizer", optimizers.OPTIMIZERS),
        ("label_process", (*label_processes.LABEL_PROCESSES, *label_processes.BY_STRENGTH)),
    ):
        assert set(GRAM_CPU.words[name]) <= set(words), name

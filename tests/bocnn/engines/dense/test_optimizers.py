"""Optimizers step by step: those of torch.optim, and their equations written down in numpy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bocnn import MODEL
from bocnn.data.draws import Seed
from bocnn.engines.coordinates.run import run_row
from bocnn.engines.dense.engine import Dense
from bocnn.engines.dense.fresh import errors_by_class
from bocnn.engines.dense.run import DenseRun, draw_run, train_row
from bocnn.engines.dense.training import Recipe, train
from bocnn.engines.registry import GRAM_CPU
from bocnn.parameters.keys import cell_keys
from tests.bocnn.run_columns import columns

SIZES = {"n": 6, "d": 30, "m": 3, "steps": 12, "precision": "float64", "eta": 0.01, "sigma_0": 0.1}
KINDS: list[dict[str, Any]] = [
    {"optimizer": "sgd", "noise": "laplace", "momentum": 0.5, "momentum_rule": "nesterov"},
    {"optimizer": "sgd", "noise": "laplace", "weight_decay": 0.1},
    {"optimizer": "adam"},
    {"optimizer": "adam", "beta1": 0.5, "beta2": 0.8, "epsilon": 1e-3, "weight_decay": 0.1},
    {"optimizer": "adamw", "beta1": 0.5, "beta2": 0.8, "weight_decay": 0.3},
    {"optimizer": "rmsprop", "beta2": 0.7, "epsilon": 1e-4, "weight_decay": 0.1},
    {"optimizer": "rmsprop", "beta2": 0.7, "momentum": 0.4},
    {"optimizer": "sign"},
    {"optimizer": "sign", "weight_decay": 0.5},
]
"""With every option that has an effect."""

Weights = dict[str, np.ndarray]


def drawn(given: dict[str, Any]) -> tuple[dict[str, Any], Seed, DenseRun]:
    """A run's canonical parameters, seed and draws."""
    runs = MODEL.canonical(columns(1, **SIZES | given))
    key0, key1 = cell_keys(runs)
    row = {name: column[0] for name, column in runs.items()} | {"key0": key0[0], "key1": key1[0]}
    seed = Seed(key0[0], key1[0], np.uint64(0))
    return row, seed, draw_run(row, seed, torch.float64)


def gradients(weights: Weights, patches: np.ndarray, observed: np.ndarray) -> Weights:
    """∂L/∂w and ∂L/∂v of the logistic loss of a ReLU network, by hand."""
    signs = np.array([1.0, -1.0])
    inner = np.einsum("jrd,ipd->ijrp", weights["hidden"], patches)
    output = np.einsum("j,jrp,ijrp->i", signs, weights["output"], np.maximum(inner, 0))
    slopes = -observed / (1 + np.exp(observed * output)) / len(observed)
    back = np.einsum("i,j,jrp,ijrp->ijrp", slopes, signs, weights["output"], inner > 0)
    return {
        "hidden": np.einsum("ijrp,ipd->jrd", back, patches),
        "output": np.einsum("i,j,ijrp->jrp", slopes, signs, np.maximum(inner, 0)),
    }


def sgd(w: np.ndarray, g: np.ndarray, state: Weights, row: Any, t: int) -> np.ndarray:
    g = g + row["weight_decay"] * w
    if row["momentum"] == 0:
        return w - row["eta"] * g
    state["b"] = g if t == 1 else row["momentum"] * state["b"] + g
    nesterov = row["momentum_rule"] == "nesterov"
    return w - row["eta"] * (g + row["momentum"] * state["b"] if nesterov else state["b"])


def adam(w: np.ndarray, g: np.ndarray, state: Weights, row: Any, t: int) -> np.ndarray:
    if row["optimizer"] == "adamw":
        w = w - row["eta"] * row["weight_decay"] * w
    else:
        g = g + row["weight_decay"] * w
    b1, b2 = row["beta1"], row["beta2"]
    state["m"] = b1 * state.get("m", 0.0) + (1 - b1) * g
    state["v"] = b2 * state.get("v", 0.0) + (1 - b2) * g**2
    m, v = state["m"] / (1 - b1**t), state["v"] / (1 - b2**t)
    return w - row["eta"] * m / (np.sqrt(v) + row["epsilon"])


def rmsprop(w: np.ndarray, g: np.ndarray, state: Weights, row: Any, t: int) -> np.ndarray:
    g = g + row["weight_decay"] * w
    state["v"] = row["beta2"] * state.get("v", 0.0) + (1 - row["beta2"]) * g**2
    g = g / (np.sqrt(state["v"]) + row["epsilon"])
    if row["momentum"] > 0:
        g = state["b"] = row["momentum"] * state.get("b", 0.0) + g
    return w - row["eta"] * g


def sign(w: np.ndarray, g: np.ndarray, state: Weights, row: Any, t: int) -> np.ndarray:
    return w - row["eta"] * np.sign(g + row["weight_decay"] * w)


BY_HAND: dict[str, Callable[..., np.ndarray]] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adam,
    "rmsprop": rmsprop,
    "sign": sign,
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_step_is_the_one_written_down(kind: dict[str, Any]) -> None:
    row, _seed, run = drawn(kind)
    weights = {name: getattr(run.network, name).detach().numpy() for name in ("hidden", "output")}
    weights = {name: part.copy() for name, part in weights.items()}
    patches, observed = run.data.patches.numpy(), run.data.observed.numpy()
    states: dict[str, Weights] = {"hidden": {}, "output": {}}
    for t in range(1, row["steps"] + 1):
        found = gradients(weights, patches, observed)
        for name in weights:
            weights[name] = BY_HAND[row["optimizer"]](
                weights[name], found[name], states[name], row, t
            )
        along = np.einsum("jrd,cd->jrc", weights["hidden"], run.centres.numpy())
        inner = np.einsum("jrd,id->ijr", weights["hidden"], patches[:, 1])
        expected = {
            "w_norm": np.linalg.norm(weights["hidden"]),
            "v_norm": np.linalg.norm(weights["output"]),
            "max_v1": weights["output"][..., 0].max(),
            "max_w_mu": max(along[0, :, 0].max(), along[1, :, 1].max()),
            "max_w_xi": inner[np.arange(len(observed)), (observed < 0).astype(int)].max(),
        }
        by_torch = train_row(row | {"steps": t}, torch.float64).measures
        compiled = run_row(row | {"steps": t}, np.float64).measures
        for name, value in expected.items():
            assert getattr(by_torch, name) == pytest.approx(value, rel=1e-9), name
            assert getattr(compiled, name) == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_dense_engine_takes_it_by_itself(kind: dict[str, Any]) -> None:
    runs = columns(2, **SIZES | kind)
    assert not GRAM_CPU.accepts(runs).any() and Dense().accepts(runs).all()
    assert MODEL.engine_of(runs)["engine"] == "dense-cpu"
    assert MODEL.engine_of(runs, recorded=True)["engine"] == "dense"
    assert set(MODEL.run(runs)["status"]) == {"ok"}


def test_sign_descent_moves_every_weight_by_the_step_size() -> None:
    row, _seed, run = drawn({"optimizer": "sign", "train": "hidden", "steps": 1})
    patches, observed = run.data.patches.numpy(), run.data.observed.numpy()
    weights = {name: getattr(run.network, name).detach().numpy() for name in ("hidden", "output")}
    moved = np.sign(gradients(weights, patches, observed)["hidden"])
    assert set(np.unique(moved)) == {-1.0, 1.0}
    expected = np.linalg.norm(weights["hidden"] - row["eta"] * moved)
    assert train_row(row, torch.float64).measures.w_norm == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sign"])
def test_coordinates_matter_to_it_and_are_the_true_ones(optimizer: str) -> None:
    runs = MODEL.canonical(columns(4, optimizer=optimizer, d=300, m=4, eta=1e-3, mu_norm=3.0))
    axis, spread = Dense().run(runs), Dense().run(runs | {"mu_support": np.full(4, 300)})
    assert (axis.measures[:, 0] != spread.measures[:, 0]).all()
    _row, _seed, run = drawn({"optimizer": optimizer, "d": 300})
    assert run.network.hidden.shape == (2, 3, 300) and run.data.patches.shape[2] == 300


def test_what_is_too_large_in_d_dimensions_is_refused() -> None:
    with pytest.raises(ValueError, match="dense: the run is beyond its sizes"):
        MODEL.check_runs(columns(1, optimizer="adam", d=10**9), False)
    MODEL.check_runs(columns(1, optimizer="adam", d=10**9, train="output"), False)
    costs = [MODEL.flops(columns(1, optimizer="adam", d=d))[0] for d in (10**4, 10**5)]
    sizes = [MODEL.memory_bytes(columns(1, optimizer="adam", d=d))[0] for d in (10**4, 10**5)]
    assert costs[1] > 5 * costs[0] and sizes[1] > 9 * sizes[0]


def test_adam_on_the_output_layer_alone_needs_no_coordinates() -> None:
    """The hidden layer keeps its start, so that a run is drawn as its inner products are."""
    many = MODEL.run(columns(1, optimizer="adam", train="output", d=10**12, eta=0.001, steps=3))
    assert many["status"].tolist() == ["ok"]


def test_gaussian_test_errors_in_few_coordinates_are_those_in_all() -> None:
    row, seed, run = drawn({"optimizer": "adam", "d": 40, "n_test": 40_000})
    train(run.network, run.data, Recipe(0.1), 30)
    few = errors_by_class(run.network, run.model, row, seed, run.basis)
    whole = run.model._replace(signals=run.model.signals._replace(gram_code=None))
    all_of_them = errors_by_class(run.network, whole, row, seed, run.basis)
    spread = np.sqrt(0.25 / 40_000)
    np.testing.assert_allclose(few.mean(axis=0), all_of_them.mean(axis=0), atol=6 * spread)
    assert 0.02 < few.mean() < 0.5

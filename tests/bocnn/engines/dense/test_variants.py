"""Steps beyond gradient descent are those of the dense network, and gradient descent in a limit."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.data.draws import Seed, draw_step_uniforms
from bocnn.engines.dense.engine import Dense
from bocnn.engines.gpu.engine import GramGPU
from bocnn.engines.registry import GRAM_CPU
from bocnn.measure.measures import Measures
from tests.bocnn.run_columns import columns

KINDS: list[dict[str, Any]] = [
    {"sam_radius": 0.5},
    {"sam_radius": 0.3, "gradient": "normalized", "bias": "trained", "noise": "isotropic"},
    {"gradient": "normalized", "momentum": 0.5, "batch": 7, "loss": "hinge", "train": "hidden"},
    {"label_noise": 0.2, "data": "xor", "weight_decay": 0.01, "activation": "relu2"},
    {"label_noise": 0.1, "sam_radius": 0.2, "train": "output", "loss": "square"},
    {"sam_radius": 0.2, "train": "hidden", "batch": 7, "p_flip": 0.2},
]
EXACT = [i for i, name in enumerate(Measures._fields) if not name.startswith("test_error")]


def measured(**given: Any) -> np.ndarray:
    """Measures of two runs in float64 by the gram engine, (2, measures)."""
    return GRAM_CPU.run(MODEL.canonical(columns(2, precision="float64", **given))).measures


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_steps_and_records_are_the_dense_networks(kind: dict[str, Any]) -> None:
    inputs = MODEL.canonical(columns(2, precision="float64", steps=30, n_test=10, **kind))
    steps = np.array([0, 1, 7])
    gram, dense = GRAM_CPU.record(inputs, steps), Dense().record(inputs, steps)
    np.testing.assert_array_equal(gram.status, dense.status)
    np.testing.assert_allclose(gram.measured[:, EXACT], dense.measured[:, EXACT], rtol=1e-9)
    np.testing.assert_array_equal(gram.lengths, dense.lengths)
    for one, other in zip(gram.trajectory, dense.trajectory, strict=True):
        recorded = [0, 1, 2, *range(5, one.shape[1])]
        np.testing.assert_allclose(one[:, recorded], other[:, recorded], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [{"sam_radius": 1e-12}, {"label_noise": 1e-12}], ids=str)
def test_small_they_are_gradient_descent(kind: dict[str, Any]) -> None:
    np.testing.assert_allclose(measured(**kind), measured(), rtol=1e-6)
    losses = [measured(**more)[:, 0] for more in ({}, {name: 0.3 for name in kind})]
    assert (np.abs(losses[1] / losses[0] - 1) > 0.01).all()


def test_a_normalized_step_is_as_long_as_the_step_size() -> None:
    """In one step, of a network that starts at 0 filters: ‖W‖² + Δv² is η²."""
    one = measured(gradient="normalized", sigma_0=0.0, train="hidden", activation="tanh", steps=1)
    w_norm = one[:, Measures._fields.index("w_norm")]
    np.testing.assert_allclose(w_norm, 0.05, rtol=1e-12)


def test_labels_are_flipped_anew_in_each_step_at_their_rate() -> None:
    drawn, seed = np.empty((2_000, 21)), Seed(np.uint64(1), np.uint64(2), np.uint64(3))
    for step, row in enumerate(drawn):
        draw_step_uniforms(seed, step, row)
    assert len(np.unique(drawn)) > 0.99 * drawn.size
    share = (drawn < 0.2).mean(axis=0)
    assert (np.abs(share - 0.2) < 4.5 * 0.4 / np.sqrt(2_000)).all()


@pytest.mark.parametrize("kind", KINDS[:1] + KINDS[2:4], ids=str)
def test_engines_without_them_refuse_them(kind: dict[str, Any]) -> None:
    assert GRAM_CPU.accepts(columns(2, **kind)).all()
    assert not GramGPU().accepts(columns(2, **kind)).any()
    assert MODEL.engine_of(columns(2, optimizer="adam", **kind))["engine"] == "dense"

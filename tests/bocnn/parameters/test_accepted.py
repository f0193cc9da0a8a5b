"""Refusal by default: a word that is added to the choices alone is trained by no engine of any model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bocnn import MODEL
from bocnn.engines.cpu.stages import WORDS
from bocnn.engines.dense import network as dense
from bocnn.engines.dense import training as dense_training
from bocnn.engines.gpu.engine import GPU_WORDS
from bocnn.models.deep.model import MODEL as DEEP
from bocnn.models.proportional.model import MODEL as PROPORTIONAL
from bocnn.models.tangent.model import MODEL as TANGENT
from bocnn.parameters.columns import Column
from sweeps.models.installed import load_model
from tests.bocnn.models.deep.test_deep import POINT as DEEP_POINT
from tests.bocnn.models.deep.test_deep import columns_of as deep_columns
from tests.bocnn.models.images.test_images import columns_of as image_columns
from tests.bocnn.models.kernel.test_model import columns_of as kernel_columns
from tests.bocnn.models.proportional.test_model import FIRST
from tests.bocnn.models.proportional.test_model import columns as proportional_columns
from tests.bocnn.models.tangent.test_model import columns_of as tangent_columns
from tests.bocnn.run_columns import columns
from tests.sweeps.small import errors_of

UNKNOWN = "unheard_of"
KERNEL, IMAGES = (load_model(name) for name in ("kernel", "images"))
SWEEPS = {
    "bocnn": "{n: 6, m: 3, d: 50, mu_norm: 1, sigma_0: 0.01, v0: 0.1, eta: 0.05, steps: 3}",
    "proportional": "{n: 20, d: 10, h: 8, train: first}",
    "kernel": "{n: 12, m: 8, eta: 0.3, steps: 3}",
    "tangent": "{n: 6, m: 3, d: 50, mu_norm: 1, sigma_0: 0.01, v0: 0.1, train: hidden}",
    "deep": "{n: 6, m: 3, d: 50, mu_norm: 1, sigma_0: 0.01, v0: 0.1, depth: 3, steps: 3}",
    "images": "{n: 6, m: 3, mu_norm: 1, sigma_p: 1, sigma_0: 0.01, v0: 0.1, eta: 0.1, steps: 3}",
}
COLUMNS = {
    "bocnn": columns,
    "proportional": lambda runs, **more: proportional_columns(runs, **(FIRST | more)),
    "kernel": kernel_columns,
    "tangent": tangent_columns,
    "deep": lambda runs, **more: deep_columns(runs, **(DEEP_POINT | more)),
    "images": image_columns,
}
CHOICES = [
    (model, column)
    for model in (MODEL, PROPORTIONAL, KERNEL, TANGENT, DEEP, IMAGES)
    for column in model.parameters
    if column.choices
]
each_choice = pytest.mark.parametrize(
    ("model", "column"), CHOICES, ids=lambda part: getattr(part, "name", "")
)


def widened(model: Any, column: Column, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The model, with a word more among a column's choices."""
    wide = tuple(
        replace(c, choices=(*c.choices, UNKNOWN)) if c.name == column.name else c
        for c in model.parameters
    )
    monkeypatch.setattr(type(model), "parameters", wide)
    return model


def sweep(model: Any, **given: Any) -> str:
    """A sweep of two seeds' worth of one cell, with a word instead of what it has."""
    fixed = SWEEPS[model.name]
    for name, word in given.items():
        kept = [p for p in fixed.strip("{}").split(", ") if not p.startswith(f"{name}:")]
        fixed = "{" + ", ".join([*kept, f"{name}: {word}"]) + "}"
    axis = {"proportional": "r", "kernel": "kappa"}
    head = f"name: words\nmodel: {model.name}\nreplicates: 1\n"
    return f"{head}axes: {{{axis.get(model.name, 'p_flip')}: [0.1, 0.2]}}\nfixed: {fixed}\n"


@each_choice
def test_plan_refuses_a_word_that_no_engine_has_named(
    model: Any, column: Column, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = sweep(model, **{column.name: UNKNOWN})
    text = errors_of(text, widened(model, column, monkeypatch))
    assert f"fixed.{column.name}: received '{UNKNOWN}'" in text
    assert f"does not train; expected {', '.join(model.words[column.name])}" in text
    assert "1 error in" in text


@each_choice
def test_a_run_with_such_a_word_is_refused_and_not_trained_as_another(
    model: Any, column: Column, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = COLUMNS[model.name](2, **{column.name: UNKNOWN})
    with pytest.raises(ValueError, match=f"received {column.name}: {UNKNOWN}; the engine"):
        widened(model, column, monkeypatch).run(inputs)


@each_choice
def test_every_choice_is_named_by_the_engine(model: Any, column: Column) -> None:
    assert set(model.words[column.name]) == set(column.choices)


def test_a_parameter_of_words_that_nobody_named_has_none() -> None:
    inputs = columns(2) | {"schedule": np.array(["cosine", "cosine"], dtype=object)}
    with pytest.raises(ValueError, match=r"received schedule: cosine; .* accepts no word for it"):
        MODEL.run(inputs)
    assert not MODEL.supports_gpu(inputs).any()


CODED = sorted(GPU_WORDS.keys() & WORDS.keys())
"""Columns of words that both gram engines know by codes."""


@pytest.mark.parametrize("name", CODED)
def test_the_gpu_takes_no_such_word(name: str) -> None:
    inputs = columns(3)
    assert MODEL.supports_gpu(inputs).all()
    inputs[name] = np.array([inputs[name][0], UNKNOWN, inputs[name][0]], dtype=object)
    assert MODEL.supports_gpu(inputs).tolist() == [True, False, True]
    assert set(GPU_WORDS[name]) <= set(WORDS[name])


def test_the_gpus_codes_are_those_of_the_processor() -> None:
    assert GPU_WORDS.keys() - WORDS.keys() == {"optimizer"}
    for name in CODED:
        words = GPU_WORDS[name]
        assert tuple(WORDS[name][: len(words)]) == tuple(words)


def test_the_dense_network_refuses_words_that_it_does_not_know() -> None:
    generator = torch.Generator().manual_seed(0)
    network = dense.initialize(generator, (2, 5), dense.InitialScales(0.1, 0.1))
    data = dense.draw_data(generator, 4, torch.eye(5, dtype=torch.float64)[:2])
    with pytest.raises(ValueError, match="received loss: ramp; the dense network accepts log"):
        dense.training_loss(network, data, "ramp")
    with pytest.raises(ValueError, match="received layers: first; the dense network accepts both"):
        dense_training.train(network, data, dense_training.Recipe(0.1, layers="first"), 1)
    with pytest.raises(ValueError, match="received activation: gelu; the dense network accepts"):
        dense.initialize(generator, (2, 5), dense.InitialScales(0.1, 0.1), activation="gelu")

"""Runs drawn as inner products have the law of runs drawn as vectors: two-sample tests."""

import copy
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy import stats

from bocnn import MODEL
from bocnn.engines.dense import network as dense
from bocnn.engines.dense import training as dense_training
from bocnn.registry.losses import LOSSES
from tests.bocnn.data.drawn_runs import Tensors, measured
from tests.bocnn.data.test_spectrum import eigenvalues
from tests.bocnn.run_columns import columns

REPLICATES = 300
TOGETHER, TESTED_TOGETHER = 100, 20
"""Networks trained at once, and those tested on the same fresh samples."""

CELLS = {
    "benign": {"n": 20, "d": 100, "mu_norm": 2.0},
    "between": {"n": 20, "d": 200, "mu_norm": 1.2},
    "harmful": {"n": 20, "d": 300, "mu_norm": 0.5},
    "flipped": {"n": 20, "d": 200, "mu_norm": 1.5, "p_flip": 0.2},
    "fewer dimensions than vectors": {"n": 20, "d": 12, "mu_norm": 0.7},
    "hidden": {"n": 10, "d": 200, "mu_norm": 1.5, "train": "hidden", "p_flip": 0.1},
    "isotropic with biases": {
        "n": 15,
        "d": 30,
        "mu_norm": 1.5,
        "noise": "isotropic",
        "bias": "trained",
        "sigma_0": 0.3,
    },
    "xor": {"n": 20, "d": 60, "mu_norm": 3.0, "data": "xor", "noise": "isotropic"},
    "tanh": {"n": 15, "d": 60, "mu_norm": 2.0, "activation": "tanh"},
    "power law": {"n": 15, "d": 60, "mu_norm": 1.0, "spectrum_decay": 0.6, "sigma_0": 0.3},
    "spike": {"n": 15, "d": 40, "mu_norm": 1.5, "spike": 30.0},
    "three noise patches": {"n": 10, "d": 60, "mu_norm": 2.0, "noise_patches": 3},
    "output": {"n": 10, "d": 200, "mu_norm": 1.5, "train": "output"},
    "weak signal flipped": {
        "n": 20,
        "d": 100,
        "mu_norm": 2.0,
        "signal_spread": 0.6,
        "p_flip": 0.3,
        "label_process": "margin",
    },
    "elliptical, strong noise flipped": {
        "n": 20,
        "d": 60,
        "mu_norm": 1.5,
        "noise_spread": 0.5,
        "p_flip": 0.2,
        "label_process": "noise_aligned",
    },
    "xor at an angle": {
        "n": 20,
        "d": 60,
        "mu_norm": 3.0,
        "data": "xor",
        "xor_cosine": 0.5,
        "noise": "isotropic",
    },
}
COMMON = {"m": 3, "sigma_0": 0.1, "v0": 0.3, "eta": 0.05, "steps": 40, "n_test": 2000}
COMMON["precision"] = "float64"  # as the dense runs, so that what is constant is equal
COMPARED = ("train_loss", "test_error", "max_w_mu", "max_w_xi", "max_v2", "w_norm")


class Law(NamedTuple):
    """How samples are drawn: by `dense.draw_data`, and what it does not have.

    deviations: of the noise along the coordinates, (d,). patches: noise patches. spreads: of signal and
    noise. process: label process.
    """

    options: dense.SampleOptions
    deviations: torch.Tensor
    patches: int
    spreads: tuple[float, float]
    process: str


def train_together(
    networks: list[dense.TwoLayerCNN],
    data: list[dense.Samples],
    recipe: dense_training.Recipe,
    steps: int,
) -> None:
    """Train each network as `dense_training.train` does, a step of all of them at once."""
    weights, _ = torch.func.stack_module_state(networks)
    stacked = SimpleNamespace(**({"bias": None} | weights))
    optimizer = dense_training.optimizer_of(stacked, recipe)
    patches, observed = (
        torch.stack([getattr(each, name) for each in data]) for name in ("patches", "observed")
    )

    def loss(weights: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        outputs = torch.func.functional_call(networks[0], weights, (x,))
        return LOSSES[recipe.loss](outputs, y).mean()

    for _ in range(steps):
        optimizer.zero_grad()
        torch.func.vmap(loss)(weights, patches, observed).sum().backward()
        optimizer.step()
    for i, network in enumerate(networks):
        network.load_state_dict({name: stack[i] for name, stack in weights.items()})


@torch.no_grad()
def fresh_errors(
    networks: list[dense.TwoLayerCNN],
    generator: torch.Generator,
    centres: torch.Tensor,
    law: Law,
) -> list[float]:
    """Share of 4,000 fresh samples that each network misses.

    Samples are most of the oracle's time. Only the sign of an output counts, so they are drawn in single
    precision, in equal parts that a cache holds, and once for all networks, whose filters they meet in one
    product: the law of each network's error is the same.
    """
    singles, d = [copy.deepcopy(network).float() for network in networks], centres.shape[1]
    filters = [[getattr(each, name) for each in singles] for name in ("hidden", "output", "bias")]
    hidden, output, bias = (None if None in each else torch.cat(each, dim=1) for each in filters)
    whole = dense.TwoLayerCNN(hidden, output, bias=bias)
    size = next(size for size in (4000, 2000, 1000, 500, 200) if size * d < 200_000)
    missed = []
    for _ in range(4000 // size):
        part = draw(generator, size, centres.float(), law)
        inner = whole.preactivations(part.patches).chunk(len(singles), dim=2)
        outputs = torch.stack([one.output_of(own) for one, own in zip(singles, inner, strict=True)])
        missed.append((0.5 - 0.5 * torch.sign(part.observed * outputs)).mean(dim=1))
    return list(torch.stack(missed).mean(dim=0).numpy())


def draw(generator: torch.Generator, n: int, centres: torch.Tensor, law: Law) -> dense.Samples:
    """Samples of a law."""
    drawn = [dense.draw_data(generator, n, centres, law.options) for _ in range(law.patches)]
    noise = law.deviations * torch.cat([each.patches[:, 1:] for each in drawn], dim=1)
    # Of signal and noise: which samples are hard, with weak signal or strong noise.
    hard = torch.rand(2, n, 1, 1, generator=generator) < 0.5
    factors = (
        1 + sign * s * (1 - 2.0 * of_one)
        for sign, s, of_one in zip((1, -1), law.spreads, hard, strict=True)
    )
    parts = zip(factors, (drawn[0].patches[:, :1], noise), strict=True)
    patches = torch.cat([factor * part for factor, part in parts], dim=1).to(centres.dtype)
    if law.process == "flip":
        return dense.Samples(patches, drawn[0].observed, drawn[0].true)
    chances = 2 * law.options.p_flip * hard[("margin", "noise_aligned").index(law.process), :, 0, 0]
    flipped, true = torch.rand(n, generator=generator) < chances, drawn[0].true
    return dense.Samples(patches, torch.where(flipped, -true, true), true)


@cache
def dense_runs(name: str) -> dict[str, np.ndarray]:
    """Measures of a cell's runs with drawn vectors, 4,000 fresh samples each."""
    values = {"train": "both", "activation": "relu"} | COMMON | CELLS[name]
    generator = torch.Generator().manual_seed(11)
    basis = values["mu_norm"] * torch.eye(values["d"], dtype=torch.float64)
    xor = values.get("data") == "xor"
    cosine = values.get("xor_cosine", 0.0)
    second = cosine * basis[0] + (1 - cosine**2) ** 0.5 * basis[1]
    centres = torch.stack([basis[0], -basis[0], *([second, -second] if xor else [])])
    options = dense.SampleOptions(
        isotropic=values.get("noise") == "isotropic", p_flip=values.get("p_flip", 0.0)
    )
    kind = {"bias": values.get("bias") == "trained", "activation": values["activation"]}
    recipe = dense_training.Recipe(values["eta"], values["train"])
    patches = values.get("noise_patches", 1)
    decay, spike = values.get("spectrum_decay", 0.0), values.get("spike", 1.0)
    of_noise = eigenvalues(values["d"] - 1, decay, spike)  # μ is along the first coordinate
    deviations = torch.tensor(np.sqrt(np.concatenate([[1.0], of_noise])))
    spreads = values.get("signal_spread", 0.0), values.get("noise_spread", 0.0)
    law = Law(options, deviations, patches, spreads, values.get("label_process", "flip"))
    rows = []
    for _ in range(REPLICATES // TOGETHER):
        data = [draw(generator, values["n"], centres, law) for _ in range(TOGETHER)]
        shape = (values["m"], values["d"])
        scales = dense.InitialScales(values["sigma_0"], values["v0"])
        networks = [dense.initialize(generator, shape, scales, **kind) for _ in data]
        for network in networks:
            network.output.data = network.output.data[..., :1].repeat(1, 1, 1 + patches)
        train_together(networks, data, recipe, values["steps"])
        tested = (networks[i : i + TESTED_TOGETHER] for i in range(0, TOGETHER, TESTED_TOGETHER))
        errors = [error for some in tested for error in fresh_errors(some, generator, centres, law)]
        for network, samples, error in zip(networks, data, errors, strict=True):
            measured_of = measured(Tensors(samples, centres, network))
            rows.append(measured_of | {"test_error": error})
    return {name: np.array([row[name] for row in rows]) for name in COMPARED}


@pytest.mark.parametrize("layers", dense_training.TRAINED_LAYERS)
@pytest.mark.parametrize("biases", [False, True])
def test_networks_trained_together_are_trained_as_each_alone(layers: str, biases: bool) -> None:
    generator = torch.Generator().manual_seed(5)
    centres = torch.tensor([[2.0], [-2.0]], dtype=torch.float64) * torch.eye(7)[0]
    data = [dense.draw_data(generator, 6, centres) for _ in range(3)]
    scales = dense.InitialScales(0.3, 0.2)
    networks = [dense.initialize(generator, (3, 7), scales, bias=biases) for _ in data]
    alone = copy.deepcopy(networks)
    recipe = dense_training.Recipe(0.1, layers)
    train_together(networks, data, recipe, 10)
    for one, other, samples in zip(networks, alone, data, strict=True):
        dense_training.train(other, samples, recipe, 10)
        for found, expected in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_inner_products_give_the_law_of_drawn_vectors(name: str) -> None:
    expected = dense_runs(name)
    found = MODEL.run(columns(REPLICATES, **COMMON | CELLS[name]))
    pvalues = {each: stats.ks_2samp(found[each], expected[each]).pvalue for each in COMPARED}
    # One in ten thousand for each: 60 comparisons pass by chance in 99.4 % of seeds.
    assert min(pvalues.values()) > 1e-4, pvalues


@pytest.mark.slow
def test_a_wrong_law_would_be_seen() -> None:
    """The same comparison with a quarter more noise fails, so passing means something."""
    expected = dense_runs("between")
    wrong = MODEL.run(columns(REPLICATES, **COMMON | CELLS["between"] | {"sigma_p": 1.25}))
    assert stats.ks_2samp(wrong["test_error"], expected["test_error"]).pvalue < 1e-4

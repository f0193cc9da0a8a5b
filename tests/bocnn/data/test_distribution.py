"""Runs drawn as inner products have the law of runs drawn as vectors: two-sample tests."""

import numpy as np
import pytest
import torch
from scipy import stats

from bocnn import MODEL
from bocnn.dense import network as dense
from tests.bocnn.run_columns import columns

REPLICATES = 300
CELLS = {
    "benign": {"n": 20, "d": 100, "mu_norm": 2.0},
    "between": {"n": 20, "d": 400, "mu_norm": 1.5},
    "harmful": {"n": 20, "d": 800, "mu_norm": 0.7},
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
    "output": {"n": 10, "d": 200, "mu_norm": 1.5, "train": "output"},
}
COMMON = {"m": 3, "sigma_0": 0.1, "v0": 0.3, "eta": 0.05, "steps": 40, "n_test": 2000}
COMMON["precision"] = "float64"  # as the dense runs, so that what is constant is equal
COMPARED = ("train_loss", "test_error", "max_w_mu", "max_w_xi", "max_v2", "w_norm")


def dense_runs(cell: dict) -> dict[str, np.ndarray]:
    """Measures of runs with drawn vectors, 4,000 fresh samples each."""
    values = {"train": "both", "activation": "relu"} | COMMON | cell
    generator = torch.Generator().manual_seed(11)
    basis = values["mu_norm"] * torch.eye(values["d"], dtype=torch.float64)
    xor = values.get("data") == "xor"
    centres = torch.stack([basis[0], -basis[0], *([basis[1], -basis[1]] if xor else [])])
    options = dense.SampleOptions(
        isotropic=values.get("noise") == "isotropic", p_flip=values.get("p_flip", 0.0)
    )
    kind = {"bias": values.get("bias") == "trained", "activation": values["activation"]}
    recipe = dense.Recipe(values["eta"], values["train"])
    rows = []
    for _ in range(REPLICATES):
        data = dense.draw_data(generator, values["n"], centres, options)
        shape = (values["m"], values["d"])
        scales = dense.InitialScales(values["sigma_0"], values["v0"])
        network = dense.initialize(generator, shape, scales, **kind)
        dense.train(network, data, recipe, values["steps"])
        fresh = dense.draw_data(generator, 4000, centres, options)
        error = dense.error(network, fresh.patches, fresh.observed)
        rows.append(dense.measure(network, data, centres) | {"test_error": error})
    return {name: np.array([row[name] for row in rows]) for name in COMPARED}


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_inner_products_give_the_law_of_drawn_vectors(cell: dict) -> None:
    expected = dense_runs(cell)
    found = MODEL.run(columns(REPLICATES, **COMMON | cell))
    pvalues = {name: stats.ks_2samp(found[name], expected[name]).pvalue for name in COMPARED}
    # One in ten thousand for each: 60 comparisons pass by chance in 99.4 % of seeds.
    assert min(pvalues.values()) > 1e-4, pvalues


@pytest.mark.slow
def test_a_wrong_law_would_be_seen() -> None:
    """The same comparison with a quarter more noise fails, so passing means something."""
    cell = CELLS["between"]
    expected = dense_runs(cell)
    wrong = MODEL.run(columns(REPLICATES, **COMMON | cell | {"sigma_p": 1.25}))
    assert stats.ks_2samp(wrong["test_error"], expected["test_error"]).pvalue < 1e-4

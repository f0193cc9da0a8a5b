"""Runs drawn as inner products have the law of runs drawn as vectors: two-sample tests."""

import numpy as np
import pytest
import torch
from scipy import stats

from bocnn import MODEL, dense
from tests.bocnn.runs import columns

REPLICATES = 300
CELLS = {
    "benign": {"n": 20, "d": 100, "mu_norm": 2.0},
    "between": {"n": 20, "d": 400, "mu_norm": 1.5},
    "harmful": {"n": 20, "d": 800, "mu_norm": 0.7},
    "flipped": {"n": 20, "d": 200, "mu_norm": 1.5, "p_flip": 0.2},
    "fewer dimensions than vectors": {"n": 20, "d": 12, "mu_norm": 0.7},
    "hidden": {"n": 10, "d": 200, "mu_norm": 1.5, "train": "hidden", "p_flip": 0.1},
    "output": {"n": 10, "d": 200, "mu_norm": 1.5, "train": "output"},
}
COMMON = {"m": 3, "sigma_0": 0.1, "v0": 0.3, "eta": 0.05, "steps": 40, "n_test": 2000}
COMMON["precision"] = "float64"  # as the dense runs, so that what is constant is equal
COMPARED = ("train_loss", "test_error", "max_w_mu", "max_w_xi", "max_v2", "w_norm")


def dense_runs(cell: dict) -> dict[str, np.ndarray]:
    """Measures of runs with drawn vectors, 4,000 fresh samples each."""
    values = {"p_flip": 0.0, "train": "both"} | COMMON | cell
    generator = torch.Generator().manual_seed(11)
    mu = torch.zeros(values["d"], dtype=torch.float64)
    mu[0] = values["mu_norm"]
    rows = []
    for _ in range(REPLICATES):
        data = dense.draw_data(generator, values["n"], mu, 1.0, values["p_flip"])
        network = dense.initialize(
            generator, (values["m"], values["d"]), values["sigma_0"], values["v0"]
        )
        dense.train(network, data, values["eta"], values["steps"], values["train"])
        fresh = dense.draw_data(generator, 4000, mu, 1.0, values["p_flip"])
        error = dense.error(network, fresh.patches, fresh.observed)
        rows.append(dense.measure(network, data, mu) | {"test_error": error})
    return {name: np.array([row[name] for row in rows]) for name in COMPARED}


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_inner_products_give_the_law_of_drawn_vectors(cell: dict) -> None:
    expected = dense_runs(cell)
    found = MODEL.run(columns(REPLICATES, **COMMON | cell))
    pvalues = {name: stats.ks_2samp(found[name], expected[name]).pvalue for name in COMPARED}
    # One in ten thousand for each: 42 comparisons pass by chance in 99.6 % of seeds.
    assert min(pvalues.values()) > 1e-4, pvalues


@pytest.mark.slow
def test_a_wrong_law_would_be_seen() -> None:
    """The same comparison with a tenth more noise fails, so passing means something."""
    cell = CELLS["between"]
    expected = dense_runs(cell)
    wrong = MODEL.run(columns(REPLICATES, **COMMON | cell | {"sigma_p": 1.1}))
    assert stats.ks_2samp(wrong["test_error"], expected["test_error"]).pvalue < 1e-4

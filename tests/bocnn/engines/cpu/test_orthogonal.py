"""The orthogonalized gradient: the dense network's, by its singular values; and its limits."""

from typing import Any

import numpy as np
import pytest
import torch

from bocnn import MODEL
from bocnn.engines.dense.network import training_loss
from bocnn.engines.gpu.engine import GramGPU
from bocnn.engines.registry import GRAM_CPU
from bocnn.measure.trajectory import TrajectoryPoint
from tests.bocnn.data.drawn_runs import as_tensors, drawn_run, measured
from tests.bocnn.run_columns import columns

ORTHOGONAL = {"gradient": "orthogonal", "train": "hidden", "n": 12, "precision": "float64"}
KINDS: list[dict[str, Any]] = [
    {"m": 3},
    {"m": 5, "data": "xor", "noise": "isotropic", "p_flip": 0.2},
    {"m": 2, "noise_patches": 2, "spike": 30.0},
]


def singular_values(values: np.ndarray) -> np.ndarray:
    """Where five rounds take them."""
    values = values / np.linalg.norm(values)
    for _ in range(5):
        values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
    return values


def direction(gradient: torch.Tensor) -> torch.Tensor:
    """Of all filters as the rows of a matrix, by its singular value decomposition."""
    left, values, right = np.linalg.svd(gradient.reshape(-1, gradient.shape[-1]).numpy(), False)
    return torch.tensor(left * singular_values(values) @ right).reshape(gradient.shape)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_step_is_the_dense_networks(kind: dict[str, Any]) -> None:
    given, steps = ORTHOGONAL | {"steps": 20, "n_test": 10} | kind, 20
    recorded = GRAM_CPU.record(MODEL.canonical(columns(1, **given)), np.arange(steps))
    run = as_tensors(drawn_run(**given))
    for t in range(steps + 1):
        for name, expected in measured(run).items():
            found = recorded.trajectory[0, t, TrajectoryPoint._fields.index(name)]
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)
        run.network.zero_grad()
        training_loss(run.network, run.data).backward()
        with torch.no_grad():
            run.network.hidden -= 0.05 * direction(run.network.hidden.grad)


def test_one_direction_alone_is_normalized() -> None:
    """Filters of one class with equal starts have a gradient of rank one, but for the other class's."""
    given = ORTHOGONAL | {"m": 1, "sigma_0": 0.0, "activation": "tanh", "steps": 1}
    one, other = (
        MODEL.run(columns(2, **(given | {"gradient": word})))["w_norm"]
        for word in ("orthogonal", "normalized")
    )
    np.testing.assert_allclose(one / other, singular_values(np.ones(1))[0], rtol=1e-9)


def test_steps_do_not_depend_on_the_size_of_the_gradient() -> None:
    rows = [MODEL.run(columns(2, **ORTHOGONAL, steps=1, v0=v0))["w_norm"] for v0 in (0.2, 0.002)]
    np.testing.assert_allclose(*rows, rtol=0.02)


def test_it_is_refused_where_it_is_not_built() -> None:
    runs = columns(2, **ORTHOGONAL)
    assert GRAM_CPU.accepts(runs).all() and not GramGPU().accepts(runs).any()
    with pytest.raises(ValueError, match="takes train: hidden"):
        MODEL.check_runs(runs | columns(2, **(ORTHOGONAL | {"train": "both"})), False)
    with pytest.raises(ValueError, match="no engine trains this combination"):
        MODEL.check_runs(columns(2, **ORTHOGONAL, optimizer="adam"), False)

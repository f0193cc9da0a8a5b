"""The kernel at the start of the two-layer CNN, against gradients of wide random networks."""

import numpy as np
import pytest
import torch

from bocnn.theory.kernel import generalization_bound, limit_gram
from bocnn.theory.tangent import NetworkStart, ball_bound, tangent_gram
from tests.tolerance import assert_near

N, D, FILTERS = 5, 4, 20_000


def samples() -> np.ndarray:
    """Two patches of every sample, (2, n, d), in no way orthogonal."""
    x = np.random.default_rng(4).standard_normal((2, N, D))
    x[0, 1] = -2 * x[0, 0]
    x[1, 2] = 0.0
    return x


def patches(x: np.ndarray) -> np.ndarray:
    return np.einsum("pid,qjd->piqj", x, x)


def gradients(x: np.ndarray, network: NetworkStart) -> np.ndarray:
    """Each filter's gradient of the output of every sample, by autograd, (n, filters, d + 2)."""
    rng = np.random.default_rng(5)
    w = torch.tensor(network.sigma_0 * rng.standard_normal((FILTERS, D)), requires_grad=True)
    v = torch.full((FILTERS, 2), network.v0, dtype=torch.float64, requires_grad=True)
    signs = torch.tensor(rng.choice([-1.0, 1.0], FILTERS))
    rows = []
    for i in range(N):
        active = torch.relu(w @ torch.tensor(x[:, i]).T)
        found = torch.autograd.grad((signs[:, None] * v * active).sum(), (w, v))
        kept = {"hidden": (1.0, 0.0), "output": (0.0, 1.0)}.get(network.train, (1.0, 1.0))
        rows.append(torch.cat([k * part for k, part in zip(kept, found, strict=True)], dim=1))
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("train", ["both", "hidden", "output"])
def test_the_kernel_is_the_mean_over_wide_random_networks(train: str) -> None:
    network, x = NetworkStart(FILTERS, 0.7, 0.4, train), samples()
    found = gradients(x, network)
    each = np.einsum("ikc,jkc->ijk", found, found)
    error = each.std(-1) * FILTERS**0.5
    gap = np.abs(tangent_gram(patches(x), network) - each.sum(-1))
    assert (gap < 4.5 * error + 1e-9).all()


def test_the_kernel_grows_with_the_filters_and_scales_and_is_a_kernel() -> None:
    gram = tangent_gram(patches(samples()), NetworkStart(20, 0.5, 0.3, "both"))
    assert np.linalg.eigvalsh(gram)[0] > -1e-12 and (gram == gram.T).all()
    assert_near(tangent_gram(patches(samples()), NetworkStart(40, 0.5, 0.3, "both")), 2 * gram)
    assert_near(tangent_gram(patches(samples()), NetworkStart(20, 1.0, 0.6, "both")), 4 * gram)


def test_one_patch_of_unit_length_is_the_kernel_of_arora_et_al() -> None:
    x = np.random.default_rng(1).standard_normal((1, 7, 5))
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    gram = tangent_gram(patches(x), NetworkStart(1, 0.0, 1.0, "hidden"))
    assert_near(gram, limit_gram(x[0]))
    y = np.array([1.0, -1, 1, 1, -1, -1, 1])
    assert_near(ball_bound(gram, y), generalization_bound(gram, y))
    assert_near(ball_bound(17 * gram, 3 * y), 3 * ball_bound(gram, y))


def test_a_singular_kernel_bounds_nothing() -> None:
    assert ball_bound(np.zeros((3, 3)), np.ones(3)) == np.inf

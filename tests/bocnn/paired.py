"""One training problem held twice: as d-dimensional tensors and as inner products."""

from typing import NamedTuple

import numpy as np
import torch

from bocnn.dense import Data, TwoLayerCNN, draw_data, initialize
from bocnn.gram import Network, Sample


class Problem(NamedTuple):
    """Sizes, scales and the seed of the draws."""

    n: int
    d: int
    m: int = 4
    mu_norm: float = 1.5
    p_flip: float = 0.2
    v0: float = 0.3
    seed: int = 0


class Pair(NamedTuple):
    """The dense data and network, and their inner products."""

    data: Data
    dense: TwoLayerCNN
    mu: torch.Tensor
    sample: Sample
    network: Network


def make_pair(problem: Problem, dtype: type = np.float64) -> Pair:
    """Draw patches and weights once, with μ in a random direction, and give them to both."""
    generator = torch.Generator().manual_seed(problem.seed)
    direction = torch.randn(problem.d, generator=generator, dtype=torch.float64)
    direction /= direction.norm()
    mu = problem.mu_norm * direction
    data = draw_data(generator, problem.n, mu, 1.2, problem.p_flip)
    dense = initialize(generator, (problem.m, problem.d), 0.05, problem.v0)
    noise = data.patches[:, 1].numpy()
    filters = dense.hidden.detach().numpy().reshape(2 * problem.m, problem.d)
    sample = Sample(
        (noise @ noise.T).astype(dtype),
        data.observed.numpy().astype(dtype),
        data.true.numpy().astype(dtype),
        dtype(problem.mu_norm),
    )
    network = Network(
        (noise @ filters.T).astype(dtype),
        (filters @ direction.numpy()).astype(dtype),
        np.full((2, 2 * problem.m), problem.v0, dtype),
        np.zeros((problem.n, 2 * problem.m), dtype),
    )
    return Pair(data, dense, mu, sample, network)


def dense_noise(pair: Pair) -> np.ndarray:
    """Pre-activations ⟨w_k, ξ_i⟩ of the dense network, shape (n, 2m)."""
    filters = pair.dense.hidden.detach().numpy().reshape(-1, pair.mu.numel())
    return pair.data.patches[:, 1].numpy() @ filters.T


def dense_signal(pair: Pair) -> np.ndarray:
    """⟨w_k, μ⟩ of the dense network, shape (2m,)."""
    return pair.dense.hidden.detach().numpy().reshape(-1, pair.mu.numel()) @ pair.mu.numpy()


def dense_output(pair: Pair) -> np.ndarray:
    """Output weights of the dense network in the engine's order, shape (2, 2m)."""
    return pair.dense.output.detach().numpy().reshape(-1, 2).T

"""One training problem in two forms: as d-dimensional tensors and as inner products of its points."""

from typing import Any, NamedTuple

import numpy as np
import torch

from bocnn.dynamics.state import Network, TrainingSet
from bocnn.engines.dense import network as dense


class Problem(NamedTuple):
    """Sizes, scales, kind and seed of a problem; with `patches` other than 2 all points differ."""

    n: int
    d: int
    m: int = 4
    mu_norm: float = 1.5
    p_flip: float = 0.2
    v0: float = 0.3
    seed: int = 0
    data: str = "signal"
    isotropic: bool = False
    bias: bool = False
    activation: str = "relu"
    patches: int = 2


class Pair(NamedTuple):
    """The dense data and network, and their inner products."""

    problem: Problem
    data: dense.Samples
    dense: dense.TwoLayerCNN
    centres: torch.Tensor
    vectors: torch.Tensor
    training_set: TrainingSet
    network: Network


def make_pair(problem: Problem, dtype: Any = np.float64) -> Pair:
    """Draw patches and weights once, in directions of no significance, and give them to both."""
    generator = torch.Generator().manual_seed(problem.seed)
    centres = _centres(problem, generator)
    data = dense.draw_data(
        generator,
        problem.n,
        centres,
        dense.SampleOptions(1.2, problem.p_flip, problem.isotropic),
    )
    if problem.patches != 2:
        shape = (problem.n, problem.patches, problem.d)
        patches = torch.randn(shape, generator=generator, dtype=torch.float64)
        data = dense.Samples(patches, data.observed, data.true)
    network = dense.initialize(
        generator,
        (problem.m, problem.d),
        dense.InitialScales(0.05, problem.v0),
        bias=problem.bias,
        activation=problem.activation,
    )
    spread = torch.randn(2, problem.m, problem.patches, generator=generator, dtype=torch.float64)
    network.output.data = problem.v0 * (1 + 0.1 * spread)
    vectors, shared, starts = _points(data, centres)
    return Pair(
        problem,
        data,
        network,
        centres,
        vectors,
        _as_training_set(problem, vectors, (shared, starts), data, dtype),
        _as_network(problem, network, vectors, dtype),
    )


def products(pair: Pair) -> np.ndarray:
    """Pre-activations of the dense network on the points, (2m, P)."""
    return _products(pair.dense, pair.vectors)


def output_weights(pair: Pair) -> np.ndarray:
    """Output weights of the dense network in the engine's order, (Q, 2m)."""
    return pair.dense.output.detach().numpy().reshape(-1, pair.problem.patches).T


def _centres(problem: Problem, generator: torch.Generator) -> torch.Tensor:
    """±μ, or ±u and ±v, in random directions."""
    basis = torch.randn(problem.d, 2, generator=generator, dtype=torch.float64)
    u, v = problem.mu_norm * torch.linalg.qr(basis).Q.T
    return torch.stack([u, -u, v, -v] if problem.data == "xor" else [u, -u])


def _points(
    data: dense.Samples, centres: torch.Tensor
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Points, which samples hold the shared ones, and where each position begins."""
    n, patches = data.patches.shape[:2]
    if patches != 2:
        vectors = data.patches.transpose(0, 1).reshape(n * patches, -1)
        return vectors, np.zeros((0, n)), n * np.arange(patches + 1)
    count = len(centres)
    which = torch.cdist(data.patches[:, 0], centres).argmin(dim=1).numpy()
    shared = (which == np.arange(count)[:, None]).astype(float)
    return torch.cat([centres, data.patches[:, 1]]), shared, np.array([0, count, count + n])


def _as_training_set(problem, vectors, layout, data, dtype) -> TrainingSet:
    shared, starts = layout
    gram = (vectors @ vectors.T).numpy() + float(problem.bias)
    apart = problem.patches == 2 and not (problem.isotropic or problem.bias)
    blocks = starts if apart else starts[[0, -1]]
    observed = data.observed.numpy().astype(dtype)
    return TrainingSet(gram.astype(dtype), shared.astype(dtype), observed, starts, blocks)


def _as_network(problem, network, vectors, dtype) -> Network:
    rounded = (2 * problem.m + 3) // 4 * 4
    activations = np.zeros((rounded, len(vectors)), dtype)
    activations[: 2 * problem.m] = _products(network, vectors)
    output = np.zeros((problem.patches, rounded), dtype)
    output[:, : 2 * problem.m] = network.output.detach().numpy().reshape(-1, problem.patches).T
    signs = np.zeros(rounded, dtype)
    signs[: problem.m], signs[problem.m : 2 * problem.m] = 1, -1
    return Network(
        activations,
        activations.copy(),
        output,
        signs,
        np.zeros_like(activations),
        np.ones(1, dtype),
    )


def _products(network: dense.TwoLayerCNN, vectors: torch.Tensor) -> np.ndarray:
    inner = network.hidden.detach().reshape(-1, vectors.shape[1]) @ vectors.T
    if network.bias is not None:
        inner = inner + network.bias.detach().reshape(-1, 1)
    return inner.numpy()

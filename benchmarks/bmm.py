"""The same dynamics as batched torch: one bmm a step for all runs, on a GPU as a CUDA graph.

What a careful user of torch would write for the main model (logistic loss, ReLU, both layers, orthogonal
noise): the reference of `benchmarks.gpu`. It starts from a batch that the GPU engine drew.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """State of many runs, changed in place. K = 2m filters.

    gram: G of the noise patches, (runs, n, n). activations: A on them, (runs, K, n). signal: A on μ,
    (runs, K); on −μ it is the opposite. first, second: v on the signal and noise patch, (runs, K).
    """

    gram: Tensor
    activations: Tensor
    signal: Tensor
    first: Tensor
    second: Tensor


class Samples(NamedTuple):
    """Labels y and true labels ŷ, ±1, (runs, n); signs j of the filters, (K,); ‖μ‖²; η."""

    observed: Tensor
    true: Tensor
    signs: Tensor
    mu_square: float
    eta: float


def outputs(state: Batch, samples: Samples) -> Tensor:
    """f of every sample, (runs, n)."""
    noise = torch.einsum("rk,rkn->rn", samples.signs * state.second, state.activations.relu())
    weights = samples.signs * state.first
    plus = (weights * state.signal.relu()).sum(1, keepdim=True)
    minus = (weights * (-state.signal).relu()).sum(1, keepdim=True)
    return noise + torch.where(samples.true > 0, plus, minus)


def step(state: Batch, samples: Samples) -> None:
    """One step of gradient descent on every run, in place."""
    gradients = -samples.observed * torch.sigmoid(-samples.observed * outputs(state, samples))
    gradients = gradients / samples.observed.shape[1]
    of_plus = (gradients * (samples.true > 0)).sum(1, keepdim=True)
    of_minus = (gradients * (samples.true < 0)).sum(1, keepdim=True)
    first = of_plus * state.signal.relu() + of_minus * (-state.signal).relu()
    second = torch.einsum("rn,rkn->rk", gradients, state.activations.relu())
    weights = samples.signs * state.second
    update = weights[:, :, None] * gradients[:, None, :] * (state.activations > 0)
    along = of_plus * (state.signal > 0) - of_minus * (state.signal < 0)
    along = samples.mu_square * samples.signs * state.first * along
    state.activations.baddbmm_(update, state.gram, alpha=-samples.eta)
    state.signal.sub_(along, alpha=samples.eta)
    state.first.sub_(samples.signs * first, alpha=samples.eta)
    state.second.sub_(samples.signs * second, alpha=samples.eta)


def captured(state: Batch, samples: Samples) -> Callable[[], object]:
    """A step as a CUDA graph, or as it is where there is no GPU."""
    if state.gram.device.type != "cuda":
        return lambda: step(state, samples)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(state, samples)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(state, samples)
    return graph.replay

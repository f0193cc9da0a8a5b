"""The dense network: d-dimensional tensors and autograd, one run at a time. Slow, obvious, the oracle.

Every faster engine is held against this file, which can be read line by line against the papers. It
shares no arithmetic with them. Class index 0 is j = +1 and 1 is j = −1; patch index 0 is the signal.

Source:
    Shang et al. 2024 (arXiv 2410.19139), section 3; Kou et al. 2023 (arXiv 2303.04145), section 3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


@dataclass(frozen=True, slots=True)
class Data:
    """Samples: patches x (n, 2, d), observed labels y (n,), true labels ŷ (n,)."""

    patches: Tensor
    observed: Tensor
    true: Tensor


class TwoLayerCNN(nn.Module):
    """f(x) = F₊₁(x) − F₋₁(x), F_j(x) = Σ_r Σ_p v_{j,r,p} ReLU(⟨w_{j,r}, x_p⟩).

    Args:
        hidden: w, shape (2, m, d).
        output: v, shape (2, m, 2).
    """

    def __init__(self, hidden: Tensor, output: Tensor) -> None:
        super().__init__()
        self.hidden = nn.Parameter(hidden.clone())
        self.output = nn.Parameter(output.clone())

    def forward(self, patches: Tensor) -> Tensor:
        """Outputs f of samples of shape (n, 2, d), shape (n,)."""
        activations = torch.relu(torch.einsum("jrd,ipd->ijrp", self.hidden, patches))
        by_class = (self.output * activations).sum(dim=(2, 3))
        return by_class[:, 0] - by_class[:, 1]


def draw_data(
    generator: torch.Generator, n: int, mu: Tensor, sigma_p: float, p_flip: float
) -> Data:
    """Samples with signal patch ŷμ and noise patch N(0, σ_p² (I − μμᵀ/‖μ‖²)).

    Where μ = 0 the noise is orthogonal to the first coordinate, the limit of μ along it.
    """
    true = torch.where(torch.rand(n, generator=generator) < 0.5, 1.0, -1.0).to(mu.dtype)
    observed = torch.where(torch.rand(n, generator=generator) < p_flip, -true, true)
    noise = sigma_p * torch.randn(n, mu.numel(), generator=generator, dtype=mu.dtype)
    norm = mu.norm()
    direction = mu / norm if norm > 0 else torch.eye(mu.numel(), dtype=mu.dtype)[0]
    noise = noise - torch.outer(noise @ direction, direction)
    return Data(torch.stack([torch.outer(true, mu), noise], dim=1), observed, true)


def logistic_loss(network: TwoLayerCNN, data: Data) -> Tensor:
    """L = (1/n) Σ log(1 + exp(−y_i f(x_i)))."""
    return softplus(-data.observed * network(data.patches)).mean()


def train(network: TwoLayerCNN, data: Data, eta: float, steps: int, layers: str = "both") -> None:
    """Full-batch gradient descent in place for `steps` steps on both layers, or on one.

    Args:
        network: changed in place.
        data: the training set.
        eta: step size.
        steps: gradient steps.
        layers: both, hidden or output.
    """
    trained = [p for name, p in network.named_parameters() if layers in ("both", name)]
    optimizer = torch.optim.SGD(trained, lr=eta)
    for _ in range(steps):
        optimizer.zero_grad()
        logistic_loss(network, data).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@torch.no_grad()
def error(network: TwoLayerCNN, patches: Tensor, labels: Tensor) -> float:
    """Share of samples whose label the sign of f misses; f = 0 counts half."""
    return float((0.5 - 0.5 * torch.sign(labels * network(patches))).mean())


@torch.no_grad()
def measure(network: TwoLayerCNN, data: Data, mu: Tensor) -> dict[str, float]:
    """Training fit, largest inner products and norms of a network, by their definitions.

    Returns:
        The dataset's columns of the same names; test errors come from `error` on fresh data.
    """
    signal = torch.einsum("jrd,d->jr", network.hidden, mu)
    noise = torch.einsum("jrd,id->ijr", network.hidden, data.patches[:, 1])
    own_class = (data.observed < 0).long()
    memorized = noise[torch.arange(len(own_class)), own_class]
    learned = torch.stack([signal[0], -signal[1]])
    return {
        "train_loss": float(logistic_loss(network, data)),
        "train_error": error(network, data.patches, data.observed),
        "max_w_mu": float(learned.max()),
        "max_w_xi": float(memorized.max()),
        "max_v1": float(network.output[..., 0].max()),
        "max_v2": float(network.output[..., 1].max()),
        "w_norm": float(network.hidden.norm()),
        "v_norm": float(network.output.norm()),
    }


def initialize(
    generator: torch.Generator, shape: tuple[int, int], sigma_0: float, v0: float
) -> TwoLayerCNN:
    """A network with w ~ N(0, σ_0² I) and every output weight v0; `shape` is (m, d)."""
    m, d = shape
    hidden = sigma_0 * torch.randn(2, m, d, generator=generator, dtype=torch.float64)
    return TwoLayerCNN(hidden, torch.full((2, m, 2), v0, dtype=torch.float64))

"""The dense network: d-dimensional tensors and autograd, one run at a time. Slow, obvious, the oracle.

Every faster engine is compared with this file, which can be read line by line against the papers. It
shares no arithmetic with them. Class index 0 is j = +1 and 1 is j = −1; patch index 0 is the signal.

Source:
    Shang et al. 2024 (arXiv 2410.19139), section 3; Kou et al. 2023 (arXiv 2303.04145), section 3.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bocnn.registry.activations import ACTIVATIONS
from bocnn.registry.losses import LOSSES


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples: patches x (n, Q, d), observed labels y (n,), true labels ŷ (n,)."""

    patches: Tensor
    observed: Tensor
    true: Tensor


class TwoLayerCNN(nn.Module):
    """f(x) = F₊₁(x) − F₋₁(x), F_j(x) = Σ_r Σ_p v_{j,r,p} φ(⟨w_{j,r}, x_p⟩ + b_{j,r}).

    Args:
        hidden: w, shape (2, m, d).
        output: v, shape (2, m, Q).
        bias: b, shape (2, m), or None for a network without.
        activation: a word of ACTIVATIONS.
        leak: slope of leaky_relu below zero.
    Raises:
        ValueError: another one.
    """

    def __init__(
        self,
        hidden: Tensor,
        output: Tensor,
        *,
        bias: Tensor | None = None,
        activation: str = "relu",
        leak: float = 0.01,
    ) -> None:
        super().__init__()
        self.hidden = nn.Parameter(hidden.clone())
        self.output = nn.Parameter(output.clone())
        self.bias = None if bias is None else nn.Parameter(bias.clone())
        check_word("activation", activation, tuple(ACTIVATIONS))
        self.activation, self.leak = ACTIVATIONS[activation], leak

    def forward(self, patches: Tensor) -> Tensor:
        """Outputs f of samples of shape (n, Q, d), shape (n,)."""
        return self.output_of(self.preactivations(patches))

    def preactivations(self, patches: Tensor) -> Tensor:
        """⟨w_{j,r}, x_p⟩ [+ b_{j,r}] of samples of shape (n, Q, d), shape (n, 2, m, Q)."""
        inner = torch.einsum("jrd,ipd->ijrp", self.hidden, patches)
        return inner if self.bias is None else inner + self.bias[..., None]

    def output_of(self, inner: Tensor) -> Tensor:
        """f, shape (n,), from the pre-activations, shape (n, 2, m, Q)."""
        by_class = (self.output * self.activation(inner, self.leak)).sum(dim=(2, 3))
        return by_class[:, 0] - by_class[:, 1]


class SampleOptions(NamedTuple):
    """Of samples: σ_p, p, and whether noise is N(0, σ_p² I) or its part orthogonal to the centres."""

    sigma_p: float = 1.0
    p_flip: float = 0.0
    isotropic: bool = False


PLAIN_SAMPLES = SampleOptions()


class InitialScales(NamedTuple):
    """Scale σ_0 of filters and biases, and the value v0 of every output weight."""

    sigma_0: float
    v0: float


def draw_data(
    generator: torch.Generator,
    n: int,
    centres: Tensor,
    options: SampleOptions = PLAIN_SAMPLES,
) -> Samples:
    """Samples with a centre of their true class and a noise patch.

    Args:
        generator: of the random numbers.
        n: samples.
        centres: first half of class +1, second of class −1, shape (C, d); (μ, −μ) or (u, −u, v, −v).
        options: noise and flips.
    """
    true = torch.where(torch.rand(n, generator=generator) < 0.5, 1.0, -1.0).to(centres.dtype)
    flipped = torch.rand(n, generator=generator) < options.p_flip
    half = len(centres) // 2
    which = torch.randint(half, (n,), generator=generator) + half * (true < 0)
    noise = torch.randn(n, centres.shape[1], generator=generator, dtype=centres.dtype)
    if not options.isotropic:
        directions = nn.functional.normalize(centres[:: 1 if half == 1 else 2])
        for direction in directions[: max(1, half)]:
            noise = noise - torch.outer(noise @ direction, direction)
    patches = torch.stack([centres[which], options.sigma_p * noise], dim=1)
    return Samples(patches, torch.where(flipped, -true, true), true)


def check_word(name: str, word: str, known: tuple[str, ...]) -> None:
    """Refuse a word that is not known here.

    Args:
        name: of the parameter.
        word: its value.
        known: words that are.
    Raises:
        ValueError: gives those that are.
    """
    if word not in known:
        raise ValueError(f"received {name}: {word}; the dense network accepts {', '.join(known)}")


def training_loss(network: TwoLayerCNN, data: Samples, loss: str = "logistic") -> Tensor:
    """L = (1/n) Σ ℓ(f(x_i), y_i), ℓ a word of LOSSES.

    Args:
        network: unchanged.
        data: the training set.
        loss: a word of LOSSES.
    Returns:
        A number with its graph, for autograd.
    """
    check_word("loss", loss, tuple(LOSSES))
    return LOSSES[loss](network(data.patches), data.observed).mean()


@torch.no_grad()
def error(network: TwoLayerCNN, patches: Tensor, labels: Tensor) -> float:
    """Share of samples whose label the sign of f misses; f = 0 counts half.

    Args:
        network: unchanged.
        patches: of samples, shape (n, Q, d).
        labels: ±1, shape (n,).
    Returns:
        Between 0 and 1.
    """
    return float((0.5 - 0.5 * torch.sign(labels * network(patches))).mean())


@torch.no_grad()
def measure(
    network: TwoLayerCNN, data: Samples, centres: Tensor, loss: str = "logistic"
) -> dict[str, float]:
    """Training fit, largest inner products and norms of a network, by their definitions.

    Args:
        network: unchanged.
        data: the training set.
        centres: as in `draw_data`.
        loss: a word of LOSSES, that the network was trained with.
    Returns:
        The dataset's columns of the same names; test errors come from `error` on fresh data.
    """
    signal = torch.einsum("jrd,cd->jrc", network.hidden, centres)
    half = len(centres) // 2
    learned = torch.cat([signal[0, :, :half], signal[1, :, half:]])
    noise = torch.einsum("jrd,id->ijr", network.hidden, data.patches[:, 1])
    memorized = noise[torch.arange(len(noise)), (data.observed < 0).long()]
    weights = [network.hidden] if network.bias is None else [network.hidden, network.bias]
    return {
        "train_loss": float(training_loss(network, data, loss)),
        "train_error": error(network, data.patches, data.observed),
        "max_w_mu": float(learned.max()),
        "max_w_xi": float(memorized.max()),
        "max_v1": float(network.output[..., 0].max()),
        "max_v2": float(network.output[..., 1].max()),
        "w_norm": float(torch.cat([w.flatten() for w in weights]).norm()),
        "v_norm": float(network.output.norm()),
    }


def initialize(
    generator: torch.Generator,
    shape: tuple[int, int],
    scales: InitialScales,
    *,
    bias: bool = False,
    activation: str = "relu",
) -> TwoLayerCNN:
    """A network with w, b ~ N(0, σ_0² I) and every output weight v0; `shape` is (m, d).

    Args:
        generator: of the random numbers.
        shape: (m, d).
        scales: of the weights.
        bias: whether filters have one, drawn as the weights are.
        activation: a word of ACTIVATIONS.
    Returns:
        A network in float64.
    """
    (m, d), (sigma_0, v0) = shape, scales
    hidden = sigma_0 * torch.randn(2, m, d, generator=generator, dtype=torch.float64)
    drawn = sigma_0 * torch.randn(2, m, generator=generator, dtype=torch.float64) if bias else None
    output = torch.full((2, m, 2), v0, dtype=torch.float64)
    return TwoLayerCNN(hidden, output, bias=drawn, activation=activation)

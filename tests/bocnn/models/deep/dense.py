"""The deep patch CNN in d dimensions by torch and autograd: slow, obvious, it shares no arithmetic."""

from typing import Any

import torch
from torch import Tensor, nn

from bocnn.arrays import Array
from bocnn.models.deep.start import DeepVectors


class DenseDeep(nn.Module):
    """f = F₊₁ − F₋₁ of a row of parameters, on patches of shape (n, 2, d)."""

    def __init__(self, row: dict[str, Any], vectors: DeepVectors) -> None:
        super().__init__()
        self.row, m, v0 = row, int(row["m"]), float(row["v0"])
        filters = torch.tensor(vectors.filters.T.copy()).reshape(2, m, -1)
        self.filters = nn.Parameter(filters)
        self.gain = nn.Parameter(filters.norm(dim=2, keepdim=True).clone())
        self.theta = nn.Parameter(torch.zeros(filters.shape[2], dtype=torch.float64))
        own, levels = (2 if row["upper"] == "per_patch" else 1), int(row["depth"]) - 2
        shapes = [(2, own, m, m)] * levels + [(2, own, 1, m)]
        self.upper = nn.ParameterList(torch.full(s, v0, dtype=torch.float64) for s in shapes)
        columns = torch.tensor(vectors.points.T.copy())
        self.labels = torch.tensor(vectors.observed)
        noise = columns[len(columns) - len(self.labels) :]
        signal = columns[torch.tensor(vectors.centre)]
        self.patches = torch.stack([signal, noise], dim=1)

    def phi(self, x: Tensor) -> Tensor:
        leak = float(self.row["leak"]) if self.row["activation"] == "leaky_relu" else 0.0
        return nn.functional.leaky_relu(x, leak)

    def trained_filters(self) -> Tensor:
        """(2, m, d)."""
        if self.row["normalization"] != "weight":
            return self.filters
        return self.gain * self.filters / self.filters.norm(dim=2, keepdim=True)

    def normalized(self, a: Tensor, training: Tensor) -> Tensor:
        """Pre-activations (n, Q, 2, m), normalized as those of the training set are."""
        epsilon = float(self.row["norm_epsilon"])
        if self.row["normalization"] == "batch":
            mean, variance = training.mean(dim=(0, 1)), training.var(dim=(0, 1), correction=0)
            return (a - mean) / (variance + epsilon).sqrt()
        if self.row["normalization"] == "layer":
            return nn.functional.layer_norm(a, a.shape[-1:], eps=epsilon)
        return a

    def contributions(self, patches: Tensor, positions: list[int]) -> Tensor:
        """What patches (n, Q, d) at these positions add to an output, (n, Q)."""
        inner = [
            torch.einsum("jrd,iqd->iqjr", self.trained_filters(), some)
            for some in (patches, self.patches)
        ]
        h = self.phi(self.normalized(*inner))
        for number, weights in enumerate(self.upper):
            used = weights[:, positions if weights.shape[1] == 2 else [0] * len(positions)]
            z = torch.einsum("jqsr,iqjr->iqjs", used, h)
            if number + 1 == len(self.upper):
                out = z[..., 0, 0] - z[..., 1, 0]
            else:
                h = self.phi(z) + (h if self.row["residual"] == "identity" else 0)
        return out + (patches @ self.theta if self.row["skip"] == "linear" else 0)

    def outputs(self) -> Tensor:
        """f of the training samples, (n,)."""
        return self.contributions(self.patches, [0, 1]).sum(dim=1)

    def loss(self) -> Tensor:
        """Mean logistic loss."""
        return -nn.functional.logsigmoid(self.labels * self.outputs()).mean()

    def step(self, eta: float) -> None:
        """One step of gradient descent on all weights that are trained."""
        kept = set(self.upper) if self.row["train"] == "hidden" else set()
        trained = [p for p in self.parameters() if p not in kept]
        gradients = torch.autograd.grad(self.loss(), trained, allow_unused=True)
        with torch.no_grad():
            for weights, gradient in zip(trained, gradients, strict=True):
                if gradient is not None:
                    weights -= eta * gradient

    def errors(self, normals: Array) -> Array:
        """0 or 1 of both classes on fresh noise σ_p times the part of normals (draws, d) that is drawn."""
        noise = torch.tensor(float(self.row["sigma_p"]) * normals)
        if self.row["noise"] == "orthogonal":
            noise[:, 0] = 0.0
        centres = torch.zeros(2, 1, noise.shape[1], dtype=torch.float64)
        centres[0, 0, 0], centres[1, 0, 0] = float(self.row["mu_norm"]), -float(self.row["mu_norm"])
        with torch.no_grad():
            signal = self.contributions(centres, [0])[:, 0]
            f = signal[:, None] + self.contributions(noise[:, None], [1])[:, 0]
        return (torch.tensor([[1.0], [-1.0]]) * f < 0).double().numpy()

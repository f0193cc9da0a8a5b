"""One training by the published protocol of Kou et al. 2023 (arXiv 2303.04145), in our own writing.

As in the authors' script, every sample is drawn by itself, of train and test set alike: its label, its
noise patch, the order of its two patches. The network is a convolution whose stride is the patch, with
two outputs and their cross entropy; autograd and torch.optim.SGD train all samples together, and 1,000
test points are counted once at the end.
"""

import numpy as np
import torch
from numpy.random import Generator

from benchmarks.shapes import SCALES, Shape, best_seconds


class Convolution(torch.nn.Module):
    """Outputs F₊₁ and F₋₁: mean over patches, sum over filters."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.filters = torch.nn.Conv1d(1, 2 * shape.m, shape.d, stride=shape.d)
        self.m = shape.m

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Two outputs for each sample of shape (n, 1, 2d)."""
        features = torch.relu(self.filters(x)).mean(dim=2)
        return torch.stack([features[:, : self.m].sum(dim=1), features[:, self.m :].sum(dim=1)], 1)


def draw_samples(generator: Generator, number: int, d: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs of shape (number, 1, 2d) and classes 0, 1, one sample after the other."""
    inputs, classes = [], []
    for _ in range(number):
        label = generator.choice([-1, 1])
        signal = torch.zeros(d)
        signal[0] = SCALES["mu_norm"] * label
        noise = torch.tensor(generator.normal(0, SCALES["sigma_p"], size=d)).float()
        patches = torch.stack([signal, noise])[torch.randperm(2)]
        inputs.append(patches.flatten())
        kept = generator.choice([-1, 1], p=[SCALES["p_flip"], 1 - SCALES["p_flip"]])
        classes.append(int(label * kept < 0))
    return torch.stack(inputs).unsqueeze(1), torch.tensor(classes)


def train_one(shape: Shape, generator: Generator, tested: int = 1000) -> float:
    """Test error of one network that is drawn, trained and tested."""
    inputs, classes = draw_samples(generator, shape.n + tested, shape.d)
    network, loss = Convolution(shape), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(shape.steps):
        optimizer.zero_grad()
        loss(network(inputs[: shape.n]), classes[: shape.n]).backward()
        optimizer.step()
    with torch.no_grad():
        answers = network(inputs[shape.n :]).argmax(dim=1)
    return float((answers != classes[shape.n :]).float().mean())


def published_seconds(shape: Shape) -> float:
    """Seconds per run."""
    generator = np.random.default_rng(0)
    return best_seconds(lambda: train_one(shape, generator), repeats=3)

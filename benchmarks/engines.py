"""Time of a run of the gram engine beside other ways to train it, one table from one process.

    python -m benchmarks.engines

| column | what it times |
|---|---|
| draw, train, test | parts of the gram engine: differences of whole runs with and without steps and draws |
| published | one model at a time by the published protocol of Kou et al. 2023, sample by sample |
| loop | the same tidied: samples drawn together; nn.Conv1d over the two patches, autograd,
  torch.optim.SGD, 1,000 dense test points |
| products | the same loop with one matrix product instead of the convolutions: the dense oracle |
| vmap | 64 dense networks trained together by torch.func.vmap, per run, its data ready and no test |
| share of sgemm | of the rate of a float32 1024 × 1024 product, counting the 2 · 2m · n²
  operations of a step |

Everything runs on one thread, one after the other, and the best of a few repeats is shown.
"""

import torch
from rich.console import Console
from rich.table import Table
from torch.func import functional_call, grad, vmap

from benchmarks.published import published_seconds
from benchmarks.shapes import N_TEST, SCALES, SHAPES, Shape, best_seconds, columns
from bocnn import MODEL
from bocnn.engines.dense import network as dense
from bocnn.engines.dense import training as dense_training

TOGETHER = 64
START = dense.InitialScales(SCALES["sigma_0"], SCALES["v0"])


def gram_seconds(shape: Shape, **replaced: int) -> float:
    """Seconds per run of the gram engine."""
    runs = max(32, 120_000_000 // (shape.steps * shape.n**2 * shape.m))
    given = columns(runs, SCALES | shape._asdict() | {"n_test": N_TEST} | replaced)
    return best_seconds(lambda: MODEL.run(given)) / runs


def draw_dense(shape: Shape, generator: torch.Generator, n: int) -> dense.Samples:
    """Samples in d dimensions, float32."""
    mu = torch.zeros(shape.d)
    mu[0] = SCALES["mu_norm"]
    return dense.draw_data(
        generator, n, torch.stack([mu, -mu]), dense.SampleOptions(p_flip=SCALES["p_flip"])
    )


class ConvolutionalNet(torch.nn.Module):
    """The network as scripts write it: a convolution a class, whose stride is the patch."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.plus = torch.nn.Conv1d(1, shape.m, shape.d, stride=shape.d)
        self.minus = torch.nn.Conv1d(1, shape.m, shape.d, stride=shape.d)
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=SCALES["sigma_0"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs f of samples of shape (n, 1, 2d): mean over patches, sum over filters."""
        plus, minus = torch.relu(self.plus(x)), torch.relu(self.minus(x))
        return plus.mean(dim=2).sum(dim=1) - minus.mean(dim=2).sum(dim=1)


def loop_seconds(shape: Shape) -> float:
    """Seconds per run of the convolutional loop, draws and test included."""
    generator = torch.Generator().manual_seed(0)

    def one() -> None:
        data, network = draw_dense(shape, generator, shape.n), ConvolutionalNet(shape)
        x = data.patches.reshape(shape.n, 1, -1)
        optimizer = torch.optim.SGD(network.parameters(), lr=SCALES["eta"])
        for _ in range(shape.steps):
            optimizer.zero_grad()
            torch.nn.functional.softplus(-data.observed * network(x)).mean().backward()
            optimizer.step()
        fresh = draw_dense(shape, generator, 1000)
        with torch.no_grad():
            (network(fresh.patches.reshape(1000, 1, -1)) * fresh.observed < 0).float().mean()

    return best_seconds(one, repeats=3)


def products_seconds(shape: Shape) -> float:
    """Seconds per run of the dense oracle's loop, draws and test included."""
    generator = torch.Generator().manual_seed(0)

    def one() -> None:
        data = draw_dense(shape, generator, shape.n)
        network = dense.initialize(generator, (shape.m, shape.d), START)
        dense_training.train(
            network.float(), data, dense_training.Recipe(SCALES["eta"]), shape.steps
        )
        fresh = draw_dense(shape, generator, 1000)
        dense.error(network, fresh.patches, fresh.observed)

    return best_seconds(one, repeats=3)


def vmap_seconds(shape: Shape) -> float:
    """Seconds per run and step of dense networks trained together, times the steps."""
    generator = torch.Generator().manual_seed(0)
    data = [draw_dense(shape, generator, shape.n) for _ in range(TOGETHER)]
    patches = torch.stack([each.patches for each in data])
    labels = torch.stack([each.observed for each in data])
    network = dense.initialize(generator, (shape.m, shape.d), START).float()
    weights = {name: p.detach().repeat(TOGETHER, 1, 1, 1) for name, p in network.named_parameters()}

    def loss(weight: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.softplus(-y * functional_call(network, weight, (x,))).mean()

    slopes = vmap(grad(loss))
    steps = max(2, 2000 // shape.n)

    def train() -> None:
        for _ in range(steps):
            slope = slopes(weights, patches, labels)
            for name in weights:
                weights[name] = weights[name] - SCALES["eta"] * slope[name]

    return best_seconds(train, repeats=2) / steps / TOGETHER * shape.steps


def sgemm_rate() -> float:
    """Operations per second of a 1024 × 1024 float32 product."""
    matrix = torch.randn(1024, 1024)
    return 2 * 1024**3 / best_seconds(lambda: matrix @ matrix)


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    peak = sgemm_rate()
    table = Table(
        title=f"ms per run on one core; sgemm {peak / 1e9:.0f} Gflop/s", title_justify="left"
    )
    for name in ("n", "m", "T", "d", "draw", "train", "test", "whole"):
        table.add_column(name, justify="right")
    for name in ("published", "loop", "products", "vmap"):
        table.add_column(name, justify="right")
    for name in (
        "published / whole",
        "loop / whole",
        "products / whole",
        "vmap / train",
        "share of sgemm",
    ):
        table.add_column(name, justify="right")
    for shape in SHAPES:
        table.add_row(*_row(shape, peak))
    Console(width=170).print(table, _dimensions())


def _row(shape: Shape, peak: float) -> list[str]:
    """One row of the table."""
    whole = gram_seconds(shape)
    untested, start = gram_seconds(shape, n_test=1), gram_seconds(shape, n_test=1, steps=0)
    others = [ways(shape) for ways in (published_seconds, loop_seconds, products_seconds)]
    together = vmap_seconds(shape)
    train = untested - start
    rate = 2 * 2 * shape.m * shape.n**2 * shape.steps / train
    times = [f"{1e3 * t:.4f}" for t in (start, train, whole - untested, whole)]
    times += [f"{1e3 * t:.1f}" for t in (*others, together)]
    ratios = [f"{t:,.0f}" for t in (*(other / whole for other in others), together / train)]
    return [*(str(size) for size in shape), *times, *ratios, f"{rate / peak:.0%}"]


def _dimensions() -> str:
    """The cost of a run at three dimensions, one line."""
    rates = [
        f"d = {d:.0e}: {1e3 * gram_seconds(SHAPES[0], d=d):.4f}"
        for d in (10**3, 10**6, 10**9, 10**12)
    ]
    return f"ms per run at (n, m, T) = (20, 10, 100) and {', '.join(rates)}"


if __name__ == "__main__":
    main()

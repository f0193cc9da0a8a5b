"""The public table of arXiv 2403.06903, by signs of output weights: `python -m benchmarks.leaky_hinge 40`.

The authors' script had output weights that were all −1 when its table was made, and of both signs a year
later. Networks of either kind are trained here as the script does, on the sum of hinge losses, until no
sample is missed, or on until that sum is below 1. n = 50; the argument is the number of networks of a cell.
"""

import sys

import numpy as np

from bocnn.arrays import Array

FILTERS, LEAK, FLIPS, SAMPLES, FRESH, MOST_STEPS = 64, 0.1, 0.1, 50, 1000, 20_000


def draw(generator: np.random.Generator, count: int, d: int) -> tuple[Array, Array]:
    """Vectors √γ y μ + √(1 − γ) ξ, γ = 5/n, shape (count, d), and their labels y."""
    gamma = 5 / SAMPLES
    labels = np.where(generator.random(count) < 0.5, 1.0, -1.0)
    vectors = np.sqrt((1 - gamma) / d) * generator.standard_normal((count, d))
    vectors[:, 0] = np.sqrt(gamma) * labels
    return vectors, labels


def leaky(a: Array) -> Array:
    """Leaky ReLU."""
    return np.where(a > 0, a, LEAK * a)


def test_error(generator: np.random.Generator, signs: Array, d: int, fitted: bool) -> float:
    """Test error of a network; `fitted` trains it until the sum of its losses is below 1."""
    x, labels = draw(generator, SAMPLES, d)
    observed = np.where(generator.random(SAMPLES) < FLIPS, -labels, labels)
    start = generator.standard_normal((FILTERS, d)) / (FILTERS * np.sqrt(d))
    gram, a, coefficients = x @ x.T, start @ x.T, np.zeros((FILTERS, SAMPLES))
    for _ in range(MOST_STEPS):
        slopes = np.where(observed * (signs @ leaky(a)) < 1, -observed, 0.0)
        step = signs[:, None] * slopes * np.where(a > 0, 1.0, LEAK) / (FILTERS * SAMPLES)
        coefficients, a = coefficients - step, a - step @ gram
        margins = observed * (signs @ leaky(a))
        if (margins > 0).all() and (not fitted or np.maximum(1 - margins, 0).sum() < 1):
            break
    fresh, true = draw(generator, FRESH, d)
    outputs = signs @ leaky((start + coefficients @ x) @ fresh.T)
    return float((outputs * true <= 0).mean())


def main() -> None:
    """Print the mean test error of each cell, and its standard error."""
    networks, generator = int(sys.argv[1]), np.random.default_rng(0)
    kinds = {"all −1": -np.ones(FILTERS), "both signs": np.tile([1.0, -1.0], FILTERS // 2)}
    print("| d/n | " + " | ".join(f"{name}, no errors | loss below 1" for name in kinds) + " |")
    for ratio in range(1, 11):
        cells = []
        for signs in kinds.values():
            for fitted in (False, True):
                errors = [
                    test_error(generator, signs, ratio * SAMPLES, fitted) for _ in range(networks)
                ]
                cells.append(
                    f"{np.mean(errors):.4f} ± {np.std(errors, ddof=1) / networks**0.5:.4f}"
                )
        print(f"| {ratio} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

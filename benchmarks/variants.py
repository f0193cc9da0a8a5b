"""Processor time of a run of each variant beside plain gradient descent: `python -m benchmarks.variants`.

Runs of a variant and plain ones alternate, each a thousand at once on one thread; the ratio is the median
over pairs, with the smallest and the largest. 200 steps, hidden layer, 200 fresh noise patches, d = 10⁶.
"""

import statistics
import time
from typing import Any

from benchmarks.dense import columns
from bocnn import MODEL

RUN: dict[str, Any] = {
    "d": 10**6,
    "m": 10,
    "mu_norm": 12.0,
    "sigma_0": 1e-7,
    "v0": 0.1,
    "eta": 8e-5,
    "steps": 200,
    "train": "hidden",
    "n_test": 200,
    "seed": 1,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain, again": {},
    "spike: 30": {"spike": 30.0},
    "spectrum_decay: 0.4": {"spectrum_decay": 0.4, "eta": 1e-3},
    "noise_patches: 2": {"noise_patches": 2},
    "noise_patches: 4": {"noise_patches": 4},
    "minority_share: 0.2": {"minority_share": 0.2},
    "class_process: count": {"class_process": "count"},
    "signal_spread: 0.5": {"signal_spread": 0.5},
    "noise_spread: 0.5": {"noise_spread": 0.5},
    "data: xor, xor_cosine: 0.5": {"data": "xor", "xor_cosine": 0.5},
    "label_process: count": {"label_process": "count", "p_flip": 0.1},
    "label_process: asymmetric": {"label_process": "asymmetric", "p_flip": 0.1},
    "label_process: margin": {"label_process": "margin", "p_flip": 0.1, "signal_spread": 0.5},
    "activation: relu2": {"activation": "relu2", "eta": 1e-6},
    "activation: relu3": {"activation": "relu3", "eta": 1e-9},
    "loss: hinge": {"loss": "hinge"},
    "loss: exponential": {"loss": "exponential"},
    "momentum: 0.9": {"momentum": 0.9, "eta": 8e-6},
    "batch: 10": {"batch": 10},
    "gradient: normalized": {"gradient": "normalized", "eta": 1e-4},
    "gradient: orthogonal": {"gradient": "orthogonal", "eta": 1e-4},
    "sam_radius: 0.001": {"sam_radius": 0.001},
    "label_noise: 0.1": {"label_noise": 0.1},
    "bocnn+details": {},
}
SIZES = ((20, 1000, 7), (100, 100, 5))
"""Samples, runs at once, and pairs."""


def _seconds(name: str, runs: dict[str, Any]) -> float:
    """Processor time that runs of a variant take."""
    model = MODEL.with_details() if name == "bocnn+details" else MODEL
    start = time.process_time()
    model.run(runs)
    return time.process_time() - start


def ratios(name: str, n: int, runs: int, pairs: int) -> tuple[list[float], float]:
    """Times of a variant over plain ones, pair by pair, and the least time of a run in ms.

    Args:
        name: of the variant.
        n: samples.
        runs: at once.
        pairs: that alternate.
    """
    varied, plain = (columns(runs, RUN | {"n": n} | more) for more in (VARIANTS[name], {}))
    _seconds(name, columns(2, RUN | {"n": n} | VARIANTS[name]))  # compiled before it is timed
    times = [(_seconds(name, varied), _seconds("plain", plain)) for _ in range(pairs)]
    return [one / other for one, other in times], 1e3 * min(one for one, _ in times) / runs


def main() -> None:
    """Print the table."""
    print(f"| variant | {' | '.join(f'n = {n}, ms | beside plain' for n, _, _ in SIZES)} |")
    print(f"|---|{'---|---|' * len(SIZES)}")
    for name in VARIANTS:
        cells = []
        for size in SIZES:
            found, least = ratios(name, *size)
            spread = f"{min(found):.2f} to {max(found):.2f}"
            cells += [f"{least:.3f}", f"{statistics.median(found):.2f} ({spread})"]
        print(f"| `{name}` | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

"""Where the model `deep` crosses an error of 0.2: tables in Markdown, means and 95 % bootstrap intervals.

    python -m benchmarks.depth [balance] [architectures]

`balance`: 1/‖μ‖ over the predicted one below the kink, of runs with as many samples in one class as in the
other, and of runs in which a class has 13 of 20 or more. `architectures`: C = n‖μ‖⁴/(σ_p⁴ d) from large
upper weights (v₀ = 1), over d.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from bocnn.arrays import Array
from bocnn.models.base import Columns
from bocnn.models.deep.model import MODEL
from bocnn.models.deep.start import draw_vectors
from bocnn.theory.depth import kink_of_depth
from bocnn.theory.training_time import Sizes

LEVEL = 0.2
N, M, D = 20, 10, 10**14
DRAWN = 240
"""Replicates of a strength, of which those with the classes in question are trained."""
REACH, STRENGTHS = 0.9, 9
"""Of log ‖μ‖ around the predicted boundary, and values there."""
RESAMPLED = 1000
FLOW = {"loss_tol": 0.05, "flow_rate": 0.02, "steps": 10**5, "n_test": 200, "n": N, "m": M}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "ReLU": {},
    "ReLU, L = 3": {"depth": 3},
    "leak 0.01": {"activation": "leaky_relu"},
    "leak 0.1": {"activation": "leaky_relu", "leak": 0.1},
    "linear skip, v₀ = 1": {"skip": "linear"},
    "linear skip, v₀ = 0.1": {"skip": "linear", "v0": 0.1},
    "residual, L = 3": {"depth": 3, "residual": "identity"},
    "weight normalization": {"normalization": "weight"},
    "batch normalization, ε = 0": {"normalization": "batch", "norm_epsilon": 0.0},
    "layer normalization, ε = 0": {"normalization": "layer", "norm_epsilon": 0.0},
}


def columns_of(runs: int, **given: Any) -> dict[str, np.ndarray]:
    """Replicates of one cell."""
    row = {column.name: column.default for column in MODEL.parameters} | {"seed": 1} | FLOW | given
    columns = {
        name: np.array(
            [np.nan if value is None else value] * runs,
            dtype=object if isinstance(value, str) else None,
        )
        for name, value in row.items()
    }
    return columns | {"replicate": np.arange(runs)}


def with_classes(columns: Columns, wanted: Callable[[Array], Array]) -> dict[str, np.ndarray]:
    """The runs with a wanted number of samples in class +1."""
    keyed = MODEL.keyed_runs(columns)
    rows = [
        dict(zip(keyed, row, strict=True))
        for row in zip(*(c.tolist() for c in keyed.values()), strict=True)
    ]
    positive = np.array([np.sum(draw_vectors(row).observed > 0) for row in rows])
    kept = wanted(positive)
    return {name: column[kept] for name, column in columns.items()}


def crossing(logs: Array, errors: list[Array]) -> tuple[float, float, float]:
    """Where the mean error falls to the level, and its interval over runs.

    Args:
        logs: of ‖μ‖, rising.
        errors: of the runs at each of them.
    """

    def at(means: list[float]) -> float:
        rising = np.maximum.accumulate(means[::-1])
        inside = rising[0] < LEVEL < rising[-1]
        return float(np.interp(LEVEL, rising, logs[::-1])) if inside else np.nan

    rng = np.random.default_rng(0)
    again = [at([rng.choice(e, e.size).mean() for e in errors]) for _ in range(RESAMPLED)]
    low, high = np.nanquantile(again, [0.025, 0.975])
    return at([e.mean() for e in errors]), float(low), float(high)


def start_of(v0: float, depth: int, d: int) -> float:
    """σ₀ small beside what is learned, as in the sweep `depth-plane`."""
    return 0.1 * N**0.5 / d * min(1.0, (M * v0) ** (1 - depth))


def print_balance() -> None:
    """Both kinds of runs at two starts below the kink."""
    kinds: dict[str, Callable[[Array], Array]] = {
        "10 and 10": lambda positive: positive == N // 2,
        "13 or more in one": lambda positive: np.abs(positive - N // 2) >= 3,
    }
    print("| upper weights | L | v₀/ṽ | " + " | ".join(kinds) + " |\n|" + "---|" * 5)
    for upper, depth, x in product(("shared", "per_patch"), (2, 3, 4), (0.05, 0.2)):
        v0 = x * float(kink_of_depth(depth, Sizes(N, D, M, 1.0)))
        given = {"depth": depth, "upper": upper, "v0": v0, "d": D}
        given |= {"sigma_0": start_of(v0, depth, D)}
        middle = predicted_log(given)
        logs = middle + np.linspace(-REACH / 3, REACH, STRENGTHS)
        cells = [columns_of(DRAWN, **given, mu_norm=float(np.exp(log))) for log in logs]
        shown = []
        for wanted in kinds.values():
            runs = [MODEL.run(with_classes(cell, wanted)) for cell in cells]
            found = crossing(logs, [one["test_error_clean"] for one in runs])
            mean, low, high = (np.exp(middle - log) for log in found)
            beyond = f"below {np.exp(-REACH):.2f}"
            shown.append(f"{mean:.3f} [{high:.3f}, {low:.3f}]" if np.isfinite(mean) else beyond)
        print(f"| {upper} | {depth} | {x:g} | " + " | ".join(shown) + " |", flush=True)


def predicted_log(given: dict[str, Any]) -> float:
    """log ‖μ‖ at which the predicted error is the level."""
    logs = np.linspace(np.log(D / N) / 4 - 1, np.log(D / N) / 4 + 8, 400)
    columns = columns_of(logs.size, **given, mu_norm=1.0) | {"mu_norm": np.exp(logs)}
    errors = MODEL.predict("gradient_flow", columns)
    return float(np.interp(-LEVEL, -errors, logs))


def print_architectures(dimensions: tuple[int, ...] = (10**6, 10**9, 10**12)) -> None:
    """C at the level of each architecture."""
    header = " | ".join(f"C, d = {d:.0e}" for d in dimensions)
    print(f"| network | {header} |\n|" + "---|" * (1 + len(dimensions)))
    for name, given in ARCHITECTURES.items():
        print(f"| {name} | " + " | ".join(_constants(given, dimensions)) + " |", flush=True)


def _constants(given: dict[str, Any], dimensions: tuple[int, ...]) -> Iterator[str]:
    """C at the level over d, of one architecture."""
    for d in dimensions:
        whole = {"depth": 2, "v0": 1.0, "d": d} | given
        whole |= {"sigma_0": start_of(whole["v0"], whole["depth"], d)}
        signals = np.geomspace(0.05, 3.0, 9)
        logs = np.log(signals * d / N) / 4
        runs = [MODEL.run(columns_of(80, **whole, mu_norm=float(np.exp(log)))) for log in logs]
        errors = [one["test_error_clean"][one["status"] == "ok"] for one in runs]
        mean, low, high = (np.exp(4 * log) * N / d for log in crossing(logs, errors))
        yield f"{mean:.3f} [{low:.3f}, {high:.3f}]"


TABLES = {"balance": print_balance, "architectures": print_architectures}

if __name__ == "__main__":
    for word in sys.argv[1:] or TABLES:
        TABLES[word]()

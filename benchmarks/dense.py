"""Runs a second and core of what is trained in d dimensions: `python -m benchmarks.dense`.

By processor time, the fastest of three: what else runs on the machine has less effect. n = 20, m = 10, 80
steps, hidden layer alone, 500 fresh noise patches.
"""

import time
from typing import Any

import numpy as np

from bocnn import MODEL

KINDS: list[dict[str, Any]] = [
    {"optimizer": "adam"},
    {"optimizer": "adamw"},
    {"optimizer": "rmsprop"},
    {"optimizer": "sign"},
    {"noise": "rademacher"},
    {"noise": "student_t"},
]
DIMENSIONS = (100, 1000, 10_000)
RUN = {
    "n": 20,
    "m": 10,
    "mu_norm": 5.0,
    "sigma_0": 0.001,
    "v0": 0.1,
    "eta": 1e-4,
    "steps": 80,
    "train": "hidden",
    "seed": 1,
}
TYPES: dict[str, Any] = {"int64": np.int64, "float64": np.float64, "string": object}


def columns(runs: int, given: dict[str, Any]) -> dict[str, Any]:
    """Every column of runs, at the defaults but for what is given."""
    types = {column.name: TYPES[column.type] for column in MODEL.parameters} | {"seed": np.int64}
    values = {column.name: column.default for column in MODEL.parameters} | given
    found: dict[str, Any] = {
        name: np.full(runs, np.nan if value is None else value, dtype=types[name])
        for name, value in values.items()
    }
    return found | {"replicate": np.arange(runs, dtype=np.int32)}


def _seconds(runs: dict[str, Any]) -> float:
    """Processor time that runs take."""
    start = time.process_time()
    MODEL.run(runs)
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    print("| kind | " + " | ".join(f"d = {d:,}" for d in DIMENSIONS) + " |")
    for kind in KINDS:
        rates = []
        for d in DIMENSIONS:
            runs = columns(max(10, min(100, 100_000 // d)), RUN | kind | {"d": d})
            MODEL.run({name: column[:2] for name, column in runs.items()})
            rates.append(runs["n"].size / min(_seconds(runs) for _ in range(3)))
        print(f"| {' '.join(kind.values())} | " + " | ".join(f"{r:.3g}" for r in rates) + " |")


if __name__ == "__main__":
    main()

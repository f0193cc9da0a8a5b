"""The error far inside the benign region, at d = ∞: `python -m benchmarks.limit_tail`.

−log(error)/C over the signal C, of the mean and of the median error over runs; 95 % bootstrap intervals.
Theorem 4.2 of Kou et al. 2023 (arXiv 2303.04145) has an error of exp(−n‖μ‖⁴/(C₂ σₚ⁴ d)) with a constant C₂
that it does not give.
"""

import argparse

import numpy as np

from bocnn.arrays import Array
from bocnn.models.limit.model import MODEL

SIGNALS = (2.5, 5.0, 10.0, 20.0)
DRAWS = 2000
HEADER = "| h | n | 1/(4α₂) | of the error's | " + " | ".join(f"C = {c:g}" for c in SIGNALS) + " |"


def errors(runs: int, **given: float) -> tuple[Array, float]:
    """Clean test errors of runs, and their mean α₂.

    Args:
        runs: number of runs.
        given: parameters of `model: limit`.
    """
    columns = {
        column.name: np.full(runs, given.get(column.name, column.default))
        for column in MODEL.parameters
    }
    columns |= {"seed": np.ones(runs, np.int64), "replicate": np.arange(runs)}
    for name in ("n", "m", "steps", "n_test"):
        columns[name] = columns[name].astype(np.int64)
    columns["train"] = columns["train"].astype(object)
    rows = MODEL.run(columns)
    found = rows["test_error_clean"].astype(float)
    return found[np.isfinite(found)], float(np.nanmean(rows["active_in_two"].astype(float)))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--n-test", type=int, default=20_000)
    options = parser.parse_args()
    print(f"{HEADER}\n{'|---' * (4 + len(SIGNALS))}|", flush=True)
    for step, n in ((h, n) for h in (0.05, 100.0) for n in (20, 60, 180)):
        cells: dict[str, list[str]] = {"mean": [], "median": []}
        for signal in SIGNALS:
            found, shared = errors(
                options.runs, n=n, m=20, step_size=step, signal=signal, n_test=options.n_test
            )
            drawn = np.random.default_rng(0).integers(0, found.size, (DRAWS, found.size))
            for name, of in (("mean", np.mean), ("median", np.median)):
                value = -np.log(of(found)) / signal
                low, high = np.quantile(-np.log(of(found[drawn], axis=1)) / signal, [0.025, 0.975])
                cells[name].append(f"{value:.3f} [{low:.3f}, {high:.3f}]")
        for name, texts in cells.items():
            print(
                f"| {step:g} | {n} | {0.25 / shared:.2f} | {name} | {' | '.join(texts)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

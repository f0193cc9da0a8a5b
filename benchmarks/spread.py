"""Intervals of one real sweep against the spread over sweeps: `python -m benchmarks.spread`.

Trains the same small plane with other seeds, all in this process's children, and prints how the standard
error that ten replicates state compares with the spread of the estimates over independent sweeps.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.aggregate import aggregate
from analysis.dataset.files import open_dataset
from analysis.dataset.plane import Floats
from analysis.errors import AnalysisError
from analysis.scaling.paired_shift import boundary_shift
from analysis.scaling.power_law import fit_power_law
from analysis.statistics.bootstrap import t_inflation

NORMAL = 1.959964
PLANE = """\
name: spread
seed: {seed}
replicates: 10
axes:
  d: {{log: [100, 10000, 6]}}
  mu_norm: {{log: [1.0, 10, 16]}}
fixed: {{n: 20, m: 10, train: hidden, loss_tol: 0.01, steps: 5000, n_test: 200}}
derived:
  v0: 1 / m
  sigma_0: 0.01 / (sigma_p * sqrt(d))
  eta: 0.4 * m / max(sigma_p**2 * d / n, mu_norm**2)
settings: {{p_flip: [0, 0.1]}}
analysis: {{x: d, y: mu_norm, measure: test_error_clean, levels: [0.2]}}
"""


def train(folder: Path, seed: int) -> Path:
    """Trains one sweep with a seed of its own; returns its dataset."""
    file, out = folder / f"{seed}.yaml", folder / str(seed)
    file.write_text(PLANE.format(seed=seed), encoding="utf-8")
    program = "from sweeps.cli import main; main()"
    options = ["run", str(file), "--executor", "local", "--out", str(out)]
    subprocess.run([sys.executable, "-c", program, *options], check=True, capture_output=True)
    return out


def estimates(dataset: Path) -> tuple[Floats, Floats]:
    """Crossings, exponents and log shift of a sweep, and half the widths of their intervals."""
    data = open_dataset(str(dataset))
    if data.sweep.analysis is None:
        raise AnalysisError(f"The sweep in '{dataset}' states no analysis; expected a view.")
    boundary: Boundary = find_boundary(
        aggregate(data, data.sweep.analysis), data.sweep.analysis.levels[0]
    )
    slopes = [fit_power_law(boundary, s).slope for s in range(2)]
    shift = boundary_shift(boundary, 1).mean
    values = [(one.value, one.high - one.low) for one in slopes if one is not None]
    if shift is not None:
        values.append((np.log(shift.value), np.log(shift.high / shift.low)))
    value, width = np.array(values).T
    return (
        np.concatenate([boundary.estimate.ravel(), value]),
        np.concatenate([(boundary.high - boundary.low).ravel(), width]) / 2,
    )


def main() -> None:
    """Prints one table: each quantity's stated error, spread, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spread-") as folder:
        parts = [estimates(train(Path(folder), seed)) for seed in range(options.sweeps)]
    values, halves = (np.array(part) for part in zip(*parts, strict=True))
    stated = halves / (NORMAL * t_inflation(0.95, 9))
    columns = values.shape[1] - 3
    groups = {
        "crossings, no flips": slice(0, columns // 2),
        "crossings, p = 0.1": slice(columns // 2, columns),
        "exponent, no flips": slice(columns, columns + 1),
        "exponent, p = 0.1": slice(columns + 1, columns + 2),
        "log shift": slice(columns + 2, columns + 3),
    }
    print("| | stated error | spread | error / spread | interval / (2 · 1.96 spread) |")
    print("|---|---|---|---|---|")
    for name, part in groups.items():
        error = np.sqrt(np.mean(stated[:, part] ** 2))
        spread = np.sqrt(np.mean(values[:, part].var(axis=0, ddof=1)))
        wide = np.mean(halves[:, part]) / NORMAL / spread
        print(f"| {name} | {error:.4f} | {spread:.4f} | {error / spread:.2f} | {wide:.2f} |")


if __name__ == "__main__":
    main()

"""Sweeps with a planted boundary, simulated straight into cells: no files, no training.

A run's own boundary deviates from the planted one by its noise in log y; the measure falls from 0.5 to 0
through 0.25 at the run's boundary. So its mean crosses 0.25, and half of the runs are benign, exactly
at the planted boundary.
"""

from dataclasses import dataclass

import numpy as np

from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, Plane, PlaneAxis

LEVEL = 0.25
STEEPNESS = 5.0
X = np.geomspace(1.0, 300.0, 10)
Y_STEP = 0.15
Y_CELLS = 20
KINK = 17.0
EXPONENT = 0.25
BELOW, ABOVE = 0.45, 0.05
INTERCEPT, SLOPE = 1.0, 0.01


@dataclass(frozen=True)
class Scenario:
    """What is planted: the boundary's kind, the noise of runs in log y, and replicates.

    `shared` is the share of the noise's variance that a replicate has in common in all its cells;
    `factor` moves the boundary of a second, paired setting (1: there is none).
    """

    kind: str
    noise: float
    replicates: int
    shared: float = 0.0
    factor: float = 1.0


def boundary(scenario: Scenario) -> Floats:
    """Planted log y* less its random part, shape (x,)."""
    u = np.log(X)
    if scenario.kind == "kink":
        bend = np.log(KINK)
        return BELOW * np.minimum(u, bend) + ABOVE * np.maximum(u - bend, 0.0)
    if scenario.kind == "line":
        return np.asarray(np.log(INTERCEPT + SLOPE * X))
    if scenario.kind == "vertical":
        return np.zeros(len(X))
    return EXPONENT * u


def simulate(scenario: Scenario, seed: int) -> tuple[Cells, Floats]:
    """The cells of one simulated sweep, and its planted crossings (settings, x) in log y.

    The grid is shifted at random against the boundary, within one of its steps. For "outside" it ends where
    the boundary is half way, so that half of the columns cross beyond it.
    """
    rng = np.random.default_rng([seed, 20])
    shape = boundary(scenario)
    middle = (shape.min() + shape.max()) / 2
    first = middle - Y_STEP * (Y_CELLS / 2 + rng.uniform(-0.5, 0.5))
    if scenario.kind == "outside":
        first -= Y_STEP * Y_CELLS / 2
    u = first + Y_STEP * np.arange(Y_CELLS)
    factors = (0.0,) if scenario.factor == 1 else (0.0, np.log(scenario.factor))
    truth = shape + np.array(factors)[:, None]
    runs = (len(X), Y_CELLS, scenario.replicates)
    own = rng.standard_normal(runs) * np.sqrt(1 - scenario.shared)
    common = rng.standard_normal(scenario.replicates) * np.sqrt(scenario.shared)
    noise = scenario.noise * (own + common)
    values = 0.5 / (1 + np.exp(STEEPNESS * (u[:, None] - truth[:, :, None, None] + noise)))
    return cells_of(values, u), truth


def cells_of(values: Floats, u: Floats) -> Cells:
    """Cells of values (settings, x, y, replicates) on log axes, all runs ok."""
    plane = Plane(
        PlaneAxis("x", "x", X, log=True),
        PlaneAxis("y", "y", np.exp(u), log=True),
        tuple(f"setting {s}" for s in range(len(values))),
        tuple({"setting": s} for s in range(len(values))),
        frozenset({"setting"}),
    )
    none = np.zeros(values.shape[:3], dtype=np.int64)
    status = {"ok": none + values.shape[3], "unconverged": none, "diverged": none}
    return Cells(plane, "error", "error", values, status, missing=none, ignored=0)

"""Sweeps with a planted boundary, simulated straight into cells: no files, no training.

A run's own boundary deviates from the planted one by its noise in log y; the measure falls from 0.5 to 0
through 0.25 at the run's boundary. So its mean crosses 0.25, and half of the runs are benign, exactly
at the planted boundary.
"""

from dataclasses import dataclass

import numpy as np

from analysis.cells.cells import Cells
from analysis.dataset.plane import Floats, Ints, Plane, PlaneAxis

LEVEL = 0.25
STEEPNESS = 5.0
X = np.geomspace(1.0, 300.0, 10)
Y_STEP = 0.15
Y_CELLS = 20
KINK = 17.0
EXPONENT = 0.25
BELOW, ABOVE = 0.45, 0.05
INTERCEPT, SLOPE = 1.0, 0.01
HEAVY_TAILS = 2.5
"""Degrees of freedom of heavy-tailed noise: its variance is finite, its fourth moment is not."""
ZERO_SHARE = 0.2
"""Of runs that err nowhere."""


@dataclass(frozen=True)
class Scenario:
    """What is planted: the boundary's kind, the noise of runs in log y, and replicates.

    `shared` is the share of the noise's variance that a replicate has in common in all its cells;
    `factor` moves the boundary of a second, paired setting (1: there is none). `scatter` is "normal", "t"
    (heavy tails), "growing" (along x, three times as large at its end as at its beginning) or "zeros" (some
    runs err nowhere).
    """

    kind: str
    noise: float
    replicates: int
    shared: float = 0.0
    factor: float = 1.0
    scatter: str = "normal"

    @property
    def level(self) -> float:
        """Where the mean crosses at the planted boundary."""
        return LEVEL * (1 - ZERO_SHARE) if self.scatter == "zeros" else LEVEL

    @property
    def name(self) -> str:
        """Of the boundary, and of a scatter that is not normal."""
        return self.kind + ("" if self.scatter == "normal" else f", {self.scatter}")


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


def noise_of(scenario: Scenario, columns: Ints, rng: np.random.Generator) -> Floats:
    """Noise of runs in log y, of standard deviation `noise` at the middle of x.

    Args:
        scenario: how runs scatter.
        columns: of the runs, any shape.
        rng: of the sweep.
    Returns:
        Shape of the columns.
    """
    if scenario.scatter == "t":
        unit = rng.standard_t(HEAVY_TAILS, columns.shape) * np.sqrt(1 - 2 / HEAVY_TAILS)
    else:
        unit = rng.standard_normal(columns.shape)
    if scenario.scatter == "growing":
        unit *= 0.5 + columns / (len(X) - 1)
    return np.asarray(scenario.noise * unit)


def errors_of(scenario: Scenario, distance: Floats, rng: np.random.Generator) -> Floats:
    """Errors of runs whose cells are at a distance from their own boundaries, in log y."""
    error = 0.5 / (1 + np.exp(STEEPNESS * distance))
    if scenario.scatter == "zeros":
        return np.where(rng.random(distance.shape) < ZERO_SHARE, 0.0, error)
    return np.asarray(error)


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
    columns = np.broadcast_to(np.arange(len(X))[:, None, None], runs)
    own = noise_of(scenario, columns, rng) * np.sqrt(1 - scenario.shared)
    common = rng.standard_normal(scenario.replicates) * np.sqrt(scenario.shared)
    distance = u[:, None] - truth[:, :, None, None] + (own + scenario.noise * common)
    return cells_of(errors_of(scenario, distance, rng), u), truth


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

"""Broken power laws: a power law that changes its exponent at a break, and whether BIC prefers it."""

from dataclasses import dataclass

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats
from analysis.scaling.once import once_per_boundary
from analysis.scaling.power_law import Estimate, FitColumns, estimate, measured_columns, problem_of
from analysis.statistics.bootstrap import shrink_nonlinear
from analysis.statistics.estimating_equations import FitProblem, linearized_crossings

# Two columns on each side of the break, and one to judge the four parameters by.
MIN_COLUMNS_FOR_BREAK = 6
BREAK_CANDIDATES = 60
# Times that columns are read anew where the fitted law passes.
REFINEMENTS = 3
# The break must lower χ² by this times log(columns). The Bayesian criterion requires 2 for two more
# parameters, but the break's position is searched for: of 420 planted single power laws (8 to 30
# columns, 10 or 40 replicates) 2 calls 5 % broken, 3 calls 1 %.
CHI2_GAIN_PER_LOG_COLUMNS = 3.0


@dataclass(frozen=True, kw_only=True)
class BrokenPowerLaw:
    """Exponents below and above a break, and its x.

    `chi2_gain` is by how much χ² is below that of the single power law, in units of the scatter that
    remains; `preferred` says whether that pays for two more parameters. All None where too few
    columns are closed.
    """

    setting: int
    columns: int
    below: Estimate | None
    above: Estimate | None
    break_x: Estimate | None
    log_constant: float
    chi2_gain: float
    preferred: bool


@once_per_boundary
def fit_broken_power_law(boundary: Boundary, setting: int) -> BrokenPowerLaw:
    """Weighted least squares of log y* = a + b log x + c max(0, log x − k), k by search.

    Columns are those where the fitted law is inside the grid, and count by what their profiles are
    there (`linearized_crossings`), for the reason that `fit_power_law` gives.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
    Returns:
        The law; its intervals come from refitting every draw, the break's position included.
    """
    measured = measured_columns(boundary, setting, kind="power", x_range=None)
    task = problem_of(boundary, setting, measured, kind="power")
    line = task.link.inverse(np.where(np.isfinite(measured.y), measured.y, np.nan))
    count = int(np.isfinite(line).sum())
    if count < MIN_COLUMNS_FOR_BREAK or not np.isfinite(measured.error).all():
        return BrokenPowerLaw(
            setting=setting,
            columns=count,
            below=None,
            above=None,
            break_x=None,
            log_constant=np.nan,
            chi2_gain=np.nan,
            preferred=False,
        )
    points = _columns(measured, line[None], task)
    for _ in range(REFINEMENTS):
        line = _line(*_search(points)[:2], measured.x)
        points = _columns(measured, linearized_crossings(task, line)[:1], task)
    points = _columns(measured, linearized_crossings(task, line), task)
    breaks, fits, loss = _search(points)
    count = len(points.x)
    single = _loss(points, np.stack([np.ones(count), points.x], axis=1))[1][0]
    gain = float((single - loss[0]) / max(1.0, loss[0] / max(count - 4, 1)))
    slopes = np.stack([fits[:, 1], fits[:, 1] + fits[:, 2]], axis=1)
    # One search makes the draws nonlinear, not a mix of many cells: its dof are those of the rest.
    calm = shrink_nonlinear(slopes, _two_lines(points, breaks[0]), 1.0)
    below, above, break_at = (
        estimate(float(one[0]), one[1:], boundary) for one in (*calm.T, breaks)
    )
    # Stretched in log x, where it is sought.
    at = Estimate(*np.exp([break_at.value, break_at.low, break_at.high]).tolist())
    preferred = gain > CHI2_GAIN_PER_LOG_COLUMNS * np.log(count)
    return BrokenPowerLaw(
        setting=setting,
        columns=count,
        below=below,
        above=above,
        break_x=at,
        log_constant=float(fits[0, 0]),
        chi2_gain=gain,
        preferred=bool(preferred),
    )


def find_break(points: FitColumns) -> float:
    """The x of the break in columns' y, by the search that fits a measured boundary.

    Args:
        points: at least MIN_COLUMNS_FOR_BREAK columns, with errors; draws are not read.
    Returns:
        In the values of x; NaN with fewer columns.
    """
    if len(points.x) < MIN_COLUMNS_FOR_BREAK:
        return np.nan
    breaks, _, _ = _search(points)
    return float(np.exp(breaks[0]))


def _columns(measured: FitColumns, rows: Floats, task: FitProblem) -> FitColumns:
    """The columns where the observed law's line (row 0) is finite, draws in the other rows."""
    ok = np.isfinite(rows[0])
    error = measured.error[ok] / task.link.derivative(rows[0, ok])
    return FitColumns(
        measured.x[ok], rows[0, ok], error, rows[1:, ok], measured.in_range, measured.columns[ok]
    )


def _line(breaks: Floats, fits: Floats, x: Floats) -> Floats:
    """The observed fit's log y* at log x."""
    return np.asarray(fits[0] @ np.stack([np.ones(len(x)), x, np.maximum(x - breaks[0], 0.0)]))


def _search(points: FitColumns) -> tuple[Floats, Floats, Floats]:
    """The best break for the observed crossings (row 0) and for each draw: log x, fit, and χ².

    The best of BREAK_CANDIDATES, then refined: near a break the law is linear in its position.
    """
    rows = len(points.draws) + 1
    breaks, fits, best = np.zeros(rows), np.zeros((rows, 3)), np.full(rows, np.inf)
    x, y = points.x, _rows(points)
    candidates = np.linspace(x[1], x[-2], BREAK_CANDIDATES)
    scaled = _broken(x, candidates) / points.error[:, None]
    for break_at, design, inverse in zip(candidates, scaled, np.linalg.pinv(scaled), strict=True):
        fit = y @ inverse.T
        loss = np.sum((y - fit @ design.T) ** 2, axis=1)
        better = loss < best
        breaks[better], fits[better], best[better] = break_at, fit[better], loss[better]
    return _refined(points, breaks, fits, best)


def _broken(x: Floats, breaks: Floats) -> Floats:
    """Designs of the law with its break at given places, (breaks, columns, 3)."""
    bent = np.maximum(x - breaks[:, None], 0.0)
    return np.stack([np.ones(bent.shape), np.broadcast_to(x, bent.shape), bent], axis=2)


def _refined(
    points: FitColumns, breaks: Floats, fits: Floats, best: Floats
) -> tuple[Floats, Floats, Floats]:
    """Each row's lines left and right of its break, which meet at the refined position.

    Kept where that lowers χ² and is between the same two columns.
    """
    rows, x = _rows(points), points.x
    split = np.searchsorted(x, breaks, side="right")
    for at in np.unique(split):
        here = split == at
        design = np.zeros((len(x), 4))
        design[:at, 0], design[:at, 1], design[at:, 2], design[at:, 3] = 1, x[:at], 1, x[at:]
        scaled = design / points.error[:, None]
        fit = rows[here] @ np.linalg.pinv(scaled).T
        loss = np.sum((rows[here] - fit @ scaled.T) ** 2, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            meet = (fit[:, 0] - fit[:, 2]) / (fit[:, 3] - fit[:, 1])
        low, high = x[at - 1], x[min(at, len(x) - 1)]
        good = (meet >= low) & (meet <= high) & (loss <= best[here])
        index = np.flatnonzero(here)[good]
        breaks[index], best[index] = meet[good], loss[good]
        fits[index] = np.stack([fit[:, 0], fit[:, 1], fit[:, 3] - fit[:, 1]], axis=1)[good]
    return breaks, fits, best


def _two_lines(points: FitColumns, break_at: float) -> Floats:
    """Slopes of free lines on both sides of a break, (rows, 2): to first order those of the law."""
    left, x = points.x <= break_at, points.x
    design = np.stack([left, left * x, ~left, ~left * x], axis=1) / points.error[:, None]
    return np.asarray(_rows(points) @ np.linalg.pinv(design).T[:, [1, 3]])


def _rows(points: FitColumns) -> Floats:
    """Observed crossings, then draws, in units of their errors."""
    return np.asarray(np.concatenate([points.y[None], points.draws]) / points.error)


def _loss(points: FitColumns, design: Floats) -> tuple[Floats, Floats]:
    """Weighted least-squares coefficients and χ² of the observed crossings and of each draw."""
    y = _rows(points)
    scaled = design / points.error[:, None]
    fit = y @ np.linalg.pinv(scaled).T
    return fit, np.sum((y - fit @ scaled.T) ** 2, axis=1)

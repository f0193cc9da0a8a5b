"""Curves: a measure's mean along x with its interval, the predicted one beside it, and its limit.

A line is one value of y in one setting. Where sizes of a system are settings, such as n, theory gives
their limit; a mean then differs from it by c/n, and the line that is compared with theory is the intercept
of a weighted straight line through the means over 1/n.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from analysis.cells.aggregate import aggregate
from analysis.cells.cells import Cells
from analysis.dataset.files import Dataset
from analysis.dataset.plane import Floats, setting_labels
from analysis.scaling.power_law import Estimate
from analysis.scaling.prediction import AGREES, DISAGREES, INCONCLUSIVE
from sweeps.declare.analysis_spec import AnalysisSpec, CurveSpec

CONFIDENCE = 0.95
RELATIVE_ROUNDING = 1e-6
"""Share of a line's largest value below which two of its values do not differ: a training that stops at a
tolerance leaves as much."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a curve, over x: shape (x,) each, NaN where there is none.

    `limit` says that it is the limit over the size that the spec names; `size` is that of a line that
    was measured, None without one. `power` is b of measure ∝ x^b, where one is predicted.
    """

    spec: CurveSpec
    y: float
    setting: str
    size: float | None
    limit: bool
    x: Floats
    mean: Floats
    half: Floats
    predicted: Floats
    replicates: int
    power: Estimate | None = None

    @property
    def judged(self) -> np.ndarray:
        """Where both are finite, and theory can be compared with the measured value, shape (x,)."""
        return np.isfinite(self.mean) & np.isfinite(self.half) & np.isfinite(self.predicted)

    @property
    def within(self) -> np.ndarray:
        """Where the predicted value is within the interval, shape (x,)."""
        largest = np.nanmax(np.abs(self.predicted), initial=0.0)
        return np.asarray(
            np.abs(self.mean - self.predicted) <= self.half + RELATIVE_ROUNDING * largest
        )


@dataclass(frozen=True)
class Agreement:
    """How a line agrees with theory: points judged, points within, and the largest relative difference."""

    points: int
    within: int
    low: float
    high: float
    largest: float
    verdict: str


def curve_lines(dataset: Dataset, view: AnalysisSpec, spec: CurveSpec) -> list[Line]:
    """Every line of a curve, those measured first, then their limits.

    Args:
        dataset: the runs.
        view: names x and y.
        spec: measure, predicted measure, and size.
    Raises:
        AnalysisError: as `aggregate` raises it.
    """
    cells = aggregate(dataset, replace(view, measure=spec.measure))
    predicted = np.full(cells.mean.shape, np.nan)
    if spec.predicted is not None:
        predicted = aggregate(dataset, replace(view, measure=spec.predicted)).mean
    measured = list(_measured(cells, predicted, spec))
    return [*measured, *_limits(measured, spec)]


def agreement(line: Line) -> Agreement | None:
    """How often theory's value is within a line's intervals; None where nothing can be compared.

    It agrees where that share may be CONFIDENCE: where the upper end of its Clopper–Pearson interval is.
    """
    judged = line.judged
    points, within = int(judged.sum()), int((line.within & judged).sum())
    if not points:
        return None
    from scipy import stats  # takes as long to import as all else here, and few reports have curves

    ends = stats.binomtest(within, points).proportion_ci(CONFIDENCE)
    scale = np.where(line.predicted[judged] == 0, np.inf, np.abs(line.predicted[judged]))
    largest = float(np.max(np.abs(line.mean - line.predicted)[judged] / scale))
    outcome = AGREES if ends.high >= CONFIDENCE else DISAGREES
    verdict = outcome if points >= MIN_POINTS else INCONCLUSIVE
    return Agreement(points, within, float(ends.low), float(ends.high), largest, verdict)


MIN_POINTS = 4
"""Points that a verdict needs at least."""


def _measured(cells: Cells, predicted: Floats, spec: CurveSpec) -> Iterator[Line]:
    used = cells.used
    student = special.stdtrit(np.maximum(used - 1, 1), (1 + CONFIDENCE) / 2)
    half = student * cells.standard_error
    others = setting_labels(
        [{k: v for k, v in one.items() if k != spec.limit} for one in cells.plane.setting_values]
    )
    for s, values in enumerate(cells.plane.setting_values):
        size = values.get(spec.limit) if spec.limit else None
        for j, y in enumerate(cells.plane.y.values):
            yield Line(
                spec,
                float(y),
                others[s],
                None if size is None else float(size),
                False,
                cells.plane.x.values,
                cells.mean[s, :, j],
                half[s, :, j],
                predicted[s, :, j],
                int(used[s, :, j].max(initial=0)),
                None
                if spec.power is None
                else mean_power(cells.plane.x.values, cells.values[s, :, j]),
            )


def mean_power(x: Floats, values: Floats) -> Estimate | None:
    """b of value ∝ x^b: the mean of every replicate's own least squares, with Student's interval.

    Replicates may share their draws over x, so that points of one line depend on each other; lines of
    unlike replicates do not.

    Args:
        x: abscissas, > 0, shape (x,).
        values: shape (x, replicates); those with a value that is not positive are left out.
    Returns:
        None with fewer than two abscissas or two replicates.
    """
    used = values[:, (values > 0).all(axis=0)]
    if len(x) < 2 or used.shape[1] < 2 or (x <= 0).any():
        return None
    u = np.log(x) - np.log(x).mean()
    slopes = u @ np.log(used) / (u @ u)
    count = slopes.size
    half = special.stdtrit(count - 1, (1 + CONFIDENCE) / 2) * slopes.std(ddof=1) / np.sqrt(count)
    mean = float(slopes.mean())
    return Estimate(mean, mean - float(half), mean + float(half))


def _limits(lines: list[Line], spec: CurveSpec) -> Iterator[Line]:
    """The limit of each group of lines that differ in their size alone."""
    if spec.limit is None:
        return
    for first in dict.fromkeys((line.y, line.setting) for line in lines):
        group = [line for line in lines if (line.y, line.setting) == first]
        if len(group) > 1:
            sizes = np.array([line.size for line in group], dtype=np.float64)
            mean, half = _intercept(1 / sizes, group)
            largest = group[int(np.argmax(sizes))]
            if spec.predicted is not None:  # null at a pole, where there is no limit
                mean = np.where(np.isfinite(largest.predicted), mean, np.nan)
            yield replace(largest, limit=True, mean=mean, half=half, size=None)


def _intercept(inverse: Floats, group: list[Line]) -> tuple[Floats, Floats]:
    """Value at 1/size = 0 of a weighted straight line over 1/size, and its interval's half width.

    The weights are taken from the means' own errors; a line through more than two sizes that scatters
    more than they do has its interval widened by that.
    """
    values, halves = (
        np.stack([getattr(line, name) for line in group]) for name in ("mean", "half")
    )
    floor = RELATIVE_ROUNDING * np.nanmax(np.abs(values), initial=1e-300)
    weights = 1 / np.maximum(halves, floor) ** 2
    total, u = weights.sum(0), inverse[:, None]
    centre = (weights * u).sum(0) / total
    spread = (weights * (u - centre) ** 2).sum(0)
    level = (weights * values).sum(0) / total
    slope = (weights * (u - centre) * values).sum(0) / spread
    intercept = level - slope * centre
    half = np.sqrt(1 / total + centre**2 / spread)
    if len(group) > 2:
        residual = (weights * (values - level - slope * (u - centre)) ** 2).sum(0)
        normal = special.ndtri((1 + CONFIDENCE) / 2)
        half = half * np.sqrt(np.maximum(1, normal**2 * residual / (len(group) - 2)))
    return intercept, half

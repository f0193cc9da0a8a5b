"""Theory's table: prediction, measured value, interval and verdict, with the sweep it came from."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.boundary.mean_crossing import Boundary
from analysis.dataset.plane import Floats
from analysis.scaling.power_law import Estimate, closed_columns, estimate
from analysis.scaling.prediction import (
    AGREES,
    AGREES_AT_FINITE_SIZE,
    DISAGREES,
    INCONCLUSIVE,
    MIN_COLUMNS_TO_JUDGE,
    POOR_FIT,
    compare,
    is_poor_fit,
    judge_slope,
)
from sweeps.declare.analysis_spec import PredictionSpec

# A predicted line whose constant is known only to this factor is not tested.
WIDEST_FACTOR = 2.0
# Share of an exponent's columns of which a predicted line must speak to explain it.
MIN_SHARE_EXPLAINED = 0.75


@dataclass(frozen=True)
class Verdict:
    """One prediction against one measured boundary.

    `quantity` is "exponent"; "exponent at finite size", that of the predicted y* over the same columns; or
    "factor": measured over predicted y*, which a predicted line says is 1. `reason` says why the comparison
    is inconclusive, or that the columns scatter too much about the law.
    """

    prediction: str
    source: str
    sweep: str
    level: float
    definition: str
    setting: str
    quantity: str
    predicted: float
    measured: Estimate | None
    columns: int
    decades: float  # of x that the columns cover
    verdict: str
    reason: str


def judge(
    boundary: Boundary,
    setting: int,
    *,
    theory: PredictionSpec,
    predicted: Floats | None,
    sweep: str,
) -> list[Verdict]:
    """All that a prediction states, against one measured boundary.

    Where the fitted exponent is not the asymptotic one, and that of the predicted line at the sizes of the
    sweep agrees and is nearer by half at least, the exponent's verdict says so.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        theory: the prediction.
        predicted: y* of each column, shape (x,), where theory states one.
        sweep: name of the sweep.
    """
    verdicts = []
    if theory.exponent is not None:
        verdicts.append(judge_exponent(boundary, setting, theory=theory, sweep=sweep))
    if predicted is not None:
        line = judge_finite_exponent(
            boundary, setting, predicted=predicted, theory=theory, sweep=sweep
        )
        if verdicts and verdicts[0].verdict == DISAGREES and _explains(line, verdicts[0]):
            verdicts[0] = replace(verdicts[0], verdict=AGREES_AT_FINITE_SIZE)
        factor = judge_line(boundary, setting, predicted=predicted, theory=theory, sweep=sweep)
        verdicts += [line, factor]
    return verdicts


def judge_finite_exponent(
    boundary: Boundary, setting: int, *, predicted: Floats, theory: PredictionSpec, sweep: str
) -> Verdict:
    """The slope of the crossings over the columns of which theory speaks, against the predicted line's.

    Both are weighted least squares of log y* in log x over the same columns, so that they can be compared
    where the boundary is bent and no power law. A line claimed to be within a share w has a slope to
    within 2 log(1 + w) / log(x_max/x_min).

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        predicted: y* of each column, shape (x,), NaN where theory is silent.
        theory: its name, range, accuracy and source.
        sweep: name of the sweep.
    """
    points = closed_columns(boundary, setting, kind="power", x_range=theory.x_range)
    line = predicted[points.columns]
    ok = (line > 0) & np.isfinite(line)
    x, count = points.x[ok], int(ok.sum())
    exponent, measured, tolerance = np.nan, None, 0.0
    if count >= MIN_COLUMNS_TO_JUDGE:
        rows = np.concatenate([np.log(line[None]), points.y[None], points.draws])[:, ok]
        slopes = _slopes(rows, x, points.error[ok])
        exponent = round(float(slopes[0]), 9) + 0.0  # a flat line's is not 10⁻¹⁷
        measured = estimate(float(slopes[1]), slopes[2:], boundary)
        tolerance = float(2 * np.log1p(theory.within) / np.ptp(x))
    verdict, reason = judge_slope(measured, exponent, log_x=x, columns=count, tolerance=tolerance)
    return Verdict(
        **_subject(boundary, setting, theory, sweep),
        quantity="exponent at finite size",
        predicted=exponent,
        measured=measured,
        columns=count,
        decades=decades(np.exp(x)),
        verdict=verdict,
        reason=reason,
    )


def _slopes(rows: Floats, x: Floats, error: Floats) -> Floats:
    """Slopes in x by weighted least squares of rows, shape (rows, columns), over their finite columns."""
    ok = np.isfinite(rows)
    weights = np.where(ok, 1 / error**2, 0.0)
    weights /= weights.sum(1, keepdims=True)
    y = np.where(ok, rows, 0.0)
    aside = x - (weights * x).sum(1, keepdims=True)
    return np.asarray((weights * aside * y).sum(1) / (weights * aside**2).sum(1))


def _explains(line: Verdict, exponent: Verdict) -> bool:
    """Whether a predicted line agrees, over nearly all columns of the fitted exponent, and is nearer."""
    if line.verdict != AGREES or line.columns < MIN_SHARE_EXPLAINED * exponent.columns:
        return False
    assert exponent.measured is not None
    measured = exponent.measured
    asymptotic, finite = (
        max(measured.low - predicted, predicted - measured.high, 0.0)
        for predicted in (exponent.predicted, line.predicted)
    )
    return 2 * finite <= asymptotic


def judge_exponent(
    boundary: Boundary, setting: int, *, theory: PredictionSpec, sweep: str
) -> Verdict:
    """The exponent of a power law over theory's range against the predicted one.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        theory: the predicted exponent, and its range.
        sweep: name of the sweep.
    """
    found = compare(boundary, setting, theory=theory)
    notes = [found.reason] if found.reason else []
    if is_poor_fit(found.law):
        notes.append(POOR_FIT)
    points = closed_columns(boundary, setting, kind="power", x_range=theory.x_range)
    return Verdict(
        **_subject(boundary, setting, theory, sweep),
        quantity="exponent",
        predicted=found.exponent,
        measured=found.law.slope,
        columns=found.law.columns,
        decades=decades(np.exp(points.x)),
        verdict=found.verdict,
        reason="; ".join(notes),
    )


def judge_line(
    boundary: Boundary, setting: int, *, predicted: Floats, theory: PredictionSpec, sweep: str
) -> Verdict:
    """A predicted line y*(x), constant and all, against the measured boundary.

    Args:
        boundary: crossings and draws.
        setting: position of the setting.
        predicted: y* of each column, shape (x,), NaN where theory is silent; e.g. `columns.along_x`.
        theory: its name, range, accuracy and source; its exponent is not used.
        sweep: what the boundary was measured in.
    """
    points = closed_columns(boundary, setting, kind="power", x_range=theory.x_range)
    line = predicted[points.columns]
    ok = (line > 0) & np.isfinite(line)
    measured = _factor(
        boundary, points.y[ok], points.draws[:, ok], error=points.error[ok], line=line[ok]
    )
    verdict, reason = _judge_factor(measured, int(ok.sum()), within=theory.within)
    return Verdict(
        **_subject(boundary, setting, theory, sweep),
        quantity="factor",
        predicted=1.0,
        measured=measured,
        columns=int(ok.sum()),
        decades=decades(np.exp(points.x[ok])),
        verdict=verdict,
        reason=reason,
    )


def _subject(
    boundary: Boundary, setting: int, theory: PredictionSpec, sweep: str
) -> dict[str, Any]:
    """What is judged: the fields of a verdict that name the prediction and the boundary."""
    return {
        "prediction": theory.name,
        "source": theory.source,
        "sweep": sweep,
        "level": boundary.level,
        "definition": boundary.definition,
        "setting": boundary.plane.settings[setting],
    }


def decades(x: Floats) -> float:
    """Powers of ten that values span; 0 for fewer than two."""
    return float(np.log10(x.max() / x.min())) if len(x) > 1 else 0.0


def _factor(
    boundary: Boundary, log_y: Floats, draws: Floats, *, error: Floats, line: Floats
) -> Estimate | None:
    """Weighted mean of measured over predicted, with its interval."""
    if not len(line):
        return None
    rows = np.concatenate([log_y[None], draws]) - np.log(line)
    ok = np.isfinite(rows)
    weights = np.where(ok, 1 / error**2, 0.0)
    means = (weights * np.where(ok, rows, 0.0)).sum(1) / weights.sum(1)
    logs = estimate(float(means[0]), means[1:], boundary)
    return Estimate(*(float(np.exp(v)) for v in (logs.value, logs.low, logs.high)))


def _judge_factor(measured: Estimate | None, columns: int, *, within: float) -> tuple[str, str]:
    if measured is None or columns < MIN_COLUMNS_TO_JUDGE:
        return INCONCLUSIVE, f"{columns} of at least {MIN_COLUMNS_TO_JUDGE} columns"
    if not measured.high / measured.low <= WIDEST_FACTOR:
        return INCONCLUSIVE, "interval too wide"
    agrees = measured.low <= 1 + within and measured.high >= 1 / (1 + within)
    return (AGREES if agrees else DISAGREES), ""

"""The section of curves: figures, verdicts on their predicted curves, and every point."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from analysis.dataset.plane import PlaneAxis
from analysis.figures.curves import draw_curves
from analysis.report.page import row_table
from analysis.report.section import Picture, Section, Subject, file_names
from analysis.report.tables import Row, estimate_columns
from analysis.scaling.prediction import AGREES, DISAGREES
from analysis.training.curves import Line, agreement, curve_lines
from analysis.training.learning_curves import recorded_lines
from sweeps.declare.analysis_spec import CurveSpec


class Curve(NamedTuple):
    """A curve's lines, its abscissa, the axis whose values its lines are of, and its label."""

    lines: list[Line]
    x: PlaneAxis
    of: str
    label: str


def curve_section(subject: Subject) -> Iterator[Section]:
    """Every curve that the sweep asks for, beside what is predicted of it."""
    found = subject.findings
    curves = [one for spec in found.view.curves for one in _curves(subject, spec)]
    if not curves:
        return
    names = file_names(f"curve-{curve.lines[0].spec.measure}" for curve in curves)
    verdicts, finite = _verdicts(curves, found.dataset.sweep.name)
    yield Section(
        "Curves",
        "Dots are means over the replicates with 95 % intervals, lines what is predicted. Where several "
        "sizes were trained, rings are the means followed along 1/size to their limit, of which theory "
        "speaks. A line agrees where the predicted value lies within as many intervals as it should.",
        pictures=[
            Picture(
                name,
                f"{curve.label} along {curve.x.name}",
                draw_curves(curve.lines, curve.x, labels=(curve.label, curve.of)),
            )
            for name, curve in zip(names, curves, strict=True)
        ],
        tables=[
            row_table("curve-verdicts", "Curves beside what is predicted", verdicts),
            row_table("curve-sizes", "The same of every finite size", finite, folded=True),
            row_table("curves", "Every point", _points(curves), folded=True),
        ],
    )


def _curves(subject: Subject, spec: CurveSpec) -> Iterator[Curve]:
    """The curve that is asked for; none where it was to be recorded and was not."""
    found, view = subject.findings, subject.findings.view
    if not spec.recorded:
        lines, plane = curve_lines(found.dataset, view, spec), found.cells.plane
        yield Curve(lines, plane.x, plane.y.name, found.dataset.label(spec.measure))
        return
    where = subject.provenance.location
    lines, steps = recorded_lines(where, found.dataset.sweep, spec, over=view.x)
    if steps is not None:
        yield Curve(lines, steps, view.x, found.dataset.label(spec.measure))


def _points(curves: Sequence[Curve]) -> list[Row]:
    """Every point of all curves, with the same columns."""
    found = [
        row
        for curve in curves
        for line in curve.lines
        for row in rows(line, (curve.x.name, curve.of))
    ]
    names = dict.fromkeys(name for row in found for name in row)
    return [{name: row.get(name) for name in names} for row in found]


def _verdicts(curves: Sequence[Curve], sweep: str) -> tuple[list[Row], list[Row]]:
    """Verdicts on what theory speaks of, and on finite sizes where that is their limit."""
    limits, finite = (
        [
            row
            for curve in curves
            for line in curve.lines
            if line.limit == kind and (row := verdict_row(line, curve.of, sweep))
        ]
        for kind in (True, False)
    )
    powers = [
        row
        for curve in curves
        for line in curve.lines
        if (row := power_row(line, (curve.x.name, curve.of), sweep))
    ]
    return ([*limits, *powers], finite) if limits else ([*finite, *powers], [])


def power_row(line: Line, names: tuple[str, str], sweep: str) -> Row | None:
    """The power of x that a line follows beside the predicted one; None without either."""
    if line.spec.power is None or line.power is None:
        return None
    agrees = line.power.low <= line.spec.power <= line.power.high
    return {
        "prediction": f"{line.spec.measure} ∝ {names[0]}^{line.spec.power:g}",
        "quantity": f"power of {names[0]}",
        "predicted": line.spec.power,
        **estimate_columns("measured", line.power),
        "verdict": AGREES if agrees else DISAGREES,
        "reason": f"{names[0]} from {line.x[0]:g} to {line.x[-1]:g}",
        "setting": _place(line, names[1]),
        "sweep": sweep,
        "source": line.spec.source or None,
    }


def verdict_row(line: Line, y_name: str, sweep: str) -> Row | None:
    """How one line agrees with what is predicted, in the columns of theory's table; None without."""
    told = agreement(line)
    if told is None:
        return None
    worst = (
        f"{told.within} of {told.points} points; the largest relative difference is "
        f"{told.largest:.2g}"
    )
    return {
        "prediction": f"{line.spec.measure} = {line.spec.predicted}",
        "quantity": "share of intervals that hold it",
        "predicted": 0.95,
        "measured": told.within / told.points,
        "measured_low": told.low,
        "measured_high": told.high,
        "verdict": told.verdict,
        "reason": worst,
        "setting": _place(line, y_name),
        "sweep": sweep,
        "source": line.spec.source or None,
    }


def rows(line: Line, names: tuple[str, str]) -> list[Row]:
    """One row a point of a line."""
    return [
        {
            "measure": line.spec.measure,
            names[1]: line.y,
            "setting": line.setting or None,
            "size": "limit" if line.limit else _size(line) or None,
            names[0]: float(x),
            "mean": _finite(mean),
            "low": _finite(mean - half),
            "high": _finite(mean + half),
            "predicted": _finite(predicted),
            "replicates": line.replicates,
        }
        for x, mean, half, predicted in zip(
            line.x, line.mean, line.half, line.predicted, strict=True
        )
    ]


def _place(line: Line, y_name: str) -> str:
    """Which line it is, in words."""
    size = f"limit over {line.spec.limit}" if line.limit else _size(line)
    return ", ".join(filter(None, (f"{y_name} = {line.y:g}", line.setting, size)))


def _size(line: Line) -> str:
    return f"{line.spec.limit} = {line.size:g}" if line.size is not None else ""


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

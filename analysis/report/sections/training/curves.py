"""Every curve that the sweep requests, beside its prediction."""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from analysis.dataset.plane import PlaneAxis
from analysis.figures.curves import draw_curves
from analysis.report.blocks import FigureBlock, TableBlock, file_names, table_of_rows
from analysis.report.findings import Finding, judged_findings
from analysis.report.predictions import Prediction, PredictionFile, prediction_table
from analysis.report.rows import TableRow, finite
from analysis.report.section import Section
from analysis.report.words import estimate_words
from analysis.scaling.power_law import Estimate
from analysis.scaling.prediction import AGREES, DISAGREES
from analysis.training.curves import CONFIDENCE, Line, agreement, curve_lines
from analysis.training.learning_curves import recorded_lines
from sweeps.declare.analysis_spec import CurveSpec

CURVE_VERDICT_COLUMNS = (
    *("prediction", "quantity", "predicted", "measured", "verdict", "reason", "setting"),
    *("sweep", "source"),
)


class MeasuredCurve(NamedTuple):
    """A curve's lines, its abscissa, the axis whose values its lines are of, and its label."""

    lines: list[Line]
    x: PlaneAxis
    line_axis: str
    label: str


class CurveLine(NamedTuple):
    """One line of a curve."""

    curve: MeasuredCurve
    line: Line

    @property
    def name(self) -> str:
        """Which line it is, in words."""
        line = self.line
        size = f"limit over {line.spec.limit}" if line.limit else size_words(line)
        value = f"{self.curve.line_axis} = {line.y:g}"
        return ", ".join(filter(None, (value, line.setting, size)))


class MeasuredCurves(Section):
    """Measures along x or along the training."""

    title = "Curves"

    @cached_property
    def curves(self) -> list[MeasuredCurve]:
        """The curves that were measured: one that was to be recorded may not have been."""
        return [one for spec in self.results.spec.curves for one in self._measured(spec)]

    @property
    def lines(self) -> list[CurveLine]:
        """The lines of all curves."""
        return [CurveLine(curve, line) for curve in self.curves for line in curve.lines]

    @cached_property
    def shares(self) -> dict[bool, list[Prediction]]:
        """How often intervals contain the predicted value: in limits (True) and in measured lines."""
        return {
            kind: [
                found
                for one in self.lines
                if one.line.limit is kind and (found := share_prediction(one))
            ]
            for kind in (True, False)
        }

    def is_empty(self) -> bool:
        return not self.curves

    def words(self) -> str:
        """How to read what is there: dots; lines and rings, and when a line agrees."""
        specs = [one.line.spec for one in self.lines]
        parts = ["Dots are means over the replicates with 95 % intervals."]
        if any(spec.predicted or spec.power is not None for spec in specs):
            parts.append(
                "Lines are predictions: one agrees where the share of intervals that contain the predicted "
                "value may be 95 %."
            )
        if any(spec.limit for spec in specs):
            parts.append(
                "Rings are the means extrapolated along 1/size to their limit, which theory predicts."
            )
        return " ".join(parts)

    def figures(self) -> list[FigureBlock]:
        """One figure a measure."""
        names = file_names(f"curve-{curve.lines[0].spec.measure}" for curve in self.curves)
        return [
            FigureBlock(
                name,
                f"{curve.label} along {curve.x.name}",
                partial(draw_curves, curve.lines, curve.x, labels=(curve.label, curve.line_axis)),
                on_card=curve is self.curves[0] and not self.results.spec.levels,
            )
            for name, curve in zip(names, self.curves, strict=True)
        ]

    def tables(self) -> list[TableBlock]:
        """Verdicts on what theory is of, on finite sizes, and every point."""
        verdicts, finite_sizes = (
            PredictionFile(name, CURVE_VERDICT_COLUMNS, self.results.sweep)
            for name in ("curve-verdicts", "curve-sizes")
        )
        # Where there are limits, theory is of them and not of the finite sizes.
        sizes = self.shares[False] if self.shares[True] else []
        return [
            prediction_table(verdicts, "Curves beside predictions", self.predictions()),
            prediction_table(finite_sizes, "The same of every finite size", sizes, folded=True),
            table_of_rows("curves", "Every point", point_rows(self.lines), folded=True),
        ]

    def findings(self) -> list[Finding]:
        """Shares and powers beside predictions; without any, how a line begins and ends."""
        found = judged_findings(self.predictions(), curve_subject)
        return found or [ends_finding(one) for one in self.lines[:1]]

    def predictions(self) -> Iterator[Prediction]:
        yield from self.shares[True] or self.shares[False]
        for one in self.lines:
            if found := power_prediction(one):
                yield found

    def _measured(self, spec: CurveSpec) -> Iterator[MeasuredCurve]:
        dataset, plane, label = self.results.dataset, self.results.cells.plane, spec.measure
        if not spec.recorded:
            lines = curve_lines(dataset, self.results.spec, spec)
            yield MeasuredCurve(lines, plane.x, plane.y.name, dataset.label(label))
            return
        folder, over = self.results.provenance.location, self.results.spec.x
        lines, steps = recorded_lines(folder, dataset.sweep, spec, over=over)
        if steps is not None:
            yield MeasuredCurve(lines, steps, over, dataset.label(label))


def power_prediction(one: CurveLine) -> Prediction | None:
    """The power of x that a line follows beside the predicted one; None without either."""
    line, x = one.line, one.curve.x.name
    spec = line.spec
    if spec.power is None or line.power is None:
        return None
    agrees = line.power.low <= spec.power <= line.power.high
    return Prediction(
        prediction=f"{spec.measure} ∝ {x}^{spec.power:g}",
        quantity=f"power of {x}",
        predicted=spec.power,
        measured=line.power,
        verdict=AGREES if agrees else DISAGREES,
        reason=f"{x} from {line.x[0]:g} to {line.x[-1]:g}",
        setting=one.name,
        source=spec.source or None,
    )


def share_prediction(one: CurveLine) -> Prediction | None:
    """The share of a line's intervals that contain the predicted value; None without a prediction."""
    spec, found = one.line.spec, agreement(one.line)
    if found is None:
        return None
    return Prediction(
        prediction=f"{spec.measure} = {spec.predicted}",
        quantity="share of intervals that contain it",
        predicted=CONFIDENCE,
        measured=Estimate(found.within / found.points, found.low, found.high),
        verdict=found.verdict,
        reason=f"{found.within} of {found.points} points; the largest relative difference is "
        f"{found.largest:.2g}",
        setting=one.name,
        source=spec.source or None,
    )


def curve_subject(one: Prediction) -> str:
    """What is measured of a curve, in words."""
    if one.quantity == "share of intervals that contain it":
        return f"Share of 95 % intervals that contain the prediction {one.prediction}"
    return f"{one.quantity[:1].upper()}{one.quantity[1:]} in {one.prediction}"


def ends_finding(one: CurveLine) -> Finding:
    """A line's first and last mean, with their intervals."""
    x, line = one.curve.x.name, one.line
    known = np.flatnonzero(np.isfinite(line.mean))
    ends = (
        f"{estimate_words(Estimate(at, at - line.half[k], at + line.half[k]))} at {x} = {line.x[k]:g}"
        for k in dict.fromkeys(known[[0, -1]] if len(known) else ())
        for at in (line.mean[k],)
    )
    return Finding(f"{one.curve.label}, {one.name}: {', '.join(ends) or 'no mean'}")


def point_rows(lines: list[CurveLine]) -> list[TableRow]:
    """Every point of all lines, with the same columns."""
    rows = [row for one in lines for row in line_rows(one)]
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]


def line_rows(one: CurveLine) -> list[TableRow]:
    """One row a point of a line."""
    curve, line = one
    return [
        {
            "measure": line.spec.measure,
            curve.line_axis: line.y,
            "setting": line.setting or None,
            "size": "limit" if line.limit else size_words(line) or None,
            curve.x.name: float(x),
            "mean": finite(mean),
            "low": finite(mean - half),
            "high": finite(mean + half),
            "predicted": finite(predicted),
            "replicates": line.replicates,
        }
        for x, mean, half, predicted in zip(
            line.x, line.mean, line.half, line.predicted, strict=True
        )
    ]


def size_words(line: Line) -> str:
    """The size that a line was measured at; empty where sizes do not matter."""
    return f"{line.spec.limit} = {line.size:g}" if line.size is not None else ""

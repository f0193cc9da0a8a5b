"""Every prediction compared with every boundary: its exponent, and its position where it states one."""

from collections.abc import Iterator
from functools import cached_property
from itertools import zip_longest

from analysis.dataset.plane import exact
from analysis.report.blocks import TableBlock
from analysis.report.findings import Finding, judged_findings
from analysis.report.predictions import Prediction
from analysis.report.rows import TableRow
from analysis.report.section import Section, has_levels
from analysis.report.words import estimate_words, setting_words
from analysis.scaling.verdict import Verdict, judge
from sweeps.declare.analysis_spec import PredictionSpec

THEORY_VERDICT_COLUMNS = (
    *("prediction", "quantity", "predicted", "measured", "verdict", "reason", "level"),
    *("definition", "setting"),
)


class TheoryVerdicts(Section):
    """Predicted boundaries beside measured ones."""

    title = "Theory"
    needs = (has_levels,)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The verdicts of each prediction, by boundary and setting."""
        return [one for theory in self.results.spec.theory for one in self._judge(theory)]

    def is_empty(self) -> bool:
        return not self.verdicts

    def words(self) -> str:
        """What is compared, and what is inconclusive."""
        return (
            "Prediction beside measured value and interval. A comparison is inconclusive where the "
            "interval is too wide, the range of x too narrow or the columns too few. An exponent is for "
            "n, d → ∞; where theory also states the boundary at the sizes of the sweep, the exponent of "
            "that line over the same columns follows, and the factor of measured over predicted position. "
            "The boundary of half of the runs has a prediction of its own, where theory has one."
        )

    def tables(self) -> list[TableBlock]:
        """All verdicts."""
        header = (
            *("prediction", "predicted", "measured", "verdict", "boundary", "setting"),
            *("columns, decades", "source"),
        )
        rows = [verdict_row(one) for one in self.verdicts]
        cells = [verdict_cells(one) for one in self.verdicts]
        return [TableBlock("theory", self.title, rows, header, cells)]

    def findings(self) -> list[Finding]:
        """Exponent and position of the mean's boundary at the first level, by prediction."""
        boundary = self.results.levels[0].boundary
        at = (boundary.level, boundary.definition)
        judged = [one for one in self.verdicts if (one.level, one.definition) == at]
        subjects = {
            "exponent": f"Exponent of the boundary in {boundary.plane.x.name}",
            "factor": "Measured over predicted position of the boundary",
        }
        by_quantity = (
            judged_findings(
                (prediction_of(one) for one in judged if one.quantity == quantity),
                lambda one: subjects[one.quantity],
                by_name=True,
            )
            for quantity in subjects
        )
        return [one for pair in zip_longest(*by_quantity) for one in pair if one is not None]

    def predictions(self) -> Iterator[Prediction]:
        yield from map(prediction_of, self.verdicts)

    def _judge(self, theory: PredictionSpec) -> Iterator[Verdict]:
        results = self.results
        of_means = [one.predicted.get(theory) for one in results.levels]
        boundaries = (*results.boundaries, *results.median_boundaries)
        lines = (*of_means, *results.predicted_medians(theory))
        for boundary, line in zip(boundaries, lines, strict=True):
            for s in range(len(results.cells.plane.settings)):
                if not theory.is_for(results.cells.plane.values_of(s)):
                    continue
                predicted = None if line is None else line[s]
                yield from judge(
                    boundary, s, theory=theory, predicted=predicted, sweep=results.sweep
                )


def prediction_of(verdict: Verdict) -> Prediction:
    """A verdict in the form of all predictions."""
    return Prediction(
        prediction=verdict.prediction,
        quantity=verdict.quantity,
        predicted=verdict.predicted,
        measured=verdict.measured,
        verdict=verdict.verdict,
        reason=verdict.reason or None,
        level=verdict.level,
        definition=verdict.definition,
        setting=verdict.setting,
        source=verdict.source,
    )


def verdict_row(verdict: Verdict) -> TableRow:
    """One prediction, level, definition and setting: theory beside what was measured."""
    return {
        **prediction_of(verdict).columns(verdict.sweep, THEORY_VERDICT_COLUMNS),
        "columns": verdict.columns,
        "decades": verdict.decades,
        "sweep": verdict.sweep,
        "source": verdict.source,
    }


def verdict_cells(verdict: Verdict) -> list[str]:
    """A verdict as people read it."""
    return [
        verdict.prediction,
        f"{verdict.quantity} {verdict.predicted:g}",
        estimate_words(verdict.measured) or "none",
        ": ".join(filter(None, (verdict.verdict, verdict.reason))),
        f"{exact(verdict.level)}, {verdict.definition}",
        setting_words(verdict.setting),
        f"{verdict.columns}, {verdict.decades:.1f}",
        verdict.source,
    ]

"""Fitted quantities followed over a setting, beside theory's predictions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

from analysis.figures.trends import QUANTITY_WORDS, draw_trends
from analysis.report.blocks import (
    MAX_OPEN_ROWS,
    FigureBlock,
    TableBlock,
    file_names,
    table_of_rows,
)
from analysis.report.findings import Finding, judged_findings
from analysis.report.predictions import Prediction, PredictionFile, prediction_table
from analysis.report.rows import TableRow, estimate_columns, finite
from analysis.report.section import Section, has_levels
from analysis.scaling.predicted_trend import predicted_power, predicted_values
from analysis.scaling.trend import Trend, follow, judge_number
from sweeps.declare.analysis_spec import PredictionSpec

PREDICTED = "predicted at finite size"
"""Column of a quantity as fitted to a predicted boundary."""

TREND_VERDICT_COLUMNS = (
    *("prediction", "quantity", "predicted", "measured", "verdict", "reason", "level", "setting"),
    *("sweep", "source"),
)


class Trends(Section):
    """Every quantity that the sweep follows over a setting."""

    title = "Trends over settings"
    needs = (has_levels,)

    @cached_property
    def groups(self) -> list[list[Trend]]:
        """Trends of one quantity and setting, each group at least one."""
        groups = (
            [trend for boundary in self.results.boundaries for trend in follow(boundary, spec)]
            for spec in self.results.spec.across
        )
        return [group for group in groups if group]

    @property
    def trends(self) -> list[Trend]:
        """All trends."""
        return [trend for group in self.groups for trend in group]

    def is_empty(self) -> bool:
        return not self.groups

    def words(self) -> str:
        return (
            "What was fitted in each setting, followed over the settings. A power of the setting is fitted "
            "to all values; a limit is compared with the last one. Where theory states the boundary at the "
            "sizes of the sweep, the same is fitted to that line, over the same columns."
        )

    def figures(self) -> list[FigureBlock]:
        """One figure a quantity and setting."""
        specs = [group[0].spec for group in self.groups]
        names = file_names(f"{spec.of}-over-{spec.setting}" for spec in specs)
        return [
            FigureBlock(
                name,
                f"The {QUANTITY_WORDS.get(spec.of, spec.of)} over {spec.setting}",
                partial(draw_trends, group),
            )
            for name, spec, group in zip(names, specs, self.groups, strict=True)
        ]

    def tables(self) -> list[TableBlock]:
        """What theory states, and every value."""
        verdicts = PredictionFile("trend-verdicts", TREND_VERDICT_COLUMNS, self.results.sweep)
        rows = [row for trend in self.trends for row in trend_rows(trend, self._at_sizes(trend))]
        folded = len(rows) > MAX_OPEN_ROWS
        return [
            prediction_table(verdicts, "Powers and limits, beside theory", self.predictions()),
            table_of_rows("trends", "The quantity in each setting", rows, folded=folded),
        ]

    def findings(self) -> list[Finding]:
        """Powers and limits at the first level that something is predicted of."""
        first = self.results.boundaries[0].level
        judged = [one for one in self.trends if one.verdict and one.level == first]
        return judged_findings(map(trend_prediction, judged), lambda one: _capital(one.prediction))

    def predictions(self) -> Iterator[Prediction]:
        for trend in self.trends:
            if trend.verdict:
                yield trend_prediction(trend)
                yield from self._of_finite_size(trend)

    def _at_sizes(self, trend: Trend) -> dict[PredictionSpec, tuple[float, ...]]:
        """The values of each prediction that states the boundary at the sizes of the sweep."""
        level = next(one for one in self.results.levels if one.boundary.level == trend.level)
        return {
            theory: predicted_values(level.boundary, trend, line)
            for theory, line in level.predicted.items()
        }

    def _of_finite_size(self, trend: Trend) -> Iterator[Prediction]:
        """What is predicted at the sizes of the sweep, beside what was measured."""
        asymptotic, confidence = trend_prediction(trend), self.results.resampling.confidence
        for theory, values in self._at_sizes(trend).items():
            is_power = trend.spec.exponent is not None
            value = predicted_power(trend, values, confidence) if is_power else finite(values[-1])
            if value is not None:
                yield replace(
                    asymptotic,
                    quantity=f"{asymptotic.quantity} at finite size",
                    predicted=value,
                    verdict=judge_number(asymptotic.measured, value),
                    source=theory.name,
                )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def trend_rows(
    trend: Trend, predicted: Mapping[PredictionSpec, tuple[float, ...]]
) -> list[TableRow]:
    """One row a value of the setting.

    Args:
        trend: the measured quantity.
        predicted: its values by the predictions that state the boundary at the sizes of the sweep.
    """
    names = dict(zip(predicted, predicted_columns(list(predicted)), strict=True))
    return [
        {
            "quantity": trend.spec.of,
            "level": trend.level,
            "others": trend.others or None,
            "over": trend.spec.setting,
            "value": float(value),
            **{names[theory]: finite(values[k]) for theory, values in predicted.items()},
            **estimate_columns("measured", estimate),
        }
        for k, (value, estimate) in enumerate(zip(trend.values, trend.estimates, strict=True))
    ]


def predicted_columns(theories: Sequence[PredictionSpec]) -> list[str]:
    """Names of the columns of what is predicted at the sizes of the sweep, one for each prediction."""
    if len(theories) == 1:
        return [PREDICTED]
    return [f"{PREDICTED}, {theory.name}" for theory in theories]


def trend_prediction(trend: Trend) -> Prediction:
    """The power or the limit that theory states of a trend, beside what was measured."""
    spec = trend.spec
    last = f"{spec.of} at {spec.setting} = {trend.values[-1]:g}"
    power = f"power of {spec.setting} in the {spec.of}"
    is_limit = spec.exponent is None and spec.limit is not None
    return Prediction(
        prediction=last if is_limit else power,
        quantity=spec.of if is_limit else "exponent",
        predicted=spec.limit if is_limit else spec.exponent,
        measured=trend.estimates[-1] if is_limit else trend.power,
        verdict=trend.verdict or None,
        reason=None if is_limit else trend.reason or None,
        level=trend.level,
        setting=trend.others or None,
        source=spec.source or None,
    )

"""Fitted quantities followed over a setting, beside theory's predictions."""

from collections.abc import Iterator
from functools import cached_property, partial

from analysis.figures.trends import QUANTITY_WORDS, draw_trends
from analysis.report.blocks import (
    MAX_OPEN_ROWS,
    FigureBlock,
    TableBlock,
    file_names,
    table_of_rows,
)
from analysis.report.predictions import Prediction, PredictionFile, prediction_table
from analysis.report.rows import TableRow, estimate_columns
from analysis.report.section import Section, has_levels
from analysis.scaling.trend import Trend, follow

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
            "to all values; a limit is compared with the last one."
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
        rows = [row for trend in self.trends for row in trend_rows(trend)]
        folded = len(rows) > MAX_OPEN_ROWS
        return [
            prediction_table(verdicts, "Powers and limits, beside theory", self.predictions()),
            table_of_rows("trends", "The quantity in each setting", rows, folded=folded),
        ]

    def predictions(self) -> Iterator[Prediction]:
        for trend in self.trends:
            if trend.verdict:
                yield trend_prediction(trend)


def trend_rows(trend: Trend) -> list[TableRow]:
    """One row a value of the setting."""
    return [
        {
            "quantity": trend.spec.of,
            "level": trend.level,
            "others": trend.others or None,
            "over": trend.spec.setting,
            "value": float(value),
            **estimate_columns("measured", estimate),
        }
        for value, estimate in zip(trend.values, trend.estimates, strict=True)
    ]


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

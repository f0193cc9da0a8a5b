"""Sections and rows that follow a quantity: over settings, from place to place, along the training."""

from collections.abc import Iterator, Sequence

from analysis.dataset.plane import exact
from analysis.figures.trends import draw_local, draw_trends
from analysis.report.page import row_table
from analysis.report.section import Picture, Section, Subject, file_names
from analysis.report.tables import Row, estimate_columns
from analysis.scaling.sliding_exponent import LocalExponent, local_exponents
from analysis.scaling.trend import Trend, follow
from analysis.training.trajectories import Trajectories


def trend_section(subject: Subject) -> Iterator[Section]:
    """Every quantity that the sweep asks to follow over a setting."""
    found = subject.findings
    groups = [
        [trend for level in found.levels for trend in follow(level.boundary, spec)]
        for spec in found.view.across
    ]
    groups = [group for group in groups if group]
    if not groups:
        return
    names = file_names(f"{group[0].spec.of}-over-{group[0].spec.setting}" for group in groups)
    rows = [row for group in groups for trend in group for row in trend_rows(trend)]
    powers = [
        trend_verdict(trend, found.dataset.sweep.name)
        for group in groups
        for trend in group
        if trend.verdict
    ]
    yield Section(
        "Over settings",
        "What was fitted in each setting, followed over the settings. A power of the setting is fitted "
        "to all values; a limit is held against the last one.",
        pictures=[
            Picture(
                name,
                f"The {group[0].spec.of} over {group[0].spec.setting}",
                draw_trends(group),
            )
            for name, group in zip(names, groups, strict=True)
        ],
        tables=[
            row_table("trend-verdicts", "Powers and limits, beside theory", powers),
            row_table("trends", "The quantity in each setting", rows, folded=len(rows) > FEW),
        ],
    )


FEW = 12
"""Rows up to which a table stands open."""


def local_section(subject: Subject) -> Iterator[Section]:
    """The boundary's exponent from place to place, at every level."""
    pictures, rows = [], []
    for level in subject.findings.levels:
        boundary = level.boundary
        settings = range(len(boundary.plane.settings))
        found = [one for s in settings for one in local_exponents(boundary, s)]
        if not any(one.law.slope for one in found):
            continue
        name = f"local-level-{exact(boundary.level)}"
        caption = f"Local exponent at {boundary.label} = {exact(boundary.level)}"
        theories = subject.findings.view.theory
        pictures.append(Picture(name, caption, draw_local(boundary, found, theories=theories)))
        rows += local_rows(found, boundary.plane.settings, boundary.level)
    if pictures:
        yield Section(
            "Exponent from place to place",
            "Power laws over windows of neighbouring columns: where the boundary is no power law, its "
            "exponent changes along x. Windows overlap, so neighbouring points share columns.",
            pictures=pictures,
            tables=[row_table("local", "Exponents of the windows", rows, folded=True)],
        )


def trend_rows(trend: Trend) -> list[Row]:
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


def trend_verdict(trend: Trend, sweep: str) -> Row:
    """What was measured of a trend beside theory, in the columns of theory's table."""
    spec = trend.spec
    last = f"{spec.of} at {spec.setting} = {trend.values[-1]:g}"
    power = f"power of {spec.setting} in the {spec.of}"
    is_limit = spec.exponent is None and spec.limit is not None
    return {
        "prediction": last if is_limit else power,
        "quantity": spec.of if is_limit else "exponent",
        "predicted": spec.limit if is_limit else spec.exponent,
        **estimate_columns("measured", trend.estimates[-1] if is_limit else trend.power),
        "verdict": trend.verdict or None,
        "reason": trend.reason or None,
        "level": trend.level,
        "setting": trend.others or None,
        "sweep": sweep,
        "source": spec.source or None,
    }


def local_rows(found: Sequence[LocalExponent], settings: Sequence[str], level: float) -> list[Row]:
    """One row a window."""
    return [
        {
            "level": level,
            "setting": settings[one.setting],
            "at": one.at,
            "from": one.law.x_range[0] if one.law.x_range else None,
            "to": one.law.x_range[1] if one.law.x_range else None,
            "columns": one.law.columns,
            **estimate_columns("exponent", one.law.slope),
        }
        for one in found
    ]


def ending_rows(found: Trajectories) -> list[Row]:
    """One row a setting and panel: the last value of the last measure, its growth, and the verdict."""
    return [
        {
            "measure": found.measures[-1],
            "setting": setting or None,
            "panel": panel,
            "held": found.fixed or None,
            **estimate_columns("last", ending.last),
            **estimate_columns("growth", ending.growth),
            "verdict": ending.verdict,
        }
        for setting, panel, ending in found.endings
    ]

"""The section of curves: figures, verdicts on their predicted curves, and every point."""

from collections.abc import Iterator, Sequence

import numpy as np

from analysis.curves import Line, agreement, curve_lines
from analysis.figures.curves import draw_curves
from analysis.page import row_table
from analysis.section import Picture, Section, Subject
from analysis.tables import Row


def curve_section(subject: Subject) -> Iterator[Section]:
    """Every curve that the sweep asks for, beside what is predicted of it."""
    found = subject.findings
    groups = [(asked, curve_lines(found.dataset, found.view, asked)) for asked in found.view.curves]
    if not groups:
        return
    plane = found.cells.plane
    lines = [line for _, group in groups for line in group]
    names = plane.x.name, plane.y.name
    verdicts, finite = _verdicts(lines, names[1], found.dataset.sweep.name)
    yield Section(
        "Curves",
        "Dots are means over the replicates with 95 % intervals, lines what is predicted. Where several "
        "sizes were trained, rings are the means followed along 1/size to their limit, of which theory "
        "speaks. A line agrees where the predicted value lies within as many intervals as it should.",
        pictures=[
            Picture(
                f"curve-{asked.measure}",
                f"{found.dataset.label(asked.measure)} along {plane.x.name}",
                draw_curves(group, plane.x, labels=(found.dataset.label(asked.measure), names[1])),
            )
            for asked, group in groups
        ],
        tables=[
            row_table("curve-verdicts", "Curves beside what is predicted", verdicts),
            row_table("curve-sizes", "The same of every finite size", finite, folded=True),
            row_table(
                "curves", "Every point", [r for one in lines for r in rows(one, names)], folded=True
            ),
        ],
    )


def _verdicts(lines: Sequence[Line], y_name: str, sweep: str) -> tuple[list[Row], list[Row]]:
    """Verdicts on what theory speaks of, and on finite sizes where that is their limit."""
    limits, finite = (
        [row for line in lines if line.limit == kind and (row := verdict_row(line, y_name, sweep))]
        for kind in (True, False)
    )
    return (limits, finite) if limits else (finite, [])


def verdict_row(line: Line, y_name: str, sweep: str) -> Row | None:
    """How one line agrees with what is predicted, in the columns of theory's table; None without."""
    told = agreement(line)
    if told is None:
        return None
    size = f"limit over {line.asked.limit}" if line.limit else _size(line)
    worst = (
        f"{told.within} of {told.points} points; the largest relative difference is "
        f"{told.largest:.2g}"
    )
    return {
        "prediction": f"{line.asked.measure} = {line.asked.predicted}",
        "quantity": "share of intervals that hold it",
        "predicted": 0.95,
        "measured": told.within / told.points,
        "measured_low": told.low,
        "measured_high": told.high,
        "verdict": told.verdict,
        "reason": worst,
        "setting": ", ".join(filter(None, (f"{y_name} = {line.y:g}", line.setting, size))),
        "sweep": sweep,
        "source": line.asked.source or None,
    }


def rows(line: Line, names: tuple[str, str]) -> list[Row]:
    """One row a point of a line."""
    return [
        {
            "measure": line.asked.measure,
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


def _size(line: Line) -> str:
    return f"{line.asked.limit} = {line.size:g}" if line.size is not None else ""


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""Results as words: the cells of the tables that people read, and those tables as Markdown."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.dataset.plane import Plane, exact
from analysis.dataset.provenance import Provenance
from analysis.report.findings import Findings
from analysis.report.section import Section, Subject, Table
from analysis.report.tables import Row, text_of
from sweeps.declare.terminal import visible

LAW_HEADER = (
    "level",
    "setting",
    "law",
    "x range",
    "columns",
    "exponent or slope",
    "χ²/dof",
    "theory",
    "verdict",
)
BOUNDARY_HEADER = ("level", "setting", "x", "y", "interval", "state")
COLLAPSE_HEADER = ("order parameter", "setting", "quality", "best exponent b", "its quality")
VERDICT_HEADER = (
    "prediction",
    "predicted",
    "measured",
    "verdict",
    "boundary",
    "setting",
    "columns, decades",
    "source",
)
KINK_HEADER = ("level", "setting", "exponent below", "exponent above", "kink at", "needed")
SHIFT_HEADER = ("level", "setting", "against", "kind", "mean shift")


def summary(subject: Subject, sections: Iterable[Section]) -> str:
    """The tables of a report that are not folded away, as Markdown."""
    plane = subject.findings.cells.plane
    parts = [
        f"# {plain(subject.findings.dataset.sweep.name)}\n\n{plain(subject.findings.cells.label)}.\n\n",
        f"- x: {plain(plane.x.label)}\n- y: {plain(plane.y.label)}\n",
    ]
    for section in sections:
        for table in section.tables:
            if table.header and not table.folded:
                parts.append(f"\n## {section.title}\n\n{markdown(table.header, table.cells)}")
    return "".join(parts)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; what would end a cell, or be more than its text, is escaped."""
    lines = [[plain(cell) for cell in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(text: str) -> str:
    """A text on one line of Markdown: no cell's end, no HTML, no link."""
    escaped = html.escape(visible(text).replace("\\", "\\\\"), quote=False)
    return " ".join(escaped.replace("|", "\\|").replace("](", "]\\(").split())


def row_table(name: str, caption: str, rows: Sequence[Row], *, folded: bool = False) -> Table:
    """A table that shows people every column of its rows as it is."""
    header = list(rows[0]) if rows else []
    cells = [[_word(row[column]) for column in header] for row in rows]
    return Table(name, caption, rows, header, cells, folded)


def collapse_table(name: str, caption: str, rows: Sequence[Row]) -> Table:
    """Order parameters, how well they collapse, and the best exponent beside."""
    cells = [
        [
            row["order_parameter"],
            row["setting"] or "all runs",
            _word(row["quality"]),
            text_of(row, "best_exponent") or "none",
            _word(row["best_quality"]),
        ]
        for row in rows
    ]
    return Table(name, caption, rows, COLLAPSE_HEADER, cells)


def verdict_table(name: str, caption: str, rows: Sequence[Row]) -> Table:
    """Predictions beside what was measured; the file has each part of it in a column of its own."""
    cells = [
        [
            row["prediction"],
            f"{row['quantity']} {row['predicted']:g}",
            text_of(row, "measured") or "none",
            ": ".join(filter(None, (row["verdict"], row["reason"]))),
            f"{exact(row['level'])}, {row['definition']}",
            row["setting"] or "all runs",
            f"{row['columns']}, {row['decades']:.1f}",
            row["source"],
        ]
        for row in rows
    ]
    return Table(name, caption, rows, VERDICT_HEADER, cells)


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def law_cells(row: Row) -> list[str]:
    """A law's row as text, in the order of LAW_HEADER."""
    span = "all" if row["x_low"] is None else f"{row['x_low']:g} … {row['x_high']:g}"
    misfit = "" if row["chi2_per_dof"] is None else f"{row['chi2_per_dof']:.2f}"
    theory = "" if row["theory"] is None else f"{row['theory_exponent']:g} ({row['theory']})"
    return [
        f"{exact(row['level'])}",
        row["setting"] or "all runs",
        {"power": "power law", "line": "straight line"}[row["law"]],
        span,
        f"{row['columns']} of {row['columns_in_range']}",
        text_of(row, "slope") or f"not fitted: {row['not_fitted']}",
        misfit,
        theory,
        row["verdict"] or ("poor fit" if row["misfits"] else ""),
    ]


def kink_cells(findings: Findings) -> list[list[str]]:
    """Two regimes as text, in the order of KINK_HEADER; those not fitted are left out."""
    return [
        [
            f"{exact(row['level'])}",
            row["setting"] or "all runs",
            *(text_of(row, name) for name in ("below", "above", "kink")),
            "yes" if row["needed"] else "no",
        ]
        for row in findings.kink_rows
        if row["kink"] is not None
    ]


def shift_cells(findings: Findings) -> list[list[str]]:
    """Mean shifts as text, in the order of SHIFT_HEADER."""
    return [
        [
            f"{exact(row['level'])}",
            *(row[name] for name in ("setting", "against", "kind")),
            text_of(row, "shift") or "inconclusive",
        ]
        for row in findings.shift_rows
        if row[findings.cells.plane.x.name] is None
    ]


def boundary_cells(row: Row, plane: Plane) -> list[str]:
    """A crossing's row as text, in the order of BOUNDARY_HEADER."""
    ends = (
        "open" if row[f"{end}_open"] else "" if row[end] is None else f"{row[end]:.4g}"
        for end in ("low", "high")
    )
    low, high = ends
    at = row[plane.y.name]
    return [
        f"{exact(row['level'])}",
        row["setting"] or "all runs",
        f"{row[plane.x.name]:g}",
        "" if at is None else f"{at:.4g}",
        f"[{low}, {high}]" if low and high else "",
        row["state"],
    ]


def run_cells(findings: Findings) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the runs by how they ended: all, and each setting."""
    cells = findings.cells
    settings = cells.plane.settings if len(cells.plane.settings) > 1 else ()
    by_setting = {name: count.sum(axis=(1, 2)) for name, count in cells.status.items()}
    by_setting |= {
        "used": cells.runs_used.sum(axis=(1, 2)),
        "missing": cells.missing.sum(axis=(1, 2)),
        "planned": cells.missing.sum(axis=(1, 2)) + sum(by_setting.values()),
    }
    rows = [
        [
            name,
            f"{total:,}",
            *(
                f"{by_setting[name][s]:,}" if name in by_setting else ""
                for s in range(len(settings))
            ),
        ]
        for name, total in findings.runs.items()
    ]
    return ["runs", "count", *settings], rows


def unverified_words(provenance: Provenance) -> str:
    """Which files cannot be compared with what was written."""
    first, *others = provenance.unverified
    return f"{first}{f' and {len(others):,} others' if others else ''}: no digest is stated"


def cost_cells(provenance: Provenance) -> list[list[str]]:
    """What the runs cost and what made them, name by name."""
    wall = (
        "not stated"
        if provenance.wall_s is None
        else f"{provenance.wall_s:,.1f} s, summed over shards"
    )
    speed = (
        "not stated" if provenance.runs_per_s is None else f"{provenance.runs_per_s:,.0f} runs/s"
    )
    return [
        [
            "rows",
            f"{provenance.rows:,} in {provenance.files:,} files, {provenance.bytes / 1e6:,.1f} MB",
        ],
        ["wall time", wall],
        ["speed of one worker", speed],
        *(list(pair) for pair in provenance.stated),
        *(
            ["mixed", f"{text}; equal runs may differ in their last digits"]
            for text in provenance.mixed
        ),
        *([["not verified", unverified_words(provenance)]] if provenance.unverified else []),
        ["folder", provenance.location],
        ["sha256sum shard-*.parquet | sha256sum", provenance.digest],
    ]

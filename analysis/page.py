"""The page of a report that people read: laws beside theory, two regimes, shifts, runs."""

from collections.abc import Sequence

from analysis.findings import Findings
from analysis.tables import Row, text_of

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
KINK_HEADER = ("level", "setting", "exponent below", "exponent above", "kink at", "needed")
SHIFT_HEADER = ("level", "setting", "against", "kind", "mean shift")


def summary_page(findings: Findings) -> str:
    """The report's Markdown page."""
    plane = findings.cells.plane
    runs = [(name, f"{count:,}") for name, count in findings.runs.items()]
    kinks, shifts = kink_cells(findings), shift_cells(findings)
    return "".join(
        [
            f"# {findings.dataset.sweep.name}\n\n{findings.cells.label}.\n\n",
            f"- x: {plane.x.label}\n- y: {plane.y.label}\n\n## Laws of the boundary\n\n",
            markdown(LAW_HEADER, [law_cells(row) for row in findings.law_rows]),
            "\n## Two regimes\n\n" + markdown(KINK_HEADER, kinks) if kinks else "",
            "\n## Shift of the boundary\n\n" + markdown(SHIFT_HEADER, shifts) if shifts else "",
            "\n## Runs\n\n" + markdown(("runs", "count"), runs),
        ]
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def law_cells(row: Row) -> list[str]:
    """A law's row as text, in the order of LAW_HEADER."""
    span = "all" if row["x_low"] is None else f"{row['x_low']:g} … {row['x_high']:g}"
    misfit = "" if row["chi2_per_dof"] is None else f"{row['chi2_per_dof']:.2f}"
    theory = "" if row["theory"] is None else f"{row['theory_exponent']:g} ({row['theory']})"
    return [
        f"{row['level']:g}",
        row["setting"] or "all runs",
        {"power": "power law", "line": "straight line"}[row["law"]],
        span,
        f"{row['columns']} of {row['columns_in_range']}",
        text_of(row, "slope") or f"not fitted: {row['not_fitted']}",
        misfit,
        theory,
        row["verdict"] or ("law misfits" if row["misfits"] else ""),
    ]


def kink_cells(findings: Findings) -> list[list[str]]:
    """Two regimes as text, in the order of KINK_HEADER; those not fitted are left out."""
    return [
        [
            f"{row['level']:g}",
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
            f"{row['level']:g}",
            *(row[name] for name in ("setting", "against", "kind")),
            text_of(row, "shift") or "cannot tell",
        ]
        for row in findings.shift_rows
        if row[findings.cells.plane.x.name] is None
    ]

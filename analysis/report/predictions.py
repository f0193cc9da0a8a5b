"""All predictions of several datasets in one table: theory beside what was measured, and the verdict."""

from collections.abc import Iterable
from pathlib import Path

from analysis.report.page import markdown, row_table
from analysis.report.section import Section
from analysis.report.tables import Row, write_csv

TABLES = ("theory", "trend-verdicts", "settling", "curve-verdicts")
"""Tables of a report whose rows are predictions, in their order."""
COLUMNS = (
    "sweep",
    "prediction",
    "quantity",
    "predicted",
    "measured",
    "measured_low",
    "measured_high",
    "verdict",
    "level",
    "definition",
    "setting",
    "reason",
    "source",
)


def predictions(sections: Iterable[Section], sweep: str) -> list[Row]:
    """The rows of one dataset that hold something predicted or judged, all with the same columns."""
    tables = [table for section in sections for table in section.tables if table.name in TABLES]
    tables.sort(key=lambda table: TABLES.index(table.name))
    rows = [_as_prediction(row) for table in tables for row in table.rows]
    return [{name: {"sweep": sweep, **row}.get(name) for name in COLUMNS} for row in rows]


def write_predictions(rows: list[Row], folder: Path) -> list[Path]:
    """The table as CSV and as Markdown."""
    table = row_table("predictions", "", rows)
    page = folder / "predictions.md"
    page.write_text(markdown(table.header, table.cells), encoding="utf-8")
    return [write_csv(folder / "predictions.csv", rows), page]


def _as_prediction(row: Row) -> Row:
    """A row of a measure that grows or settles, in the words of the others; others as they are."""
    if "growth" not in row:
        return row
    ends = {f"measured{end}": row[f"growth{end}"] for end in ("", "_low", "_high")}
    setting = ", ".join(filter(None, (row["panel"], row["setting"], row["held"])))
    what = f"{row['measure']} over the second half of the steps"
    return {
        "prediction": what,
        "quantity": "power of the step",
        "verdict": row["verdict"],
        "setting": setting,
    } | ends

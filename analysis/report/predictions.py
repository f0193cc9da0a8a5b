"""Predictions beside what was measured, those of all datasets of a report in one table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.dataset.plane import exact
from analysis.report.blocks import TableBlock, table_of_rows
from analysis.report.rows import TableRow, estimate_columns, write_csv
from analysis.report.words import estimate_words, markdown, setting_words
from analysis.scaling.power_law import Estimate


@dataclass(frozen=True)
class Prediction:
    """One quantity that is predicted, or judged, beside what was measured; None where nothing is stated."""

    prediction: str
    quantity: str
    predicted: float | None
    measured: Estimate | None
    verdict: str | None
    reason: str | None = None
    level: float | None = None
    definition: str | None = None
    setting: str | None = None
    source: str | None = None

    def row(self, sweep: str) -> TableRow:
        """The prediction as a row of the common table."""
        return {
            "sweep": sweep,
            "prediction": self.prediction,
            "quantity": self.quantity,
            "predicted": self.predicted,
            **estimate_columns("measured", self.measured),
            "verdict": self.verdict,
            "level": self.level,
            "definition": self.definition,
            "setting": self.setting,
            "reason": self.reason,
            "source": self.source,
        }

    def columns(self, sweep: str, names: Sequence[str]) -> TableRow:
        """Some columns of the row; `measured` with its interval.

        Args:
            sweep: name of the sweep.
            names: columns, in order.
        """
        row = self.row(sweep)
        interval = {"measured": ("measured", "measured_low", "measured_high")}
        return {part: row[part] for name in names for part in interval.get(name, (name,))}

    @property
    def cells(self) -> list[str]:
        """The prediction as people read it: what, predicted, measured, verdict, setting, source."""
        predicted = "" if self.predicted is None else f" {self.predicted:g}"
        level = None if self.level is None else f"level {exact(self.level)}"
        return [
            self.prediction,
            f"{self.quantity}{predicted}",
            estimate_words(self.measured) or "none",
            ": ".join(filter(None, (self.verdict, self.reason))),
            setting_words(", ".join(filter(None, (level, self.setting)))),
            self.source or "",
        ]


@dataclass(frozen=True)
class PredictionFile:
    """Where a section's predictions go: the file's name, its columns in their order, and the sweep."""

    name: str
    columns: Sequence[str]
    sweep: str


def prediction_table(
    file: PredictionFile, caption: str, predictions: Iterable[Prediction], *, folded: bool = False
) -> TableBlock:
    """Predictions as people read them; the file has each part of them in a column.

    Args:
        file: name and columns of the CSV file.
        caption: above the table on the page.
        predictions: one row each.
        folded: whether the page shows it on request alone.
    """
    found = list(predictions)
    header = ("prediction", "predicted", "measured", "verdict", "setting", "source")
    rows = [one.columns(file.sweep, file.columns) for one in found]
    cells = [one.cells for one in found]
    return TableBlock(file.name, caption, rows, header if found else (), cells, folded)


def write_predictions(rows: Iterable[TableRow], folder: Path) -> list[Path]:
    """The table as CSV and as Markdown.

    Args:
        rows: of one kind.
        folder: where predictions.csv and predictions.md are written.
    Returns:
        Paths of both files.
    """
    rows = list(rows)
    table = table_of_rows("predictions", "", rows)
    page = folder / "predictions.md"
    page.write_text(markdown(table.header, table.cells), encoding="utf-8")
    return [write_csv(folder / "predictions.csv", rows), page]

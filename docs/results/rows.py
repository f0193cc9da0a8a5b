"""Rows of predictions.csv: what they say, in numbers and words."""

import csv
import math
from pathlib import Path

HERE = Path(__file__).parent
FINITE, ASYMPTOTIC = "exponent at finite size", "exponent"
OUTCOMES = ("holds", "within accuracy", "disagrees", "inconclusive")
KEY = ("sweep", "prediction", "level", "definition", "setting")
Row = dict[str, str]


def predictions() -> list[Row]:
    """The table of predictions."""
    with (HERE / "predictions.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def outcome(row: Row) -> str:
    """The verdict, with agreement told apart: the interval holds the prediction, or accuracy alone does."""
    if row["verdict"] != "agrees":
        return row["verdict"]
    low, high, predicted = (
        float(row[name]) for name in ("measured_low", "measured_high", "predicted")
    )
    return "holds" if low <= predicted <= high else "within accuracy"


def explained(row: Row, rows: list[Row]) -> str:
    """How the prediction at finite size for the same columns explains a row that disagrees, or `open`."""
    if row["quantity"] != ASYMPTOTIC:
        return "open"
    key = tuple(row[name] for name in KEY)
    words = [
        outcome(one)
        for one in rows
        if one["quantity"] == FINITE and tuple(one[name] for name in KEY) == key
    ]
    return words[0] if words and words[0] in OUTCOMES[:2] else "open"


def verdict(row: Row, asymptotic: Row | None) -> str:
    """The verdicts at finite size and for n, d → ∞ in a few words."""
    word = outcome(row)
    word = "agrees" if word == "holds" else word
    text = f"finite size: {'**disagrees**' if word == 'disagrees' else word}"
    if asymptotic is None:
        return text
    known = {"agrees": "agrees", "inconclusive": "inconclusive"}
    return f"{text}; asymptotic: {known.get(asymptotic['verdict'], 'no')}"


def interval(row: Row) -> str:
    """A measured number with its interval; a dash where there is none."""
    if not row["measured"]:
        return "–"
    ends = [number(row[name]) if row[name] else "…" for name in ("measured_low", "measured_high")]
    return f"{number(row['measured'])} [{', '.join(ends)}]"


def number(text: str) -> str:
    """A number to three digits after the point, to four where it is small."""
    value = float(text)
    if math.isnan(value):
        return "–"
    shown = f"{value:.4f}" if 0 < abs(value) < 0.01 else f"{value:.3f}"
    return "0" if value == 0 else shown.replace("-", "−")


def span(values: list[float]) -> str:
    """The smallest and the largest of numbers."""
    ends = dict.fromkeys(f"{value:.3f}".replace("-", "−") for value in (min(values), max(values)))
    return " … ".join(ends)


def held(rows: list[Row]) -> str:
    """How many intervals hold what is predicted."""
    return f"{sum(outcome(row) == 'holds' for row in rows)} of {len(rows)}"

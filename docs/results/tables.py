"""Writes the tables of this folder's README.md from predictions.csv, between their marks.

python docs/results/tables.py
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
LEVELS = {
    "shang-fig-2a": "0.05",
    "shang-fig-2b": "0.2",
    "shang-fig-2c": "0.2",
    "small-v0-over-d": "0.2",
    "training-length": "0.2",
    "quarter-law-over-d": "0.2",
    "kink-over-d": "0.2",
    "kink-over-n": "0.2",
    "kink-over-m": "0.2",
    "kink-over-sigma": "0.2",
    "kink-at-infinity": "0.2",
    "flips-over-p": "0.2",
    "flips-and-counts": "0.2",
    "kou-heat-map": "0.2",
}
"""The error level of each sweep that the table at finite size shows."""
FINITE, ASYMPTOTIC = "exponent at finite size", "exponent"
KEY = ("sweep", "prediction", "level", "definition", "setting")
Row = dict[str, str]


def finite_size(rows: list[Row]) -> Iterator[str]:
    """Rows of the table at finite size: mean boundaries that have a predicted exponent."""
    heads = ("sweep, error level", "prediction", "at", "asymptotic exponent")
    heads += ("predicted at finite size", "measured", "factor", "verdict")
    yield f"| {' | '.join(heads)} |"
    yield "|---|---|---|---|---|---|---|---|"
    found = {(*(row[name] for name in KEY), row["quantity"]): row for row in rows}
    for row in rows:
        wanted = row["quantity"] == FINITE and row["definition"] in ("mean", "")
        if not wanted or LEVELS.get(row["sweep"]) != row["level"]:
            continue
        key = tuple(row[name] for name in KEY)
        asymptotic, factor = (found.get((*key, kind)) for kind in (ASYMPTOTIC, "factor"))
        cells = [
            f"`{row['sweep']}`, {row['level']}",
            row["prediction"],
            row["setting"] or "–",
            number(asymptotic["predicted"]) if asymptotic else "–",
            number(row["predicted"]),
            interval(row),
            interval(factor) if factor else "–",
            verdict(row, asymptotic),
        ]
        yield f"| {' | '.join(cells)} |"


def disagreements(rows: list[Row]) -> Iterator[str]:
    """How many rows of each sweep disagree, and of how many of these the finite size is within accuracy."""
    yield "| sweep | rows | disagree | of them agree with the prediction at finite size | open |"
    yield "|---|---|---|---|---|"
    agrees = {
        tuple(row[name] for name in KEY)
        for row in rows
        if row["quantity"] == FINITE and row["verdict"] == "agrees"
    }
    total: Counter[str] = Counter()
    every = Counter(row["sweep"] for row in rows)
    for sweep, count in every.items():
        refuted = [r for r in rows if r["sweep"] == sweep and r["verdict"] == "disagrees"]
        told = sum(
            tuple(row[name] for name in KEY) in agrees and row["quantity"] == ASYMPTOTIC
            for row in refuted
        )
        total += Counter(refuted=len(refuted), told=told)
        if refuted:
            yield f"| `{sweep}` | {count} | {len(refuted)} | {told or ''} | {len(refuted) - told or ''} |"
    refuted_all, told_all = total["refuted"], total["told"]
    yield f"| all | {len(rows)} | {refuted_all} | {told_all} | {refuted_all - told_all} |"


def verdict(row: Row, asymptotic: Row | None) -> str:
    """The verdicts at finite size and for n, d → ∞ in a few words."""
    word = row["verdict"]
    if word == "agrees":
        low, high, predicted = (
            float(row[name]) for name in ("measured_low", "measured_high", "predicted")
        )
        word = word if low <= predicted <= high else "within accuracy"
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


def main() -> None:
    """Replace each table between its marks."""
    rows = list(csv.DictReader((HERE / "predictions.csv").open(encoding="utf-8")))
    page = HERE / "README.md"
    text = page.read_text(encoding="utf-8")
    for name, lines in (
        ("finite-size", finite_size(rows)),
        ("disagreements", disagreements(rows)),
    ):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        table = "\n".join(lines)
        pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
        text = re.sub(pattern, lambda _: f"{begin}\n{table}\n{end}", text, flags=re.DOTALL)  # noqa: B023
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

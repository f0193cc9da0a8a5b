"""A dataset's card: its picture, its findings, and what it cost, in a few words."""

from collections.abc import Iterable

from analysis.report.html.view import Picture, SectionView
from analysis.report.results import Results

UNITS = (
    (172_800.0, 86_400.0, "days"),
    (7_200.0, 3_600.0, "h"),
    (120.0, 60.0, "min"),
    (0.0, 1.0, "s"),
)
"""Seconds from which on a unit is used, its seconds, and its name."""


def run_facts(results: Results) -> list[tuple[str, str]]:
    """Runs that were used, those that failed, by how, and the time that they took, name by name."""
    runs, wall_s = results.runs, results.provenance.wall_s
    kept = ("planned", "used", results.cells.success)
    failed = [f"{count:,} {name}" for name, count in runs.items() if name not in kept and count]
    return [
        ("runs", f"{runs['used']:,} used of {runs['planned']:,} planned"),
        ("failed", ", ".join(failed) or "none"),
        (
            "wall time",
            "not stated" if wall_s is None else f"{duration(wall_s)}, summed over shards",
        ),
    ]


def duration(seconds: float) -> str:
    """A time in the largest unit of which there are two, to two digits or the whole."""
    divisor, unit = next((size, name) for least, size, name in UNITS if seconds >= least)
    count = seconds / divisor
    return f"{count:.0f} {unit}" if count >= 10 else f"{count:.2g} {unit}"


def picture_of(sections: Iterable[SectionView]) -> Picture | None:
    """The picture of the first section that has one for the card; None without any."""
    return next((section.picture for section in sections if section.picture), None)

"""Writes a report into a folder: one page, every figure as PNG and SVG, every table as CSV."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from analysis.dataset.provenance import read_provenance
from analysis.errors import AnalysisError
from analysis.figures import save
from analysis.report.contents import sections_of
from analysis.report.findings import Choices, analyse
from analysis.report.html import Chapter, write_page
from analysis.report.page import summary
from analysis.report.predictions import predictions, write_predictions
from analysis.report.publish import published
from analysis.report.section import Section, Subject, file_names
from analysis.report.tables import write_csv
from analysis.training.trajectories import open_trajectories

PAGE = "report.html"


@np.errstate(all="ignore")  # what overflows or is undefined is not finite, and shown as no number
def examine(
    location: str, choices: Choices | None = None, *, at: Mapping[str, float] | None = None
) -> Subject:
    """All that a report says of one dataset, computed; writes nothing.

    Args:
        location: the dataset's folder or URI.
        choices: what to look at; the sweep's own view where it says nothing.
        at: where trajectories hold the axes that they do not show.
    Raises:
        AnalysisError: as `open_dataset` and `aggregate` raise it.
    """
    findings = analyse(location, choices)
    trajectories = open_trajectories(location, findings.dataset.sweep, at=at)
    return Subject(findings, read_provenance(location), trajectories)


@np.errstate(all="ignore")
def write_report(subjects: Sequence[Subject], folder: Path) -> list[Path]:
    """Writes the report of datasets into a folder, which is created; all files of it or none.

    With several datasets the page lies in the folder with the table of all predictions, and each one's
    files in a folder below.

    Returns:
        The files written, the page first.
    Raises:
        AnalysisError: the folder cannot be written.
    """
    try:
        with published(folder, PAGE) as scratch:
            files = _write(subjects, scratch)
            return [folder / file.relative_to(scratch) for file in files]
    except OSError as error:
        raise AnalysisError(
            f"Cannot write the report to '{folder}' ({error.strerror or error}); expected a folder "
            "that can be created or written. Choose another with --out."
        ) from error


def folder_names(subjects: Sequence[Subject]) -> list[str]:
    """A name for each dataset that is safe in paths and links, and its own."""
    return file_names(
        re.sub(r"[^a-z0-9_-]+", "-", subject.findings.dataset.sweep.name.lower()).strip("-")
        or "sweep"
        for subject in subjects
    )


def _write(subjects: Sequence[Subject], folder: Path) -> list[Path]:
    files, chapters, predicted = [], [], []
    for subject, name in zip(subjects, folder_names(subjects), strict=True):
        place = folder if len(subjects) == 1 else folder / name
        place.mkdir(parents=True, exist_ok=True)
        sections = list(sections_of(subject))
        files += [file for section in sections for file in _write_section(section, place)]
        table = place / "table.md"
        table.write_text(summary(subject, sections), encoding="utf-8")
        files.append(table)
        link = "" if len(subjects) == 1 else f"{name}/"
        chapters.append(Chapter(name, subject, sections, link))
        predicted += predictions(sections, subject.findings.dataset.sweep.name)
    if len(subjects) > 1 and predicted:
        files += write_predictions(predicted, folder)
    return [write_page(chapters, folder / PAGE), *files]


def _write_section(section: Section, folder: Path) -> Iterator[Path]:
    for picture in section.pictures:
        yield from save(picture.figure, folder / picture.name)
    for table in section.tables:
        if table.name:
            yield write_csv(folder / f"{table.name}.csv", table.rows)
    for listing in section.listings:
        path = folder / listing.name
        # As it was given, whatever ends its lines.
        path.write_text(listing.text, encoding="utf-8", errors="backslashreplace", newline="")
        yield path

"""Writes a report into a folder: one page, every figure in the formats wanted, every table as CSV."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.figures import SVG, figure_files, warm_up
from analysis.report.blocks import file_names
from analysis.report.findings import Finding, card_findings
from analysis.report.html import (
    Chapter,
    DrawnFigure,
    DrawnFigures,
    DrawnPanel,
    SectionView,
    draw_figure,
    draw_panels,
    view_of,
    write_page,
)
from analysis.report.predictions import write_predictions
from analysis.report.publish import published
from analysis.report.registry import sections_of
from analysis.report.results import Results, quiet
from analysis.report.rows import TableRow, write_csv
from analysis.report.section import Blocks, Section
from analysis.report.tasks import Batches, Task, Tasks
from analysis.report.words import markdown, plain

PAGE = "report.html"
DRAWINGS_OF_PROCESS = 8
"""Figures that a process draws, about: the first takes more than twice as long as another."""


@dataclass(frozen=True)
class WrittenReport:
    """The files of a report, the page first, and what the command prints of each dataset, line by line."""

    files: tuple[Path, ...]
    summaries: tuple[tuple[str, ...], ...]

    @property
    def page(self) -> Path:
        """The page."""
        return self.files[0]


@dataclass(frozen=True)
class _PendingSection:
    """A section whose figures are being drawn."""

    section: Section
    blocks: Blocks
    figures: list[Task[DrawnFigure]]
    panels: list[Task[list[DrawnPanel]]]
    view_id: str

    def view(self) -> SectionView:
        """What the page shows of it, when all is drawn."""
        drawn = DrawnFigures(
            [task.result() for task in self.figures],
            [task.result() for task in self.panels],
        )
        return view_of(self.section, self.blocks, drawn, view_id=self.view_id)


@dataclass
class _Written:
    """What has been written of one dataset."""

    folder: Path
    formats: Sequence[str]
    files: list[Path] = field(default_factory=list)
    sections: list[_PendingSection] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    predictions: list[TableRow] = field(default_factory=list)
    findings: list[Sequence[Finding]] = field(default_factory=list)

    def views(self) -> list[SectionView]:
        """The sections as the page shows them, details last."""
        views = [section.view() for section in self.sections]
        return sorted(views, key=lambda view: view.is_detail)

    def chapter(self, name: str, results: Results, *, folder: str) -> Chapter:
        """The dataset on the page, once all of it is drawn; what was computed of it is let go.

        Args:
            name: of the dataset, safe in links.
            results: of the dataset.
            folder: leads from the page to its files.
        """
        views = self.views()
        self.sections.clear()
        results.forget()
        return Chapter(name, results, views, folder, card_findings(self.findings))


def write_report(
    datasets: Sequence[Results],
    folder: Path,
    *,
    processes: int = 1,
    formats: Sequence[str] = (SVG,),
) -> WrittenReport:
    """Writes the report of datasets into a folder, which is created; all files of it or none.

    With several datasets the page is in the folder with the table of all predictions, and each one's
    files in a folder below.

    Args:
        datasets: the results of each, at least one.
        folder: where to write; files of the same name are replaced.
        processes: that compute and draw at once beside this one, on Linux; 1 does all in this one.
        formats: of the figures' files, of `figures.FORMATS`.
    Returns:
        The files and the summaries.
    Raises:
        AnalysisError: the folder cannot be written, or a formula of the sweep cannot be computed.
    """
    try:
        with published(folder, PAGE) as scratch, quiet(), Tasks(processes) as tasks:
            if processes > 1:
                warm_up()
            written = _write(datasets, scratch, tasks, formats)
            files = tuple(folder / file.relative_to(scratch) for file in written.files)
            return WrittenReport(files, written.summaries)
    except OSError as error:
        raise AnalysisError(
            f"Cannot write the report to '{folder}' ({error.strerror or error}); expected a folder "
            "that can be created or written. Choose another with --out."
        ) from error


def folder_names(datasets: Iterable[Results]) -> list[str]:
    """A name for each dataset that is safe in paths and links, and its own."""
    return file_names(
        re.sub(r"[^a-z0-9_-]+", "-", results.sweep.lower()).strip("-") or "sweep"
        for results in datasets
    )


def _write(
    datasets: Sequence[Results], folder: Path, tasks: Tasks, formats: Sequence[str]
) -> WrittenReport:
    several = len(datasets) > 1
    names = folder_names(datasets)
    parts: list[_Written] = []
    chapters: list[Chapter] = []

    def finish() -> None:
        """Makes the chapter of the dataset that was written before the last one."""
        k = len(chapters)
        below = f"{names[k]}/" if several else ""
        chapters.append(parts[k].chapter(names[k], datasets[k], folder=below))

    for results, name in zip(datasets, names, strict=True):
        part = _Written(folder / name if several else folder, formats)
        _write_dataset(results, part, name, tasks=tasks)
        parts.append(part)
        if len(parts) > 1:  # the figures of the last one are still being drawn
            finish()
    finish()
    files = [file for part in parts for file in part.files]
    predictions = [row for part in parts for row in part.predictions]
    if several and predictions:
        files += write_predictions(predictions, folder)
    page = write_page(chapters, folder / PAGE)
    return WrittenReport((page, *files), tuple(tuple(part.summary) for part in parts))


def _write_dataset(results: Results, written: _Written, name: str, *, tasks: Tasks) -> None:
    """Writes one dataset's tables and texts section by section, and has its figures drawn."""
    written.folder.mkdir(parents=True, exist_ok=True)
    drawings = Batches(tasks, DRAWINGS_OF_PROCESS)
    for k, section in enumerate(sections_of(results, tasks)):
        _write_section(section, written, view_id=f"{name}.{k}", drawings=drawings)
    drawings.begin()
    table = written.folder / "table.md"
    table.write_text(_heading(results) + "".join(written.tables), encoding="utf-8")
    written.files.append(table)


def _write_section(section: Section, written: _Written, *, view_id: str, drawings: Batches) -> None:
    blocks = section.blocks()
    figures = [
        drawings.submit(partial(draw_figure, block, written.folder, written.formats))
        for block in blocks.figures
    ]
    cells = section.results.cells
    panels = [
        drawings.submit(partial(draw_panels, [draw for _, draw in views], cells), size=len(views))
        for views in (blocks.map.panels if blocks.map else ())
    ]
    written.files += _files(written, blocks)
    shown = blocks._replace(tables=[replace(table, rows=table.rows[:1]) for table in blocks.tables])
    written.sections.append(_PendingSection(section, shown, figures, panels, view_id))
    written.tables += [
        f"\n## {section.title}\n\n{markdown(table.header, table.cells)}"
        for table in blocks.tables
        if table.header and not table.folded
    ]
    written.summary += section.summary()
    written.findings.append(section.findings())
    written.predictions += [one.row(section.results.sweep) for one in section.predictions()]


def _heading(results: Results) -> str:
    """What table.md says before its tables."""
    plane = results.cells.plane
    return (
        f"# {plain(results.sweep)}\n\n{plain(results.cells.label)}.\n\n"
        f"- x: {plain(plane.x.label)}\n- y: {plain(plane.y.label)}\n"
    )


def _files(written: _Written, blocks: Blocks) -> Iterator[Path]:
    folder = written.folder
    for block in blocks.figures:
        yield from figure_files(folder / block.name, written.formats)
    for table in blocks.tables:
        if table.name:
            yield write_csv(folder / f"{table.name}.csv", table.rows)
    for text in blocks.texts:
        path = folder / text.name
        # As it was given, whatever ends its lines.
        path.write_text(text.text, encoding="utf-8", errors="backslashreplace", newline="")
        yield path

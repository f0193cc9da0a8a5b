"""Writes findings into a folder: figures and tables."""

from pathlib import Path

from analysis.errors import AnalysisError
from analysis.figures import draw_boundary, draw_map, draw_shift, save
from analysis.findings import Findings
from analysis.page import summary_page
from analysis.tables import boundary_rows, cell_rows, write_csv


def write_report(findings: Findings, folder: Path) -> list[Path]:
    """Writes figures and tables into a folder, which is created.

    Returns:
        The files written.
    Raises:
        AnalysisError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [*_write_tables(findings, folder), *_write_figures(findings, folder)]
    except OSError as error:
        raise AnalysisError(
            f"Cannot write the report to '{folder}' ({error.strerror or error}); expected a folder "
            "that can be created or written. Choose another with --out."
        ) from error


def _write_tables(findings: Findings, folder: Path) -> list[Path]:
    boundaries = [row for level in findings.levels for row in boundary_rows(level.boundary)]
    files = [
        write_csv(folder / "cells.csv", cell_rows(findings.cells)),
        write_csv(folder / "boundary.csv", boundaries),
        write_csv(folder / "laws.csv", findings.law_rows),
        write_csv(folder / "kinks.csv", findings.kink_rows),
    ]
    if findings.shift_rows:
        files.append(write_csv(folder / "shift.csv", findings.shift_rows))
    table = folder / "table.md"
    table.write_text(summary_page(findings), encoding="utf-8")
    return [*files, table]


def _write_figures(findings: Findings, folder: Path) -> list[Path]:
    files = []
    for level in findings.levels:
        # Where two regimes are needed, their line stands for the single power law's.
        kinked = {kink.setting for kink in level.kinks if kink.chosen}
        powers = [x for x in level.laws if x.kind == "power" and x.setting not in kinked]
        figures = {
            "map": draw_map(findings.cells, level.boundary),
            "boundary": draw_boundary(
                level.boundary, powers, comparisons=level.comparisons, kinks=level.kinks
            ),
        }
        if level.shifts:
            figures["shift"] = draw_shift(level.boundary, level.shifts)
        for name, figure in figures.items():
            files += save(figure, folder / f"{name}-level-{level.boundary.level:g}")
    return files

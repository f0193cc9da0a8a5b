"""What stands in a report, in its order. To add sections, write a function and name it in SECTIONS."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from matplotlib.figure import Figure

from analysis.cells.cells import Cells
from analysis.dataset.plane import exact
from analysis.dataset.trajectory_files import MAX_SHOWN_REPLICATES
from analysis.figures import (
    draw_boundary,
    draw_failures,
    draw_map,
    draw_shift,
    draw_trajectories,
    draw_trajectory,
    draw_trajectory_key,
)
from analysis.report.curve_section import curve_section
from analysis.report.findings import Findings, LevelFindings
from analysis.report.page import (
    BOUNDARY_HEADER,
    KINK_HEADER,
    LAW_HEADER,
    SHIFT_HEADER,
    boundary_cells,
    collapse_table,
    cost_cells,
    kink_cells,
    law_cells,
    row_table,
    run_cells,
    shift_cells,
    verdict_table,
)
from analysis.report.parts import COLLAPSE, VERDICTS, Part, further_parts
from analysis.report.section import HoverMap, Listing, Picture, Section, Subject, Table
from analysis.report.tables import boundary_rows, cell_rows
from analysis.report.trends import ending_rows, local_section, trend_section
from analysis.training.trajectories import BAND

LONG = 12
"""Rows beyond which a further table is folded."""

Maker = Callable[[Subject], Iterable[Section]]


def sections_of(subject: Subject) -> Iterator[Section]:
    """All sections that a dataset has something to say in."""
    for make in SECTIONS if subject.findings.view.levels else WITHOUT_LEVELS:
        yield from make(subject)


def map_section(subject: Subject) -> Iterator[Section]:
    """The plane: means and two-colour views of every level, failures, and the cells' values."""
    cells = subject.findings.cells
    views = _views(subject.findings)
    settings = range(len(cells.plane.settings))
    yield Section(
        "Map",
        f"Colour is the mean over the replicates of a cell: {cells.label}. Dots are the boundary "
        "with its interval. Point at a cell, or move from cell to cell with the arrow keys, to read "
        "its values.",
        hover=HoverMap(
            cells, tuple(tuple((view.words, view.draw([s])) for view in views) for s in settings)
        ),
        pictures=[
            Picture(view.name, f"{cells.label}, {view.words}", view.draw(None), on_page=False)
            for view in views
        ],
        tables=[Table("cells", "Values of all cells", cell_rows(cells))],
    )


class _View(NamedTuple):
    """One way to see the plane: the file it goes to, its words, and its figure of some settings."""

    name: str
    words: str
    draw: Callable[[list[int] | None], Figure]


def _views(found: Findings) -> list[_View]:
    views = [
        _level_view(found.cells, level, two) for level in found.levels for two in (False, True)
    ]
    planned = found.cells.missing + sum(found.cells.status.values())
    if (found.cells.runs_used < planned).any():
        views.append(
            _View("failures", "runs not used", lambda s: draw_failures(found.cells, settings=s))
        )
    return views


def _level_view(cells: Cells, level: LevelFindings, two: bool) -> _View:
    def draw(settings: list[int] | None) -> Figure:
        return draw_map(cells, level.boundary, settings=settings, two_colours=two)

    at = f"{exact(level.boundary.level)}"
    kind, words = ("two-colour", "two colours") if two else ("map", "mean")
    return _View(f"{kind}-level-{at}", f"{words}, level {at}", draw)


def boundary_section(subject: Subject) -> Iterator[Section]:
    """Crossings, fitted lines and theory's, one figure a level, and the crossings as a table."""
    levels = subject.findings.levels
    rows = [row for level in levels for row in boundary_rows(level.boundary)]
    plane = subject.findings.cells.plane
    header = [
        plane.x.name if h == "x" else plane.y.name if h == "y" else h for h in BOUNDARY_HEADER
    ]
    yield Section(
        "Boundary",
        "Where the smoothed mean crosses the level, column by column. A triangle at the edge stands "
        "for a column that crosses beyond the grid.",
        pictures=[_boundary_picture(level) for level in levels],
        tables=[
            Table(
                "boundary",
                "The boundary in each column",
                rows,
                header,
                [boundary_cells(row, plane) for row in rows],
                folded=True,
            )
        ],
    )


def _boundary_picture(level: LevelFindings) -> Picture:
    # Where two regimes are needed, their line stands for the single power law's.
    kinked = {kink.setting for kink in level.kinks if kink.preferred}
    powers = [law for law in level.laws if law.kind == "power" and law.setting not in kinked]
    boundary = level.boundary
    return Picture(
        f"boundary-level-{exact(boundary.level)}",
        f"Boundary at {boundary.label} = {exact(boundary.level)} over {boundary.plane.x.label}",
        draw_boundary(boundary, powers, comparisons=level.comparisons, kinks=level.kinks),
    )


def law_section(subject: Subject) -> Iterator[Section]:
    """Every fitted law beside theory's exponent, and its verdict."""
    rows = subject.findings.law_rows
    table = Table(
        "laws",
        "Laws of the boundary, beside theory",
        rows,
        LAW_HEADER,
        [law_cells(row) for row in rows],
    )
    yield Section(
        "Laws of the boundary",
        "A power law's exponent, a straight line's slope, and where theory states an exponent "
        "whether the measured one agrees. Intervals come from refitting resampled replicates.",
        tables=[table],
    )


def kink_section(subject: Subject) -> Iterator[Section]:
    """Two regimes and where they join."""
    cells = kink_cells(subject.findings)
    text = (
        "Two power laws that join at a kink. They are needed where the fit gains more than their two "
        "further parameters cost."
        if cells
        else "Too few columns cross inside the grid to tell two power laws from one."
    )
    rows, header = subject.findings.kink_rows, KINK_HEADER if cells else ()
    table = Table("kinks", "Exponents on both sides of the kink", rows, header, cells)
    yield Section("Two regimes", text, tables=[table])


def shift_section(subject: Subject) -> Iterator[Section]:
    """How far settings move the boundary."""
    found = subject.findings
    if not found.shift_rows:
        return
    pictures = [
        Picture(
            f"shift-level-{exact(level.boundary.level)}",
            f"Shift of the boundary at {level.boundary.label} = {exact(level.boundary.level)}",
            draw_shift(level.boundary, level.shifts),
        )
        for level in found.levels
    ]
    mean = Table("", "Mean shift of the boundary", header=SHIFT_HEADER, cells=shift_cells(found))
    columns = row_table("shift", "The shift in each column", found.shift_rows, folded=True)
    yield Section(
        "Shift of the boundary",
        _pairing(found),
        pictures=pictures,
        tables=[mean, columns],
    )


def _pairing(found: Findings) -> str:
    """What the dataset says of random draws that settings share with the first one."""
    plane, shifts = found.cells.plane, found.levels[0].shifts
    paired, apart = (
        [plane.settings[s.setting] for s in shifts if s.paired is which] for which in (True, False)
    )
    if not apart:
        return "Settings share their random draws, so the shift is a paired difference."
    alone = "the shift is a difference of independent boundaries and its intervals hold the noise of both"
    if not paired:
        return f"Settings draw random numbers of their own, so {alone}."
    return (
        f"{'; '.join(paired)}: random draws are shared with {plane.settings[0]}, and the shift is a paired "
        f"difference. {'; '.join(apart)}: random numbers are drawn anew, so {alone}."
    )


def trajectory_section(subject: Subject) -> Iterator[Section]:
    """Both layers along the training."""
    found = subject.trajectories
    if found is None:
        return
    parts = tuple(
        (", ".join(filter(None, (panel, setting))), draw_trajectory(found, s, p))
        for s, setting in enumerate(found.settings)
        for p, panel in enumerate(found.panels)
    )
    held = f" at {found.fixed}" if found.fixed else ""
    planned = subject.findings.dataset.sweep.replicates
    most = MAX_SHOWN_REPLICATES
    first = f" Of {planned:,} replicates the first {most:,} are shown." if planned > most else ""
    caption = f"Scales of both layers and their ratio along the training{held}"
    yield Section(
        "Trajectories",
        f"{caption}: medians, and bands that hold the middle {BAND:.0%} of the replicates. A run that "
        f"stopped keeps its last record.{first}",
        pictures=[
            Picture(
                "trajectories", caption, draw_trajectories(found), parts, draw_trajectory_key(found)
            )
        ],
        tables=[
            row_table(
                "settling",
                f"How {found.labels[-1]} ends: median, and power of the step over the second half",
                ending_rows(found),
            ),
            Table("trajectories", "Medians and bands", found.rows),
        ],
    )


def run_section(subject: Subject) -> Iterator[Section]:
    """Runs by how they ended."""
    header, cells = run_cells(subject.findings)
    found = subject.findings.cells
    batched = (
        ""
        if found.batched_runs is None
        else " They are too many to hold one by one: means and errors are those of "
        f"{found.values.shape[3]} batches, and the boundary where half of the runs are benign is left out."
    )
    yield Section(
        "Runs",
        f"A run that failed is counted here and enters no mean.{batched}",
        tables=[Table("", "Runs by how they ended", header=header, cells=cells)],
    )


def source_section(subject: Subject) -> Iterator[Section]:
    """Cost, versions, digest, and the sweep file."""
    source = subject.provenance
    given = (
        [Listing("sweep-as-given.yaml", "The sweep file, as it was given", source.given)]
        if source.given
        else []
    )
    asked = f" It was run with {source.options}." if source.options else ""
    yield Section(
        "Cost and source",
        f"bocnn-sweep run trains the same runs from the sweep with every range written out.{asked}",
        tables=[
            Table(
                "",
                "What the runs cost and what made them",
                header=("what", "value"),
                cells=cost_cells(source),
            )
        ],
        listings=[
            *given,
            Listing("sweep.yaml", "The sweep, every range written out", source.sweep_file),
        ],
    )


def further_sections(subject: Subject) -> Iterator[Section]:
    """Theory's verdicts, levels, competing laws, the other definition, and the plane scanned along x."""
    found = subject.findings
    for part in further_parts(found.dataset, found.cells, found.view, resampling=found.resampling):
        yield Section(
            part.title,
            part.text + part.note,
            pictures=[Picture(name, part.title, fig) for name, fig in part.figures.items()],
            tables=[_further_table(part)],
        )


def _further_table(part: Part) -> Table:
    if part.name == VERDICTS:
        return verdict_table(part.name, part.title, part.rows)
    if part.name == COLLAPSE:
        return collapse_table(part.name, part.title, part.rows)
    folded = bool(part.figures) or len(part.rows) > LONG
    return row_table(part.name, part.title, part.rows, folded=folded)


SECTIONS: tuple[Maker, ...] = (
    curve_section,
    map_section,
    boundary_section,
    law_section,
    kink_section,
    shift_section,
    trend_section,
    local_section,
    further_sections,
    trajectory_section,
    run_section,
    source_section,
)
WITHOUT_LEVELS: tuple[Maker, ...] = (
    curve_section,
    trajectory_section,
    run_section,
    source_section,
)
"""What a report is made of where no level is given, and so no boundary."""

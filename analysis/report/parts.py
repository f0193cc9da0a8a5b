"""What a report shows beyond one level's boundary: each part a title, a text, a figure and a table."""

from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.boundary.half_benign import find_benign_boundary
from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.cells import Cells, transposed
from analysis.cells.columns import along_x, on_plane
from analysis.dataset.files import Dataset
from analysis.dataset.plane import exact
from analysis.errors import AnalysisError
from analysis.figures.collapse import draw_collapse
from analysis.figures.levels import draw_levels
from analysis.figures.residuals import draw_residuals
from analysis.report.tables import (
    Row,
    boundary_rows,
    collapse_rows,
    level_rows,
    selection_rows,
    verdict_rows,
)
from analysis.report.verdict import Verdict, judge_exponent, judge_line
from analysis.scaling.data_collapse import collapse
from analysis.scaling.exponent_by_level import LevelExponent, exponents
from analysis.scaling.model_selection import Selection, select_law
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import AnalysisSpec, PredictionSpec

VERDICTS, COLLAPSE = "theory", "collapse"


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a report: file name, heading, a sentence, figures by name, and rows.

    `note` says what is missing and why.
    """

    name: str
    title: str
    text: str
    figures: dict[str, Figure]
    rows: list[Row]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Study:
    """What the sections are made of."""

    dataset: Dataset
    cells: Cells
    view: AnalysisSpec
    resampling: Resampling


def further_parts(
    dataset: Dataset,
    cells: Cells,
    view: AnalysisSpec,
    *,
    resampling: Resampling | None = None,
) -> list[Part]:
    """Theory's verdicts, levels, competing laws, the other definition, rows of the plane, collapse.

    Args:
        dataset: the runs, for columns that formulas name.
        cells: their aggregate on the view's plane.
        view: levels, theory and order parameters.
        resampling: how intervals are made.
    Raises:
        AnalysisError: a mistaken formula.
    """
    study = Study(dataset, cells, view, resampling or Resampling())
    boundaries = [find_boundary(cells, level, resampling=study.resampling) for level in view.levels]
    # Batches of runs are not benign or harmful one by one.
    levels = view.levels if cells.batched_runs is None else ()
    benign = [find_benign_boundary(cells, level, resampling=study.resampling) for level in levels]
    parts = [
        verdict_part(study, [*boundaries, *benign]),
        level_part(study),
        selection_part(study, boundaries),
        benign_part(benign),
        scan_part(study),
        collapse_part(study),
    ]
    return [part for part in parts if part.rows or part.note]


def verdict_part(study: Study, boundaries: Iterable[Boundary]) -> Part:
    """Every prediction against every boundary."""
    found = [
        verdict
        for theory in study.view.theory
        for boundary in boundaries
        for s in range(len(study.cells.plane.settings))
        for verdict in _judge(study, boundary, s, theory)
    ]
    text = (
        "Prediction beside measured value and interval. A verdict is withheld where the interval is too "
        "wide or the range of x too narrow."
    )
    return Part(VERDICTS, "Theory", text, {}, verdict_rows(found))


def _judge(
    study: Study, boundary: Boundary, setting: int, theory: PredictionSpec
) -> Iterable[Verdict]:
    sweep = study.dataset.sweep.name
    yield judge_exponent(boundary, setting, theory=theory, sweep=sweep)
    if theory.line is not None:
        predicted = along_x(study.dataset, study.cells, theory.line)
        yield judge_line(boundary, setting, predicted=predicted, theory=theory, sweep=sweep)


def level_part(study: Study) -> Part:
    """The exponent against the level, by both definitions."""
    found: tuple[LevelExponent, ...] = exponents(study.cells, resampling=study.resampling)
    text = "The level at which the plane is cut decides the exponent that the boundary shows."
    fitted = any(one.law.slope is not None for one in found)
    figures = (
        {"levels": draw_levels(study.cells, found, theories=study.view.theory)} if fitted else {}
    )
    return Part("levels", "Exponent against level", text, figures, level_rows(study.cells, found))


def selection_part(study: Study, boundaries: Iterable[Boundary]) -> Part:
    """The laws that compete for each boundary, with their residuals."""
    figures: dict[str, Figure] = {}
    rows: list[Row] = []
    for boundary in boundaries:
        for s in range(len(study.cells.plane.settings)):
            found: Selection = select_law(boundary, s, theories=study.view.theory)
            rows += selection_rows(boundary, found)
            if found.candidates:
                figures[f"residuals-level-{exact(boundary.level)}-{s}"] = draw_residuals(
                    boundary, found
                )
    text = (
        "Differences of two or less do not part two laws; of ten or more they do. χ² is divided by the "
        "scatter about the best law where that exceeds the columns' errors."
    )
    return Part("selection", "Which law", text, figures, rows)


def benign_part(boundaries: Iterable[Boundary]) -> Part:
    """The boundary where half of the runs are benign."""
    rows = [row for boundary in boundaries for row in boundary_rows(boundary)]
    text = "Where half of the runs lie below the level, by a psychometric curve in each column."
    return Part("half-benign", "Half of the runs benign", text, {}, rows)


def scan_part(study: Study) -> Part:
    """The boundary scanned along x, which finds it where it is upright."""
    across = transposed(study.cells)
    found = [
        find_boundary(across, level, resampling=study.resampling) for level in study.view.levels
    ]
    text = (
        f"Crossings along {study.cells.plane.x.name} in each row: where the boundary turns upright."
    )
    rows = [row for boundary in found for row in boundary_rows(boundary)]
    return Part("rows", "Scanned along x", text, {}, rows)


def collapse_part(study: Study) -> Part:
    """Every order parameter of the view in every setting."""
    found, notes = [], []
    for order in study.view.orders:
        try:
            values = on_plane(study.dataset, study.cells, order)
        except AnalysisError as error:
            notes.append(f" Not drawn: {error}")
            continue
        found.append(
            [
                collapse(study.cells, s, values, name=order, resampling=study.resampling)
                for s in range(len(study.cells.plane.settings))
            ]
        )
    text = (
        "Quality is the share of the means' variance that a monotone curve of the order parameter "
        f"explains; the best exponent b is that of {study.cells.plane.y.name} / "
        f"{study.cells.plane.x.name}^b."
    )
    figures = {
        f"collapse-{k}": draw_collapse(study.cells, one) for k, one in enumerate(found, start=1)
    }
    rows = collapse_rows(study.cells, [one for part in found for one in part])
    return Part(COLLAPSE, "Collapse", text, figures, rows, "".join(notes))

"""The sections of a report, in their order: one line each, "module:class"."""

from collections.abc import Iterator
from pkgutil import resolve_name

from analysis.report.results import Results
from analysis.report.section import Section
from analysis.report.tasks import Tasks

SECTIONS: tuple[str, ...] = (
    "analysis.report.sections.training.curves:MeasuredCurves",
    "analysis.report.sections.boundary.plane_map:PlaneMap",
    "analysis.report.sections.boundary.adaptive:AdaptiveRounds",
    "analysis.report.sections.boundary.crossings:BoundaryByColumn",
    "analysis.report.sections.scaling.power_laws:PowerLaws",
    "analysis.report.sections.scaling.broken_laws:BrokenLaws",
    "analysis.report.sections.boundary.shift:ShiftOfBoundary",
    "analysis.report.sections.scaling.trends:Trends",
    "analysis.report.sections.scaling.local_exponent:LocalExponents",
    "analysis.report.sections.scaling.theory:TheoryVerdicts",
    "analysis.report.sections.scaling.levels:ExponentByLevel",
    "analysis.report.sections.scaling.model_comparison:ModelComparison",
    "analysis.report.sections.boundary.median_boundary:MedianBoundary",
    "analysis.report.sections.boundary.row_scan:RowScan",
    "analysis.report.sections.scaling.collapse:CollapseByOrder",
    "analysis.report.sections.training.trajectories:TrajectoriesOfLayers",
    "analysis.report.sections.dataset.runs:RunsByStatus",
    "analysis.report.sections.dataset.source:CostAndSource",
)


def sections_of(results: Results, tasks: Tasks | None = None) -> Iterator[Section]:
    """The sections for which a dataset has what they need and which have something to show.

    Args:
        results: of the dataset.
        tasks: where sections begin what takes long; None begins it when it is wanted.
    """
    classes: list[type[Section]] = [resolve_name(name) for name in SECTIONS]
    sections = [one(results) for one in classes if all(need(results) for need in one.needs)]
    for section in sorted(sections, key=lambda section: section.begins_last):
        section.begin(tasks or Tasks())
    for section in sections:
        if not section.is_empty():
            yield section

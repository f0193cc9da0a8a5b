"""The sections of a report, in their order: one line each, "module:class"."""

from collections.abc import Iterator
from pkgutil import resolve_name

from analysis.report.results import Results
from analysis.report.section import Section

SECTIONS: tuple[str, ...] = (
    "analysis.report.sections.training.curves:MeasuredCurves",
    "analysis.report.sections.boundary.plane_map:PlaneMap",
    "analysis.report.sections.boundary.crossings:BoundaryByColumn",
    "analysis.report.sections.scaling.power_laws:PowerLaws",
    "analysis.report.sections.scaling.two_regimes:TwoRegimes",
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


def sections_of(results: Results) -> Iterator[Section]:
    """The sections for which a dataset has what they need and which have something to show."""
    for name in SECTIONS:
        section_class: type[Section] = resolve_name(name)
        if all(need(results) for need in section_class.needs):
            section = section_class(results)
            if not section.is_empty():
                yield section

"""What the page shows of a dataset at one moment, from the sections of its report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.errors import AnalysisError
from analysis.figures import page_svg
from analysis.report.blocks import FigureBlock, TableBlock
from analysis.report.results import Results, glance, quiet
from analysis.report.section import Section
from analysis.report.sections.boundary.adaptive import AdaptiveRounds
from analysis.report.sections.boundary.crossings import BoundaryByColumn
from analysis.report.sections.boundary.plane_map import PlaneMap
from analysis.report.sections.scaling.power_laws import PowerLaws
from analysis.report.sections.training.curves import MeasuredCurves
from analysis.statistics.bootstrap import Resampling
from analysis.watch.folder import GrowingFolder
from analysis.watch.pace import Pace
from sweeps.declare.document.document import SweepDocument

DRAWS = 200
"""Bootstrap draws of the present intervals: those of the report are of more."""
_SECTIONS: tuple[type[Section], ...] = (MeasuredCurves, PlaneMap, BoundaryByColumn, AdaptiveRounds)
"""Whose first figure the page shows."""


@dataclass(frozen=True)
class ShownFigure:
    """A figure: what it shows in words, and the SVG."""

    caption: str
    svg: str


@dataclass(frozen=True)
class Snapshot:
    """A dataset at one moment.

    Attributes:
        name: of the sweep; of its folder while none is known.
        planned: runs; None where a target decides.
        published: runs of the sweep that are there.
        statuses: of these runs, how many ended in each status; the first is success.
        pictures: figures, the map or the curves first.
        laws: what was fitted to the boundary so far.
        sampling: how far the target is of a sweep that has one.
        pace: of the driver that published last.
        failures: shards that failed, and files that are set aside.
        problem: why rows cannot be shown.
    """

    name: str
    planned: int | None = None
    published: int = 0
    statuses: Mapping[str, int] | None = None
    pictures: Sequence[ShownFigure] = ()
    laws: TableBlock | None = None
    sampling: str = ""
    pace: Pace | None = None
    failures: Sequence[str] = ()
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all planned runs are published."""
        return self.planned is not None and self.published >= self.planned

    @property
    def failed(self) -> dict[str, int]:
        """Runs that did not end as they should, by status."""
        ended = list((self.statuses or {}).items())
        return {name: count for name, count in ended[1:] if count}

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes at the present pace; None where that is not known."""
        if self.planned is None or self.pace is None or not self.pace.runs_per_s:
            return None
        return max(self.planned - self.published, 0) / self.pace.runs_per_s


def take_snapshot(folder: GrowingFolder) -> Snapshot:
    """The present state of a dataset.

    Args:
        folder: the dataset's, listed a moment ago.
    """
    failures, pace = folder.failures(), folder.pace()
    if not folder.has_rows:
        return _begun(folder.sweep(), folder.name, failures)
    try:
        results = glance(folder.location, Resampling(draws=DRAWS))
        with quiet():
            return _shown(results, pace, failures)
    except (AnalysisError, OSError) as error:  # files may go while they are read
        return Snapshot(folder.name, pace=pace, failures=failures, problem=str(error))


def _begun(sweep: SweepDocument | None, name: str, failures: Sequence[str]) -> Snapshot:
    """A dataset without rows."""
    if sweep is None:
        return Snapshot(name, failures=failures)
    return Snapshot(sweep.name, _planned(sweep), failures=failures)


def _planned(sweep: SweepDocument) -> int | None:
    return None if sweep.sampling else sweep.planned_runs


def _shown(results: Results, pace: Pace | None, failures: Sequence[str]) -> Snapshot:
    sections = [
        one
        for one in (kind(results) for kind in _SECTIONS)
        if all(need(results) for need in one.needs) and not one.is_empty()
    ]
    figures = (figure for one in sections for figure in one.figures()[:1])  # type: ignore[index]
    statuses = {name: int(part.sum()) for name, part in results.cells.status.items()}
    rounds = (one.words() for one in sections if isinstance(one, AdaptiveRounds))
    return Snapshot(
        name=results.sweep,
        planned=_planned(results.dataset.sweep),
        published=sum(statuses.values()),
        statuses=statuses,
        pictures=[_picture(figure) for figure in figures],
        laws=next(_laws(results), None),
        sampling=next(rounds, ""),
        pace=pace,
        failures=failures,
    )


def _picture(figure: FigureBlock) -> ShownFigure:
    return ShownFigure(figure.caption, page_svg(figure.draw()))


def _laws(results: Results) -> Iterator[TableBlock]:
    if results.spec.levels:
        yield from PowerLaws(results).tables()

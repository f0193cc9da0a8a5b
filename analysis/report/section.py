"""What a section of the report is: what it needs, its results, words, figures and tables.

To add one, write a file with a subclass of `Section` and name it in `registry.SECTIONS`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, NamedTuple

from analysis.report.blocks import FigureBlock, LevelsBlock, MapBlock, TableBlock, TextBlock
from analysis.report.findings import Finding
from analysis.report.predictions import Prediction
from analysis.report.results import Results
from analysis.report.tasks import Tasks

Need = Callable[[Results], bool]


class Blocks(NamedTuple):
    """The blocks of a section, made once for its files and for the page."""

    map: MapBlock | None
    figures: list[FigureBlock]
    tables: list[TableBlock]
    texts: list[TextBlock]
    cuts: LevelsBlock | None = None


class Section:
    """One section of one dataset's report.

    What it computes beyond the shared results it keeps in cached properties, so that words, figures and
    tables speak of the same numbers. Every part may be left out but the title and the words.
    """

    title: ClassVar[str]
    needs: ClassVar[tuple[Need, ...]] = ()
    """What a dataset must have for this section; all of it."""
    is_detail: ClassVar[bool] = False
    """Whether the page folds it, after the sections that are not details."""
    begins_last: ClassVar[bool] = False
    """Whether `begin` computes first what its tasks share: those of other sections run beside that."""

    def __init__(self, results: Results) -> None:
        self.results = results

    def blocks(self) -> Blocks:
        """All blocks; figures are drawn when they are shown."""
        tables, texts = list(self.tables()), list(self.texts())
        return Blocks(self.map(), list(self.figures()), tables, texts, self.cuts())

    def begin(self, tasks: Tasks) -> None:
        """Starts what takes long and needs nothing of other sections, so that it runs beside them."""

    def is_empty(self) -> bool:
        """Whether the results leave nothing to show; used only where the needs are met."""
        return False

    def words(self) -> str:
        """A paragraph that says what is shown and how to read it."""
        raise NotImplementedError

    def map(self) -> MapBlock | None:
        """A map of cells that the page shows with their values."""
        return None

    def cuts(self) -> LevelsBlock | None:
        """Boundaries of several levels, through which the page moves below its map."""
        return None

    def figures(self) -> Iterable[FigureBlock]:
        """Figures, in files and on the page."""
        return ()

    def tables(self) -> Iterable[TableBlock]:
        """Tables, in files, on the page, or both."""
        return ()

    def texts(self) -> Iterable[TextBlock]:
        """Texts as they are, in files and folded on the page."""
        return ()

    def summary(self) -> Iterable[str]:
        """Lines that the command prints."""
        return ()

    def findings(self) -> Sequence[Finding]:
        """Sentences for the card of the dataset, the most important first."""
        return ()

    def predictions(self) -> Iterable[Prediction]:
        """What is predicted or judged here, for the table of all datasets."""
        return ()


def has_levels(results: Results) -> bool:
    """Whether the measure is cut at levels, so that there are boundaries."""
    return bool(results.spec.levels)


def has_several_settings(results: Results) -> bool:
    """Whether there are settings to compare."""
    return len(results.cells.plane.settings) > 1


def has_single_runs(results: Results) -> bool:
    """Whether cells hold single runs, not means of batches."""
    return results.cells.batched_runs is None


def has_trajectories(results: Results) -> bool:
    """Whether runs were recorded along their training."""
    return results.trajectories is not None

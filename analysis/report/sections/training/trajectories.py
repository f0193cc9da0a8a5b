"""Both layers along the training, and whether their ratio settles."""

from collections.abc import Iterator
from functools import cached_property, partial

from analysis.dataset.trajectories.files import MAX_SHOWN_REPLICATES
from analysis.figures import draw_trajectories, draw_trajectory, draw_trajectory_key
from analysis.report.blocks import FigureBlock, TableBlock, table_of_rows
from analysis.report.predictions import Prediction
from analysis.report.rows import TableRow, estimate_columns
from analysis.report.section import Section, has_trajectories
from analysis.training.trajectories import BAND, Trajectories


class TrajectoriesOfLayers(Section):
    """Medians and bands of recorded measures over the gradient steps."""

    title = "Trajectories"
    needs = (has_trajectories,)

    @cached_property
    def found(self) -> Trajectories:
        """The trajectories, which the needs say are there."""
        assert self.results.trajectories is not None
        return self.results.trajectories

    @property
    def caption(self) -> str:
        """What is shown, and at which values of other axes."""
        at = f" at {self.found.fixed}" if self.found.fixed else ""
        return f"Scales of both layers and their ratio along the training{at}"

    def words(self) -> str:
        """What bands contain, and of which replicates."""
        planned, shown = self.results.dataset.sweep.replicates, MAX_SHOWN_REPLICATES
        first = (
            f" The first {shown:,} of {planned:,} replicates are shown." if planned > shown else ""
        )
        return (
            f"{self.caption}: medians, and bands that contain the middle {BAND:.0%} of the replicates. A "
            f"run that stopped keeps its last record.{first}"
        )

    def figures(self) -> list[FigureBlock]:
        """All panels in one figure, and each by itself for narrow pages."""
        found = self.found
        parts = tuple(
            (", ".join(filter(None, (panel, setting))), partial(draw_trajectory, found, s, p))
            for s, setting in enumerate(found.settings)
            for p, panel in enumerate(found.panels)
        )
        whole, key = partial(draw_trajectories, found), partial(draw_trajectory_key, found)
        return [FigureBlock("trajectories", self.caption, whole, parts, key)]

    def tables(self) -> list[TableBlock]:
        """How the last measure ends, and all medians and bands."""
        label = self.found.labels[-1]
        caption = f"How {label} ends: median, and power of the step over the second half"
        return [
            table_of_rows("settling", caption, ending_rows(self.found)),
            TableBlock("trajectories", "Medians and bands", self.found.rows),
        ]

    def predictions(self) -> Iterator[Prediction]:
        """Whether the last measure settles."""
        for setting, panel, ending in self.found.endings:
            yield Prediction(
                prediction=f"{self.found.measures[-1]} over the second half of the steps",
                quantity="power of the step",
                predicted=None,
                measured=ending.growth,
                verdict=ending.verdict,
                setting=", ".join(filter(None, (panel, setting, self.found.fixed))),
            )


def ending_rows(found: Trajectories) -> list[TableRow]:
    """One row a setting and panel: the last value of the last measure, its growth, and the verdict."""
    return [
        {
            "measure": found.measures[-1],
            "setting": setting or None,
            "panel": panel,
            "fixed": found.fixed or None,
            **estimate_columns("last", ending.last),
            **estimate_columns("growth", ending.growth),
            "verdict": ending.verdict,
        }
        for setting, panel, ending in found.endings
    ]

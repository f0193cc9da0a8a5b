"""Runs by how they ended: all, and each setting."""

from functools import cached_property

import numpy as np

from analysis.report.blocks import TableBlock
from analysis.report.section import Section


class RunsByStatus(Section):
    """Counts of runs."""

    title = "Runs"
    is_detail = True

    @cached_property
    def by_setting(self) -> dict[str, np.ndarray]:
        """Counts in each setting, by what is counted."""
        cells = self.results.cells
        counts = {name: count.sum(axis=(1, 2)) for name, count in cells.status.items()}
        missing = cells.missing.sum(axis=(1, 2))
        planned = missing + sum(counts.values())
        used = cells.runs_used.sum(axis=(1, 2))
        return counts | {"used": used, "missing": missing, "planned": planned}

    def words(self) -> str:
        """What is counted, and whether runs were put together in batches."""
        cells = self.results.cells
        batched = (
            ""
            if cells.batched_runs is None
            else " They are too many to keep singly: means and errors are those of "
            f"{cells.values.shape[3]} batches, and the median boundary is left out."
        )
        return f"A run that failed is counted here and enters no mean.{batched}"

    def tables(self) -> list[TableBlock]:
        """Counts of all runs and of each setting."""
        plane = self.results.cells.plane
        settings = plane.settings if len(plane.settings) > 1 else ()
        cells = [
            [name, f"{total:,}", *(self._count(name, s) for s in range(len(settings)))]
            for name, total in self.results.runs.items()
        ]
        header = ("runs", "count", *settings)
        return [TableBlock("", "Runs by how they ended", header=header, cells=cells)]

    def _count(self, name: str, setting: int) -> str:
        return f"{self.by_setting[name][setting]:,}" if name in self.by_setting else ""

"""A folder of 48 runs with records read in whole, as reports and drivers do, whatever happens meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from analysis.dataset.files import open_dataset
from analysis.dataset.provenance import read_provenance
from analysis.dataset.query import Shards
from analysis.dataset.trajectories.files import find_records, read_cells, read_records, read_runs

RUNS = 48


def read_as_reports_do(folder: Path) -> None:
    """Rows, a query, records and provenance: every run is in each."""
    dataset = open_dataset(str(folder))
    assert dataset.table.num_rows == RUNS, dataset.table.num_rows
    count = dataset.query("SELECT count(DISTINCT run_id) AS n FROM runs")["n"][0]
    assert count == RUNS, count
    records = find_records(str(folder))
    runs = read_runs(records, dataset.sweep, read_cells(records, dataset.sweep))
    assert len(runs) == RUNS, len(runs)
    assert read_records(records, runs, ["train_loss"]).values.shape[1] == RUNS
    assert read_provenance(str(folder)).rows >= RUNS


class Accesses:
    """Counts how often files are listed, opened and queried; something else is done before one of these."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.expect(0, lambda: None)
        one, query = self._one, Shards._query

        class Counted(pafs.LocalFileSystem):
            def get_file_info(self, *what: object) -> object:
                one()
                return super().get_file_info(*what)

            def open_input_file(self, *what: object) -> object:
                one()
                return super().open_input_file(*what)

            def open_input_stream(self, *what: object) -> object:
                one()
                return super().open_input_stream(*what)

        def counted(shards: Shards, *what: object) -> object:
            one()
            return query(shards, *what)

        monkeypatch.setattr(pafs, "LocalFileSystem", Counted)
        monkeypatch.setattr(Shards, "_query", counted)

    def expect(self, at: int, change: Callable[[], object]) -> None:
        """Count from 0 again, and make a change just before the access of this number."""
        self.count, self._at, self._change = 0, at, change

    def _one(self) -> None:
        self.count += 1
        if self.count == self._at:
            self._change()

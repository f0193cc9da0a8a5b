"""The report that tests in a browser share."""

import pytest

from analysis.report.report import write_report
from analysis.report.results import analyse
from tests.analysis.recording import record
from tests.analysis.report.page import FEW, HOSTILE, Report
from tests.analysis.synthetic import Planted


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of two datasets, one of them with settings, trajectories and words that are markup."""
    folder = tmp_path_factory.mktemp("report")
    extra = {"description": HOSTILE}
    planted = Planted(factors=(1.0, 1.3), replicates=6, name=HOSTILE, sweep_extra=extra)
    data = (record(planted.write(folder / "one")), Planted(replicates=3).write(folder / "two"))
    datasets = [analyse(str(path), FEW) for path in data]
    page = write_report(datasets, folder / "out").page
    return Report(page.as_uri(), datasets[0].cells)

"""How an adaptive sweep's intervals narrowed: from its rows to the file of rounds, figure and words."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.dataset.rounds_file import Round, read_rounds
from analysis.errors import AnalysisError
from analysis.figures.rounds import draw_rounds
from analysis.report.registry import sections_of
from analysis.report.results import ReportOptions, analyse
from analysis.report.sections.boundary.adaptive import AdaptiveRounds
from analysis.statistics.bootstrap import Resampling
from sweeps.declare.file_names import ROUNDS
from sweeps.declare.sampling_spec import SamplingSpec
from sweeps.driver import prepare
from sweeps.driver.adaptive import HISTORY, publish_history, replay
from sweeps.driver.proposals import train_rounds
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.small import resolved, train, train_here

TEXT = """\
name: sampled
model: toy
replicates: 400
axes:
  x: [0.5, 1, 2, 400]
  y: {log: [0.05, 5, 65]}
fixed: {noise: 0.1}
analysis: {x: x, y: y, measure: error, levels: [0.25]}
sampling: {target: boundary, half_width: 0.05, at_most: 3000, round: 60}
"""
FEW = ReportOptions(resampling=Resampling(draws=50))
SIZE = ShardSize(runs=40)


def sample(out: Path) -> None:
    """Run a driver to its end, or to where another one left it, and publish the rounds."""
    dataset, sweep = DatasetFolder(str(out)), resolved(TEXT)
    found = replay(sweep, dataset)
    job = prepare(found.plan.of_none(), dataset, SIZE)
    train_rounds(job, found.rounds, executor=train_here, shard_size=SIZE)
    publish_history(found.proposer.sampler, job.writer)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rounds") / "data"
    sample(out)
    return out


def test_the_file_tells_each_round_and_any_driver_writes_the_same(folder: Path) -> None:
    rounds = read_rounds(str(folder))
    found = replay(resolved(TEXT), DatasetFolder(str(folder)))
    sampler = found.proposer.sampler
    assert [one.round for one in rounds] == list(range(1, len(sampler.history) + 1))
    assert [one.runs for one in rounds] == [runs for runs, _ in sampler.history]
    assert rounds[-1].runs == sampler.runs and sampler.state is not None
    assert rounds[-1].half_width == sampler.state.half_width <= 0.05
    assert (rounds[-1].crossings, rounds[-1].beyond_grid, rounds[-1].being_located) == (4, 1, 0)
    assert rounds[0].half_width is None and rounds[0].being_located > 0
    before = pq.read_table(folder / ROUNDS)
    assert set(before.column_names) == set(HISTORY) == set(Round._fields)
    (folder / ROUNDS).unlink()
    sample(folder)
    assert pq.read_table(folder / ROUNDS).equals(before)


def test_the_report_says_how_it_narrowed(folder: Path) -> None:
    results = analyse(str(folder), FEW)
    (section,) = (s for s in sections_of(results) if isinstance(s, AdaptiveRounds))
    words, last = section.words(), section.rounds[-1]
    assert f"After {last.runs:,} runs in {last.round:,} rounds it is ± 0.0" in words
    assert "Of 4 columns (at every level and in every setting) 1 cross beyond the grid." in words
    (table,), (figure,) = section.tables(), section.figures()
    assert [row["runs"] for row in table.rows] == [one.runs for one in section.rounds]
    assert figure.draw().axes[0].get_ylabel() == "half width, boundary"


def test_the_figure_shows_widths_their_median_and_rounds_without() -> None:
    def after(number: int, widest: float | None, middle: float | None) -> Round:
        return Round(number, 100 * number, widest, middle, 8, 0, 0, 0, 0)

    rounds = [after(1, None, None), after(2, None, 0.3), after(3, 0.4, 0.2), after(4, 0.1, 0.05)]
    (axes,) = draw_rounds(rounds, SamplingSpec("kink", 0.15, 999)).axes
    lines = {line.get_label(): np.array(line.get_xydata()).tolist() for line in axes.lines}
    assert lines["widest"] == [[300, 0.4], [400, 0.1]]
    assert lines["median"] == [[200, 0.3], [300, 0.2], [400, 0.05]]
    assert [x for x, _ in lines["widest not bounded"]] == [100, 200]
    assert {y for _, y in lines["target"]} == {0.15}


def test_a_sweep_without_a_target_has_no_rounds(folder: Path, tmp_path: Path) -> None:
    dense = TEXT.replace("sampling:", "# ").replace("replicates: 400", "replicates: 2")
    train(dense, tmp_path / "dense")
    assert not read_rounds(str(tmp_path / "dense"))
    results = analyse(str(tmp_path / "dense"), FEW)
    assert not any(isinstance(one, AdaptiveRounds) for one in sections_of(results))
    sample(tmp_path / "both")
    assert read_rounds(str(tmp_path / "both"))
    train(TEXT.replace("sampling:", "# ").replace("400]", "400.0]"), tmp_path / "both")
    assert not read_rounds(str(tmp_path / "both"))


def test_a_file_of_other_numbers_is_refused(folder: Path, tmp_path: Path) -> None:
    table = pq.read_table(folder / ROUNDS)
    runs = pa.array([5] * table.num_rows, pa.int64())
    changed = table.set_column(1, table.schema.field("runs"), runs)
    pq.write_table(changed, tmp_path / ROUNDS)
    with pytest.raises(AnalysisError, match="holds other numbers than those"):
        read_rounds(str(tmp_path))

"""Runs proposed while a sweep runs: a bisection finds the toy's boundary with few cells."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sweeps.declare.cells.resolve import ResolvedSweep
from sweeps.driver import Outcome, plan_sweep, prepare
from sweeps.driver.proposals import MeasuredColumns, Proposer, Rounds, train_rounds
from sweeps.plan.cut import ShardSize
from sweeps.plan.shard import CellRuns
from sweeps.store.dataset import DatasetFolder
from sweeps.train.shard import TrainingJob
from tests.sweeps.small import ignore, resolved, rows, train, train_here
from tests.toy import LEVEL, TOY, Toy

FINE = """\
name: bisected
model: toy
seed: 3
replicates: 8
axes:
  x: [0.5, 1, 2, 4]
  y: {log: [0.01, 100, 1001]}
fixed: {noise: 0.0, constant: 1.3}
"""
X, Y = np.array([0.5, 1, 2, 4]), np.geomspace(0.01, 100, 1001)
COARSE = 17
"""Values of y where a round takes seconds."""

REPLICATES = 8


def all_runs(cells: np.ndarray, replicates: int) -> CellRuns:
    """Every run of some cells."""
    return CellRuns(np.repeat(cells, replicates), np.tile(np.arange(replicates), cells.size))


class Bisection:
    """Halves, for each x, the interval of y in which the error falls below the level."""

    def __init__(self, values: int) -> None:
        self.y = np.geomspace(Y[0], Y[-1], values)
        self.low, self.high = np.zeros(X.size, np.int64), np.full(X.size, values - 1)
        self.proposed: list[int] = []

    def ask(self) -> CellRuns:
        open_ = np.flatnonzero(self.high - self.low > 1)
        middle = (self.low + self.high) // 2
        self.cells = open_ * self.y.size + middle[open_]
        self.proposed += self.cells.tolist()
        return all_runs(self.cells, REPLICATES)

    def tell(self, measured: MeasuredColumns) -> None:
        x, y = np.divmod(self.cells, self.y.size)
        error, at = (measured[name].reshape(-1, REPLICATES) for name in ("error", "y"))
        np.testing.assert_allclose(at[:, 0], self.y[y], rtol=1e-11)
        below = error.mean(axis=1) < LEVEL
        self.high[x[below]], self.low[x[~below]] = y[below], y[~below]


def trained(
    proposer: Proposer,
    out: Path,
    executor: Callable[[TrainingJob], dict[int, str]] = train_here,
    *,
    sweep: ResolvedSweep,
    shard_runs: int = 10,
) -> Outcome:
    """Train what a proposer asks for."""
    dataset, size = DatasetFolder(str(out)), ShardSize(runs=shard_runs)
    plan = plan_sweep(sweep, dataset)
    job = prepare(plan.of_none(), dataset, size)
    return train_rounds(job, Rounds(plan, dataset, proposer), executor=executor, shard_size=size)


def bisect(
    out: Path,
    executor: Callable[[TrainingJob], dict[int, str]] = train_here,
    values: int = Y.size,
) -> Bisection:
    proposer, sweep = Bisection(values), resolved(FINE.replace("1001", str(values)))
    assert trained(proposer, out, executor, sweep=sweep) == Outcome({}, 0)
    return proposer


def check(proposer: Bisection, out: Path) -> None:
    """The boundary is where it was planted, and what was trained is what was proposed."""
    planted, rounds = 1.3 * X**0.5, np.ceil(np.log2(proposer.y.size - 1))
    low, high = proposer.y[proposer.low], proposer.y[proposer.high]
    assert np.all(low <= planted) and np.all(planted <= high)
    assert len(proposer.proposed) == len(set(proposer.proposed)) <= X.size * rounds
    assert rows(out).num_rows == 8 * len(proposer.proposed)


def test_a_bisection_finds_the_boundary_with_few_cells(out: Path) -> None:
    check(bisect(out), out)


def test_what_is_published_is_read_and_not_trained_again(out: Path) -> None:
    first = bisect(out)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    again = bisect(out, lambda job: pytest.fail("trained again"))
    assert again.proposed == first.proposed
    assert before == {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}


def test_the_rows_are_those_of_the_whole_sweep(out: Path, tmp_path: Path) -> None:
    text = FINE.replace("1001", "21").replace("replicates: 8", "replicates: 2")
    train(text, tmp_path / "whole")
    runs = CellRuns(np.array([44, 0, 5, 5]), np.array([1, 0, 1, 0]))
    proposals = iter([runs, all_runs(np.zeros(0, np.int64), 1)])

    class Given:
        def ask(self) -> CellRuns:
            return next(proposals)

        def tell(self, measured: MeasuredColumns) -> None:
            assert measured["replicate"].tolist() == runs.replicates.tolist()

    trained(Given(), out, sweep=resolved(text), shard_runs=3)
    whole = {row["run_id"]: row for row in rows(tmp_path / "whole").to_pylist()}
    found = rows(out).to_pylist()
    assert len(found) == 4
    assert all(whole[row["run_id"]] == row for row in found)
    train(text, out)
    assert rows(out).equals(rows(tmp_path / "whole"))


def test_a_plan_of_runs_is_what_is_to_do_of_them(out: Path) -> None:
    text = "name: t\nmodel: toy\nreplicates: 3\naxes: {n: [1, 2], x: [1, 2, 3], y: [1, 2]}\n"
    plan = plan_sweep(resolved(text), DatasetFolder(str(out)))
    for cell in range(plan.resolved.cells.number):
        positions = plan.positions_of(all_runs(np.array([cell]), 3))
        columns = plan.columns(positions)
        expected = plan.resolved.cells.take(np.array([cell]))
        assert columns["replicate"].tolist() == [0, 1, 2]
        assert all((columns[name] == value[0]).all() for name, value in expected.items())
    runs = CellRuns(np.array([7, 1, 7]), np.array([2, 0, 0]))
    positions = plan.positions_of(runs)
    some = plan.of_runs(runs, np.sort(plan.ids(positions[1:2])))
    assert (some.todo, some.flops, some.total) == (2, 2e6, 36)
    planned = np.concatenate([span.positions for span in some.spans])
    assert sorted(planned) == sorted(positions[[0, 2]])
    assert plan.of_none().todo == 0


def test_a_round_that_fails_ends_the_search(out: Path) -> None:
    proposer = Bisection(Y.size)
    end = trained(proposer, out, sweep=resolved(FINE, Toy(fail=3)), shard_runs=8)
    assert len(end.failures) == 4 and "replicate 3 fails as configured" in end.failures[0]
    assert end.missing == 32
    assert len(proposer.proposed) == 4


@pytest.mark.usefixtures("ray_session")
def test_a_bisection_on_ray_asks_for_the_same_cells(out: Path, tmp_path: Path) -> None:
    from sweeps.train.executors import tune

    found = bisect(out, lambda job: tune.run(job, ignore, tune.Cluster()), COARSE)
    check(found, out)
    assert found.proposed == bisect(tmp_path / "here", values=COARSE).proposed
    assert all(TOY.name.encode() == pq.read_schema(p).metadata[b"model"] for p in out.glob("sh*"))

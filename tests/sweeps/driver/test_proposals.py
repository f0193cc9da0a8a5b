"""Cells proposed while a sweep runs: a bisection finds the toy's boundary with few cells."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sweeps.driver import plan_sweep
from sweeps.driver.proposals import MeasuredColumns, published_runs, train_proposed
from sweeps.plan.cut import ShardSize
from sweeps.plan.plan import Plan
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


class Bisection:
    """Halves, for each x, the interval of y in which the error falls below the level."""

    def __init__(self) -> None:
        self.low, self.high = np.zeros(X.size, np.int64), np.full(X.size, Y.size - 1)
        self.proposed: list[int] = []

    def ask(self) -> np.ndarray:
        open_ = np.flatnonzero(self.high - self.low > 1)
        middle = (self.low + self.high) // 2
        self.proposed += (cells := open_ * Y.size + middle[open_]).tolist()
        return cells

    def tell(self, cells: np.ndarray, measured: MeasuredColumns) -> None:
        x, y = np.divmod(cells, Y.size)
        assert measured["error"].shape == (cells.size, 8)
        np.testing.assert_allclose(measured["y"][:, 0], Y[y], rtol=1e-11)
        below = measured["error"].mean(axis=1) < LEVEL
        self.high[x[below]], self.low[x[~below]] = y[below], y[~below]


def bisect(out: Path, executor: Callable[[TrainingJob], dict[int, str]] = train_here) -> Bisection:
    proposer, sweep = Bisection(), resolved(FINE)
    failures = train_proposed(
        sweep, DatasetFolder(str(out)), proposer, executor=executor, shard_size=ShardSize(runs=10)
    )
    assert failures == {}
    return proposer


def check(proposer: Bisection, out: Path) -> None:
    """The boundary is where it was planted, and what was trained is what was proposed."""
    planted = 1.3 * X**0.5
    assert np.all(Y[proposer.low] <= planted) and np.all(planted <= Y[proposer.high])
    assert len(proposer.proposed) == len(set(proposer.proposed)) <= 4 * 10
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
    dataset = DatasetFolder(str(out))
    cells = np.array([0, 5, 44])
    proposals = iter([cells, cells[:0]])

    class Given:
        def ask(self) -> np.ndarray:
            return next(proposals)

        def tell(self, proposed: np.ndarray, measured: MeasuredColumns) -> None:
            assert proposed.tolist() == cells.tolist()

    train_proposed(
        resolved(text), dataset, Given(), executor=train_here, shard_size=ShardSize(runs=3)
    )
    whole = {row["run_id"]: row for row in rows(tmp_path / "whole").to_pylist()}
    found = rows(out).to_pylist()
    assert len(found) == 6
    assert all(whole[row["run_id"]] == row for row in found)
    train(text, out)
    assert rows(out).equals(rows(tmp_path / "whole"))


def test_a_plan_of_cells_is_what_is_to_do_in_them(out: Path) -> None:
    text = "name: t\nmodel: toy\nreplicates: 3\naxes: {n: [1, 2], x: [1, 2, 3], y: [1, 2]}\n"
    plan = plan_sweep(resolved(text), DatasetFolder(str(out)))
    for cell in range(plan.resolved.cells.number):
        positions = plan.positions_of(np.array([cell]))
        columns = plan.columns(positions)
        expected = plan.resolved.cells.take(np.array([cell]))
        assert columns["replicate"].tolist() == [0, 1, 2]
        assert all((columns[name] == value[0]).all() for name, value in expected.items())
    some = plan.of_cells(np.array([1, 7]))
    assert (some.todo, some.flops, some.total) == (6, 6e6, 36)
    positions = np.concatenate([span.positions for span in some.spans])
    assert sorted(positions) == sorted(plan.positions_of(np.array([1, 7])))


def test_a_round_that_fails_ends_the_search(out: Path) -> None:
    proposer, dataset = Bisection(), DatasetFolder(str(out))
    sweep = resolved(FINE, Toy(fail=3))
    failures = train_proposed(
        sweep, dataset, proposer, executor=train_here, shard_size=ShardSize(runs=8)
    )
    assert len(failures) == 4 and "replicate 3 fails as configured" in failures[0]
    assert len(proposer.proposed) == 4
    plan: Plan = plan_sweep(sweep, dataset)
    assert published_runs(plan, dataset, np.array([0]))[0].size == 0


@pytest.mark.usefixtures("ray_session")
def test_a_bisection_on_ray_asks_for_the_same_cells(out: Path, tmp_path: Path) -> None:
    from sweeps.train.executors import tune

    found = bisect(out, lambda job: tune.run(job, ignore, tune.Cluster()))
    check(found, out)
    assert found.proposed == bisect(tmp_path / "here").proposed
    assert all(TOY.name.encode() == pq.read_schema(p).metadata[b"model"] for p in out.glob("sh*"))

"""Executors: the same rows, to the last bit, whoever trains them, in whatever shards and order."""

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import bocnn
from sweeps import driver
from sweeps.declare.cells.identity import shard_name
from sweeps.errors import SweepError
from sweeps.models.protocol import Model
from sweeps.plan.cut import ShardSize
from sweeps.plan.shard import Shard
from sweeps.store.dataset import MANIFEST, Writer
from sweeps.train.executors import local
from sweeps.train.shard import Progress, TrainingJob
from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP, planned, rows, train, train_here
from tests.toy import TOY, Toy

Run = Callable[[TrainingJob, Callable[[Progress], None]], dict[int, str]]

SWEEPS: dict[str, tuple[str, Model]] = {
    "toy": (TOY_SWEEP, TOY),
    "bocnn": (BOCNN_SWEEP, bocnn.MODEL),
}
each_sweep = pytest.mark.parametrize("sweep", SWEEPS)


def on_tune(job: TrainingJob, report: Callable[[Progress], None]) -> dict[int, str]:
    """The Tune executor on the session's Ray."""
    from sweeps.train.executors import tune

    return tune.run(job, report, tune.Cluster())


@pytest.fixture(params=["local", "threads", "tune"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each executor."""
    if request.param == "local":
        return local.run
    if request.param == "threads":
        return partial(local.run, workers=4)
    request.getfixturevalue("ray_session")
    return on_tune


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], pa.Table]:
    """The rows of a sweep in one undisturbed shard per shape, trained here."""
    tables = {}
    for name, (text, model) in SWEEPS.items():
        folder = tmp_path_factory.mktemp(name)
        train(text, folder, model, ShardSize(runs=100_000))
        tables[name] = rows(folder)
    return tables.__getitem__


class _Turned(Shard):
    """A shard with its runs in the other order."""

    @property
    def positions(self) -> np.ndarray:
        return super().positions[::-1]


def unread(run: Run) -> Callable[[TrainingJob], dict[int, str]]:
    """The executor, unreported."""
    return lambda job: run(job, lambda progress: None)


@each_sweep
@pytest.mark.parametrize("shard_runs", [7, 1000])
def test_rows_do_not_depend_on_executor_or_shards(
    run: Run, sweep: str, shard_runs: int, out: Path, reference: Callable[[str], pa.Table]
) -> None:
    text, model = SWEEPS[sweep]
    outcome = train(text, out, model, ShardSize(runs=shard_runs), unread(run))
    assert outcome == ({}, 0)
    assert rows(out).equals(reference(sweep))


def test_a_shard_may_be_one_run(run: Run, out: Path, reference: Callable[[str], pa.Table]) -> None:
    few = TOY_SWEEP.replace("replicates: 3", "replicates: 1").replace("[1, 2]", "[2]")
    train(few, out, TOY, ShardSize(runs=1), unread(run))
    found = rows(out)
    assert len(list(out.glob("*.parquet"))) == found.num_rows == 16
    whole = {row["run_id"]: row for row in reference("toy").to_pylist()}
    assert all(whole[row["run_id"]] == row for row in found.to_pylist())


@each_sweep
def test_rows_do_not_depend_on_the_order_of_shards(
    sweep: str, out: Path, reference: Callable[[str], pa.Table]
) -> None:
    text, model = SWEEPS[sweep]
    plan, dataset = planned(text, out, model)
    job = driver.prepare(plan, dataset, ShardSize(runs=5))
    order = np.random.default_rng(3).permutation(len(job.shards))
    shuffled = job._replace(shards=[job.shards[number] for number in order])
    assert driver.execute(shuffled, dataset, train_here).missing == 0
    assert rows(out).equals(reference(sweep))


@each_sweep
def test_rows_do_not_depend_on_the_order_of_runs_in_a_shard(
    sweep: str, out: Path, reference: Callable[[str], pa.Table]
) -> None:
    text, model = SWEEPS[sweep]
    plan, dataset = planned(text, out, model)
    job = driver.prepare(plan, dataset, ShardSize(runs=13))
    turned = job._replace(shards=[_Turned(*shard) for shard in job.shards])
    assert driver.execute(turned, dataset, train_here).missing == 0
    assert rows(out).equals(reference(sweep))


def test_progress_ends_with_every_shard_published(run: Run, out: Path) -> None:
    text = TOY_SWEEP.replace("{cost: 1.0e+6}", "{blow_up: 5.0, cost: 1.0e+10}")
    plan, dataset = planned(text, out)
    job = driver.prepare(plan, dataset, ShardSize(runs=24))
    seen: list[Progress] = []
    run(job, seen.append)
    latest = {progress.shard: progress for progress in seen}
    assert len(seen) > 2 * len(latest)
    assert sorted(latest) == list(range(len(job.shards)))
    assert all(progress.published for progress in latest.values())
    assert sum(progress.runs for progress in latest.values()) == 96
    assert sum(progress.failed["diverged"] for progress in latest.values()) == 24


def test_a_failing_shard_stops_no_other_and_the_next_run_trains_only_it(
    run: Run, out: Path, reference: Callable[[str], pa.Table]
) -> None:
    one_run = ShardSize(runs=1)
    cell = TOY_SWEEP.replace("{log: [0.1, 10, 4]}", "[0.1]").replace("[1.0, 2.0]", "[2.0]")
    cell = cell.replace("n: [1, 2]", "n: [2]").replace("[0, 0.1]", "[0.1]")
    outcome = train(cell, out, replace(TOY, fail=1), one_run, unread(run))
    assert (list(outcome.failures), outcome.missing) == ([1], 1)
    assert "replicate 1 fails as configured" in outcome.failures[1]
    assert set(rows(out)["replicate"].to_pylist()) == {0, 2}
    plan, _ = planned(cell, out)
    assert plan.columns(plan.spans[0].positions)["replicate"].tolist() == [1]
    assert train(cell, out, TOY, one_run, unread(run)) == ({}, 0)
    whole = {row["run_id"]: row for row in reference("toy").to_pylist()}
    assert [whole[row["run_id"]] for row in rows(out).to_pylist()] == rows(out).to_pylist()
    assert rows(out).num_rows == 3


@pytest.mark.usefixtures("ray_session")
def test_a_killed_worker_is_replaced_and_its_rows_are_the_same(
    out: Path, tmp_path: Path, reference: Callable[[str], pa.Table]
) -> None:
    marker = tmp_path / "killed"
    mortal = replace(TOY, kill_at=2, marker=str(marker))
    outcome = train(TOY_SWEEP, out, mortal, ShardSize(runs=20), unread(on_tune))
    assert marker.exists()
    assert outcome == ({}, 0)
    assert rows(out).equals(reference("toy"))


def test_what_is_complete_is_not_trained_again(run: Run, out: Path) -> None:
    train(TOY_SWEEP, out)
    mined = replace(TOY, fail=0)
    assert train(TOY_SWEEP, out, mined, ShardSize(runs=3), unread(run)) == ({}, 0)


def test_rows_that_cannot_be_published_are_a_failure_with_its_remedy(run: Run, out: Path) -> None:
    plan, dataset = planned(TOY_SWEEP.replace("n: [1, 2]", "n: [1]"), out)
    job = driver.prepare(plan, dataset, ShardSize(runs=1000))
    elsewhere = Writer(str(out.parent / "elsewhere"), "{}", plan.model, {})
    (out.parent / "elsewhere").mkdir()
    (out.parent / "elsewhere" / MANIFEST).touch()
    (out.parent / "elsewhere" / shard_name(plan.ids(job.shards[0].positions))).mkdir()
    outcome = driver.execute(job._replace(writer=elsewhere), dataset, unread(run))
    assert outcome.missing == plan.total
    assert "cannot write shard-" in outcome.failures[0]
    assert "then run the same command again" in outcome.failures[0]


@pytest.mark.parametrize("late", [1, 2])
def test_a_ray_that_does_not_start_in_time_is_started_once_more_and_then_reported(
    late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sweeps.train.executors import connection

    starts = []

    def start(**options: object) -> None:
        starts.append(options)
        if len(starts) <= late:
            raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(connection.ray, "init", start)
    monkeypatch.setattr(connection.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connection.ray, "shutdown", lambda: None)
    refused = pytest.raises(SweepError, match=r"2 times within its half minute.* take --executor")
    with nullcontext() if late == 1 else refused, connection.connected(connection.Cluster()):
        pass
    assert len(starts) == 2 and starts[0] == starts[1]


class Together(Toy):
    """A toy whose runs end only when two shards are in training at once."""

    def run(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.meeting.wait(30)
        return super().run(columns)

    meeting = threading.Barrier(2)


def test_threads_of_the_local_executor_train_side_by_side(out: Path) -> None:
    two = TOY_SWEEP.replace("[1.0, 2.0]", "[1.0]")
    plan, dataset = planned(two, out, Together())
    job = driver.prepare(plan, dataset, ShardSize(runs=24))
    assert len(job.shards) == 2
    seen: list[Progress] = []
    assert local.run(job, seen.append, workers=2) == {}
    assert sum(progress.published for progress in seen) == 2
    assert {note["slots"] for note in dataset.inspect(driver.owner_of(plan.resolved)).notes} == {
        "2"
    }

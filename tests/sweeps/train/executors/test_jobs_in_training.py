"""Several jobs under one Tune: each to its own end, in their order, on the same workers."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps import driver
from sweeps.driver.datasets import read_status
from sweeps.models.protocol import Model
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from sweeps.train.executors import trials, tune
from sweeps.train.executors.board import Board, ShardOfJob
from sweeps.train.executors.trials import Monitor
from sweeps.train.shard import Progress, TrainingJob
from tests.sweeps.small import TOY_SWEEP, ignore, planned, rows
from tests.toy import TOY, Toy

SMALL = TOY_SWEEP.replace("n: [1, 2]", "n: [1]")


def job_of(folder: Path, model: Model = TOY, runs: int = 12) -> TrainingJob:
    plan, dataset = planned(SMALL, folder, model)
    return driver.prepare(plan, dataset, ShardSize(runs=runs))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many trials each call of Tune had."""
    seen: list[int] = []
    fit, take = trials.fit, Board.take

    def counted(watch: Monitor, cluster: tune.Cluster, *, trials: int) -> None:
        seen.append(0)
        fit(watch, cluster, trials=trials)

    def taken(board: Board, wait_s: float = 0.0) -> ShardOfJob | None:
        shard = take(board, wait_s)
        seen[-1] += shard is not None
        return shard

    monkeypatch.setattr(tune, "fit", counted)
    monkeypatch.setattr(Board, "take", taken)
    return seen


@pytest.mark.usefixtures("ray_session")
def test_each_job_is_reported_and_fails_by_itself(tmp_path: Path, calls: list[int]) -> None:
    broken = replace(TOY, fail=1)
    jobs = [job_of(tmp_path / "a"), job_of(tmp_path / "b", broken, 48), job_of(tmp_path / "c")]
    seen: dict[int, list[Progress]] = {0: [], 1: [], 2: []}
    with tune.JobsInTraining(jobs, tune.Cluster()) as training:
        failures = [training.wait(number, seen[number].append) for number in seen]
    assert [len(found) for found in failures] == [0, 1, 0]
    assert all("replicate 1 fails as configured" in error for error in failures[1].values())
    assert [rows(tmp_path / name).num_rows for name in "ac"] == [48, 48]
    assert not list((tmp_path / "b").glob("shard-*.parquet"))
    for number, shards in enumerate((4, 1, 4)):
        ends = Counter(p.shard for p in seen[number] if p.published or p.setback == "failed")
        assert ends == dict.fromkeys(range(shards), 1)
    assert calls == [4 + 4 + 4]  # the shard that fails is tried four times


@pytest.mark.usefixtures("ray_session")
def test_a_call_of_tune_takes_so_many_shards_of_all_jobs(
    tmp_path: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "_trials_per_call", lambda slots: 5)
    jobs = [job_of(tmp_path / "a"), job_of(tmp_path / "b")]
    with tune.JobsInTraining(jobs, tune.Cluster()) as training:
        assert training.wait(1, ignore) == training.wait(0, ignore) == {}
    assert calls == [5, 3]
    assert [rows(tmp_path / name).num_rows for name in "ab"] == [48, 48]


@pytest.mark.usefixtures("ray_session")
def test_who_leaves_early_ends_the_others(tmp_path: Path) -> None:
    slow = Toy(pause_s=0.1)
    jobs = [job_of(tmp_path / "a"), job_of(tmp_path / "b", slow)]
    with tune.JobsInTraining(jobs, tune.Cluster()) as training:
        assert training.wait(0, ignore) == {}
    assert rows(tmp_path / "a").num_rows == 48
    assert len(list((tmp_path / "b").glob("shard-*.parquet"))) < 4


@pytest.mark.usefixtures("ray_session")
def test_an_error_of_tune_is_raised_where_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(watch: Monitor, cluster: tune.Cluster, *, trials: int) -> None:
        raise RuntimeError("no such scheduler")

    monkeypatch.setattr(tune, "fit", broken)
    job = job_of(tmp_path / "a")
    with (
        pytest.raises(RuntimeError, match="no such scheduler"),
        tune.JobsInTraining([job], tune.Cluster()) as training,
    ):
        training.wait(0, ignore)


@pytest.mark.usefixtures("ray_session")
def test_a_later_job_begins_when_its_first_shard_does(tmp_path: Path) -> None:
    slow = Toy(pause_s=0.05)
    jobs = [job_of(tmp_path / "a", slow), job_of(tmp_path / "b")]
    with tune.JobsInTraining(jobs, tune.Cluster()) as training:
        for number in (0, 1):
            training.wait(number, ignore)
    first, second = (
        read_status(DatasetFolder(str(tmp_path / name)), lambda name: TOY).share for name in "ab"
    )
    assert first and second and first.sessions == second.sessions == 1
    assert second.available_s < first.available_s


@pytest.mark.usefixtures("ray_session")
def test_rounds_are_trained_by_the_same_workers(tmp_path: Path, calls: list[int]) -> None:
    rounds, later = job_of(tmp_path / "a"), job_of(tmp_path / "b")
    jobs = [rounds._replace(shards=[]), later]
    with tune.JobsInTraining(jobs, tune.Cluster(), more_will_come=True) as training:
        assert training.wait(1, ignore) == {}
        for shard in rounds.shards:
            training.add(0, rounds._replace(shards=[shard]))
            assert training.wait(0, ignore) == {}
    assert [rows(tmp_path / name).num_rows for name in "ab"] == [48, 48]
    assert calls == [8]

"""A sweep with a target, on disk: its rounds follow from its rows, whatever happens to a driver."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import sweeps
from sweeps.declare.file_names import ROUNDS
from sweeps.driver import prepare
from sweeps.driver.adaptive import expectation, replay
from sweeps.driver.datasets import read_status
from sweeps.driver.proposals import train_rounds
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from sweeps.train.executors import local
from sweeps.train.shard import TrainingJob
from tests.sweeps.small import ignore, resolved, rows, train, train_here
from tests.toy import TOY, Toy

TEXT = """\
name: sampled
model: toy
seed: 3
replicates: 400
axes:
  x: [0.5, 1, 2]
  y: {log: [0.05, 20, 65]}
fixed: {noise: 0.1}
settings: {p_flip: [0, 0.1]}
analysis: {x: x, y: y, measure: error, levels: [0.25]}
sampling: {target: boundary, half_width: 0.05, at_most: 3000, round: 60}
"""
BOUNDARY = np.array([[0.5, 1, 2], [0.5, 1, 2]]) ** 0.5 * np.array([[1.0], [1.5]])
SIZE = ShardSize(runs=40)

Executor = Callable[[TrainingJob], dict[int, str]]


class Killed(BaseException):
    """The driver's process has gone."""


def sample(out: Path, executor: Executor = train_here, text: str = TEXT) -> int:
    """Run a driver to its end; how many runs it lacks then."""
    dataset, sweep = DatasetFolder(str(out)), resolved(text)
    found = replay(sweep, dataset)
    job = prepare(found.plan.of_none(), dataset, SIZE)
    return train_rounds(job, found.rounds, executor=executor, shard_size=SIZE).missing


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert sample(folder) == 0
    return folder


def test_the_boundary_is_as_narrow_as_was_asked_for(undisturbed: Path) -> None:
    found = replay(resolved(TEXT), DatasetFolder(str(undisturbed)))
    state = found.proposer.sampler.state
    assert state is not None and state.half_width <= 0.05 and found.plan.todo == 0
    np.testing.assert_allclose(
        np.sort(state.levels[0].u), np.sort(np.log(BOUNDARY).ravel()), atol=0.1
    )
    assert rows(undisturbed).num_rows == found.proposer.sampler.runs < 3000


STRADDLE = TEXT.replace("round: 60", "round: 60, strategy: straddle").replace(
    "0.05, at", "0.08, at"
)


@pytest.mark.parametrize("text", [TEXT, STRADDLE])
def test_a_driver_that_is_killed_again_and_again_makes_the_same_dataset(
    text: str, tmp_path: Path, out: Path
) -> None:
    assert sample(tmp_path / "undisturbed", text=text) == 0
    rng, starts = np.random.default_rng(5), 0

    def dying(job: TrainingJob) -> dict[int, str]:
        nonlocal left
        for number in range(len(job.shards)):
            if left == 0:
                raise Killed
            left -= 1
            local.run(job._replace(shards=job.shards[number : number + 1]), ignore)
        return {}

    while starts < 200:
        left, starts = int(rng.integers(1, 5)), starts + 1
        try:
            assert sample(out, dying, text) == 0
            break
        except Killed:
            continue
    assert starts > 5
    assert rows(out).equals(rows(tmp_path / "undisturbed"))


def test_two_drivers_at_once_propose_the_same_runs(undisturbed: Path, out: Path) -> None:
    errors: list[BaseException] = []

    def drive() -> None:
        try:
            assert sample(out) == 0
        except BaseException as error:
            errors.append(error)

    drivers = [threading.Thread(target=drive) for _ in range(2)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert not errors
    found = {row["run_id"]: row for row in rows(out).to_pylist()}
    assert list(found.values()) == rows(undisturbed).to_pylist()


def test_an_extended_target_trains_only_what_is_new(undisturbed: Path, tmp_path: Path) -> None:
    wide = TEXT.replace("half_width: 0.05", "half_width: 0.1")
    assert sample(tmp_path / "out", text=wide) == 0
    before = rows(tmp_path / "out")
    trained = 0

    def counting(job: TrainingJob) -> dict[int, str]:
        nonlocal trained
        trained += sum(shard.runs for shard in job.shards)
        return train_here(job)

    assert sample(tmp_path / "out", counting) == 0
    whole = rows(undisturbed)
    assert rows(tmp_path / "out").equals(whole)
    assert trained == whole.num_rows - before.num_rows > 0


def test_rows_of_the_whole_grid_change_no_round(undisturbed: Path, out: Path) -> None:
    """What was trained without a target is used where a round asks for it."""
    dense = TEXT.replace("sampling:", "# ").replace("replicates: 400", "replicates: 2")
    train(dense, out)
    assert rows(out).num_rows == 2 * 6 * 65
    assert sample(out) == 0
    ids = set(rows(out)["run_id"].to_pylist())
    asked = set(rows(undisturbed)["run_id"].to_pylist())
    assert asked < ids and len(ids) < len(asked) + 2 * 6 * 65


def test_a_failed_shard_ends_the_rounds_and_says_so(out: Path) -> None:
    dataset, sweep = DatasetFolder(str(out)), resolved(TEXT, Toy(fail=3))
    found = replay(sweep, dataset)
    job = prepare(found.plan.of_none(), dataset, SIZE)
    end = train_rounds(job, found.rounds, executor=train_here, shard_size=SIZE)
    assert end.failures and end.missing > 0
    status = read_status(dataset, lambda name: TOY)
    assert status.published + end.missing == status.planned
    assert "incomplete" in str(status)


def sampled_sweep(**changes: Any) -> sweeps.Sweep:
    """The sweep in Python, checked against the toy."""
    sweep = sweeps.Sweep(
        **{
            "name": "sampled",
            "model": "toy",
            "replicates": 400,
            "axes": {"x": [0.5, 1, 2], "y": {"log": [0.05, 20, 65]}},
            "fixed": {"noise": 0.1},
            "analysis": {"x": "x", "y": "y", "measure": "error", "levels": [0.25]},
            "sampling": {"target": "boundary", "half_width": 0.05, "at_most": 3000, "round": 60},
        }
        | changes
    )
    sweep.__dict__["resolved"] = resolved(sweep.text)
    return sweep


def test_plan_and_run_speak_of_the_target(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.driver.datasets.read_status.__defaults__", (lambda n: TOY, None))
    sweep = sampled_sweep()
    plan = sweep.plan(out)
    assert plan.sampling is not None and plan.sampling.runs is not None
    assert "thrown away" in plan.sampling.basis and not out.exists()
    status = sweep.run(out, executor="local")
    shown = " ".join(capsys.readouterr().out.split())
    assert "boundary ± 0.05, at most 3,000 runs" in shown
    assert "(target ± 0.05)" in shown and "being located" in shown
    assert status.published == status.planned == rows(out).num_rows
    assert status.published / 3 < plan.sampling.runs < 3 * status.published
    assert f"{status.published:,} runs: boundary ± 0.0" in str(status)
    assert pq.read_table(out / ROUNDS)["runs"].to_pylist()[-1] == status.published
    after = sweep.plan(out)
    assert "complete" in str(after) and after.sampling is not None
    assert after.sampling.runs == status.published


def test_the_expected_runs_follow_from_what_is_published(out: Path) -> None:
    sample(out)
    narrow = TEXT.replace("half_width: 0.05", "half_width: 0.025")
    found = replay(resolved(narrow), DatasetFolder(str(out)))
    runs, basis = expectation(found)
    assert "published rounds" in basis and runs is not None
    now = found.proposer.sampler
    assert now.state is not None
    assert runs == int(now.told * (now.state.half_width / 0.025) ** 2) or runs == 3000


def test_too_dear_a_pilot_is_not_tried(out: Path) -> None:
    text = TEXT.replace("{noise: 0.1}", "{noise: 0.1, cost: 1.0e+12}")
    found = replay(resolved(text), DatasetFolder(str(out)))
    assert expectation(found).runs is None
    assert "too dear" in expectation(found).basis


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_ray_tune_trains_the_same_rounds(out: Path, tmp_path: Path) -> None:
    from sweeps.train.executors import tune

    few = TEXT.replace("at_most: 3000", "at_most: 100")
    assert sample(out, lambda job: tune.run(job, ignore, tune.Cluster()), few) == 0
    assert sample(tmp_path / "here", text=few) == 0
    assert rows(out).num_rows == 100 and rows(out).equals(rows(tmp_path / "here"))

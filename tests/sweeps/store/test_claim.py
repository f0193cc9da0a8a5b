"""Two drivers that start together in one folder: one sweep is begun there, not two."""

import json
import subprocess
import threading
from pathlib import Path

import pytest

from sweeps import driver
from sweeps.errors import SweepError
from sweeps.plan.cut import ShardSize
from sweeps.store import claim
from sweeps.store.claim import claimed
from sweeps.store.dataset import MANIFEST, DatasetFolder
from sweeps.store.store import Store
from tests.sweeps.small import BOCNN_SWEEP, COMMAND, TOY_SWEEP, resolved, train
from tests.sweeps.store.test_objects import running, server, uri  # noqa: F401

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(params=["local", "s3"])
def folder(request: pytest.FixtureRequest, out: Path) -> str:
    """An output folder on a disk, and one on an object store."""
    return str(out) if request.param == "local" else request.getfixturevalue("uri")


def test_of_two_sweeps_that_were_planned_at_once_the_second_is_refused(folder: str) -> None:
    dataset = DatasetFolder(folder)
    first, second = (
        driver.plan_sweep(resolved(TOY_SWEEP.replace("1.0e+6", cost)), dataset)
        for cost in ("1.0e+6", "2.0e+6")
    )
    driver.prepare(first, dataset, ShardSize(runs=48))
    with pytest.raises(SweepError, match=r"holds another sweep: cost was 1000000.0 and is 2000000"):
        driver.prepare(second, dataset, ShardSize(runs=48))
    assert json.loads(dataset.store.get(MANIFEST))["fixed"]["cost"] == 1e6
    assert sorted(dataset.store.names()) == ["_given.json", "_sweep.json"]
    assert dataset.store.hidden(".") == []


def test_of_two_extensions_that_were_planned_at_once_none_is_lost(folder: str) -> None:
    """More replicates, and fewer of them again: the sweep in the folder never shrinks."""
    dataset = DatasetFolder(folder)
    more, fewer = (
        driver.plan_sweep(resolved(TOY_SWEEP.replace("replicates: 3", text)), dataset)
        for text in ("replicates: 5", "replicates: 4")
    )
    driver.prepare(more, dataset, ShardSize(runs=48))
    with pytest.raises(SweepError, match="there were 5 replicates, now 4"):
        driver.prepare(fewer, dataset, ShardSize(runs=48))
    assert json.loads(dataset.store.get(MANIFEST))["replicates"] == 5


def test_only_one_holds_a_folder(folder: str) -> None:
    holders: list[int] = []
    most: list[int] = []

    def hold() -> None:
        for _ in range(3):
            with claimed(Store(folder), MANIFEST):
                holders.append(1)
                most.append(len(holders))
                holders.pop()

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 12
    assert Store(folder).hidden(".") == []


def test_a_claim_that_is_not_released_is_named(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "WAIT_S", 0.5)
    with (
        claimed(Store(folder), MANIFEST),
        pytest.raises(SweepError, match=r"another driver has been starting in .*; if none is, rem"),
        claimed(Store(folder), MANIFEST),
    ):
        pass


def test_a_sweep_that_is_refused_leaves_the_other_to_be_trained(out: Path) -> None:
    train(TOY_SWEEP, out)
    with pytest.raises(SweepError, match="holds another sweep"):
        train(TOY_SWEEP.replace("1.0e+6", "2.0e+6"), out)
    assert train(TOY_SWEEP, out) == ({}, 0)


@pytest.mark.slow
def test_two_commands_started_together_train_one_sweep(tmp_path: Path, out: Path) -> None:
    drivers = []
    for steps in (3, 4):
        file = tmp_path / f"{steps}.yaml"
        file.write_text(BOCNN_SWEEP.replace("steps: 30", f"steps: {steps}"))
        options = ["--out", str(out), "--executor", "local"]
        drivers.append(
            subprocess.Popen(
                [*COMMAND, "run", str(file), *options],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    said = [driver.communicate(timeout=120)[1] for driver in drivers]
    assert sorted(driver.returncode for driver in drivers) == [0, 2]
    assert sum("the output folder holds another sweep: steps was" in text for text in said) == 1
    assert {path.name[:6] for path in out.iterdir()} == {"_given", "_sweep", "shard-"}

"""A folder that takes no shard any more: the sweep stops at the first, with the reason."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweeps.errors import SweepError, UnwritableError
from sweeps.plan.cut import ShardSize
from sweeps.store import store
from sweeps.store.store import Store
from sweeps.train.executors import local
from sweeps.train.shard import Progress, TrainingJob
from sweeps.train.stop import StopSignal
from tests.sweeps.small import TOY_SWEEP, train
from tests.toy import Toy

Run = Callable[..., dict[int, str]]


def on_tune(
    job: TrainingJob, report: Callable[[Progress], None], stop_signal: StopSignal
) -> dict[int, str]:
    from sweeps.train.executors import tune

    return tune.run(job, report, tune.Cluster(), stop_signal)


@pytest.fixture(params=["local", "tune"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each executor."""
    if request.param == "local":
        return local.run
    request.getfixturevalue("ray_session")
    return on_tune


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a few shards."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("remount", ["", "ro"])
def test_a_sweep_stops_where_nothing_can_be_published(run: Run, remount: str, disk: Path) -> None:
    """A full disk, and one that has become read-only: nothing is trained twice."""
    seen: list[Progress] = []
    stop_signal = StopSignal()

    def report(progress: Progress) -> None:
        seen.append(progress)
        if remount and sum(p.published for p in seen) == 1:
            subprocess.run(["mount", "-o", f"remount,{remount}", str(disk)], check=True)

    outcome = train(
        TOY_SWEEP,
        disk / "out",
        Toy(pause_s=0.01),
        ShardSize(runs=2),
        lambda job: run(job, report, stop_signal),
    )
    assert outcome.missing > 0
    reason = "Read-only file system" if remount else "No space left on device"
    assert f"{reason}; free space, correct the rights or name another --out" in stop_signal.cause
    assert not [progress for progress in seen if progress.setback == "retried"]
    failed = [progress for progress in seen if progress.setback == "failed"]
    assert 1 <= len(failed) <= 2  # one on each worker
    assert all(reason in progress.reason for progress in failed)
    begun = {progress.shard for progress in seen}
    assert len(begun) <= sum(progress.published for progress in seen) + 2


@pytest.mark.parametrize(
    "number", ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG", "ENOTDIR"]
)
def test_errors_that_come_again_are_distinguished_from_those_of_one_file(
    number: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(code: int) -> Callable[[int], None]:
        def raise_it(handle: int) -> None:
            raise OSError(code, os.strerror(code))

        return raise_it

    monkeypatch.setattr(store.os, "fsync", fail(getattr(errno, number)))
    with pytest.raises(UnwritableError, match=os.strerror(getattr(errno, number))):
        Store(str(out)).put("shard-0.parquet", b"1")
    monkeypatch.setattr(store.os, "fsync", fail(errno.EIO))
    with pytest.raises(SweepError, match="Input/output error") as caught:
        Store(str(out)).put("shard-0.parquet", b"1")
    assert not isinstance(caught.value, UnwritableError)


def test_a_shard_that_is_tried_again_says_why(ray_session: None, out: Path) -> None:
    seen: list[Progress] = []
    text = TOY_SWEEP.replace("n: [1, 2]", "n: [2]")
    train(
        text,
        out,
        Toy(fail=1),
        ShardSize(runs=48),
        lambda job: on_tune(job, seen.append, StopSignal()),
    )
    setbacks = [progress for progress in seen if progress.setback]
    assert [progress.setback for progress in setbacks] == ["retried"] * 3 + ["failed"]
    assert {progress.reason for progress in setbacks} == {
        "RuntimeError: replicate 1 fails as configured"
    }

"""What an operator must be able to trust: bad disks, clocks and folders, and that no file can run code."""

import ast
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweeps import driver
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from sweeps.train.shard import TrainingJob
from tests.sweeps.small import TOY_SWEEP, errors_of, planned, rows, train, train_here
from tests.toy import TOY, Toy

ROOT = Path(__file__).parents[3]


def test_no_room_sweeps_or_analysis_reads_a_pickle() -> None:
    """Nothing but Ray and pipes to own children pickles, between processes that one user has started."""
    for package in ("sweeps", "analysis", "bocnn"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {"pickle", "cloudpickle", "dill", "shelve", "joblib", "marshal"} & {
                    *names
                }
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    assert node.func.id not in {"eval", "exec", "compile", "__import__"}


class _Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["shard-0.parquet", "_sweep.json", "_failed-0.txt"])
def test_a_pickle_in_the_folder_is_not_run(name: str, out: Path, tmp_path: Path) -> None:
    train(TOY_SWEEP, out)
    sprung = tmp_path / "sprung"
    (out / name).write_bytes(pickle.dumps(_Trap(sprung), protocol=0))
    try:
        datasets.read_status(DatasetFolder(str(out)), lambda name: TOY)
    except SweepError as error:
        assert name in str(error)
    assert not sprung.exists()


@pytest.mark.parametrize(
    "name", ["../up", "/etc/x", "a/b", "..", ".hidden", "~", "$HOME", "a\\b", "a\0b", "", "-rf"]
)
def test_a_name_cannot_leave_the_output_folder(name: str) -> None:
    """The name is all of a sweep file that becomes part of a path."""
    text = TOY_SWEEP.replace("name: toy-plane", f"name: {name!r}".replace("'", '"'))
    assert "name: received" in errors_of(text) or "not valid YAML" in errors_of(text)


def test_a_full_disk_fails_shards_with_the_remedy_and_leaves_no_half_file(tmp_path: Path) -> None:
    """A file system of its own, too small for the dataset."""
    disk = tmp_path / "disk"
    disk.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(small, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        outcome = train(TOY_SWEEP, disk / "out", shard_size=ShardSize(runs=4))
        assert 0 < outcome.missing < 96
        assert all("No space left on device; free space" in e for e in outcome.failures.values())
        assert not list((disk / "out").glob(".*"))
        found = rows(disk / "out").num_rows
        assert found == 96 - outcome.missing
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        assert train(TOY_SWEEP, disk / "out", shard_size=ShardSize(runs=4)) == ({}, 0)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_read_only_folder_is_reported_before_anything_is_trained(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        with pytest.raises(
            SweepError, match=r"cannot write _sweep.json in .*: Read-only file system"
        ):
            train(TOY_SWEEP, disk, Toy(fail=0))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("jump", [-10 * 365 * 24 * 3600.0, 10 * 365 * 24 * 3600.0])
def test_a_clock_that_jumps_changes_no_row_and_removes_nothing(
    jump: float, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(TOY_SWEEP, tmp_path / "whole")
    plan, dataset = planned(TOY_SWEEP, out)
    job = driver.prepare(plan, dataset, ShardSize(runs=10))
    other = out / ".tmp-0a0b-1-ab-x"
    other.write_bytes(b"another node is writing this")
    now = time.time

    def train_later(job: TrainingJob) -> dict[int, str]:
        monkeypatch.setattr(time, "time", lambda: now() + jump)
        return train_here(job)

    assert driver.execute(job, dataset, train_later) == ({}, 0)
    assert other.exists()
    assert rows(out).equals(rows(tmp_path / "whole"))
    share = datasets.read_status(dataset, lambda name: TOY).share
    assert share is None or share.orchestration <= 1.0


def test_a_process_that_dies_while_writing_leaves_no_row_and_no_file_for_long(out: Path) -> None:
    train(TOY_SWEEP, out)
    before = rows(out)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom sweeps.store.store import Store\n"
        "Path.replace = lambda *a: os._exit(9)\n"
        "Store(sys.argv[1]).put('shard-x.parquet', b'half')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code, str(out)], env=environment).returncode == 9
    assert len(list(out.glob(".tmp-*"))) == 1
    assert rows(out).equals(before)
    train(TOY_SWEEP, out)
    assert not list(out.glob(".tmp-*"))

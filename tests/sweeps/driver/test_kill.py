"""A driver killed outright: the same command again completes the dataset, and nothing is lost."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.sweeps.small import BOCNN_SWEEP, COMMAND, bocnn_sweep, bocnn_sweep_process, rows

SHARD_RUNS = 25
SWEEP = (
    BOCNN_SWEEP.replace("replicates: 4", "replicates: 25")
    .replace("steps: 30", "steps: 20000")
    .replace("n: 6, m: 3", "n: 12, m: 6")
)
RUNS = 300


def published(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def processes_of(session: int) -> list[int]:
    """Every living process of a session that was started here."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[3]) == session and stat[0] != "Z":
                found.append(int(entry.name))
    return found


def kill_when(command: list[str], folder: Path, shards: int) -> None:
    """Start the command in a session of its own; kill it and all it started after some shards."""
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as driver:
        end = time.monotonic() + 120
        while len(published(folder)) < shards and driver.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        driver.kill()
    for _ in range(50):
        left = processes_of(driver.pid)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        if not left:
            return
        time.sleep(0.1)


@pytest.fixture(scope="module")
def sweep_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kill") / "sweep.yaml"
    path.write_text(SWEEP)
    return path


@pytest.fixture(scope="module")
def undisturbed(sweep_file: Path) -> Path:
    folder = sweep_file.parent / "undisturbed"
    assert bocnn_sweep("run", sweep_file, "--out", folder, "--executor", "local").returncode == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("executor", "workers"), [("local", 1), ("tune", 2)])
def test_the_same_command_completes_a_killed_sweep(
    executor: str, workers: int, sweep_file: Path, undisturbed: Path, out: Path
) -> None:
    arguments = ["run", str(sweep_file), "--out", str(out), "--executor", executor]
    arguments += ["--shard-runs", str(SHARD_RUNS), "--workers", str(workers)]
    kill_when([*COMMAND, *arguments], out, 3)
    files = {path: path.stat().st_mtime_ns for path in published(out)}
    assert 3 <= len(files) < RUNS / SHARD_RUNS
    assert all(pq.read_table(path).num_rows == SHARD_RUNS for path in files)

    again = bocnn_sweep_process(*arguments)
    assert again.returncode == 0, again.stderr
    left = RUNS - SHARD_RUNS * len(files)
    assert f"{RUNS - left:,} published, {left:,} to train" in " ".join(again.stdout.split())
    assert all(path.stat().st_mtime_ns == before for path, before in files.items())
    found = rows(out)
    assert len(set(found["run_id"].to_pylist())) == found.num_rows == RUNS
    assert found.equals(rows(undisturbed))


def test_an_interrupted_run_says_how_to_go_on(sweep_file: Path, out: Path) -> None:
    arguments = ["run", str(sweep_file), "--out", str(out), "--executor", "local"]
    with subprocess.Popen(
        [*COMMAND, *arguments, "--shard-runs", "10"],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as driver:
        while len(published(out)) < 2 and driver.poll() is None:
            time.sleep(0.01)
        driver.send_signal(signal.SIGINT)
        _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert "run the same command again to go on" in errors
    assert "Traceback" not in errors

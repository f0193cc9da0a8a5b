"""Shards that fail, and sweeps that are stopped: what is kept, what is said, what goes on."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from sweeps import driver
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from sweeps.store.failed_shard import reason
from sweeps.train.executors import local
from sweeps.train.shard import Progress, TrainingJob, check_here
from sweeps.train.stop import StopSignal
from tests.sweeps.small import (
    BOCNN_SWEEP,
    COMMAND,
    TOY_SWEEP,
    bocnn_sweep,
    bocnn_sweep_process,
    planned,
    train,
)
from tests.toy import TOY, Toy

Run = Callable[..., dict[int, str]]


def on_tune(
    job: TrainingJob, report: Callable[[Progress], None], stop_signal: StopSignal
) -> dict[int, str]:
    from sweeps.train.executors import tune

    return tune.run(job, report, tune.Cluster(), stop_signal)


@pytest.fixture(params=["local", "threads", "tune"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each executor."""
    if request.param == "local":
        return local.run
    if request.param == "threads":
        return partial(local.run, workers=2)
    request.getfixturevalue("ray_session")
    return on_tune


def test_a_failed_shard_keeps_its_traceback_and_parameters(run: Run, out: Path) -> None:
    seen: list[Progress] = []
    broken = replace(TOY, fail=1)
    one_shard = TOY_SWEEP.replace("[1.0, 2.0]", "[1.0]").replace("n: [1, 2]", "n: [2]")
    broken, whole = replace(TOY, fail=1), ShardSize(runs=24)
    outcome = train(one_shard, out, broken, whole, lambda job: run(job, seen.append, StopSignal()))
    assert (len(outcome.failures), outcome.missing) == (1, 24)
    (record,) = out.glob("_failed-*.txt")
    text = record.read_text()
    assert "in _disturb" in text
    assert reason(text) == "RuntimeError: replicate 1 fails as configured"
    for line in ("shard: shard-", "runs: 24\n", "n: 2\n", "replicate: 0, 1, 2\n", "cost: 1000"):
        assert line in text
    assert [progress.setback for progress in seen].count("failed") == 1

    state = datasets.read_status(DatasetFolder(str(out)), lambda name: TOY)
    assert state.failed == [f"{record.name}: RuntimeError: replicate 1 fails as configured"]
    train(one_shard, out, TOY, whole)
    assert not list(out.glob("_failed-*"))


def test_a_stop_signal_ends_a_sweep_that_goes_on_later(run: Run, out: Path) -> None:
    stop_signal = StopSignal()

    def pull(progress: Progress) -> None:
        if progress.published:
            stop_signal.signal = signal.SIGINT

    slow = Toy(pause_s=0.01)
    first = train(TOY_SWEEP, out, slow, ShardSize(runs=4), lambda job: run(job, pull, stop_signal))
    assert first.failures == {}
    assert 48 < first.missing < 96
    assert "_sweep.json" in {path.name for path in out.iterdir()}
    assert not list(out.glob(".*"))
    assert train(TOY_SWEEP, out, slow, ShardSize(runs=4)) == ({}, 0)


def test_when_the_time_is_over_no_shard_begins(run: Run, out: Path) -> None:
    plan, dataset = planned(TOY_SWEEP, out, Toy(pause_s=0.01))
    job = driver.prepare(plan, dataset, ShardSize(runs=4))
    stop_signal = StopSignal(0.0)
    assert stop_signal.time_is_over and stop_signal.stop_requested
    outcome = driver.execute(job, dataset, lambda job: run(job, lambda p: None, stop_signal))
    assert outcome == ({}, 96)


class Clock(StopSignal):
    """A stop signal whose time is over when it is said to be."""

    over = False

    @property
    def time_is_over(self) -> bool:
        return self.over


def test_when_the_time_is_over_those_in_training_end_and_none_after_them(
    run: Run, out: Path
) -> None:
    clock = Clock()

    def ring(progress: Progress) -> None:
        clock.over = clock.over or progress.published

    slow = Toy(pause_s=0.1)
    ended = train(TOY_SWEEP, out, slow, ShardSize(runs=4), lambda job: run(job, ring, clock))
    assert ended.failures == {}
    assert 96 - 3 * 4 <= ended.missing < 96  # the one that rang, and one more on each other worker


def test_a_stop_signal_takes_one_signal_and_leaves_the_next() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal() as stop_signal:
        assert not stop_signal.stop_requested
        signal.raise_signal(signal.SIGTERM)
        assert stop_signal.signal == signal.SIGTERM and stop_signal.stop_requested
        assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_node_without_the_folder_or_with_another_package_is_refused(out: Path) -> None:
    plan, dataset = planned(TOY_SWEEP, out)
    code = driver.prepare(plan, dataset, ShardSize()).session.code
    check_here(str(out), code)
    with pytest.raises(
        SweepError, match=r"has other code than the driver: .* and 0000; install one"
    ):
        check_here(str(out), code._replace(digest="0000"))
    with pytest.raises(SweepError, match=r"does not see .*_sweep.json.*not shared by all nodes"):
        check_here(str(out / "elsewhere"), code)


def test_a_cluster_without_a_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, bocnn_file: Path, out: Path
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    said = bocnn_sweep_process("run", bocnn_file, "--out", out, "--address", "192.0.2.9:6379")
    assert said.returncode == 2
    assert "and no RAY_AUTH_MODE; expected RAY_AUTH_MODE=token" in said.stderr


class Deaf(Toy):
    """A run that no handler of the main thread could interrupt, and that never ends by itself."""

    def run(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        released.wait(60)
        return super().run(columns)


released = threading.Event()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_long_run_is_left_alone_at_a_signal(number: signal.Signals, out: Path) -> None:
    released.clear()
    plan, dataset = planned(TOY_SWEEP, out, Deaf())
    job = driver.prepare(plan, dataset, ShardSize())
    alarm = threading.Timer(0.3, signal.raise_signal, [number])
    with StopSignal() as stop_signal:
        alarm.start()
        assert local.run(job, lambda progress: None, stop_signal) == {}
    assert stop_signal.signal == number
    assert not released.is_set()
    released.set()  # it ends, and publishes nothing
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(5)
    assert not list(out.glob("*.parquet"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_long_compiled_run_of_the_local_executor(
    number: signal.Signals, bocnn_file: Path, out: Path
) -> None:
    """One run of 10¹² steps: hours in one call of compiled code."""
    text = BOCNN_SWEEP.replace("steps: 30", "steps: 1000000000000").replace(
        "replicates: 4", "replicates: 1"
    )
    bocnn_file.write_text(text)
    arguments = ["run", str(bocnn_file), "--out", str(out), "--executor", "local"]
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        assert "to train in" in driver.stdout.readline()
        time.sleep(2.0)
        driver.send_signal(number)
        _, errors = driver.communicate(timeout=30)
    assert driver.returncode == 128 + number, errors
    assert "stopped; what is published stays: run the same command again to go on" in errors
    assert "Traceback" not in errors


class Compiling(Toy):
    """A model whose compiler takes a while, and must not be working when its process ends."""

    def is_compiled(self, columns: Mapping[str, NDArray[Any]], recorded: bool) -> bool:
        return False

    def compile(self, columns: Mapping[str, NDArray[Any]], recorded: bool) -> float:
        print("compiling", flush=True)
        time.sleep(2.0)
        print("compiled", flush=True)
        return 2.0


STOPPED_WHILE_COMPILING = """
import signal, sys, threading
from pathlib import Path
from sweeps import driver
from sweeps.plan.cut import ShardSize
from sweeps.train.executors import local
from sweeps.train.stop import StopSignal
from tests.sweeps.driver.test_failure import Compiling
from tests.sweeps.small import TOY_SWEEP, planned
plan, dataset = planned(TOY_SWEEP, Path(sys.argv[1]), Compiling())
threading.Timer(0.5, signal.raise_signal, [signal.SIGTERM]).start()
with StopSignal() as stop_signal:
    local.run(driver.prepare(plan, dataset, ShardSize()), print, stop_signal)
print("left", flush=True)
"""


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("", 0, ["compiling", "left", "compiled"]),
        ("local.leave(143)", 143, ["compiling", "left"]),
    ],
)
def test_a_process_ends_at_once_or_when_its_compiler_does_but_not_meanwhile(
    end: str, status: int, said: list[str], out: Path
) -> None:
    found = subprocess.run(
        [sys.executable, "-c", STOPPED_WHILE_COMPILING + end, str(out)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == status, found.stderr
    assert [line for line in found.stdout.splitlines() if not line.startswith("Progress")] == said


def test_the_time_budget_has_its_own_exit_status(bocnn_file: Path, out: Path) -> None:
    bocnn_file.write_text(BOCNN_SWEEP.replace("steps: 30", "steps: 300000"))
    arguments = ["run", bocnn_file, "--out", out, "--executor", "local", "--shard-runs", 1]
    said = bocnn_sweep(*arguments, "--time-budget", 0.01)
    assert said.returncode == 3, said.stderr
    assert "the time is over; what is published stays: run the same command again" in said.stderr
    assert 0 < len(list(out.glob("*.parquet"))) < 48


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_ray_tune_cleanly(
    number: signal.Signals, bocnn_file: Path, out: Path
) -> None:
    """Ctrl-C goes to every process of the terminal, Ray's among them; SIGTERM to the driver alone."""
    bocnn_file.write_text(BOCNN_SWEEP.replace("steps: 30", "steps: 1000000"))
    arguments = ["run", str(bocnn_file), "--out", str(out), "--workers", "2", "--shard-runs", "1"]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as driver:
        end = time.monotonic() + 120
        while not list(out.glob("*.parquet")) and time.monotonic() < end:
            time.sleep(0.05)
        send = os.killpg if number == signal.SIGINT else os.kill
        send(driver.pid, number)
        _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 128 + number, errors
    assert "stopped; what is published stays: run the same command again to go on" in errors
    assert "Traceback" not in errors
    assert {path.name[:6] for path in out.iterdir()} == {"_given", "_sweep", "shard-"}

"""Compiling is no training: it is said when it begins, timed apart, and never part of a plan."""

import io
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

import bocnn
from bocnn.simd.compiler.compiling import compile_seconds
from sweeps import driver
from sweeps.driver import datasets
from sweeps.plan.cut import ShardSize
from sweeps.plan.forecast import forecast
from sweeps.provenance.sessions import share
from sweeps.store.dataset import DatasetFolder
from sweeps.train import progress as live
from sweeps.train import shard
from sweeps.train.progress import Live
from sweeps.train.shard import Progress, train_shard
from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP, planned, train
from tests.toy import TOY, Toy

ROOT = Path(__file__).parents[3]
COMPILE_S = 100.0

Columns = Mapping[str, NDArray[Any]]

LATE = (
    "import gc\n"
    "from pathlib import Path\n"
    "import numpy as np\n"
    "from bocnn import MODEL\n"
    "from bocnn.simd.compiler.nested import CompiledFunction\n"
    "from sweeps.models.installed import load_model\n"
    "from tests.bocnn.engines.coordinates.test_run import KINDS\n"
    "from tests.bocnn.run_columns import columns\n"
    "from tests.sweeps import small\n"
    "def made():\n"
    "    functions = [each for each in gc.get_objects() if type(each) is CompiledFunction]\n"
    "    return {(f.py_func.__qualname__, str(s)) for f in functions for s in f.outermost.signatures}\n"
    "TORCH = {'optimizer': 'adam', 'batch': 3}, {'optimizer': 'adam', 'bias': 'trained'}\n"
    "cases = [\n"
    "    (MODEL, columns(2, **{'d': 300, 'steps': 3} | kind | {'precision': precision}))\n"
    "    for kind in (*KINDS, *TORCH) for precision in ('float32', 'float64')\n"
    "]\n"
    "for name in ('KERNEL', 'PROPORTIONAL', 'TANGENT', 'LIMIT'):\n"
    "    model = load_model(name.lower())\n"
    "    plan, _ = small.planned(getattr(small, f'{name}_SWEEP'), Path('/nowhere'), model)\n"
    "    cases.append((model, plan.columns(np.arange(2))))\n"
    "for model, runs in cases:\n"
    "    model.compile(runs, False)\n"
    "    assert model.is_compiled(runs, False)\n"
    "    before = made()\n"
    "    model.run(runs)\n"
    "    for late in sorted(made() - before):\n"
    "        print(model.name, {k: v[0] for k, v in runs.items()}, late)\n"
)
"""Trains runs of many kinds in a process of its own, and prints what their training loads or compiles."""


class Clock:
    """A clock that only goes on when something is done."""

    now = 5.0

    def __call__(self) -> float:
        return self.now


class Fresh(Toy):
    """A toy whose code is not compiled yet: that takes 100 s of a clock, a run 2 s of it."""

    clock, ready = Clock(), False

    def is_compiled(self, columns: Columns, recorded: bool) -> bool:
        return Fresh.ready

    def compile(self, columns: Columns, recorded: bool) -> float:
        Fresh.ready = True
        Fresh.clock.now += COMPILE_S
        return COMPILE_S

    def run(self, columns: Columns) -> dict[str, NDArray[Any]]:
        Fresh.clock.now += 2.0 * len(columns["seed"])
        return super().run(columns)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(Fresh, "clock", Clock())
    monkeypatch.setattr(Fresh, "ready", False)
    monkeypatch.setattr(shard.time, "perf_counter", Fresh.clock)
    return Fresh.clock


def test_the_seconds_of_a_shard_leave_compiling_out(clock: Clock, out: Path) -> None:
    plan, dataset = planned(TOY_SWEEP, out, Fresh())
    job = driver.prepare(plan, dataset, ShardSize(runs=24))
    steps = list(train_shard(job, 0))
    assert [(step.compiling, step.compile_s) for step in steps[:2]] == [(True, 0), (False, 100)]
    assert steps[-1].published and steps[-1].wall_s == 48.0
    assert all(not step.compiling and not step.compile_s for step in train_shard(job, 1))
    said = {name: dataset.metadata(name) for name in dataset.shards()}
    assert {float(s["wall_s"]) for s in said.values()} == {48.0}
    assert {float(s["compile_s"]) for s in said.values()} == {0.0, COMPILE_S}


def test_waiting_for_another_process_that_compiles_is_no_training(out: Path) -> None:
    class Waiting(Toy):
        def is_compiled(self, columns: Columns, recorded: bool) -> bool:
            return False

        def compile(self, columns: Columns, recorded: bool) -> float:
            time.sleep(0.2)
            return 0.0

    plan, dataset = planned(TOY_SWEEP, out, Waiting())
    steps = list(train_shard(driver.prepare(plan, dataset, ShardSize(runs=24)), 0))
    assert steps[1].compile_s >= 0.2
    assert steps[-1].wall_s < 0.2


def test_workers_of_ray_say_what_they_compiled(ray_session: None, out: Path) -> None:
    from sweeps.train.executors import tune

    seen: list[Progress] = []
    outcome = train(
        TOY_SWEEP,
        out,
        Fresh(),
        ShardSize(runs=24),
        lambda job: tune.run(job, seen.append, tune.Cluster()),
    )
    assert outcome == ({}, 0)
    times = [step.compile_s for step in seen if step.compile_s]
    assert times in ([COMPILE_S], [COMPILE_S] * 2)  # once in each worker
    assert sum(step.compiling for step in seen) == len(times)


def test_a_compaction_keeps_the_seconds_of_compiling(clock: Clock, out: Path) -> None:
    train(TOY_SWEEP, out, Fresh(), ShardSize(runs=24))
    dataset = DatasetFolder(str(out))
    before = datasets.read_status(dataset, lambda name: TOY).share
    datasets.compact_dataset(dataset, 10**9, lambda name: TOY)
    after = datasets.read_status(dataset, lambda name: TOY).share
    assert before is not None and after is not None
    assert before.compile_s == after.compile_s == COMPILE_S
    assert after.compute_s == 192.0


def test_compiling_is_neither_training_nor_orchestration() -> None:
    note = {"session": "a", "session_s": "200", "slots": "1", "node": "n"}
    found = share([note | {"wall_s": "60", "compile_s": "100"}])
    assert found is not None
    assert (found.compute_s, found.compile_s) == (60.0, 100.0)
    assert found.orchestration == pytest.approx(0.2)


def test_the_rate_shown_counts_from_where_training_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = Clock()
    monkeypatch.setattr(live.time, "monotonic", now)
    console = Console(file=io.StringIO(), width=160)
    with Live(console, 100, 2) as shown:
        shown(Progress(0, node="a", compiling=True))
        assert "1 running (1 compiling)" in shown._counts()
        now.now += COMPILE_S
        shown(Progress(0, node="a", compile_s=COMPILE_S))
        now.now += 5.0
        shown(Progress(0, 50, {}, 5.0, True, "a"))
    assert isinstance(console.file, io.StringIO)
    said = " ".join(console.file.getvalue().split())
    assert "shard=0 compiling, once on a machine, node=a" in said
    assert "shard=0 compiled compile_s=100.00 node=a" in said
    assert "10 runs/s" in said


def test_a_plan_compiles_nothing(clock: Clock, out: Path) -> None:
    predicted = forecast(planned(TOY_SWEEP, out, Fresh())[0])
    assert not predicted.measured and not Fresh.ready
    assert "a nominal rate: the first run on this machine compiles the engine" in predicted.basis
    Fresh.ready = True
    assert forecast(planned(TOY_SWEEP, out, Fresh())[0]).measured


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_engine_and_no_model_compiles_while_it_trains() -> None:
    """Of every compiled engine and model; nothing is left to be loaded either, so any cache will do."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(
    ("n", "precision"),
    [
        (6, "float32"),
        pytest.param(6, "float64", marks=pytest.mark.slow),
        pytest.param(130, "float32", marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(900)
def test_after_compiling_training_compiles_nothing(
    n: int, precision: str, recorded: bool, out: Path
) -> None:
    plan, _ = planned(BOCNN_SWEEP, out, bocnn.MODEL)
    columns = plan.columns(np.arange(4)) | {
        "n": np.full(4, n),
        "precision": np.full(4, precision, dtype=object),
        "steps": np.full(4, 2),
    }
    bocnn.MODEL.compile(columns, recorded)
    assert bocnn.MODEL.is_compiled(columns, recorded)
    if recorded:
        assert compile_seconds(lambda: bocnn.MODEL.record(columns, np.array([0, 1]))) == 0.0
    else:
        assert compile_seconds(lambda: bocnn.MODEL.run(columns)) == 0.0

"""A small sweep of each model, and ways to plan, train and read it."""

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest

from sweeps import cli, driver
from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.declare.cells.resolve import ResolvedSweep, resolve
from sweeps.declare.file_names import is_shard
from sweeps.errors import SweepError
from sweeps.models.protocol import Model
from sweeps.plan.cut import ShardSize
from sweeps.plan.plan import Plan
from sweeps.store.dataset import DatasetFolder
from sweeps.train.executors import local
from sweeps.train.shard import Progress, TrainingJob
from tests.toy import TOY

TOY_SWEEP = """\
name: toy-plane
model: toy
seed: 7
replicates: 3
axes:
  x: [1.0, 2.0]
  y: {log: [0.1, 10, 4]}
  n: [1, 2]
fixed: {cost: 1.0e+6}
settings: {p_flip: [0, 0.1]}
"""

BOCNN_SWEEP = """\
name: small-plane
seed: 11
replicates: 4
axes:
  v0: {log: [0.01, 1, 3]}
  mu_norm: [1, 4]
fixed: {n: 6, m: 3, d: 50, sigma_0: 0.01, eta: 0.05, steps: 30, n_test: 20}
settings: {p_flip: [0, 0.1]}
"""

PROPORTIONAL_SWEEP = """\
name: small-networks
model: proportional
seed: 11
replicates: 3
axes:
  h: [8, 30]
  d: [10, 40]
fixed: {n: 20, train: first, sigma: 0.5, eta: 0.2, steps: 200, grad_tol: 0.001}
settings: {activation: [erf, relu]}
"""

KERNEL_SWEEP = """\
name: small-kernel
model: kernel
seed: 11
replicates: 2
axes:
  m: [8, 30]
  random_share: [0, 0.5]
fixed: {n: 12, d: 6, eta: 0.3, steps: 20, n_test: 30}
settings: {teacher: [linear, quadratic]}
"""

TANGENT_SWEEP = """\
name: small-tangents
model: tangent
seed: 11
replicates: 3
axes:
  v0: [0.1, 1]
  mu_norm: [1, 4]
fixed: {n: 6, m: 3, d: 50, sigma_0: 0.01, train: hidden}
settings: {p_flip: [0, 0.1]}
"""

LIMIT_SWEEP = """\
name: small-limits
model: limit
seed: 11
replicates: 3
axes:
  step_size: [0.4, 2]
  signal: [0.1, 1]
fixed: {n: 6, m: 3, n_test: 20}
settings: {p_flip: [0, 0.1]}
"""

IMAGES_SWEEP = """\
name: small-images
model: images
seed: 11
replicates: 3
axes:
  mu_norm: [1, 5]
  sigma_p: [0, 1]
fixed: {n: 6, m: 3, d: 50, sigma_0: 0.01, v0: 0.1, eta: 0.3, steps: 20, n_test: 20}
settings: {p_flip: [0, 0.1]}
"""

DEEP_SWEEP = """\
name: small-depths
model: deep
seed: 11
replicates: 3
axes:
  v0: [0.1, 1]
  mu_norm: [1, 5]
fixed: {n: 6, m: 3, d: 50, sigma_0: 0.01, depth: 3, steps: 20, n_test: 20}
settings: {p_flip: [0, 0.1]}
"""

DRIVER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from sweeps import driver\n"
    "from sweeps.train.executors import tune\n"
    "from sweeps.plan.cut import ShardSize\n"
    "from tests.sweeps.small import TOY_SWEEP, planned\n"
    "from tests.toy import Toy\n"
    "plan, dataset = planned(TOY_SWEEP, Path(sys.argv[1]), Toy(pause_s=0.15))\n"
    "job = driver.prepare(plan, dataset, ShardSize(runs=4))\n"
    "outcome = driver.execute(job, dataset, lambda w: tune.run(\n"
    "    w, lambda p: None, tune.Cluster(sys.argv[2])))\n"
    "print(outcome)\n"
    "sys.exit(1 if outcome.missing else 0)\n"
)
"""A program that trains the toy on a running cluster, slowly: its arguments are a folder and an address."""

TOY_PROGRAM = (
    "import sys\n"
    "from sweeps import cli, driver\nfrom sweeps.driver import datasets\n"
    "from tests.toy import TOY\n"
    "driver.open_sweep.__defaults__ = (None, lambda name: TOY)\n"
    "datasets.read_status.__defaults__ = (lambda name: TOY, None)\n"
    "sys.argv = ['bocnn-sweep', *sys.argv[1:]]\n"
    "cli.main()\n"
)
"""The command with the toy as its model."""

COMMAND = [str(Path(sys.executable).parent / "bocnn-sweep")]

Executor = Callable[[TrainingJob], dict[int, str]]


def ignore(progress: Progress) -> None:
    """A report that nobody reads."""


def train_here(job: TrainingJob) -> dict[int, str]:
    """The local executor, unreported."""
    return local.run(job, ignore)


def resolved(text: str, model: Model = TOY) -> ResolvedSweep:
    """A sweep of the text, checked against one model, whatever it names."""
    return resolve(text, "test.yaml", lambda name: model)


def errors_of(text: str, model: Model = TOY) -> str:
    """The message that a wrong sweep gets."""
    with pytest.raises(SweepError) as caught:
        resolved(text, model)
    return str(caught.value)


def planned(text: str, folder: Path, model: Model = TOY) -> tuple[Plan, DatasetFolder]:
    """The plan of a sweep against a folder."""
    dataset = DatasetFolder(str(folder))
    return driver.plan_sweep(resolved(text, model), dataset), dataset


def todo_ids(plan: Plan) -> np.ndarray:
    """Identities of all that is to do, in the plan's order."""
    parts = [plan.ids(span.positions) for span in plan.spans]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=ID_DTYPE)


def train(
    text: str,
    folder: Path,
    model: Model = TOY,
    shard_size: ShardSize | None = None,
    executor: Executor = train_here,
) -> driver.Outcome:
    """Plan and train a sweep, in about ten shards unless their size is given."""
    plan, dataset = planned(text, folder, model)
    size = shard_size or ShardSize(runs=max(10, plan.total // 10))
    return driver.execute(driver.prepare(plan, dataset, size), dataset, executor)


def rows(folder: Path) -> pa.Table:
    """Every row of a folder, sorted by run, with what any reader of Arrow would use."""
    files = [path for path in folder.glob("*.parquet") if is_shard(path.name)]
    return pa.dataset.dataset(files, format="parquet").to_table().sort_by("run_id")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder and its bytes."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def bocnn_sweep(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in this process: a new one takes longer to start than a small sweep to train."""
    words, said, complained = [*COMMAND, *map(str, arguments)], io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", words),
        redirect_stdout(said),
        redirect_stderr(complained),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    return subprocess.CompletedProcess(
        words, int(ended.value.code or 0), said.getvalue(), complained.getvalue()
    )


def bocnn_sweep_process(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in its own process; with Ray, which would stay in this one."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )

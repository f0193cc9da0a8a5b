"""A head and three worker nodes, raylets of their own: a sweep across them, kills, and what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = [sys.executable, "-m", "benchmarks.kills"]


def environment() -> dict[str, str]:
    """The environment without what this process has set for its own Ray."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


def test_kills_of_workers_nodes_and_drivers_lose_and_double_nothing(tmp_path: Path) -> None:
    """One of each kind, of the hundred that `make kills` runs; it exits with 1 where anything is amiss."""
    done = subprocess.run(
        [*KILLS, "--kills", "3", "--seed", "3", "--scratch", str(tmp_path / "k")],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 × worker, 1 × node, 1 × driver" in done.stdout
    assert "complete" in done.stdout and "1 of 1" in done.stdout


def test_a_cluster_of_which_a_node_does_not_see_the_folder_is_refused(tmp_path: Path) -> None:
    """A folder that is there for the driver alone is shown to the nodes under a name without it."""
    code = (
        "import sys\n"
        "from benchmarks.nodes import Nodes\n"
        "from sweeps.train.executors import tune\n"
        "from sweeps import driver\n"
        "from sweeps.store.dataset import DatasetFolder, Writer\n"
        "from sweeps.errors import SweepError\n"
        "from sweeps.plan.cut import ShardSize\n"
        "from tests.sweeps.small import TOY_SWEEP, planned\n"
        "from pathlib import Path\n"
        "with Nodes(workers=1) as nodes:\n"
        "    plan, dataset = planned(TOY_SWEEP, Path(sys.argv[1]))\n"
        "    job = driver.prepare(plan, dataset, ShardSize())\n"
        "    lone = Writer(sys.argv[1] + '-elsewhere', '{}', plan.model, {})\n"
        "    for bad in (job._replace(writer=lone), job._replace(\n"
        "            session=job.session._replace(code=job.session.code._replace(digest='0000')))):\n"
        "        try:\n"
        "            tune.run(bad, lambda progress: None, tune.Cluster(nodes.address))\n"
        "        except SweepError as error:\n"
        "            print('refused:', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment() | {"PYTHONPATH": str(Path(__file__).parents[3])},
        cwd=Path(__file__).parents[3],
    )
    said = done.stdout
    assert said.count("refused:") == 2, done.stdout + done.stderr
    assert "the folder is not shared by all nodes; name a shared one or s3://" in said
    assert "has other code than the driver: code_digest" in said
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["_given.json", "_sweep.json"]

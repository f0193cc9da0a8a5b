"""A cluster that grows while shards end faster than a worker starts."""

import time
from pathlib import Path

import pytest

from benchmarks import watched
from sweeps import driver
from sweeps.plan.cut import ShardSize
from sweeps.train.shard import Progress
from sweeps.train.stop import StopSignal
from tests.sweeps.small import planned

MOST_S = 40.0


class Taken:
    """What holds a slot."""

    def is_there(self) -> bool:
        """Yes."""
        return True


@pytest.mark.usefixtures("ray_session")
def test_a_slot_that_comes_late_trains_too(out: Path, tmp_path: Path) -> None:
    import ray

    from sweeps.train.executors import tune

    taken = ray.remote(num_cpus=1)(Taken).remote()  # one of two slots, until it is killed
    ray.get(taken.is_there.remote())
    log = tmp_path / "log"
    toy = watched.WatchedToy(pause_s=0.02, log=str(log))
    plan, dataset = planned(watched.TOY_SWEEP.replace("40", "400"), out, toy)
    job = driver.prepare(plan, dataset, ShardSize(runs=5))
    stop_signal, published, end = StopSignal(), [0], time.monotonic() + MOST_S

    def look(progress: Progress) -> None:
        published[0] += progress.published
        if published[0] == 5 and progress.published:
            ray.kill(taken)
        processes = {line.process for line in watched.read(log)}
        if len(processes) > 1 or time.monotonic() > end:
            stop_signal.cause = "seen"

    tune.run(job, look, tune.Cluster("a cluster"), stop_signal)
    assert 5 < published[0] < len(job.shards)  # stopped, and not at its end
    assert len({line.process for line in watched.read(log)}) == 2

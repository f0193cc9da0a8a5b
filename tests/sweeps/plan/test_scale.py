"""Plans of many runs: nothing grows with the runs, and spans, shards and samples agree with each other."""

import pickle
import tracemalloc

import numpy as np
import pytest

from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.errors import SweepError
from sweeps.plan import cut
from sweeps.plan.cut import ShardSize, cut_shards
from sweeps.plan.plan import Plan, make_plan
from sweeps.plan.shard import Shard
from tests.sweeps.small import TOY_SWEEP, resolved, todo_ids

NOTHING = np.zeros(0, dtype=ID_DTYPE)


def plan_of(replicates: int) -> Plan:
    text = TOY_SWEEP.replace("replicates: 3", f"replicates: {replicates}")
    return make_plan(resolved(text), NOTHING)


def peak_bytes(replicates: int) -> int:
    """Memory that a plan and its shards take at their most."""
    tracemalloc.start()
    cut_shards(plan_of(replicates), ShardSize())
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_memory_does_not_grow_with_the_runs() -> None:
    peak_bytes(10)
    assert peak_bytes(200_000) < 1.5 * peak_bytes(20_000)


def test_a_plan_on_its_way_to_a_worker_is_small() -> None:
    many = plan_of(50_000)
    assert len(pickle.dumps(many.without_spans())) < 20_000
    assert sum(shard.runs for shard in cut_shards(many, ShardSize())) == many.total == 1_600_000


def test_a_mask_keeps_its_positions() -> None:
    shard = Shard(10, 20, np.packbits(np.arange(10) % 3 == 0).tobytes())
    assert shard.positions.tolist() == [10, 13, 16, 19]
    assert shard.runs == 4
    assert Shard(3, 6).positions.tolist() == [3, 4, 5]


@pytest.mark.parametrize("keep", [2, 3, 7])
def test_any_part_may_be_published(keep: int) -> None:
    whole = plan_of(50)
    every = todo_ids(whole)
    rest = make_plan(whole.resolved, np.unique(every[np.arange(every.size) % keep == 0]))
    for shard_size in (ShardSize(), ShardSize(runs=13)):
        found = [
            i for shard in cut_shards(rest, shard_size) for i in whole.ids(shard.positions).tolist()
        ]
        assert len(found) == len(set(found)) == rest.todo
        assert set(found) == set(every[np.arange(every.size) % keep != 0].tolist())
    assert set(whole.ids(rest.sample(16)).tolist()) <= set(todo_ids(rest).tolist())


def test_a_sample_is_spread_over_what_is_to_do() -> None:
    whole = plan_of(100)
    positions = whole.sample(16)
    assert (positions[0], positions[-1], positions.size) == (0, whole.total - 1, 16)


def test_too_many_shards_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "MAX_SHARDS", 1000)
    with pytest.raises(SweepError, match=r"more than 1,000 shards.*take larger --shard-runs"):
        cut_shards(plan_of(40), ShardSize(runs=1))

"""Plans and identities: what is to do is what is planned and not published, in shards of one shape."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.plan.cut import ShardSize, cut_shards
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S, Plan, make_plan
from tests.sweeps.small import TOY_SWEEP, planned, resolved, todo_ids, train
from tests.toy import TOY, Toy

NOTHING = np.zeros(0, dtype=ID_DTYPE)
CUTS = [
    ShardSize(),
    ShardSize(runs=1),
    ShardSize(runs=7),
    ShardSize(runs=1000),
    ShardSize(seconds=1.0),
    ShardSize(seconds=1e9),
]
each_cut = pytest.mark.parametrize("shard_size", CUTS, ids=str)


def plan_of(text: str, model: Toy = TOY) -> Plan:
    return make_plan(resolved(text, model), NOTHING)


def ids(text: str, model: Toy = TOY) -> set[bytes]:
    """The identities of every run of a sweep."""
    return {bytes(i) for i in todo_ids(plan_of(text, model))}


@each_cut
def test_shards_are_disjoint_and_all_that_is_to_do(shard_size: ShardSize) -> None:
    plan = plan_of(TOY_SWEEP)
    cut_up = [
        position for shard in cut_shards(plan, shard_size) for position in shard.positions.tolist()
    ]
    assert len(set(cut_up)) == len(cut_up)
    assert set(cut_up) == set(range(plan.total))


@each_cut
def test_a_shard_has_one_array_shape(shard_size: ShardSize) -> None:
    plan = plan_of(TOY_SWEEP)
    for shard in cut_shards(plan, shard_size):
        assert np.unique(plan.columns(shard.positions)["n"]).size == 1


def test_a_model_may_have_no_shape_columns() -> None:
    plan = plan_of(TOY_SWEEP, replace(TOY, shape_columns=()))
    assert [shard.runs for shard in cut_shards(plan, ShardSize(runs=1000))] == [plan.total]


@pytest.mark.parametrize("limit", [1, 5, 48, 1000])
def test_shard_runs_is_the_most_that_a_shard_holds(limit: int) -> None:
    sizes = [shard.runs for shard in cut_shards(plan_of(TOY_SWEEP), ShardSize(runs=limit))]
    assert max(sizes) <= limit
    assert len(sizes) == 2 * -(-48 // limit)


def test_dear_runs_make_small_shards() -> None:
    costs = TOY_SWEEP.replace("n: [1, 2]", "cost: [1.0e+9, 1.0e+11]").replace(
        "fixed: {cost: 1.0e+6}", ""
    )
    plan = plan_of(costs)
    for shard in cut_shards(plan, ShardSize(seconds=20.0)):
        cost = plan.cost(shard.positions)
        assert cost.sum() <= 20.0 * NOMINAL_FLOPS_PER_S + cost.max()


def test_the_last_shards_are_small_so_that_no_worker_waits_long() -> None:
    plan = plan_of(TOY_SWEEP.replace("cost: 1.0e+6", "cost: 2.0e+11"))
    costs = [
        plan.cost(shard.positions).sum() for shard in cut_shards(plan, ShardSize(seconds=20.0))
    ]
    assert sum(costs) == plan.flops
    assert max(costs) > 8 * NOMINAL_FLOPS_PER_S
    assert costs[-1] == 2.0e11
    waits = [cost / left for cost, left in zip(costs, np.cumsum(costs[::-1])[::-1], strict=True)]
    assert max(waits[: len(waits) // 2]) < 0.35


def test_a_plan_is_the_same_every_time() -> None:
    first, second = (cut_shards(plan_of(TOY_SWEEP), ShardSize()) for _ in range(2))
    assert first == second


def test_a_shard_starts_from_seed_replicate_and_every_parameter() -> None:
    plan = plan_of(TOY_SWEEP)
    columns = plan.columns(np.arange(4))
    assert list(columns) == ["seed", "replicate", *(c.name for c in TOY.parameters)]
    assert columns["seed"].tolist() == [7] * 4
    assert columns["replicate"].tolist() == [0, 1, 2, 0]


def test_what_is_published_is_not_planned_again() -> None:
    plan = plan_of(TOY_SWEEP)
    every = todo_ids(plan)
    rest = make_plan(plan.resolved, np.unique(every[::3]))
    assert {bytes(i) for i in todo_ids(rest)} == {bytes(i) for n, i in enumerate(every) if n % 3}
    assert (rest.total, rest.done) == (plan.total, plan.total // 3)
    assert rest.flops == pytest.approx(plan.flops * 2 / 3)


def test_the_plan_of_a_complete_dataset_is_empty(out: Path) -> None:
    train(TOY_SWEEP, out)
    plan, _ = planned(TOY_SWEEP, out)
    assert plan.todo == 0
    assert cut_shards(plan, ShardSize()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed: 7", "seed: 8"),
        ("cost: 1.0e+6", "cost: 1.0e+6, width: 0.31"),
        ("cost: 1.0e+6", "cost: 1.0e+6, word: fancy"),
        ("cost: 1.0e+6", "cost: 2.0e+6"),
    ],
)
def test_whatever_decides_a_run_decides_its_identity(old: str, new: str) -> None:
    assert ids(TOY_SWEEP).isdisjoint(ids(TOY_SWEEP.replace(old, new)))


def test_replicates_settings_and_cells_have_identities_of_their_own() -> None:
    assert len(ids(TOY_SWEEP)) == plan_of(TOY_SWEEP).total == 96


def test_the_numerics_version_decides_identities() -> None:
    assert ids(TOY_SWEEP).isdisjoint(ids(TOY_SWEEP, replace(TOY, numerics_version=2)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  x: [1.0, 2.0]\n  y: {log: [0.1, 10, 4]}", "  y: {log: [0.1, 10, 4]}\n  x: [1.0, 2.0]"),
        ("x: [1.0, 2.0]", "x: [2, 1]"),
        ("x: [1.0, 2.0]", "x: {lin: [1, 2, 2]}"),
        ("  x: [1.0, 2.0]", "  x:\n    - 1e0 # one\n    - 2.0"),
        ("cost: 1.0e+6", "cost: 1000000, width: 0.3, word: plain"),
        ("name: toy-plane", "name: another\ndescription: elsewhere"),
        ("settings: {p_flip: [0, 0.1]}", "settings: {p_flip: [0.1, 0.0]}"),
    ],
)
def test_how_a_sweep_is_written_decides_no_identity(old: str, new: str) -> None:
    changed = TOY_SWEEP.replace(old, new)
    assert changed != TOY_SWEEP
    assert ids(changed) == ids(TOY_SWEEP)


def test_an_auxiliary_column_decides_no_identity() -> None:
    auxiliary = TOY_SWEEP.replace("x: [1.0, 2.0]", "k: [0.5, 1]") + "derived: {x: 2 * k}\n"
    assert ids(auxiliary) == ids(TOY_SWEEP)


def test_how_a_model_is_run_decides_no_identity() -> None:
    assert ids(TOY_SWEEP) == ids(TOY_SWEEP, Toy(pause_s=1.0, fail=2, marker="m"))


def test_identities_stay_what_they_were() -> None:
    """Another value here orphans every published dataset: only the numerics version may move it."""
    first = bytes(plan_of(TOY_SWEEP).ids(np.zeros(1, np.int64))[0]).hex()
    assert first == "56a6427c79def56b5747a60c5cd23c58"

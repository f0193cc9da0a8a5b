"""Trials with GPUs: how shards are cut for a card, what trials ask for, what files say of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import bocnn
from bocnn.model import Bocnn
from sweeps import command
from sweeps.forecast import busy_rate
from sweeps.mistakes import SweepError
from sweeps.plan import NOMINAL_FLOPS_PER_S, Cut, cut_shards
from sweeps.protocol import Placed
from tests.sweeps.small import BOCNN_SWEEP, ignore, planned, rows, train
from tests.toy import TOY

MIXED = BOCNN_SWEEP.replace("mu_norm: [1, 4]", "activation: [relu, tanh]\n  mu_norm: [1, 4]")
FAST = Cut(seconds=0.02, card_flops_per_s=100 * NOMINAL_FLOPS_PER_S)


class OnCard(Bocnn):
    """The model in a process that has a card."""

    def placed(self, columns: Any) -> dict[str, str]:
        """As if each run were trained on it."""
        return {"engine": "gram-cuda", "device": "a card"}


def metadata(folder: Path) -> list[dict[bytes, bytes]]:
    """What each file says of itself."""
    return [pq.read_schema(path).metadata for path in sorted(folder.glob("*.parquet"))]


def test_the_model_is_placed_and_the_toy_is_not() -> None:
    assert isinstance(bocnn.MODEL, Placed)
    assert not isinstance(TOY, Placed)


def test_no_shard_holds_runs_for_the_card_and_others(out: Path) -> None:
    plan, _ = planned(MIXED.replace("replicates: 4", "replicates: 3000"), out, bocnn.MODEL)
    activation = plan.resolved.cells.columns["activation"]
    kinds = [set(activation[shard.cells]) for shard in cut_shards(plan, FAST)]
    assert all(len(kind) == 1 for kind in kinds)
    assert kinds.count({"relu"}) < kinds.count({"tanh"}) / 5
    plain = cut_shards(plan, FAST._replace(card_flops_per_s=None))
    assert any(len(set(activation[shard.cells])) == 2 for shard in plain)


def test_shards_grow_with_the_rate_of_the_card(out: Path) -> None:
    plan, _ = planned(BOCNN_SWEEP.replace("replicates: 4", "replicates: 9000"), out, bocnn.MODEL)
    one, other = (
        len(cut_shards(plan, FAST._replace(card_flops_per_s=rate * NOMINAL_FLOPS_PER_S)))
        for rate in (0.1, 0.4)
    )
    assert one == pytest.approx(4 * other, rel=0.1)


def test_a_file_says_what_trained_it(out: Path) -> None:
    train(BOCNN_SWEEP, out / "card", OnCard(), Cut(runs=1000))
    train(BOCNN_SWEEP, out / "here", bocnn.MODEL, Cut(runs=1000))
    (card,), (here,) = metadata(out / "card"), metadata(out / "here")
    assert (card[b"engine"], card[b"device"]) == (b"gram-cuda", b"a card")
    assert here[b"engine"] == b"gram-cpu"


def test_a_card_is_rated_on_runs_that_fit_it(out: Path) -> None:
    asked: list[set[str]] = []

    class Watched(Bocnn):
        def run(self, columns: Any) -> Any:
            asked.append(set(columns["activation"]))
            return super().run(columns)

    watched, _ = planned(MIXED, out, Watched())
    assert busy_rate(watched) > 0
    assert asked and all(kinds == {"relu"} for kinds in asked)


@pytest.mark.usefixtures("ray_session")
def test_trials_with_and_without_a_gpu_train_the_same_rows(out: Path) -> None:
    from sweeps.executors import tune

    plan, dataset = planned(MIXED, out / "gpus", bocnn.MODEL)
    work = command.prepare(plan, dataset, Cut(runs=20, card_flops_per_s=NOMINAL_FLOPS_PER_S))
    cluster = tune.Cluster(gpus=0.5)
    assert command.execute(work, dataset, lambda w: tune.run(w, ignore, cluster)) == ({}, 0)
    train(MIXED, out / "here", bocnn.MODEL, Cut(runs=1000))
    assert rows(out / "gpus").equals(rows(out / "here"))
    asks = tune._resources(work, 0.5)
    shares = [asks({"shard": i}).required_resources.get("GPU", 0) for i in range(len(work.shards))]
    assert set(shares) == {0, 0.5}
    fits = [set(plan.columns(shard)["activation"]) == {"relu"} for shard in work.shards]
    np.testing.assert_array_equal(np.array(shares) > 0, fits)


@pytest.mark.usefixtures("ray_session")
def test_a_rate_is_measured_on_a_worker_with_the_share(out: Path) -> None:
    from sweeps.executors import tune

    plan, _ = planned(BOCNN_SWEEP, out, bocnn.MODEL)
    assert tune.card_rate(plan, tune.Cluster(gpus=0.5)) > 0


@pytest.mark.usefixtures("ray_session")
def test_more_gpus_than_the_cluster_has_are_refused(out: Path) -> None:
    from sweeps.executors import tune

    plan, _ = planned(BOCNN_SWEEP, out, bocnn.MODEL)
    with pytest.raises(SweepError, match=r"received --gpus 8; the cluster at 'local' has 1 GPUs"):
        tune.card_rate(plan, tune.Cluster(gpus=8))

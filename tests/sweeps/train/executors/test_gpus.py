"""Trials with GPUs: how shards are cut for a GPU, what trials request, what files say of it."""

import io
import os
import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import bocnn
from bocnn.models.cnn.model import Bocnn
from sweeps import driver
from sweeps.driver import run
from sweeps.driver.options import Output, RunOptions
from sweeps.driver.ray_session import RaySession
from sweeps.driver.run import train_sweeps
from sweeps.errors import SweepError
from sweeps.models.protocol import UsesGpu
from sweeps.plan import cut
from sweeps.plan import forecast as forecasts
from sweeps.plan import plan as plans
from sweeps.plan.cut import ShardSize, cut_shards
from sweeps.plan.forecast import gpu_sample, saturated_throughput
from sweeps.plan.gpus import GpuUse, gpus_here, hidden_gpus
from sweeps.plan.plan import NOMINAL_FLOPS_PER_S, Plan, make_plan
from sweeps.plan.summary import summarise
from sweeps.train.stop import StopSignal
from tests.sweeps.small import BOCNN_SWEEP, bocnn_sweep, ignore, planned, rows, todo_ids, train
from tests.toy import TOY

MIXED = BOCNN_SWEEP.replace("mu_norm: [1, 4]", "activation: [relu, tanh]\n  mu_norm: [1, 4]")
SMOOTH = BOCNN_SWEEP.replace("fixed: {", "fixed: {activation: tanh, ")
TRACED = BOCNN_SWEEP + "trajectory: [0, 5]\n"
FAST = ShardSize(seconds=0.003, gpu_flops_per_s=100 * NOMINAL_FLOPS_PER_S)


class OnCard(Bocnn):
    """The model in a process that has a GPU."""

    def gpus_here(self) -> tuple[int, str]:
        """One."""
        return 1, ""

    def engine_of(self, columns: Any, recorded: bool = False) -> dict[str, str]:
        """As if each run were trained on it."""
        return {"engine": "gram-cuda", "device": "a GPU"}


class Seen(Bocnn):
    """The model, saying which GPUs its process may use."""

    def engine_of(self, columns: Any, recorded: bool = False) -> dict[str, str]:
        """What CUDA would see."""
        return {"device": os.environ.get("CUDA_VISIBLE_DEVICES", "all")}


class WithGpus(Seen):
    """The model on a machine with two GPUs, in every process that does not hide them."""

    def gpus_here(self) -> tuple[int, str]:
        """Those that CUDA would see."""
        return (0 if os.environ.get("CUDA_VISIBLE_DEVICES") == "" else 2, "")


class WithoutTriton(Seen):
    """The model on a machine with a GPU that it cannot use."""

    def gpus_here(self) -> tuple[int, str]:
        """What availability says then."""
        return 0, "for want of torch and Triton"


LONG = BOCNN_SWEEP.replace("replicates: 4", "replicates: 40000000")


def metadata(folder: Path) -> list[dict[bytes, bytes]]:
    """What each file says of itself."""
    return [pq.read_schema(path).metadata for path in sorted(folder.glob("*.parquet"))]


def test_the_model_sees_the_gpu_and_the_toy_does_not() -> None:
    assert isinstance(bocnn.MODEL, UsesGpu)
    assert not isinstance(TOY, UsesGpu)


@pytest.mark.parametrize("shard_size", [FAST, FAST._replace(runs=500)], ids=str)
def test_no_shard_holds_runs_for_the_gpu_and_others(out: Path, shard_size: ShardSize) -> None:
    whole, _ = planned(MIXED.replace("replicates: 4", "replicates: 3000"), out, bocnn.MODEL)
    every = todo_ids(whole)
    plan = make_plan(whole.resolved, np.unique(every[np.arange(every.size) % 3 == 0]))
    shards = cut_shards(plan, shard_size)
    for shard in shards:
        expected = "relu" if shard.gpu else "tanh"
        assert set(plan.columns(shard.positions)["activation"]) == {expected}
    found = np.concatenate([shard.positions for shard in shards])
    assert np.unique(found).size == found.size == plan.todo
    gpu_shards = sum(shard.gpu for shard in shards)
    assert gpu_shards == len(shards) / 2 if shard_size.runs else gpu_shards < len(shards) / 5


def test_a_block_may_hold_one_run_for_the_gpu_and_one_not(out: Path) -> None:
    turns = BOCNN_SWEEP.replace("[0, 0.1]}", "[0, 0.1], activation: [relu, tanh]}")
    plan, _ = planned(turns.replace("replicates: 4", "replicates: 1"), out, bocnn.MODEL)
    gpu, other = cut_shards(plan, FAST._replace(runs=1000))
    assert (gpu.gpu, other.gpu) == (True, False)
    assert np.sort(np.concatenate([gpu.positions, other.positions])).tolist() == list(
        range(plan.total)
    )
    assert set(np.diff(gpu.positions)) == {2}


@pytest.mark.parametrize("text", [MIXED, SMOOTH, TRACED])
def test_without_a_rate_shards_are_as_before_and_fit_is_not_checked(
    out: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _ = planned(text, out, bocnn.MODEL)
    monkeypatch.setattr(plans.Plan, "on_gpu", None)
    assert not any(shard.gpu for shard in cut_shards(plan, ShardSize(runs=20)))


def test_a_plan_states_gpu_hours_of_what_a_gpu_can_train(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _ = planned(MIXED, out, OnCard())
    every = np.arange(plan.total)
    cost, on_gpu = plan.cost(every), plan.on_gpu(every)
    monkeypatch.setattr(forecasts, "saturated_throughput", lambda plan, positions: 100.0)
    found = forecasts.forecast_gpu(plan, core_s=60.0)
    assert found.gpu_s == pytest.approx(cost[on_gpu].sum() / 100.0)
    assert found.core_s == pytest.approx(60.0 * cost[~on_gpu].sum() / cost.sum())
    times, size = forecasts.TimesAsked(cores=7, gpu_hours=True), ShardSize(runs=20)
    summary = summarise(plan, str(out), shard_size=size, damaged={}, times=times)
    said = dict(summary.rows())
    assert "on 7 cores" in said["time"]
    assert said["GPU hours"].startswith(f"{found.gpu_s / 3600:.3g} of one GPU")
    assert "runs that no GPU trains" in said["GPU hours"]
    assert not summary.warnings()


@pytest.mark.parametrize(
    ("text", "model", "message"),
    [
        (SMOOTH, OnCard(), "there is no run left that a GPU can train"),
        (MIXED, bocnn.MODEL, "this machine has no GPU to measure"),
    ],
)
def test_gpu_hours_are_refused_without_a_gpu(
    out: Path, text: str, model: Bocnn, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    plan, _ = planned(text, out, model)
    with pytest.raises(SweepError, match=message):
        forecasts.forecast_gpu(plan, core_s=60.0)


@pytest.mark.parametrize("text", [SMOOTH, TRACED])
def test_what_a_gpu_cannot_train_needs_no_measured_gpu(out: Path, text: str) -> None:
    plan, _ = planned(text, out, bocnn.MODEL)
    assert gpu_sample(plan).size == 0
    assert not any(shard.gpu for shard in cut_shards(plan, FAST))


def test_the_command_measures_a_gpu_where_one_is_requested_and_of_use(out: Path) -> None:
    plan, _ = planned(BOCNN_SWEEP, out, bocnn.MODEL)
    smooth, _ = planned(SMOOTH, out, bocnn.MODEL)
    here = RunOptions(executor="local", gpus=0.5)
    output = Output(Console(quiet=True), Console(quiet=True))

    def measured(plan: Plan, options: RunOptions) -> float | None:
        with ExitStack() as stack:
            ray = RaySession(options, StopSignal(), stack)
            share = GpuUse(options.gpus or 0.0)
            return run.gpu_throughput(plan, options, share, ray=ray, output=output)

    assert (measured(plan, here) or 0) > 0
    assert measured(plan, replace(here, gpus=0.0)) is None
    assert measured(smooth, here) is None


def test_shards_grow_with_the_rate_of_the_gpu(out: Path) -> None:
    plan, _ = planned(BOCNN_SWEEP.replace("replicates: 4", "replicates: 9000"), out, bocnn.MODEL)
    one, other = (
        len(cut_shards(plan, FAST._replace(gpu_flops_per_s=rate * NOMINAL_FLOPS_PER_S)))
        for rate in (0.1, 0.4)
    )
    assert one == pytest.approx(4 * other, rel=0.1)


def test_a_shard_for_a_fast_gpu_holds_no_more_than_a_worker_can(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "MAX_GPU_RUNS", 1000)
    plan, _ = planned(BOCNN_SWEEP.replace("replicates: 4", "replicates: 3000"), out, bocnn.MODEL)
    fast = ShardSize(seconds=1e6, gpu_flops_per_s=1.0)
    assert max(shard.runs for shard in cut_shards(plan, fast)) <= 1001


def test_a_file_says_what_trained_it(out: Path) -> None:
    train(BOCNN_SWEEP, out / "GPU", OnCard(), ShardSize(runs=1000))
    train(BOCNN_SWEEP, out / "here", bocnn.MODEL, ShardSize(runs=1000))
    (gpu,), (here,) = metadata(out / "GPU"), metadata(out / "here")
    assert (gpu[b"engine"], gpu[b"device"]) == (b"gram-cuda", b"a GPU")
    assert here[b"engine"] == b"gram-cpu"


def test_a_gpu_is_rated_on_runs_that_fit_it(out: Path) -> None:
    trained: list[set[str]] = []

    class Watched(Bocnn):
        def run(self, columns: Any) -> Any:
            trained.append(set(columns["activation"]))
            return super().run(columns)

    watched, _ = planned(MIXED, out, Watched())
    assert saturated_throughput(watched.without_spans(), gpu_sample(watched)) > 0
    assert trained and all(kinds == {"relu"} for kinds in trained)


@pytest.mark.usefixtures("ray_session")
def test_trials_with_and_without_a_gpu_train_the_same_rows(out: Path) -> None:
    from sweeps.train.executors import tune

    plan, dataset = planned(MIXED, out / "gpus", Seen())
    job = driver.prepare(plan, dataset, ShardSize(runs=20, gpu_flops_per_s=NOMINAL_FLOPS_PER_S))
    cluster = tune.Cluster(gpus=0.5)
    outcome = driver.execute(job, dataset, lambda w: tune.run(w, ignore, cluster))
    assert outcome == ({}, 0)
    train(MIXED, out / "here", bocnn.MODEL, ShardSize(runs=1000))
    assert rows(out / "gpus").equals(rows(out / "here"))
    for path in (out / "gpus").glob("*.parquet"):
        smooth = set(pq.read_table(path)["activation"].to_pylist()) == {"tanh"}
        assert pq.read_schema(path).metadata[b"device"] == (b"" if smooth else b"0")


@pytest.mark.usefixtures("ray_session")
def test_a_trial_requests_a_share_where_its_shard_is_for_a_gpu() -> None:
    from sweeps.train.executors import trials

    resources = trials._resources(0.5)
    given = [resources({"gpu": gpu}).required_resources for gpu in (False, True)]
    assert given == [{"CPU": 1}, {"CPU": 1, "GPU": 0.5}]
    assert trials._resources(0) == {"cpu": 1}


@pytest.mark.parametrize(
    ("text", "cluster", "slots"),
    [
        (BOCNN_SWEEP, (None, 1.0), 4),
        (BOCNN_SWEEP, (None, 0.25), 16),
        (BOCNN_SWEEP, (None, 0.1), 40),
        (BOCNN_SWEEP, (3, 0.25), 3),
        (BOCNN_SWEEP, (None, 0.0), 48),
        (SMOOTH, (None, 1.0), 48),
        (MIXED, (None, 1.0), 4 + 3),
    ],
)
def test_slots_are_the_trials_that_gpus_and_cores_take_at_once(
    out: Path,
    text: str,
    cluster: tuple[int | None, float],
    slots: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sweeps.train.executors import cluster as rays

    monkeypatch.setattr(rays.ray, "cluster_resources", lambda: {"CPU": 48.0, "GPU": 4.0})
    plan, dataset = planned(text, out, bocnn.MODEL)
    job = driver.prepare(plan, dataset, FAST._replace(runs=20))
    assert rays.count_slots(job, rays.Cluster("auto", *cluster)) == slots


@pytest.mark.usefixtures("ray_session")
def test_a_rate_is_measured_on_a_worker_with_the_share(out: Path) -> None:
    from sweeps.train.executors import cluster as rays

    plan, _ = planned(BOCNN_SWEEP, out, bocnn.MODEL)
    positions = gpu_sample(plan)
    assert rays.gpu_throughput(plan.without_spans(), positions, cluster=rays.Cluster(gpus=0.5)) > 0


@pytest.mark.usefixtures("ray_session")
def test_more_than_there_is_is_refused(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sweeps.train.executors import cluster as rays

    plan, _ = planned(BOCNN_SWEEP, out, bocnn.MODEL)
    positions = gpu_sample(plan)
    with pytest.raises(
        SweepError, match=r"received --gpus 8; this machine has 1 GPUs; take --gpus"
    ):
        rays.gpu_throughput(plan, positions, cluster=rays.Cluster(gpus=8))
    monkeypatch.setattr(rays, "GROWTH_S", 0.5)
    with pytest.raises(
        SweepError, match=r"--gpus 8; the cluster at 'auto' gave no .* an --address"
    ):
        rays.gpu_throughput(plan, positions, cluster=rays.Cluster("auto", gpus=8))


@pytest.mark.usefixtures("ray_session")
def test_a_gpu_that_fails_is_reported_with_its_reason(out: Path) -> None:
    from sweeps.train.executors import cluster as rays

    class Broken(Bocnn):
        def run(self, columns: Any) -> Any:
            raise RuntimeError("out of memory on the GPU")

    plan, _ = planned(BOCNN_SWEEP, out, Broken())
    with pytest.raises(SweepError, match=r"could not be measured: out of memory.*take --gpus 0"):
        rays.gpu_throughput(plan, gpu_sample(plan), cluster=rays.Cluster(gpus=0.5))


@pytest.mark.parametrize(
    ("text", "model", "share", "words"),
    [
        (LONG, WithGpus(), 1.0, r"2 of this machine, .*; --gpus 0 trains on CPUs alone"),
        (BOCNN_SWEEP, WithGpus(), 0.0, r"none is used: training takes about .* s on .* cores"),
        (LONG.replace("fixed: {", "fixed: {activation: tanh, "), WithGpus(), 0.0, "accepts no run"),
        (LONG, WithoutTriton(), 0.0, "none is used: for want of torch and Triton"),
        (LONG, bocnn.MODEL, 0.0, "^$"),
    ],
    ids=["used", "short", "not accepted", "no Triton", "no GPU"],
)
def test_this_machines_gpus_are_used_where_they_are_of_use(
    out: Path, text: str, model: Bocnn, share: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if model is bocnn.MODEL:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    plan, _ = planned(text, out, model)
    use = gpus_here(plan)
    assert use.share == share and re.search(words, use.words)
    with hidden_gpus():
        assert not isinstance(model, WithGpus) or gpus_here(plan) == GpuUse(0.0)


def trained_with(options: RunOptions, model: Bocnn, out: Path) -> str:
    """What is said while a sweep is trained."""
    plan, _ = planned(MIXED, out, model)
    said = Console(record=True, file=io.StringIO(), width=200)
    output = Output(said, Console(quiet=True))
    (end,) = train_sweeps([lambda: plan.resolved], str(out), options=options, output=output)
    assert not end.failures and not end.missing
    return said.export_text()


@pytest.mark.usefixtures("ray_session")
def test_a_clusters_gpus_are_used_where_nobody_says_it(out: Path) -> None:
    said = trained_with(RunOptions(address="auto", shard_runs=20), WithGpus(), out)
    assert "GPUs: 1 of the cluster at auto, one for each trial that can use one" in said
    devices = {one[b"device"] for one in metadata(out)}
    assert devices == {b"0", b""}


@pytest.mark.usefixtures("ray_session")
def test_gpus_that_workers_cannot_use_leave_the_cpus_and_say_why(out: Path) -> None:
    said = trained_with(RunOptions(address="auto"), WithoutTriton(), out)
    assert re.search("none is used: .*could not be measured: for want of torch and Triton", said)
    assert {one[b"device"] for one in metadata(out)} == {b""}


@pytest.mark.parametrize(("gpus", "share"), [(0.0, 0), (None, 2)])
def test_a_local_training_sees_no_gpu_where_none_is_wanted(
    out: Path, gpus: float | None, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.plan.gpus._SHORT_S", 0.0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    said = trained_with(RunOptions(executor="local", gpus=gpus), WithGpus(), out)
    assert ("GPUs: 2 of this machine" in said) == bool(share)
    assert {one[b"device"] for one in metadata(out)} == {b"all" if share else b""}
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


@pytest.mark.parametrize("gpus", [-0.5, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(gpus: float) -> None:
    with pytest.raises(
        SweepError, match=r"received gpus .*; expected a share from 0 to 1, or auto"
    ):
        RunOptions(gpus=gpus)


def test_a_word_that_is_no_share_is_refused() -> None:
    done = bocnn_sweep("run", "first-plane", "--gpus", "all")
    assert done.returncode == 2
    assert "received --gpus 'all'; expected a share from 0 to 1, or auto" in done.stderr

"""Runs recorded along their training: the contract, the files, errors, and a stop between two files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bocnn import MODEL
from sweeps import driver
from sweeps.declare import recording as trajectory
from sweeps.declare.axis import AxisError
from sweeps.declare.cells.identity import ID_DTYPE
from sweeps.declare.file.sweep_file import to_json
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.models.protocol import Model, RecordsTrajectory
from sweeps.plan.cut import ShardSize
from sweeps.plan.forecast import forecast
from sweeps.plan.plan import make_plan
from sweeps.store.dataset import MANIFEST, DatasetFolder
from sweeps.store.store import Store
from sweeps.train.shard import train_shard
from tests.sweeps.small import (
    BOCNN_SWEEP,
    TOY_SWEEP,
    bocnn_sweep,
    bocnn_sweep_process,
    contents,
    errors_of,
    planned,
    resolved,
    rows,
    train,
)
from tests.toy import TOY

STEPS = (0, 5, 20)
TRACED = BOCNN_SWEEP + f"trajectory: {list(STEPS)}\n"
ENDINGS = TRACED.replace("eta: 0.05", "eta: 0.05, loss_tol: 0.5")
TRACING: list[RecordsTrajectory] = [MODEL]
each_model = pytest.mark.parametrize("model", TRACING, ids=lambda model: model.name)


def columns_of(model: Model, sweep: str) -> dict[str, np.ndarray]:
    """The columns of every run of a sweep."""
    plan = make_plan(resolved(sweep, model), np.zeros(0, dtype=ID_DTYPE))
    return plan.columns(np.arange(plan.total))


def records(folder: Path) -> pa.Table:
    """Every record of a folder, sorted by run and step."""
    tables = [pq.read_table(path) for path in sorted(folder.glob("trajectory-*.parquet"))]
    return pa.concat_tables(tables).sort_by([("run_id", "ascending"), ("step", "ascending")])


def files_of(folder: Path, kind: str) -> set[str]:
    """The digests in the names of a folder's files of a kind."""
    return {path.stem.removeprefix(f"{kind}-") for path in folder.glob(f"{kind}-*.parquet")}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@each_model
def test_a_model_that_records_keeps_the_contract(model: RecordsTrajectory) -> None:
    columns, steps = columns_of(model, ENDINGS), np.array(STEPS)
    measured, traces = model.record(columns, steps)
    assert isinstance(model, RecordsTrajectory)
    assert model.trajectory_measures[0].name == "step"
    assert list(traces) == ["run", *(column.name for column in model.trajectory_measures)]
    assert_same(measured, model.run(columns))
    assert set(traces["run"]) == set(range(columns["seed"].size))
    assert (np.diff(traces["run"]) >= 0).all()
    assert (model.trajectory_flops(columns, steps) > model.flops(columns)).all()


@each_model
def test_a_runs_records_do_not_depend_on_the_runs_beside_it(model: RecordsTrajectory) -> None:
    columns, steps = columns_of(model, ENDINGS), np.array(STEPS)
    _, together = model.record(columns, steps)
    _, alone = model.record({name: values[5:6] for name, values in columns.items()}, steps)
    there = together.pop("run") == 5
    del alone["run"]
    assert_same({name: values[there] for name, values in together.items()}, alone)


def test_a_model_that_does_not_record_is_a_model_all_the_same() -> None:
    assert isinstance(TOY, Model)
    assert not isinstance(TOY, RecordsTrajectory)


@pytest.mark.parametrize(
    ("raw", "steps"),
    [
        ([0, 10, 100], (0, 10, 100)),
        ([100, 0, 10.0], (0, 10, 100)),
        ({"lin": [0, 10, 3]}, (0, 5, 10)),
        ({"log": [1, 4, 9]}, (1, 2, 3, 4)),
        ({"values": [7, 3]}, (3, 7)),
        ({"log": [0, 100, 4]}, (0, 1, 10, 100)),
        ({"values": [10, 0, 1], "scale": "log"}, (0, 1, 10)),
    ],
)
def test_steps_are_read_as_an_axis(raw: Any, steps: tuple[int, ...]) -> None:
    assert trajectory.read_steps(raw).values == steps


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([1, -1], "received the step -1; expected whole numbers"),
        ([0.5], "received the step 0.5; expected whole numbers"),
        ([10**30], "expected whole numbers"),
        ({"log": [0, 100, 2]}, "a log range needs positive ends"),
        ({"log": [0, -1, 3]}, "a log range needs positive ends"),
        ([0.5, -1, 2], "received the step 0.5, -1; expected whole numbers"),
        (["many"], "received the step 'many'"),
        ([None], "received the step None"),
        ([], "received no values"),
        ([1, 1], "holds 1 more than once"),
        (3, "expected a list of values"),
        ({"lin": [-5, 5, 3]}, "received the step -5"),
        ({"lin": [0, 1e6, 20_000]}, "received 20,000 steps; expected at most 10,000"),
    ],
)
def test_what_is_no_step_is_reported(raw: Any, message: str) -> None:
    with pytest.raises(AxisError, match=message):
        trajectory.read_steps(raw)


def test_an_error_has_its_line_and_is_reported_with_the_others() -> None:
    text = errors_of(BOCNN_SWEEP + "trajectory: [1.5]\nseeds: 3\n", MODEL)
    assert text.startswith("2 errors")
    assert "test.yaml:9: trajectory: received the step 1.5" in text


def test_a_model_that_does_not_record_makes_the_key_an_error() -> None:
    text = errors_of(TOY_SWEEP + "trajectory: [1]\n")
    assert "trajectory: the model toy does not record trajectories; take this key out" in text


def test_the_resolved_sweep_holds_the_steps_and_reads_back() -> None:
    sweep = resolved(BOCNN_SWEEP + "trajectory: {log: [1, 200, 5]}\n", MODEL)
    assert json.loads(to_json(sweep.spec))["trajectory"] == {
        "values": [1, 4, 14, 53, 200],
        "scale": "log",
    }
    assert resolved(to_json(sweep.spec), MODEL).spec == sweep.spec
    assert json.loads(to_json(resolved(BOCNN_SWEEP, MODEL).spec))["trajectory"] is None


def test_rows_and_identities_are_those_of_an_unrecorded_sweep(tmp_path: Path) -> None:
    for text, name in ((BOCNN_SWEEP, "plain"), (TRACED, "traced")):
        assert train(text, tmp_path / name, MODEL).missing == 0
    assert rows(tmp_path / "plain").equals(rows(tmp_path / "traced"))
    assert not files_of(tmp_path / "plain", "trajectory")


def test_every_shard_has_its_records_beside_it(out: Path) -> None:
    train(TRACED, out, MODEL)
    assert files_of(out, "trajectory") == files_of(out, "shard")
    for path in out.glob("trajectory-*.parquet"):
        shard = pq.read_table(out / path.name.replace("trajectory", "shard"))
        found = pq.read_table(path)
        assert set(found["run_id"].to_pylist()) == set(shard["run_id"].to_pylist())
        rows, records = shard.schema.metadata, found.schema.metadata
        assert rows[b"records_digest"] == records[b"content_digest"]
        assert rows == records | {key: rows[key] for key in (b"content_digest", b"records_digest")}
        assert found.schema.names == ["run_id", *(c.name for c in MODEL.trajectory_measures)]
        assert all(f.metadata[b"meaning"] and f.metadata[b"unit"] for f in found.schema)


def test_records_join_their_rows(out: Path) -> None:
    """Steps requested below `steps_run`, and the last, whose numbers are those of the row."""
    train(ENDINGS, out, MODEL)
    found = rows(out)
    assert len(found["steps_run"].unique()) > 2
    by_run: dict[bytes, list[dict[str, Any]]] = {}
    for record in records(out).to_pylist():
        by_run.setdefault(record["run_id"], []).append(record)
    for row in found.to_pylist():
        recorded = by_run.pop(row["run_id"])
        ended = row["steps_run"]
        assert [r["step"] for r in recorded] == [s for s in STEPS if s < ended] + [ended]
        for name in recorded[-1].keys() & row.keys():
            assert recorded[-1][name] == row[name]
    assert not by_run


def test_undefined_records_are_null(out: Path) -> None:
    train(TRACED, out, MODEL)
    start = records(out).filter(pa.compute.field("step") == 0)
    assert start["gamma_over_rho"].null_count == start.num_rows == 48
    assert start["train_loss"].null_count == 0


def test_records_do_not_depend_on_how_shards_are_cut(tmp_path: Path) -> None:
    for runs in (3, 48):
        train(TRACED, tmp_path / str(runs), MODEL, ShardSize(runs=runs))
    assert records(tmp_path / "3").equals(records(tmp_path / "48"))


def test_a_shard_trained_in_slices_keeps_runs_and_records_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(TRACED, tmp_path / "whole", MODEL, ShardSize(runs=48))
    monkeypatch.setattr("sweeps.train.shard._SLICE_S", 1e-6)
    train(TRACED, tmp_path / "sliced", MODEL, ShardSize(runs=48))
    assert records(tmp_path / "whole").equals(records(tmp_path / "sliced"))


def test_records_are_published_first_and_a_stop_between_the_files_is_made_good(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, dataset = planned(TRACED, out, MODEL)
    job = driver.prepare(plan, dataset, ShardSize(runs=48))
    put = Store.put

    def stopped(store: Store, name: str, data: bytes) -> None:
        if name.startswith("shard"):
            raise KeyboardInterrupt
        put(store, name, data)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Store, "put", stopped)
        list(train_shard(job, 0))
    assert len(files_of(out, "trajectory")) == 1
    assert dataset.shards() == []
    assert train(TRACED, out, MODEL, ShardSize(runs=48)).missing == 0
    assert files_of(out, "trajectory") == files_of(out, "shard")
    assert records(out).num_rows == 48 * 4


def test_status_and_a_lost_manifest_see_rows_alone(out: Path) -> None:
    train(TRACED, out, MODEL)
    dataset = DatasetFolder(str(out))
    assert datasets.read_status(dataset).published == 48
    (out / MANIFEST).unlink()
    assert planned(TRACED, out, MODEL)[0].done == 48


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (BOCNN_SWEEP, TRACED, "trajectory was absent and is 0, 5, 20, and published runs are not"),
        (TRACED, BOCNN_SWEEP, "trajectory was 0, 5, 20 and is absent"),
        (TRACED, TRACED.replace("[0, 5", "[0, 6"), "trajectory was 0, 5, 20 and is 0, 6, 20"),
    ],
)
def test_other_steps_over_published_rows_are_refused(
    first: str, second: str, message: str, out: Path
) -> None:
    train(first, out, MODEL)
    before = contents(out)
    with pytest.raises(SweepError, match=message) as caught:
        train(second, out, MODEL)
    assert "Choose another folder (--out" in str(caught.value)
    assert contents(out) == before


def test_a_recorded_sweep_gains_replicates(out: Path) -> None:
    train(TRACED, out, MODEL)
    train(TRACED.replace("replicates: 4", "replicates: 5"), out, MODEL)
    assert records(out).num_rows == 60 * 4


def test_a_dataset_from_before_there_were_records_goes_on(out: Path) -> None:
    train(BOCNN_SWEEP, out, MODEL)
    manifest = json.loads((out / MANIFEST).read_text())
    del manifest["trajectory"], manifest["digest"]  # neither was written then
    (out / MANIFEST).write_text(json.dumps(manifest))
    assert planned(BOCNN_SWEEP, out, MODEL)[0].done == 48
    with pytest.raises(SweepError, match="trajectory was absent and is 0, 5, 20"):
        planned(TRACED, out, MODEL)


def test_the_scale_of_the_steps_is_no_other_sweep(out: Path) -> None:
    train(TRACED.replace("trajectory: [0, 5, 20]", "trajectory: [0, 1, 5, 20]"), out, MODEL)
    on_scale = TRACED.replace("[0, 5, 20]", "{values: [0, 1, 5, 20], scale: log}")
    assert planned(on_scale, out, MODEL)[0].todo == 0


def test_a_forecast_counts_the_records(tmp_path: Path) -> None:
    plain, traced = (planned(text, tmp_path / "none", MODEL)[0] for text in (BOCNN_SWEEP, TRACED))
    assert traced.flops > plain.flops
    assert forecast(traced).dataset_bytes > 2 * forecast(plain).dataset_bytes


@pytest.mark.slow
def test_the_command_records_under_ray_tune(out: Path, tmp_path: Path) -> None:
    path = tmp_path / "traced.yaml"
    path.write_text(TRACED)
    here = tmp_path / "here"
    for folder, executor in ((out, "tune"), (here, "local")):
        command = bocnn_sweep_process if executor == "tune" else bocnn_sweep
        done = command("run", path, "--out", folder, "--executor", executor, "--workers", 1)
        assert done.returncode == 0, done.stderr
    assert records(out).equals(records(here))
    assert rows(out).equals(rows(here))

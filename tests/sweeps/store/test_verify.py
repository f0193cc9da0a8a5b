"""bocnn verify: every row is what was written, and its run id follows from its own columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bocnn import MODEL
from sweeps.declare.content import column_digests, content_digest, differing
from sweeps.driver import datasets
from sweeps.models.installed import load_model
from sweeps.models.protocol import Model
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from sweeps.store.schema import table_schema, to_table
from sweeps.store.verify import identities
from tests.sweeps.small import (
    BOCNN_SWEEP,
    KERNEL_SWEEP,
    PROPORTIONAL_SWEEP,
    TOY_SWEEP,
    bocnn_sweep,
    contents,
    planned,
    rows,
    train,
)
from tests.toy import TOY

TRACED = BOCNN_SWEEP + "trajectory: [0, 5]\n"


def verified(folder: Path, model: Model = TOY) -> list[str]:
    return datasets.verify_dataset(DatasetFolder(str(folder)), lambda name: model).problems


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table], *, digest: bool) -> None:
    """Write a file anew with other rows, and with their digest or without any."""
    table = pq.read_table(path)
    changed = change(table)
    metadata = {k: v for k, v in table.schema.metadata.items() if k != b"content_digest"}
    if digest:
        metadata[b"content_digest"] = content_digest(changed).encode()
    pq.write_table(changed.replace_schema_metadata(metadata), path)


def changed(name: str, value: Any) -> Callable[[pa.Table], pa.Table]:
    """A change of one column's first row."""

    def change(table: pa.Table) -> pa.Table:
        values = [value, *table[name].to_pylist()[1:]]
        field = table.schema.field(name)
        return table.set_column(table.column_names.index(name), field, pa.array(values, field.type))

    return change


@pytest.mark.parametrize(
    ("text", "model"),
    [
        (TOY_SWEEP, TOY),
        (TRACED, MODEL),
        (TRACED.replace("eta: 0.05", "eta: 0.05, loss_tol: 0.5"), MODEL),
        (KERNEL_SWEEP, load_model("kernel")),
        (PROPORTIONAL_SWEEP, load_model("proportional")),
    ],
    ids=["toy", "bocnn", "loss_tol", "kernel", "proportional"],
)
def test_what_was_trained_is_what_it_says(text: str, model: Model, out: Path) -> None:
    train(text, out, model, shard_size=ShardSize(runs=9))
    files = contents(out)
    found = datasets.verify_dataset(DatasetFolder(str(out)), lambda name: model)
    assert (found.problems, found.unverified) == ([], [])
    assert (found.files, found.rows) == (len(list(out.glob("shard-*"))), rows(out).num_rows)
    assert contents(out) == files
    table = rows(out)
    keyed = datasets.sweep_of(DatasetFolder(str(out)), lambda name: model).model
    assert [bytes(i) for i in identities(keyed, table)] == table["run_id"].to_pylist()
    datasets.compact_dataset(DatasetFolder(str(out)), 10**9, lambda name: model)
    assert verified(out, model) == []


@pytest.mark.parametrize(
    ("name", "value"), [("y", 0.125), ("seed", 8), ("replicate", 77), ("p_flip", 0.2), ("n", 3)]
)
def test_an_edited_parameter_is_not_the_runs_that_it_says(name: str, value: Any, out: Path) -> None:
    """Even where the digest was made to fit."""
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    victim = sorted(out.glob("shard-*"))[0]
    rewrite(victim, changed(name, value), digest=True)
    assert [p.startswith(f"{victim.name} has 1 runs, first run_id ") for p in verified(out)] == [
        True
    ]


@pytest.mark.parametrize(("name", "value"), [("error", 0.5), ("status", "diverged")])
def test_an_edited_measure_is_noticed_by_its_digest(name: str, value: Any, out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    victim = sorted(out.glob("shard-*"))[0]
    table = pq.read_table(victim)
    changed_table = changed(name, value)(table)
    pq.write_table(changed_table.replace_schema_metadata(table.schema.metadata), victim)
    assert verified(out) == [
        f"{victim.name} holds other numbers than those that were written into it"
    ]


def test_what_cannot_be_checked_is_said(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    victim = sorted(out.glob("shard-*"))[0]
    rewrite(victim, lambda table: table, digest=False)
    found = datasets.verify_dataset(DatasetFolder(str(out)), lambda name: TOY)
    assert (found.problems, found.unverified) == ([], [victim.name])


def test_a_status_that_no_run_ends_with_is_named(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    victim = sorted(out.glob("shard-*"))[0]
    rewrite(victim, changed("status", "fine"), digest=True)
    assert verified(out) == [
        f"{victim.name} has the status 'fine'; expected one of ok, unconverged, diverged"
    ]


def test_records_are_read_whole(out: Path) -> None:
    train(TRACED, out, MODEL, shard_size=ShardSize(runs=16))
    victim = sorted(out.glob("trajectory-*"))[0]
    table = pq.read_table(victim)
    edited = changed("train_loss", 1.5)(table)
    pq.write_table(edited.replace_schema_metadata(table.schema.metadata), victim)
    (problem,) = verified(out, MODEL)
    assert f"{victim.name} holds other numbers than those that were written into it" in problem


def test_the_command_says_what_is_wrong_and_ends_with_one(bocnn_file: Path, out: Path) -> None:
    arguments = ("run", bocnn_file, "--out", out, "--executor", "local", "--shard-runs", 10)
    assert bocnn_sweep(*arguments).returncode == 0
    said = bocnn_sweep("verify", out)
    assert (said.returncode, said.stderr) == (0, "")
    assert "5 files, 48 rows; all is as it was written" in said.stdout
    victim = sorted(out.glob("shard-*"))[0]
    rewrite(victim, changed("test_error", 0.125), digest=True)
    rewrite(victim, changed("eta", 0.06), digest=True)
    said = bocnn_sweep("verify", out)
    assert said.returncode == 1
    assert f"wrong: {victim.name} has 1 runs" in said.stderr
    assert "1 problems" in said.stdout


def test_digests_are_of_values_and_not_of_how_they_are_stored() -> None:
    table = pa.table(
        {
            "run_id": pa.array([b"a" * 16, b"b" * 16, b"\0" * 16], pa.binary(16)),
            "x": pa.array([1.0, None, float("nan")]),
            "word": pa.array(["a", None, ""]),
            "flag": pa.array([True, None, False]),
            "n": pa.array([1, 2, None], pa.int32()),
        }
    )
    digest = content_digest(table)
    again = pa.concat_tables([table.slice(0, 1), table.slice(1, 2)])
    assert content_digest(again) == digest
    assert content_digest(pa.concat_tables([table, table]).slice(3, 3)) == digest
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=1)
    assert content_digest(pq.read_table(pa.BufferReader(sink.getvalue()))) == digest
    zero = pc.multiply(pa.array([0.0]), -1.0)
    assert differing(pa.table({"x": zero}), pa.table({"x": pa.array([0.0])})) == ["x"]
    others = [
        table.slice(0, 2),
        table.rename_columns(["run_id", "y", "word", "flag", "n"]),
        table.select(["x", "run_id", "word", "flag", "n"]),
        table.set_column(4, "n", table["n"].cast(pa.int64())),
        table.set_column(2, "word", pa.array(["a", "", ""])),
        table.set_column(2, "word", pa.array(["a", "", None])),
        table.set_column(1, "x", pa.array([1.0, 0.0, float("nan")])),
        table.set_column(3, "flag", pa.array([True, False, None])),
    ]
    assert digest not in {content_digest(other) for other in others}
    assert column_digests(table.slice(0, 0)).keys() == set(table.column_names)
    with pytest.raises(TypeError, match="holds list"):
        content_digest(pa.table({"a": [[1]]}))


def test_rows_of_before_a_parameter_are_at_its_default(out: Path) -> None:
    """Their identities follow, since a parameter at its default is no part of them."""
    plan, _ = planned(BOCNN_SWEEP, out, MODEL)
    positions = np.arange(plan.total)
    schema = table_schema(MODEL, {})
    measures = {one.name: np.full(plan.total, np.nan) for one in MODEL.measures}
    measures["status"] = np.full(plan.total, "ok", dtype=object)
    table = to_table(schema, plan.ids(positions), plan.columns(positions) | measures)
    for name in ("sam_radius", "loss_tol", "optimizer"):
        assert b"default" in schema.field(name).metadata
        table = table.drop_columns([name])
    assert np.array_equal(identities(plan.model, table), plan.ids(positions))
    with pytest.raises(KeyError):
        identities(plan.model, table.drop_columns(["mu_norm"]))

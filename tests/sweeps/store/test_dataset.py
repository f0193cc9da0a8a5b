"""The dataset: whole files only, one schema that explains itself, readable without this package."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweeps import driver
from sweeps.declare.cells.identity import cell_digests, run_ids
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.plan.cut import ShardSize
from sweeps.store import dataset, shard_file, store
from sweeps.store.dataset import DatasetFolder
from sweeps.train.shard import TrainingJob
from tests.sweeps.small import TOY_SWEEP, contents, planned, rows, train, train_here
from tests.toy import MEASURES, PARAMETERS, TOY, Toy

ENDINGS = TOY_SWEEP.replace("{cost: 1.0e+6}", "{blow_up: 5.0, stall: 1.5}")


def status(folder: Path) -> datasets.DatasetStatus:
    return datasets.read_status(DatasetFolder(str(folder)), lambda name: TOY)


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def test_every_visible_file_is_whole_at_any_time(out: Path) -> None:
    seen: dict[str, int] = {}
    ended = threading.Event()

    def read_on() -> None:
        while not ended.is_set():
            for path in shards(out):
                seen[path.name] = pq.read_table(path).num_rows

    def train_watched(job: TrainingJob) -> dict[int, str]:
        watcher = threading.Thread(target=read_on)
        watcher.start()
        try:
            return train_here(job)
        finally:
            ended.set()
            watcher.join()

    outcome = train(TOY_SWEEP, out, Toy(pause_s=0.002), ShardSize(runs=2), train_watched)
    assert outcome.missing == 0
    assert len(seen) > 5
    assert set(seen.values()) == {2}


def test_all_files_have_one_schema_that_explains_itself(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    schemas = [pq.read_schema(path) for path in shards(out)]
    plain = [schema.remove_metadata() for schema in schemas]
    assert all(schema.equals(plain[0], check_metadata=True) for schema in plain)
    declared = [column.name for column in (*PARAMETERS, *MEASURES)]
    assert plain[0].names == ["run_id", "seed", "replicate", *declared]
    for field in schemas[0]:
        assert field.metadata[b"meaning"] and field.metadata[b"unit"]
    assert schemas[0].field("cost").metadata[b"unit"] == b"flop"
    assert schemas[0].field("x").metadata[b"meaning"] == b"abscissa of the plane"


def test_a_column_has_its_declared_type(out: Path) -> None:
    train(TOY_SWEEP, out)
    schema = rows(out).schema
    assert schema.field("run_id").type == pa.binary(16)
    assert schema.field("replicate").type == pa.int32()
    for column in (*PARAMETERS, *MEASURES):
        assert schema.field(column.name).type == pa.type_for_alias(column.type)


def test_a_rows_identity_is_the_digest_of_its_own_columns(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    table = rows(out)
    columns = {c.name: table[c.name].to_numpy() for c in PARAMETERS}
    digests = cell_digests(TOY, 7, columns)
    ids = run_ids(digests, np.arange(table.num_rows), table["replicate"].to_numpy())
    assert table["run_id"].to_pylist() == [bytes(i) for i in ids]


def test_every_file_says_what_it_is_of(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=30))
    for path in shards(out):
        metadata = pq.read_schema(path).metadata
        assert metadata[b"schema_version"] == b"1"
        assert metadata[b"model"] == b"toy"
        assert metadata[b"numerics_version"] == b"1"
        assert metadata[b"engine"] == b"formula"
        assert json.loads(metadata[b"sweep"]) == json.loads((out / "_sweep.json").read_text())
        assert {b"code_version", b"device", b"wall_s"} <= metadata.keys()


def test_a_failed_run_is_a_status_and_nulls(out: Path) -> None:
    train(ENDINGS, out)
    for row in rows(out).to_pylist():
        ending = "diverged" if row["y"] > 5 else "unconverged" if row["x"] < 1.5 else "ok"
        assert row["status"] == ending
        assert (row["error"] is None) == (ending == "diverged")
        assert row["ticks"] == (None if ending == "diverged" else row["replicate"] + 1)


def test_status_counts_every_run_once(out: Path) -> None:
    train(ENDINGS, out)
    found = status(out)
    assert (found.name, found.planned, found.published) == ("toy-plane", 96, 96)
    assert found.by_status == {"diverged": 24, "unconverged": 36, "ok": 36}
    assert found.shards == len(shards(out))


def test_files_are_read_at_once(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits until another is read too, as an object store lets a reader wait."""
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=24))
    assert len(shards(out)) == 4
    both = threading.Barrier(2, timeout=60)
    alone = dataset.read_shard

    def read(*args: Any) -> shard_file.PublishedShard:
        both.wait()
        return alone(*args)

    monkeypatch.setattr(dataset, "read_shard", read)
    assert status(out).published == 96


def test_runs_published_twice_count_once(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    saved = contents(out)
    shards(out)[0].unlink()
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=5))
    for name, data in saved.items():
        (out / name).write_bytes(data)
    found = status(out)
    assert rows(out).num_rows > 96
    assert found.published == sum(found.by_status.values()) == 96


def test_any_reader_of_arrow_can_read_it(out: Path) -> None:
    train(TOY_SWEEP, out)
    code = (
        "import sys, pyarrow.dataset as d; t = d.dataset(sys.argv[1]).to_table(); "
        "print(t.num_rows, 'sweeps' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(out)], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["96", "False"]


def test_a_temporary_file_is_no_part_of_the_dataset(out: Path) -> None:
    train(TOY_SWEEP, out)
    before = status(out)
    (out / ".tmp-shard-0.parquet-ab").write_bytes(b"half a fi")
    assert status(out) == before
    assert planned(TOY_SWEEP, out)[0].todo == 0


def test_only_temporary_files_that_were_left_behind_are_removed(out: Path) -> None:
    """Those of processes of this machine that are gone, and old ones of other machines; no other file."""
    with subprocess.Popen(["true"]) as ended:
        pass
    train(TOY_SWEEP, out)
    here = store._machine()
    end = "ab12cd34-shard-x.parquet.part"
    mine = [out / ".tmp-my-notes", out / f".tmp-old-{end}", out / f".tmp-{here}-{ended.pid}-{end}~"]
    kept = [out / f".tmp-{here}-{os.getpid()}-{end}", out / f".tmp-0a0b0c0d-1-{end}", *mine]
    old = out / f".tmp-0a0b0c0d-2-{end}"
    dropped = [out / f".tmp-{here}-{ended.pid}-{end}", old]
    for path in (*kept, *dropped):
        path.write_bytes(b"half")
    two_hours_ago = time.time() - 2 * 3600
    for path in (old, *mine):
        os.utime(path, (two_hours_ago, two_hours_ago))
    train(TOY_SWEEP, out)
    assert sorted(out.glob(".tmp-*")) == sorted(kept)


def test_a_foreign_file_is_named(out: Path) -> None:
    train(TOY_SWEEP, out)
    pq.write_table(pa.table({"a": [1]}), out / "mine.parquet")
    with pytest.raises(SweepError, match=r"mine.parquet was not written by this version .*move"):
        train(TOY_SWEEP, out)


def test_a_file_of_another_sweep_is_named(out: Path, tmp_path: Path) -> None:
    train(TOY_SWEEP, out)
    other = tmp_path / "other"
    train(TOY_SWEEP.replace("name: toy-plane", "name: other"), other)
    data = shards(other)[0].read_bytes()
    (out / "shard-0.parquet").write_bytes(data)
    with pytest.raises(
        SweepError, match=r"shard-0.parquet is of the sweep 'other', not 'toy-plane'"
    ):
        train(TOY_SWEEP, out)


def test_a_foreign_folder_is_left_alone(out: Path) -> None:
    out.mkdir()
    pq.write_table(pa.table({"a": [1]}), out / "mine.parquet")
    files = contents(out)
    with pytest.raises(SweepError, match=r"holds Parquet files and no _sweep.json.*another --out"):
        train(TOY_SWEEP, out)
    assert contents(out) == files


def test_rows_of_other_numerics_are_not_mixed_in(out: Path) -> None:
    train(TOY_SWEEP, out)
    files = contents(out)
    with pytest.raises(SweepError, match=r"numerics version 1, not 2: .* name another --out"):
        train(TOY_SWEEP, out, Toy(numerics_version=2))
    assert contents(out) == files


def test_a_lost_manifest_is_found_in_the_files(out: Path) -> None:
    train(TOY_SWEEP, out)
    manifest = (out / "_sweep.json").read_bytes()
    (out / "_sweep.json").unlink()
    with pytest.raises(SweepError, match=r"cost was 1000000.0 and is 2000000.0"):
        train(TOY_SWEEP.replace("cost: 1.0e+6", "cost: 2.0e+6"), out)
    assert planned(TOY_SWEEP, out)[0].todo == 0
    train(TOY_SWEEP, out)
    assert (out / "_sweep.json").read_bytes() == manifest


def test_status_goes_by_the_files_where_the_manifest_is_lost(out: Path) -> None:
    train(TOY_SWEEP, out)
    before = status(out)
    (out / "_sweep.json").unlink()
    assert status(out) == replace(before, lost=True)
    shards(out)[0].unlink()
    assert (status(out).published, status(out).planned) == (before.published - 10, before.planned)


@pytest.mark.parametrize("data", [b"", b"no Parquet", None])
def test_status_of_foreign_files_says_so(data: bytes | None, out: Path) -> None:
    out.mkdir()
    pq.write_table(pa.table({"a": [1]}), out / "mine.parquet")
    if data is not None:
        (out / "mine.parquet").write_bytes(data)
    with pytest.raises(SweepError, match=r"mine.parquet does not say of which sweep it is; move"):
        status(out)


def test_two_drivers_at_once_leave_one_complete_dataset(out: Path, tmp_path: Path) -> None:
    train(TOY_SWEEP, tmp_path / "alone")
    slow = Toy(pause_s=0.002)
    drivers = [
        threading.Thread(target=train, args=(TOY_SWEEP, out, slow, ShardSize(runs=runs)))
        for runs in (3, 4, 3)
    ]
    for each in drivers:
        each.start()
    for each in drivers:
        each.join()
    assert status(out).published == 96
    found = {row["run_id"]: row for row in rows(out).to_pylist()}
    assert list(found.values()) == rows(tmp_path / "alone").to_pylist()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"schema_version": 1}', "\xff"])
def test_a_damaged_manifest_is_named(text: str, out: Path) -> None:
    train(TOY_SWEEP, out)
    (out / "_sweep.json").write_bytes(text.encode("latin-1"))
    for look in (lambda: train(TOY_SWEEP, out), lambda: status(out)):
        with pytest.raises(SweepError, match=r"_sweep.json is not a resolved sweep; move it away"):
            look()


def test_a_manifest_of_another_schema_is_named(out: Path) -> None:
    train(TOY_SWEEP, out)
    manifest = json.loads((out / "_sweep.json").read_text()) | {"schema_version": 99}
    (out / "_sweep.json").write_text(json.dumps(manifest))
    with pytest.raises(SweepError, match="has schema version 99; this version of bocnn reads"):
        train(TOY_SWEEP, out)


@pytest.mark.parametrize("below", ["file", "file/out"])
def test_a_folder_that_cannot_be(below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SweepError, match=r"cannot (list|write)"):
        train(TOY_SWEEP, tmp_path / below)


def test_an_unknown_store_is_named() -> None:
    with pytest.raises(SweepError, match="cannot open nowhere://x"):
        DatasetFolder("nowhere://x")


def test_a_folder_may_be_a_uri(out: Path, tmp_path: Path) -> None:
    plan, _ = planned(TOY_SWEEP, tmp_path / "plain")
    dataset = DatasetFolder(out.as_uri())
    job = driver.prepare(plan, dataset, ShardSize())
    assert driver.execute(job, dataset, train_here).missing == 0
    train(TOY_SWEEP, tmp_path / "plain")
    assert rows(out).equals(rows(tmp_path / "plain"))

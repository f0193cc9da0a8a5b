"""Files that are not what they say: each is named, set aside by `run`, and its runs are trained again."""

import json
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.dataset.files import open_dataset
from analysis.dataset.provenance import read_provenance
from analysis.errors import AnalysisError
from bocnn import MODEL
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.models.protocol import Model
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP, bocnn_sweep, contents, rows, train
from tests.toy import TOY

TRACED = BOCNN_SWEEP + "trajectory: [0, 5]\n"


def files_of(folder: Path, kind: str = "shard") -> list[Path]:
    return sorted(folder.glob(f"{kind}-*.parquet"))


def status(folder: Path, model: Model = TOY) -> datasets.DatasetStatus:
    return datasets.read_status(DatasetFolder(str(folder)), lambda name: model)


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write a file anew with other rows and the metadata that it had."""
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)


def set_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), table.schema.field(name), values)


def first_raised(name: str) -> Callable[[pa.Table], pa.Table]:
    """A change of one number in the last digit."""

    def change(table: pa.Table) -> pa.Table:
        values = table[name].to_pylist()
        values[0] = math.nextafter(values[0], math.inf)
        return set_column(table, name, pa.array(values, table[name].type))

    return change


def empty(path: Path, others: list[Path]) -> None:
    rewrite(path, lambda table: table.slice(0, 0))


def overwrite(path: Path, others: list[Path]) -> None:
    path.write_bytes(others[0].read_bytes())


def edit_measure(path: Path, others: list[Path]) -> None:
    rewrite(path, first_raised("error"))


def edit_parameter(path: Path, others: list[Path]) -> None:
    rewrite(path, first_raised("y"))


def edit_runs(path: Path, others: list[Path]) -> None:
    rewrite(path, lambda table: table.take([*range(1, table.num_rows), 0]))


def as_text(path: Path, others: list[Path]) -> None:
    rewrite(path, lambda t: retyped(t, pa.array([i.hex() for i in t["run_id"].to_pylist()])))


def as_binary(path: Path, others: list[Path]) -> None:
    rewrite(path, lambda t: retyped(t, t["run_id"].cast(pa.binary())))


def as_nulls(path: Path, others: list[Path]) -> None:
    rewrite(path, lambda t: retyped(t, pa.nulls(t.num_rows, pa.binary(16))))


def retyped(table: pa.Table, ids: Any) -> pa.Table:
    return table.set_column(0, "run_id", ids)


def flip(path: Path, others: list[Path]) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:300] + b"\xff" * 20 + data[320:])


def written(data: bytes) -> Callable[[Path, list[Path]], None]:
    return lambda path, others: path.write_bytes(data) and None


def foreign(path: Path, others: list[Path]) -> None:
    pq.write_table(pa.table({"a": [1]}), path)


def truncate(path: Path, others: list[Path]) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def mislabel(path: Path, others: list[Path]) -> None:
    table = pq.read_table(path)
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, b"sweep": b"\xff{"}), path
    )


DAMAGES = [
    (written(b""), "is not a readable Parquet file"),
    (written(b"PAR1"), "is not a readable Parquet file"),
    (written(b"garbage " * 100), "is not a readable Parquet file"),
    (truncate, "is not a readable Parquet file"),
    (flip, "is not a readable Parquet file"),
    (empty, "contains other runs than its name says"),
    (overwrite, "contains other runs than its name says"),
    (edit_runs, "contains other runs than its name says"),
    (edit_measure, "holds other numbers than those that were written into it"),
    (edit_parameter, "holds other numbers than those that were written into it"),
    (as_text, "holds string as run_id; expected fixed_size_binary[16]"),
    (as_binary, "holds binary as run_id; expected fixed_size_binary[16]"),
    (as_nulls, "nulls as run_id"),
    (foreign, "does not say of which sweep"),
    (mislabel, "does not say of which sweep"),
]


@pytest.mark.parametrize(
    ("damage", "why"), DAMAGES, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_damaged_shard_is_named_set_aside_and_trained_again(
    damage: Callable[[Path, list[Path]], None], why: str, out: Path
) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    whole, (victim, *others) = rows(out), files_of(out)
    lost = pq.read_table(victim).num_rows
    damage(victim, others)
    bad, files = victim.read_bytes(), contents(out)

    found = status(out)
    assert [text.startswith(victim.name) and why in text for text in found.damaged] == [True]
    assert (found.published, found.planned) == (96 - lost, 96)
    with pytest.raises(SweepError, match=rf"{victim.name} .*; run the sweep again, which sets"):
        datasets.compact_dataset(DatasetFolder(str(out)), 10**9, lambda name: TOY)
    with pytest.raises(AnalysisError, match=victim.name):
        open_dataset(str(out))
    assert contents(out) == files  # neither looking nor refusing changes anything

    assert train(TOY_SWEEP, out, shard_size=ShardSize(runs=7)) == ({}, 0)
    assert rows(out).equals(whole)
    assert (out / f"_damaged-{victim.name}.1").read_bytes() == bad
    assert status(out).damaged == ()
    assert open_dataset(str(out)).table.num_rows == 96


def test_a_file_that_is_damaged_twice_is_set_aside_twice(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    victim = files_of(out)[0]
    for text in (b"one", b"two"):
        victim.write_bytes(text)
        train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    aside = sorted(out.glob("_damaged-*"))
    assert [path.read_bytes() for path in aside] == [b"one", b"two"]


def edit_record(path: Path, others: list[Path]) -> None:
    rewrite(path, first_raised("train_loss"))


def lose(path: Path, others: list[Path]) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lose, "has lost its records along the training, trajectory-"),
        (truncate, "has lost its records along the training: trajectory-"),
        (written(b""), "has lost its records along the training: trajectory-"),
        (overwrite, "was not written with the records that are there"),
        (flip, "has lost its records along the training: trajectory-"),
        (edit_record, "holds other numbers than those that were written into it"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_lost_records_are_no_complete_sweep(
    damage: Callable[[Path, list[Path]], None], why: str, out: Path
) -> None:
    train(TRACED, out, MODEL, shard_size=ShardSize(runs=8))
    saved = {path.name: pq.read_table(path) for path in out.glob("*.parquet")}
    victim, *others = files_of(out, "trajectory")
    damage(victim, others)
    found = status(out, MODEL)
    assert found.published == 40
    assert [why in text for text in found.damaged] == [True]
    with pytest.raises(AnalysisError, match=r"records|trajectory-.*Run the sweep again"):
        open_dataset(str(out))
    assert train(TRACED, out, MODEL, shard_size=ShardSize(runs=8)) == ({}, 0)
    again = {path.name: pq.read_table(path) for path in out.glob("*.parquet")}
    assert again == saved
    assert open_dataset(str(out)).table.num_rows == 48


def test_a_file_that_cannot_be_opened_is_not_taken_for_damaged(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that fails, or refuses, says nothing of the bytes: the file stays where it is."""
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    files, victim = contents(out), files_of(out)[0]
    from sweeps.store.store import Store

    opened = Store.open

    def refused(store: Store, name: str) -> Any:
        if name == victim.name:
            raise PermissionError(13, "Permission denied")
        return opened(store, name)

    monkeypatch.setattr(Store, "open", refused)
    for look in (lambda: train(TOY_SWEEP, out), lambda: status(out)):
        with pytest.raises(SweepError, match=rf"cannot read .*{victim.name}: .*correct its rights"):
            look()
    monkeypatch.undo()
    assert contents(out) == files


def test_a_file_that_does_not_fit_into_memory_is_not_taken_for_damaged(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    files = contents(out)

    def full(*arguments: object, **options: object) -> Any:
        raise pa.ArrowMemoryError("malloc of size 64 failed")

    monkeypatch.setattr(pq.ParquetFile, "read", full)
    for look in (lambda: train(TOY_SWEEP, out), lambda: status(out)):
        with pytest.raises(SweepError, match=r"shard-.* does not fit into memory .malloc of"):
            look()
    monkeypatch.undo()
    assert contents(out) == files


def test_bytes_that_arrive_the_second_time_are_sound(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    from sweeps.store.store import Store

    opened, seen = Store.open, set()

    def once_broken(store: Store, name: str) -> Any:
        if name.endswith(".parquet") and name not in seen:
            seen.add(name)
            raise OSError("connection reset")
        return opened(store, name)

    monkeypatch.setattr(Store, "open", once_broken)
    assert (status(out).published, status(out).damaged) == (96, ())


def test_two_files_with_other_numbers_of_a_run_are_both_named(out: Path) -> None:
    """As where a part was trained on another kind of processor: both files are what they say."""
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=7))
    victim = files_of(out)[0]
    changed = first_raised("error")(pq.read_table(victim))
    without = {
        k: v for k, v in changed.schema.metadata.items() if k not in (b"content_digest", b"blas")
    }
    without |= {b"instruction_set": b"generic (0)"}
    pq.write_table(changed.replace_schema_metadata(without), out / "shard-second.parquet")
    files = contents(out)
    says = rf"{victim.name} and shard-second.parquet hold the same run .* numbers in error; .*unlike: inst"
    (conflict,) = status(out).conflicts
    assert status(out).published == 96
    for look in (
        lambda: train(TOY_SWEEP, out),
        lambda: datasets.compact_dataset(DatasetFolder(str(out)), 10**9, lambda name: TOY),
    ):
        with pytest.raises(SweepError, match=says) as caught:
            look()
        assert conflict in str(caught.value)
    with pytest.raises(AnalysisError, match=rf"{victim.name}.*shard-second.parquet"):
        open_dataset(str(out))
    assert contents(out) == files


def test_the_commands_say_what_they_do_to_damaged_files(bocnn_file: Path, out: Path) -> None:
    arguments = (bocnn_file, "--out", out, "--shard-runs", 10)
    assert bocnn_sweep("run", *arguments, "--executor", "local").returncode == 0
    victim = files_of(out)[0]
    victim.write_bytes(b"gone")
    said = bocnn_sweep("status", out)
    assert "38 of 48" in said.stdout and "incomplete" in said.stdout
    assert f"damaged: {victim.name} is not a readable Parquet file" in said.stdout
    assert f"damaged: {victim.name}" in bocnn_sweep("plan", *arguments).stdout
    said = bocnn_sweep("run", *arguments, "--executor", "local")
    assert said.returncode == 0
    assert f"set aside: {victim.name} is now _damaged-{victim.name}.1" in said.stderr
    assert "48 of 48" in said.stdout


def test_notes_of_the_users_own_are_not_removed(out: Path) -> None:
    """Names that begin as those of records and unfinished files do are not theirs yet."""
    train(TOY_SWEEP, out)
    mine = [out / name for name in ("_failed-mynotes.txt", ".tmp-my-notes", "_damaged-notes")]
    for path in mine:
        path.write_text("mine")
        os.utime(path, (0, 0))
    train(TOY_SWEEP.replace("replicates: 3", "replicates: 4"), out)
    assert all(path.read_text() == "mine" for path in mine)
    assert status(out).failed == []


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\n", b"a\n\x1b[31mred\n", None])
def test_a_record_of_a_failure_that_says_nothing_is_listed(data: bytes | None, out: Path) -> None:
    train(TOY_SWEEP, out)
    record = out / f"_failed-{'0' * 32}.txt"
    if data is None:
        record.mkdir()
        assert status(out).failed == []
        return
    record.write_bytes(data)
    (text,) = status(out).failed
    assert text.startswith(record.name) and text.isprintable()


def test_readers_do_not_take_a_compaction_for_damage(out: Path) -> None:
    """A shard whose records were removed with it, between two looks of a reader, is no damaged one."""
    train(TRACED, out, MODEL, shard_size=ShardSize(runs=4))
    ended, seen, errors = threading.Event(), set(), []

    def read_on() -> None:
        while not ended.is_set():
            try:
                found = status(out, MODEL)
            except Exception as error:
                errors.append(error)
                return
            seen.add((found.published, found.damaged, found.conflicts))

    reader = threading.Thread(target=read_on)
    reader.start()
    size = max(path.stat().st_size for path in files_of(out))
    for files in (3, 9, 400):
        datasets.compact_dataset(DatasetFolder(str(out)), files * size, lambda name: MODEL)
    ended.set()
    reader.join()
    assert errors == []
    assert seen == {(48, (), ())}


def test_a_shard_of_before_digests_is_taken_as_it_is(out: Path) -> None:
    train(TOY_SWEEP, out)
    for path in files_of(out):
        table = pq.read_table(path)
        metadata = {k: v for k, v in table.schema.metadata.items() if k != b"content_digest"}
        pq.write_table(table.replace_schema_metadata(metadata), path)
    assert (status(out).published, status(out).damaged) == (96, ())
    assert json.loads((out / "_sweep.json").read_text())["planned_runs"] == 96


def altered(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, str):
        return f"{value}x"
    return not value if isinstance(value, bool) else (value or 0) + 1


def leaves(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value of a JSON document that is neither a list nor an object."""
    if isinstance(document, dict | list):
        parts = document.items() if isinstance(document, dict) else enumerate(document)
        return [leaf for key, part in parts for leaf in leaves(part, (*path, key))]
    return [path]


def test_no_value_of_a_resolved_sweep_changes_unnoticed(out: Path) -> None:
    train(TOY_SWEEP, out)
    manifest = out / "_sweep.json"
    written = json.loads(manifest.read_text())
    for *path, last in leaves(written):
        document = json.loads(manifest.read_text())
        part = document
        for key in path:
            part = part[key]
        part[last] = altered(part[last])
        (out.parent / "altered").mkdir(exist_ok=True)
        for file in out.iterdir():
            (out.parent / "altered" / file.name).write_bytes(file.read_bytes())
        (out.parent / "altered" / "_sweep.json").write_text(json.dumps(document))
        with pytest.raises(SweepError, match=r"altered since it was written|schema version"):
            status(out.parent / "altered")
        with pytest.raises(AnalysisError, match=r"altered since it was written|schema version"):
            open_dataset(str(out.parent / "altered"))
    manifest.write_text(json.dumps(written, indent=7, sort_keys=True))
    assert status(out).published == 96


def test_what_states_no_digest_is_named(out: Path) -> None:
    train(TOY_SWEEP, out)
    assert status(out).unverified == () == read_provenance(str(out)).unverified
    document = json.loads((out / "_sweep.json").read_text())
    del document["digest"]
    (out / "_sweep.json").write_text(json.dumps(document))
    path = files_of(out)[0]
    table = pq.read_table(path)
    kept = {k: v for k, v in table.schema.metadata.items() if k != b"content_digest"}
    pq.write_table(table.replace_schema_metadata(kept), path)
    assert (
        status(out).unverified == ("_sweep.json", path.name) == read_provenance(str(out)).unverified
    )


def test_a_copy_under_a_name_of_the_users_own_is_not_compacted_away(out: Path) -> None:
    train(TOY_SWEEP, out)
    before = rows(out)
    copy = out / "my-copy.parquet"
    copy.write_bytes(files_of(out)[0].read_bytes())
    datasets.compact_dataset(DatasetFolder(str(out)), 10**9, lambda name: TOY)
    assert copy.exists()
    assert len(files_of(out)) == 1
    assert set(rows(out)["run_id"].to_pylist()) == set(before["run_id"].to_pylist())

"""Loading: order leaves no trace, duplicates go, and every foreign thing is named."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.dataset.files import MAX_VERIFIED_ROWS, Dataset, open_dataset
from analysis.errors import AnalysisError
from sweeps.declare.document.document import read_document
from tests.analysis.synthetic import Planted, write_shard, write_table


def resolved(**changes: object) -> str:
    """A resolved sweep with some keys changed."""
    return json.dumps(Planted().sweep() | changes)


@pytest.mark.parametrize(
    "change",
    [
        {"replicates": 2**63},
        {"replicates": "four"},
        {"replicates": True},
        {"planned_runs": -1},
        {"fixed": {"n": [[[]]]}},
        {"fixed": {"train": True}},
        {"settings": {"p_flip": [{}]}},
        {"axes": None},
    ],
)
def test_a_manifest_with_values_of_other_types_is_malformed(
    folder: Path, change: dict[str, Any]
) -> None:
    path = folder / "_sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(AnalysisError, match="the resolved sweep is malformed"):
        open_dataset(str(folder))


def test_order_of_rows_and_files_leaves_no_trace(two_settings: Planted, tmp_path: Path) -> None:
    first = open_dataset(str(two_settings.write(tmp_path / "a", shards=1)))
    second = open_dataset(str(two_settings.write(tmp_path / "b", shards=7, seed=5)))
    assert first.table.equals(second.table)


def test_a_uri_opens_the_same_dataset(folder: Path) -> None:
    assert open_dataset(folder.as_uri()).table.equals(open_dataset(str(folder)).table)


def test_equal_duplicates_are_dropped_and_counted(two_settings: Planted, folder: Path) -> None:
    table = two_settings.table().slice(0, 50)
    holes = table.set_column(
        table.column_names.index("test_error_clean"), "test_error_clean", pa.nulls(50, pa.float64())
    )
    before = open_dataset(str(folder))
    write_shard(folder / "shard-again.parquet", table, two_settings.sweep())
    after = open_dataset(str(folder))
    assert after.table.equals(before.table)
    assert (before.duplicates, after.duplicates) == (0, 50)
    write_shard(folder / "shard-again.parquet", holes, two_settings.sweep())
    with pytest.raises(AnalysisError, match=r"equal run_id.* differ in 'test_error_clean'"):
        open_dataset(str(folder))


def test_duplicated_failures_are_equal(tmp_path: Path) -> None:
    planted = Planted(replicates=2)
    table = planted.table()
    nulls = pa.array([None, float("nan")] * (table.num_rows // 2), pa.float64())
    table = table.set_column(table.num_columns - 1, "test_error_clean", nulls)
    folder = write_table(tmp_path / "data", table, planted.sweep())
    write_shard(folder / "shard-again.parquet", table, planted.sweep())
    assert open_dataset(str(folder)).duplicates == table.num_rows


def test_the_sweep_is_found_without_its_json(folder: Path) -> None:
    sweep = open_dataset(str(folder)).sweep
    (folder / "_sweep.json").unlink()
    assert open_dataset(str(folder)).sweep == sweep


def test_labels_state_the_meaning(dataset: Dataset) -> None:
    assert dataset.label("d") == "patch dimension (d)"
    assert dataset.label("n") == "n"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"No dataset folder at .*run the sweep first"):
        open_dataset(str(tmp_path / "nowhere"))


def test_an_unknown_uri() -> None:
    with pytest.raises(AnalysisError, match=r"Cannot open 'gopher://x'"):
        open_dataset("gopher://x")


def test_no_shard(tmp_path: Path) -> None:
    (tmp_path / ".tmp-shard-1.parquet").write_text("in flight")
    with pytest.raises(AnalysisError, match=r"holds no shard"):
        open_dataset(str(tmp_path))


def test_a_corrupted_shard_is_named(folder: Path) -> None:
    victim = sorted(folder.glob("shard-*"))[0]
    victim.write_bytes(victim.read_bytes()[:1000])
    with pytest.raises(AnalysisError, match=rf"Cannot read .*{victim.name}.*only its runs"):
        open_dataset(str(folder))


def test_records_along_the_training_are_no_shards(folder: Path) -> None:
    files = open_dataset(str(folder)).files
    pq.write_table(pa.table({"run_id": [1], "step": [0]}), folder / "trajectory-1.parquet")
    assert open_dataset(str(folder)).files == files


def test_a_parquet_file_of_something_else_is_named(folder: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), folder / "other.parquet")
    with pytest.raises(AnalysisError, match=r"other.parquet is foreign.*schema version none"):
        open_dataset(str(folder))


def test_a_shard_without_its_columns_is_named(two_settings: Planted, folder: Path) -> None:
    table = two_settings.table().drop_columns(["status"])
    write_shard(folder / "shard-bad.parquet", table, two_settings.sweep())
    with pytest.raises(AnalysisError, match=r"shard-bad.parquet is foreign.*no column status"):
        open_dataset(str(folder))


def test_a_shard_with_other_columns_is_named(two_settings: Planted, folder: Path) -> None:
    table = two_settings.table().drop_columns(["n"])
    write_shard(folder / "shard-zbad.parquet", table, two_settings.sweep())
    with pytest.raises(AnalysisError, match=r"shard-zbad.parquet is foreign.*columns that differ"):
        open_dataset(str(folder))


def test_a_shard_of_another_sweep_is_named(two_settings: Planted, folder: Path) -> None:
    other = two_settings.but(name="other")
    write_shard(folder / "shard-x.parquet", other.table(), other.sweep())
    with pytest.raises(AnalysisError, match=r"a shard of the sweep 'other', expected 'planted'"):
        open_dataset(str(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[" * 50 + "]" * 50, "is nested too deeply"),
        (resolved(axes=None), "axes is None, expected names with their values"),
        (resolved(replicates="four"), r"malformed \(ValueError"),
        (resolved(planned_runs=1), r"planned_runs is 1, and its axes make 1280 runs"),
        (resolved(planned_runs="1280"), r"planned_runs is '1280', expected a whole number"),
        ("[]", "schema version None, expected 1"),
        (json.dumps({"schema_version": 2}), "schema version 2, expected 1"),
        (json.dumps({"schema_version": 1}), r"malformed \(KeyError: 'axes'\)"),
    ],
)
def test_a_broken_sweep_file(folder: Path, text: str, message: str) -> None:
    (folder / "_sweep.json").write_text(text)
    with pytest.raises(AnalysisError, match=message):
        open_dataset(str(folder))


def test_an_unknown_column_names_the_nearest(dataset: Dataset) -> None:
    with pytest.raises(AnalysisError, match=r"no column 'mu_nrom'. Did you mean 'mu_norm'"):
        dataset.numbers("mu_nrom")
    with pytest.raises(AnalysisError, match=r"no column 'zzz'. Valid names: d, "):
        dataset.numbers("zzz")


def test_text_is_not_a_number(dataset: Dataset) -> None:
    with pytest.raises(AnalysisError, match=r"'train' holds string, expected numbers"):
        dataset.numbers("train")


def test_the_remedy_for_a_damaged_file_is_the_one_that_works(folder: Path) -> None:
    """A sweep sets aside files of its own names alone."""
    for name, remedy in (
        (f"shard-{'0' * 32}.parquet", "Run the sweep again: it sets the file aside"),
        ("shard-mine.parquet", "Move it away and run the sweep again"),
    ):
        (folder / name).write_bytes(b"PAR1")
        with pytest.raises(AnalysisError, match=rf"{name} .*{remedy}"):
            open_dataset(str(folder))
        (folder / name).unlink()


def test_a_manifest_that_is_no_file_is_named(folder: Path) -> None:
    (folder / "_sweep.json").unlink()
    (folder / "_sweep.json").mkdir()
    with pytest.raises(AnalysisError, match=r"_sweep.json is not a file"):
        open_dataset(str(folder))


@pytest.mark.parametrize("key", ["numerics_version", "model"])
@pytest.mark.parametrize("verified", [0, MAX_VERIFIED_ROWS])
def test_rows_of_other_numerics_are_not_mixed_in(
    verified: int, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.dataset.files.MAX_VERIFIED_ROWS", verified)
    victim = sorted(folder.glob("shard-*"))[1]
    table = pq.read_table(victim)
    metadata = table.schema.metadata | {key.encode(): b"2"}
    pq.write_table(table.replace_schema_metadata(metadata), victim)
    name = key.replace("_", " ")
    with pytest.raises(
        AnalysisError, match=rf"{victim.name} is foreign.*: {name} 2, and the folder"
    ):
        open_dataset(str(folder))


@pytest.mark.parametrize("damage", [b"\xff", b"\0"])
def test_damaged_rows_of_a_large_dataset_are_no_traceback(
    folder: Path, damage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their footers are sound, which is all that is read when it is opened."""
    monkeypatch.setattr("analysis.dataset.files.MAX_VERIFIED_ROWS", 0)
    dataset = open_dataset(str(folder))
    victim = sorted(folder.glob("shard-*"))[1]
    data = victim.read_bytes()
    victim.write_bytes(data[:4] + damage * 4000 + data[4004:])
    with pytest.raises(AnalysisError, match=r"Cannot read the rows of .*verify"):
        dataset.query("SELECT max(run_id), max(mu_norm), max(test_error_clean) FROM runs")
    with pytest.raises(duckdb.Error):
        dataset.query("SELECT nothing FROM runs")


def test_zipped_axes_are_one_dimension_of_the_planned_runs(folder: Path) -> None:
    sweep = Planted().sweep()
    sweep["axes"]["n"] = {"values": list(range(16)), "scale": "list"}
    document = sweep | {"zip": [["mu_norm", "n"]], "planned_runs": 1280}
    assert read_document(document, where="here").planned_runs == 1280


def test_constant_columns_are_known_from_the_footers(
    dataset: Dataset, two_settings: Planted
) -> None:
    assert dataset.constant["n"] == 20
    assert dataset.constant["status"] == "ok"
    assert "d" not in dataset.constant
    assert dataset.rows == dataset.table.num_rows == two_settings.table().num_rows


def test_foreign_files_are_named_by_their_footers(
    folder: Path, two_settings: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.dataset.files.MAX_VERIFIED_ROWS", 0)
    other = two_settings.but(name="other")
    write_shard(folder / "shard-x.parquet", other.table(), other.sweep())
    with pytest.raises(AnalysisError, match=r"shard-x.* a shard of the sweep 'other'"):
        open_dataset(str(folder))
    pq.write_table(pa.table({"a": [1]}), folder / "shard-x.parquet")
    with pytest.raises(AnalysisError, match=r"shard-x.parquet is foreign.*schema version none"):
        open_dataset(str(folder))
    table = two_settings.table().drop_columns(["n"])
    write_shard(folder / "shard-x.parquet", table, two_settings.sweep())
    with pytest.raises(AnalysisError, match=r"columns that differ"):
        open_dataset(str(folder))
    (folder / "shard-x.parquet").write_text("half a file")
    with pytest.raises(AnalysisError, match=r"Cannot read .*shard-x"):
        open_dataset(str(folder))

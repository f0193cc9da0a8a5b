"""The pace of a dataset: that of late, of the present driver, whatever clocks and compactions do."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from analysis.watch.pace import Publication, pace_of, read_publications
from tests.analysis.watch.watching import notes


def test_the_rate_is_that_of_the_last_minute_of_all_nodes() -> None:
    """Ten runs a second for five minutes on a, then forty for a minute on a and b."""
    slow = [Publication(100, "first", 10.0 * (k + 1), 10.0, "a") for k in range(30)]
    fast = [
        Publication(200, "first", 300.0 + 10.0 * (k + 1), 10.0, node)
        for k in range(6)
        for node in ("a", "b")
    ]
    pace = pace_of([*slow, *fast], "first")
    assert pace is not None
    assert pace.runs_per_s == pytest.approx(40.0)
    assert [(one.name, one.shards, one.runs) for one in pace.nodes] == [
        ("a", 36, 4200),
        ("b", 6, 1200),
    ]
    assert [one.runs_per_s for one in pace.nodes] == pytest.approx([20.0, 20.0])


def test_the_time_before_training_does_not_count() -> None:
    pace = pace_of([Publication(50, "first", 105.0, 5.0, "a")], "first")
    assert pace is not None and pace.runs_per_s == pytest.approx(10.0)


def test_shards_of_hours_have_a_rate_too() -> None:
    long = [Publication(7200, "first", 7200.0 * (k + 1), 7200.0, "a") for k in range(4)]
    pace = pace_of(long, "first")
    assert pace is not None and pace.runs_per_s == pytest.approx(1.0)


def test_only_the_present_start_of_a_driver_counts() -> None:
    old = Publication(10_000, "old", 10.0, 10.0, "a")
    new = Publication(20, "new", 10.0, 10.0, "a")
    pace = pace_of([old, new], "new")
    assert pace is not None and pace.runs_per_s == pytest.approx(2.0)
    assert pace_of([old], "new") is None


def test_a_compacted_file_says_the_same_as_the_files_that_it_was_made_of(tmp_path: Path) -> None:
    table, parts = pa.table({"status": ["ok"] * 5}), [notes(4.0, 2), notes(9.0, 3, node="b")]
    whole = {**parts[1], "notes": json.dumps(parts)}
    pq.write_table(table.replace_schema_metadata(whole), tmp_path / "shard-0.parquet")
    found = read_publications(pafs.LocalFileSystem(), str(tmp_path / "shard-0.parquet"))
    assert [(one.rows, one.session_s, one.node) for one in found] == [(2, 4.0, "a"), (3, 9.0, "b")]


@pytest.mark.parametrize("wrong", [{"session_s": "soon"}, {"wall_s": "nan"}])
def test_a_file_that_does_not_say_it_has_no_part(tmp_path: Path, wrong: dict[str, str]) -> None:
    stated = notes(4.0, 5) | wrong
    table = pa.table({"status": ["ok"] * 5}).replace_schema_metadata(stated)
    pq.write_table(table, tmp_path / "shard-0.parquet")
    assert read_publications(pafs.LocalFileSystem(), str(tmp_path / "shard-0.parquet")) == []

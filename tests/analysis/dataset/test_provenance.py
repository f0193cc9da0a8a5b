"""What a dataset says of itself: digest, cost, versions, and the sweep file."""

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from analysis.dataset.provenance import read_provenance
from analysis.report.report import write_report
from analysis.report.results import analyse
from tests.analysis.synthetic import Planted


def state(shard: Path, **notes: str) -> None:
    """Adds notes to the metadata of a shard."""
    table = pq.read_table(shard)
    added = {name.encode(): value.encode() for name, value in notes.items()}
    pq.write_table(table.replace_schema_metadata(table.schema.metadata | added), shard)


def test_the_digest_is_what_sha256sum_says(folder: Path) -> None:
    command = "LC_ALL=C; sha256sum shard-*.parquet | sha256sum"
    said = subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, check=True
    )
    assert read_provenance(str(folder)).digest == said.stdout.split()[0]


def test_a_folder_may_be_named_by_its_uri(folder: Path) -> None:
    assert read_provenance(folder.as_uri()).digest == read_provenance(str(folder)).digest


def test_another_row_is_another_digest(tmp_path: Path) -> None:
    one, other = (
        read_provenance(str(Planted(seed=seed).write(tmp_path / str(seed)))).digest
        for seed in (0, 1)
    )
    assert one != other


def test_cost_is_summed_over_shards(folder: Path) -> None:
    for shard in folder.glob("shard-*.parquet"):
        state(shard, wall_s="2.5")
    found = read_provenance(str(folder))
    assert found.wall_s == pytest.approx(7.5)
    assert found.rows == 3072
    assert found.runs_per_s == pytest.approx(3072 / 7.5)


def test_a_cost_that_one_shard_does_not_state_is_no_number(folder: Path) -> None:
    for shard in sorted(folder.glob("shard-*.parquet"))[1:]:
        state(shard, wall_s="2.5")
    found = read_provenance(str(folder))
    assert found.wall_s is None
    assert found.runs_per_s is None


def test_versions_that_differ_are_all_reported(folder: Path) -> None:
    for k, shard in enumerate(folder.glob("shard-*.parquet")):
        state(shard, code_version=f"0.{k}.0")
    stated = dict(read_provenance(str(folder)).stated)
    assert stated["code version"] == "0.0.0, 0.1.0, 0.2.0"
    assert stated["device"] == stated["instruction set"] == "not stated"
    assert stated["engine"] == "toy"


def test_the_sweep_file_is_kept_where_the_manifest_was_lost(folder: Path) -> None:
    with_manifest = read_provenance(str(folder))
    (folder / "_sweep.json").unlink()
    assert read_provenance(str(folder)).sweep_file == with_manifest.sweep_file
    sweep = yaml.safe_load(with_manifest.sweep_file)
    assert sweep["axes"]["d"] == {"values": [float(v) for v in Planted().x], "scale": "log"}
    assert "schema_version" not in sweep


def test_the_text_that_was_given_is_kept_with_what_was_given_beside_it(folder: Path) -> None:
    none = read_provenance(str(folder))
    assert (none.given, none.options) == ("", "")
    text = "# why: a comment\nname: planted # kept\r\n"
    given = {"text": text, "size": "smoke", "replicates": 3}
    (folder / "_given.json").write_text(json.dumps(given), encoding="utf-8")
    found = read_provenance(str(folder))
    assert (found.given, found.options) == (text, "--size smoke --replicates 3")
    assert found.sweep_file == none.sweep_file


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"3", b'"x"', b"{", b"\xff\xfe", b"[" * 10_000, b'{"text": [1]}', None],
)
def test_what_was_given_is_only_decoration(folder: Path, data: bytes | None) -> None:
    before = read_provenance(str(folder))
    if data is None:
        (folder / "_given.json").mkdir()
    else:
        (folder / "_given.json").write_bytes(data)
    assert read_provenance(str(folder)) == before
    given = {"text": None, "size": ["x"], "replicates": "<b>3</b>"}
    if data is not None:
        (folder / "_given.json").write_text(json.dumps(given))
        assert read_provenance(str(folder)) == before


@pytest.mark.parametrize("text", ["abc", "", "nan", "inf"])
def test_a_cost_that_is_no_number_is_not_stated(folder: Path, text: str) -> None:
    for shard in sorted(folder.glob("shard-*.parquet")):
        state(shard, wall_s="2.5")
    state(shard, wall_s=text)
    assert read_provenance(str(folder)).wall_s is None


def test_metadata_that_is_no_text_keeps_what_can_be_read(folder: Path) -> None:
    shard = sorted(folder.glob("shard-*.parquet"))[0]
    table = pq.read_table(shard)
    metadata = table.schema.metadata | {b"device": b"\xff card", b"\xfe": b"x", b"notes": b"\xff"}
    pq.write_table(table.replace_schema_metadata(metadata), shard)
    assert (
        dict(read_provenance(str(folder)).stated)["device"]
        == "not stated, \N{REPLACEMENT CHARACTER} card"
    )


def test_what_rows_were_made_by_is_reported_where_it_differs(folder: Path) -> None:
    assert read_provenance(str(folder)).mixed == ()
    shards = sorted(folder.glob("shard-*.parquet"))
    for shard in shards:
        state(shard, instruction_set="znver4 (avx2)")
    state(shards[0], instruction_set="generic (0)", numpy="2.0")
    assert read_provenance(str(folder)).mixed == (
        "instruction sets: generic (0) (1,024 rows), znver4 (avx2) (2,048 rows)",
        "versions of numpy: 2.0 (1,024 rows), not stated (2,048 rows)",
    )


def test_what_a_compacted_file_was_made_of_is_reported(folder: Path) -> None:
    """Its own metadata is of who compacted it; the notes are of what trained its rows."""
    shards = sorted(folder.glob("shard-*.parquet"))
    parts = [
        {"engine": "gram-cpu", "device": "EPYC", "wall_s": "2", "rows": "1000"},
        {"engine": "gram-cuda", "device": "H100", "wall_s": "3", "rows": "24"},
    ]
    state(shards[0], notes=json.dumps(parts), engine="gram-cpu, gram-cuda")
    for shard in shards[1:]:
        state(shard, engine="gram-cpu", device="EPYC", wall_s="1")
    found = read_provenance(str(folder))
    assert dict(found.stated)["device"] == "EPYC, H100"
    assert dict(found.stated)["engine"] == "gram-cpu, gram-cuda"
    assert found.wall_s == 7
    assert found.mixed[0] == "engines: gram-cpu (3,048 rows), gram-cuda (24 rows)"


@pytest.mark.usefixtures("sketched")
def test_a_report_says_what_is_mixed(folder: Path, tmp_path: Path) -> None:
    for k, shard in enumerate(sorted(folder.glob("shard-*.parquet"))):
        state(shard, instruction_set=f"set-{k}")
    write_report([analyse(str(folder))], tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "instruction sets: set-0 (1,024 rows), set-1" in page
    assert "equal runs may differ in their last digits" in page

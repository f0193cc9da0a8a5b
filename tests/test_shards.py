"""What a shard is: sweeps and analysis list the same files of any folder, and digest rows alike."""

import os
import socket
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.dataset.shards import open_folder, shard_paths
from analysis.errors import AnalysisError
from sweeps.declare import content
from sweeps.errors import SweepError
from sweeps.store.dataset import DatasetFolder

OWN = f"shard-{'0a' * 16}.parquet"
SHARDS = {OWN, "shard-.parquet", "mine.parquet", "shard-copy.parquet", "a b.parquet", "ß.parquet"}
SHARDS |= {"Trajectory-x.parquet", "-rf.parquet", "shard-x.parquet.parquet", "link.parquet"}
OTHERS = {
    *(".hidden.parquet", "_sweep.json", "_given.json", "_x.parquet", f"_damaged-{OWN}.1"),
    *(f"trajectory-{'0a' * 16}.parquet", "trajectory-mine.parquet", ".compaction", "notes.txt"),
    *("shard-x.PARQUET", "shard-x.parquet~", "shard-x.parquet.tmp", "parquet", ".parquet"),
    *(f".tmp-0a0b0c0d-1-ab12cd34-{OWN}.part", f"_failed-{'0a' * 16}.txt"),
}


def listed_by_analysis(folder: Path) -> list[str]:
    files, path = open_folder(str(folder))
    return [path.rpartition("/")[2] for path in shard_paths(files, path, str(folder))]


def test_both_list_the_same_files_of_a_hostile_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in (SHARDS | OTHERS) - {"link.parquet"}:
        (folder / name).write_bytes(b"")
    (folder / "link.parquet").symlink_to(folder / OWN)
    (folder / "dangling.parquet").symlink_to(folder / "nowhere")
    (folder / "below").mkdir()
    (folder / "below" / OWN).write_bytes(b"")
    os.mkfifo(folder / "pipe")
    assert DatasetFolder(str(folder)).shards() == listed_by_analysis(folder) == sorted(SHARDS)


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket"])
def test_both_refuse_what_has_the_name_of_a_shard_and_is_no_file(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    path = tmp_path / OWN
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(OWN)
    with pytest.raises(
        SweepError, match=rf"{OWN} has the name of a file of rows and is not a file"
    ):
        DatasetFolder(str(tmp_path)).shards()
    with pytest.raises(AnalysisError, match=rf"{OWN} has the name of a shard and is not a file"):
        listed_by_analysis(tmp_path)


def test_the_digest_of_rows_does_not_depend_on_their_chunks() -> None:
    table = pa.table(
        {
            "run_id": pa.array([b"a" * 16, b"\0" * 16], pa.binary(16)),
            "x": [1.0, None],
            "word": ["a", None],
            "n": pa.array([1, None], pa.int32()),
            "flag": [True, None],
        }
    )
    for part in (table, table.slice(1), table.slice(0, 0), pa.concat_tables([table, table])):
        whole = part.take(np.arange(part.num_rows))
        assert content.content_digest(part) == content.content_digest(whole.combine_chunks())

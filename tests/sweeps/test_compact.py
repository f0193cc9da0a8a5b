"""Compaction: the same rows in fewer files, whatever moment it stops at, whoever reads meanwhile."""

import json
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analysis.load import open_dataset
from bocnn import MODEL
from sweeps import command, store
from sweeps.compact import Compaction
from sweeps.dataset import Dataset
from sweeps.mistakes import SweepError
from sweeps.plan import Cut
from sweeps.protocol import Model
from sweeps.store import Store
from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP, bocnn_sweep, contents, planned, rows, train
from tests.toy import TOY

LARGE = 10**9
TRACED = BOCNN_SWEEP + "trajectory: [0, 5]\n"


def compact(folder: Path, target: int = LARGE, model: Model = TOY) -> Compaction:
    return command.compact_dataset(Dataset(str(folder)), target, lambda name: model)


def files_of(folder: Path, kind: str = "shard") -> list[str]:
    return sorted(path.name for path in folder.glob(f"{kind}-*.parquet"))


def test_many_small_files_become_one_with_the_same_rows(out: Path) -> None:
    train(TOY_SWEEP, out, cut=Cut(runs=5))
    before, status = rows(out), command.read_status(Dataset(str(out)), lambda name: TOY)
    assert compact(out) == (20, 1, 0)
    assert rows(out).equals(before)
    assert {path.name[:6] for path in out.iterdir()} == {"shard-", "_sweep", "_given"}
    after = command.read_status(Dataset(str(out)), lambda name: TOY)
    assert after == status._replace(shards=1)
    assert planned(TOY_SWEEP, out)[0].todo == 0
    assert open_dataset(str(out)).table.num_rows == before.num_rows
    assert compact(out) == (1, 1, 0)


def test_a_large_file_explains_itself_as_the_small_ones_did(out: Path) -> None:
    train(TOY_SWEEP, out, cut=Cut(runs=5))
    small = pq.read_schema(out / files_of(out)[0])
    compact(out)
    large = pq.read_schema(out / files_of(out)[0])
    assert large.equals(small.with_metadata(large.metadata), check_metadata=True)
    assert json.loads(large.metadata[b"sweep"]) == json.loads(small.metadata[b"sweep"])


def test_files_are_filled_to_the_size_asked_for(out: Path) -> None:
    train(TOY_SWEEP, out, cut=Cut(runs=5))
    before = rows(out)
    size = max(path.stat().st_size for path in out.glob("*.parquet"))
    done = compact(out, 4 * size)
    assert 4 <= done.after <= 6
    assert rows(out).equals(before)


def test_what_is_added_later_is_compacted_with_it(out: Path) -> None:
    train(TOY_SWEEP, out, cut=Cut(runs=5))
    compact(out)
    more = TOY_SWEEP.replace("replicates: 3", "replicates: 5")
    train(more, out, cut=Cut(runs=5))
    before = rows(out)
    assert before.num_rows == 160
    assert compact(out).after == 1
    assert rows(out).equals(before)


@pytest.mark.parametrize("last", [0, 1, 2, 3, 5, 9, 17, 25, 27, 99])
def test_it_may_stop_at_any_moment(last: int, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before any change of the folder: each run is still there, and the next one ends it."""
    train(TRACED, out, MODEL, cut=Cut(runs=4))
    before = rows(out)
    left = [last]

    def mortal(name: str) -> None:
        change = getattr(Store, name)

        def until_last(*arguments: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return change(*arguments)

        monkeypatch.setattr(Store, name, until_last)

    with monkeypatch.context():
        mortal("put")
        mortal("drop")
        try:
            compact(out, model=MODEL)
        except KeyboardInterrupt:
            assert last < 50
    monkeypatch.undo()
    seen = {row["run_id"]: row for row in rows(out).to_pylist()}
    assert list(seen.values()) == before.to_pylist()
    assert open_dataset(str(out)).table.num_rows == before.num_rows

    (out / ".compaction").unlink(missing_ok=True)  # the lock of a process that lives on: this one
    compact(out, model=MODEL)
    assert rows(out).equals(before)
    digests = [name.partition("-")[2] for name in files_of(out)]
    assert len(digests) == 1
    assert [name.partition("-")[2] for name in files_of(out, "trajectory")] == digests


def test_readers_see_every_run_at_each_moment(out: Path) -> None:
    train(TOY_SWEEP, out, cut=Cut(runs=1))
    size = max(path.stat().st_size for path in out.glob("*.parquet"))
    ended = threading.Event()
    seen: set[tuple[int, int]] = set()

    def read_on() -> None:
        while not ended.is_set():
            found = command.read_status(Dataset(str(out)), lambda name: TOY)
            seen.add((found.published, open_dataset(str(out)).table.num_rows))

    reader = threading.Thread(target=read_on)
    reader.start()
    for files in (4, 16, 400):
        compact(out, files * size)
    ended.set()
    reader.join()
    assert seen == {(96, 96)}


def test_a_second_compaction_is_held_off(out: Path) -> None:
    train(TOY_SWEEP, out, cut=Cut(runs=5))
    files = contents(out)
    assert Dataset(str(out)).store.lock(".compaction")
    with pytest.raises(SweepError, match=r"another compaction of .* is at work; wait for its end"):
        compact(out)
    assert {**files, ".compaction": contents(out)[".compaction"]} == contents(out)
    (out / ".compaction").write_text(f".tmp-{store._machine()}-4194304-")
    assert compact(out).after == 1


def test_a_damaged_file_stops_it_and_nothing_is_removed(out: Path) -> None:
    train(TOY_SWEEP, out, cut=Cut(runs=5))
    victim = out / files_of(out)[3]
    data = victim.read_bytes()
    victim.write_bytes(data[:300] + b"\xff" * 20 + data[320:])
    files = contents(out)
    with pytest.raises(SweepError, match=f"{victim.name} is not a readable Parquet file"):
        compact(out)
    assert contents(out) == files


def test_the_command_compacts(bocnn_file: Path, out: Path) -> None:
    arguments = ("run", bocnn_file, "--out", out, "--executor", "local", "--shard-runs", 10)
    assert bocnn_sweep(*arguments).returncode == 0
    said = bocnn_sweep("compact", out)
    assert said.returncode == 0, said.stderr
    assert "5 files of rows became 1" in said.stdout

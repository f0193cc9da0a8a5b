"""Compaction: the same rows in fewer files, whatever moment it stops at, whoever reads meanwhile."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.dataset.files import open_dataset
from bocnn import MODEL
from sweeps.declare.content import content_digest
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.models.protocol import Model
from sweeps.plan.cut import ShardSize
from sweeps.store import store
from sweeps.store.compact import Compaction
from sweeps.store.dataset import DatasetFolder
from sweeps.store.store import Store
from tests.sweeps.small import BOCNN_SWEEP, TOY_SWEEP, bocnn_sweep, contents, planned, rows, train
from tests.sweeps.store.reading import Accesses, read_as_reports_do
from tests.toy import TOY

LARGE = 10**9
TRACED = BOCNN_SWEEP + "trajectory: [0, 5]\n"


def compact(folder: Path, target: int = LARGE, model: Model = TOY) -> Compaction:
    return datasets.compact_dataset(DatasetFolder(str(folder)), target, lambda name: model)


def files_of(folder: Path, kind: str = "shard") -> list[str]:
    return sorted(path.name for path in folder.glob(f"{kind}-*.parquet"))


def test_many_small_files_become_one_with_the_same_rows(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=5))
    before, status = rows(out), datasets.read_status(DatasetFolder(str(out)), lambda name: TOY)
    assert compact(out) == (20, 1, 0)
    assert rows(out).equals(before)
    assert {path.name[:6] for path in out.iterdir()} == {"shard-", "_sweep", "_given"}
    after = datasets.read_status(DatasetFolder(str(out)), lambda name: TOY)
    assert after == replace(status, shards=1)
    assert planned(TOY_SWEEP, out)[0].todo == 0
    assert open_dataset(str(out)).table.num_rows == before.num_rows
    assert compact(out) == (1, 1, 0)


def test_a_large_file_explains_itself_as_the_small_ones_did(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=5))
    small = pq.read_schema(out / files_of(out)[0])
    compact(out)
    large = pq.read_schema(out / files_of(out)[0])
    assert large.equals(small.with_metadata(large.metadata), check_metadata=True)
    assert json.loads(large.metadata[b"sweep"]) == json.loads(small.metadata[b"sweep"])


def test_files_are_filled_to_the_size_requested(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=5))
    before = rows(out)
    size = max(path.stat().st_size for path in out.glob("*.parquet"))
    done = compact(out, 4 * size)
    assert 4 <= done.after <= 6
    assert rows(out).equals(before)


def test_what_is_added_later_is_compacted_with_it(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=5))
    compact(out)
    more = TOY_SWEEP.replace("replicates: 3", "replicates: 5")
    train(more, out, shard_size=ShardSize(runs=5))
    before = rows(out)
    assert before.num_rows == 160
    assert compact(out).after == 1
    assert rows(out).equals(before)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve shards with their records, to be copied."""
    folder = tmp_path_factory.mktemp("traced") / "out"
    train(TRACED, folder, MODEL, shard_size=ShardSize(runs=4))
    return folder


@pytest.mark.parametrize("last", [0, 1, 2, 3, 5, 9, 17, 25, 27, 99])
def test_it_may_stop_at_any_moment(
    last: int, traced: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any change of the folder: each run is still there, and the next one ends it."""
    shutil.copytree(traced, out)
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
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=2))
    size = max(path.stat().st_size for path in out.glob("*.parquet"))
    ended = threading.Event()
    seen: set[tuple[int, int]] = set()

    def read_on() -> None:
        while not ended.is_set():
            found = datasets.read_status(DatasetFolder(str(out)), lambda name: TOY)
            seen.add((found.published, open_dataset(str(out)).table.num_rows))

    reader = threading.Thread(target=read_on)
    reader.start()
    for files in (4, 16, 400):
        compact(out, files * size)
    ended.set()
    reader.join()
    assert seen == {(96, 96)}


def test_a_second_compaction_is_refused(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=5))
    files = contents(out)
    assert DatasetFolder(str(out)).store.lock(".compaction")
    with pytest.raises(SweepError, match=r"another compaction of .* is running; wait for its end"):
        compact(out)
    assert {**files, ".compaction": contents(out)[".compaction"]} == contents(out)
    (out / ".compaction").write_text(f".tmp-{store._machine()}-4194304-")
    assert compact(out).after == 1


def test_a_damaged_file_stops_it_and_nothing_is_removed(out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=5))
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


def state(path: Path, change: Callable[[pa.Table], pa.Table] = lambda t: t, **notes: str) -> None:
    """Write a file anew, with other metadata and perhaps other rows, and the digest of these."""
    table = pq.read_table(path)
    table = change(table).replace_schema_metadata(table.schema.metadata)
    added = {key: text for key, text in notes.items()} | {"content_digest": content_digest(table)}
    metadata = table.schema.metadata | {k.encode(): v.encode() for k, v in added.items()}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def raised(table: pa.Table) -> pa.Table:
    """The rows with another error in each."""
    at = table.column_names.index("error")
    errors = [value + 1.0 for value in table["error"].to_pylist()]
    return table.set_column(at, table.schema.field("error"), pa.array(errors))


def test_names_in_metadata_are_no_paths_and_remove_nothing_but_what_is_there_twice(
    out: Path,
) -> None:
    """A file that says it replaces a file elsewhere, and shards with rows of their own."""
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=24))
    before = rows(out)
    outside = [out.parent / name for name in ("precious.txt", f"shard-{'a' * 32}.parquet")]
    for path in outside:
        path.write_text("not yours")
    liar, *others = files_of(out)
    inside = [out / name for name in ("notes.txt", "trajectory-mine.parquet")]
    for path in inside:
        path.write_text("not yours")
    named = [f"../{path.name}" for path in outside] + [str(path) for path in outside]
    named += [*others, *(path.name for path in inside), "_sweep.json", "", ".", "..", liar]
    state(out / liar, replaces=json.dumps([*named, 3, None, {"a": 1}]))
    assert compact(out).after == 1
    assert rows(out).equals(before)
    assert {path.read_text() for path in (*outside, *inside)} == {"not yours"}
    assert (out / "_sweep.json").exists()


@pytest.mark.parametrize("text", ["", "{", "3", '"a"', "null", "[" * 5000, '{"a": 1}', "[[[]]]"])
def test_metadata_that_names_nothing_replaces_nothing(text: str, out: Path) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=24))
    before = rows(out)
    state(out / files_of(out)[0], replaces=text, notes=text)
    assert compact(out).after == 1
    assert rows(out).equals(before)


def test_files_that_disagree_are_both_kept(out: Path) -> None:
    """The same runs with other numbers, in a file of two shards: no compaction may choose."""
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=24))
    first, second, *_ = files_of(out)
    both = pa.concat_tables([pq.read_table(out / name) for name in (first, second)])
    pq.write_table(both, out / "shard-both.parquet")
    state(out / "shard-both.parquet", raised)
    files = contents(out)
    with pytest.raises(
        SweepError, match=rf"{first} and shard-both.parquet hold .* in error;.*nothing was removed"
    ):
        compact(out)
    assert contents(out) == files


def test_a_file_that_changes_while_it_is_compacted_is_kept(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=24))
    victim = out / files_of(out)[0]
    put = Store.put

    def put_and_change(store: Store, name: str, data: bytes) -> None:
        put(store, name, data)
        state(victim, raised)

    monkeypatch.setattr(Store, "put", put_and_change)
    with pytest.raises(SweepError, match=rf"{victim.name} changed while shard-.*was not removed"):
        compact(out)
    assert victim.exists()


def test_what_made_the_rows_is_kept_for_each_part(out: Path) -> None:
    """Not the machine and code of who compacts."""
    train(TOY_SWEEP, out, shard_size=ShardSize(runs=24))
    first, second, third, _ = files_of(out)
    other = {"engine": "gram-cuda", "device": "NVIDIA H100", "code_version": "0.0.9", "wall_s": "7"}
    state(out / first, **other)
    state(out / second, instruction_set="generic (0)")
    state(out / third, wall_s="abc", session_s="abc", slots="many")
    before = datasets.read_status(DatasetFolder(str(out)), lambda name: TOY)
    compact(out)
    metadata = pq.read_schema(out / files_of(out)[0]).metadata
    notes = json.loads(metadata[b"notes"])
    assert [{key: note[key] for key in other} for note in notes].count(other) == 1
    assert sum(int(note["rows"]) for note in notes) == 96
    assert metadata[b"engine"] == b"formula, gram-cuda"
    assert b"0.0.9" in metadata[b"code_version"]
    assert [note["wall_s"] for note in notes].count("abc") == 1
    after = datasets.read_status(DatasetFolder(str(out)), lambda name: TOY)
    assert after == replace(before, shards=1)
    assert "engines: formula (72 rows), gram-cuda (24 rows)" in after.mixed
    assert any("generic (0) (24 rows)" in text for text in after.mixed)
    train(TOY_SWEEP.replace("replicates: 3", "replicates: 5"), out, shard_size=ShardSize(runs=24))
    again = datasets.read_status(DatasetFolder(str(out)), lambda name: TOY).mixed
    compact(out)
    assert datasets.read_status(DatasetFolder(str(out)), lambda name: TOY).mixed == again


@pytest.mark.parametrize("digest", [True, False])
def test_edited_records_are_not_compacted(digest: bool, out: Path) -> None:
    """A compacted file states its own digest, so what was edited would pass as what was trained."""
    train(TRACED, out, MODEL, shard_size=ShardSize(runs=16))
    victim = out / files_of(out, "trajectory")[0]
    table = pq.read_table(victim)
    edited = table.rename_columns(
        [f"{name}_" if n > 1 else name for n, name in enumerate(table.schema.names)]
    )
    metadata = {k: v for k, v in table.schema.metadata.items() if digest or k != b"content_digest"}
    pq.write_table(edited.replace_schema_metadata(metadata), victim)
    files = contents(out)
    with pytest.raises(SweepError, match=victim.name.removeprefix("trajectory")):
        compact(out, model=MODEL)
    assert contents(out) == files


READER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from tests.sweeps.store.reading import read_as_reports_do\n"
    "looks = 0\n"
    "while not (looks and Path(sys.argv[2]).exists()):\n"
    "    read_as_reports_do(Path(sys.argv[1]))\n"
    "    looks += 1\n"
    "print(looks)\n"
)
"""A program that reads a folder as reports do, again and again, until a file is there."""


def read_as_drivers_do(folder: Path) -> None:
    """A plan and the status: every run is published."""
    assert planned(TRACED, folder, MODEL)[0].todo == 0
    found = datasets.read_status(DatasetFolder(str(folder)), lambda name: MODEL)
    assert (found.published, found.damaged, found.conflicts) == (48, (), ())


@pytest.mark.parametrize(
    "read", [pytest.param(read_as_reports_do, marks=pytest.mark.slow), read_as_drivers_do]
)
def test_a_compaction_before_any_access_of_a_reader(
    read: Callable[[Path], None], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a reader has listed or opened, it finds every run when the files go just then."""
    train(TRACED, out, MODEL, shard_size=ShardSize(runs=24))
    small, accesses = contents(out), Accesses(monkeypatch)
    read(out)
    count = accesses.count
    compact(out, model=MODEL)
    large = contents(out)
    for number in range(1, count + 1):
        turn_into(out, small)
        accesses.expect(number, lambda: turn_into(out, large))
        read(out)
        assert contents(out) == large, number
    assert number > 10


def turn_into(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files that are not there, then remove the others, as a compaction does."""
    there = contents(folder)
    for name in files.keys() - there.keys():
        (folder / name).write_bytes(files[name])
    for name in there.keys() - files.keys():
        (folder / name).unlink()


def split(folder: Path, model: Model) -> None:
    """Bring small files back, as if a driver had published them, and remove the large ones."""
    again = folder.parent / "again"
    if not again.exists():
        train(TRACED, again, model, shard_size=ShardSize(runs=4))
    large = set(files_of(folder)) - set(files_of(again))
    for kind in ("trajectory", "shard"):
        for path in sorted(again.glob(f"{kind}-*.parquet")):
            DatasetFolder(str(folder)).store.put(path.name, path.read_bytes())
    for name in large:
        for kind in ("shard", "trajectory"):
            (folder / name.replace("shard", kind)).unlink()


@pytest.mark.parametrize(
    "compactions", [3, pytest.param(8, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_readers_and_drivers_beside_compactions(
    compactions: int, out: Path, tmp_path: Path
) -> None:
    """Reports, status and plans, in processes and threads of their own, while files come and go."""
    train(TRACED, out, MODEL, shard_size=ShardSize(runs=4))
    whole, done = rows(out), tmp_path / "ended"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(out), str(done)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    errors: list[Exception] = []

    def plan_on() -> None:
        while not done.exists():
            try:
                read_as_drivers_do(out)
            except Exception as error:
                errors.append(error)
                return

    driver = threading.Thread(target=plan_on)
    driver.start()
    try:
        for number in range(compactions):
            size = max(path.stat().st_size for path in out.glob("shard-*.parquet"))
            compact(out, (3, 10, 400)[number % 3] * size, MODEL)
            split(out, MODEL)
    finally:
        done.touch()
        driver.join()
        said, wrong = reader.communicate(timeout=120)
    assert (errors, wrong) == ([], "")
    assert int(said) >= 1
    assert rows(out).equals(whole)

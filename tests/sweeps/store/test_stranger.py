"""A dataset from a stranger: whatever its files say, no command changes a byte outside of its folder.

Every field of the manifest and of shards' metadata holds every hostile value in turn; each command reads
the folder or refuses it with a message, and none raises anything else.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from analysis.dataset.files import open_dataset
from analysis.dataset.provenance import read_provenance
from analysis.dataset.trajectories.files import find_records, read_cells
from analysis.errors import AnalysisError
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.plan.cut import ShardSize
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.small import train
from tests.toy import TOY

SWEEP = """\
name: toy-plane
model: toy
seed: 7
replicates: 2
axes: {x: [1.0, 2.0], y: [0.5, 1.0, 2.0]}
settings: {p_flip: [0, 0.1]}
analysis: {x: x, y: y, measure: error, levels: [0.25]}
"""
WORDS = (
    *("engine", "device", "processor", "instruction_set", "blas", "code_version", "code_digest"),
    *("numba", "session", "node"),
)
"""Fields that are words to every reader: one does not decide how another is read."""
READ = ("schema_version", "sweep", "model", "numerics_version", "content_digest")
"""Fields that decide whether a file is read; all others only tell where it comes from."""
TELLING = (("wall_s", "records_digest"), ("session_s", "replaces"), ("slots", "notes"))
"""Of these others, pairs that different code reads: a duration or count, and a name or document."""
MANIFEST = (
    *("schema_version", "planned_runs", "name", "model", "description", "seed", "replicates"),
    *("axes", "zip", "fixed", "derived", "settings", "analysis", "trajectory", "draws", "digest"),
)


def texts(parent: Path) -> list[bytes]:
    """Hostile values of a text, among them every way to name a file outside."""
    outside = ["../precious.txt", str(parent / "precious.txt"), f"../shard-{'b' * 32}.parquet"]
    lists = [json.dumps(outside), json.dumps([{"shard": outside[0], "wall_s": outside[1]}])]
    plain = ["", "abc", "-1", "1e999", "nan", "null", "[]", "{}", "[1]", '{"name": "../x"}']
    odd = ["[" * 3000, "\x1b[31mred\x1b[0m", "<script>", "a\nb", "9" * 400, "\U0001f600"]
    return [text.encode() for text in (*outside, *lists, *plain, *odd)] + [b"\xff\xfe"]


def values(parent: Path) -> list[Any]:
    """Hostile values of a field of a JSON document."""
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    plain = [None, True, -1, 0, 10**30, 1.5, float("nan"), "four", "", [], {}, [None], {"": None}]
    nested = [{"x": None}, {"x": {"values": None}}, {"x": {"values": [[1]], "scale": "lin"}}]
    paths = ["../precious.txt", [str(parent / "precious.txt")], {"../x": {"values": [1.0]}}]
    return [*plain, *nested, *paths, [["x"]], [["x", "z"]], deep]


def turns(keys: tuple[str, ...], hostile: list[bytes]) -> Iterator[dict[str, bytes]]:
    """Values of several fields, so that each holds each value once, and never two the same."""
    for turn in range(len(hostile)):
        yield {key: hostile[(turn + at) % len(hostile)] for at, key in enumerate(keys)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "out"
    train(SWEEP, folder, shard_size=ShardSize(runs=12))
    return folder


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of somebody, in which commands run."""
    for name in ("precious.txt", f"shard-{'b' * 32}.parquet", "x"):
        (tmp_path / name).write_text("not yours")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outside(parent: Path) -> dict[str, bytes | None]:
    """All that is in a folder but the dataset."""
    return {
        str(path.relative_to(parent)): path.read_bytes() if path.is_file() else None
        for path in sorted(parent.rglob("*"))
        if path.relative_to(parent).parts[0] != "out"
    }


def state(trained: Path, parent: Path, fields: dict[str, bytes]) -> None:
    """A fresh copy of the dataset, of which the first shard states these fields."""
    shutil.rmtree(parent / "out", ignore_errors=True)
    shutil.copytree(trained, parent / "out")
    victim = sorted((parent / "out").glob("shard-*"))[0]
    table = pq.read_table(victim)
    metadata = table.schema.metadata | {key.encode(): value for key, value in fields.items()}
    pq.write_table(table.replace_schema_metadata(metadata), victim)


def commands(folder: Path) -> Iterator[Callable[[], object]]:
    """All that reads a dataset, and then all that changes it."""
    dataset, location = DatasetFolder(str(folder)), str(folder)
    yield lambda: datasets.read_status(dataset, lambda name: TOY)
    yield lambda: datasets.verify_dataset(dataset, lambda name: TOY)
    yield lambda: open_dataset(location).query("SELECT count(*) FROM runs")
    yield lambda: open_dataset(location) and read_provenance(location)
    yield lambda: cells_with_records(location)
    yield lambda: datasets.compact_dataset(dataset, 10**9, lambda name: TOY)
    yield lambda: train(SWEEP.replace("replicates: 2", "replicates: 3"), folder)
    yield lambda: datasets.compact_dataset(dataset, 10**9, lambda name: TOY)


def cells_with_records(location: str) -> object:
    folder = find_records(location)
    return folder.pairs and read_cells(folder, open_dataset(location).sweep)


def suffer(parent: Path) -> list[str]:
    """Run all commands on a folder; their refusals."""
    before, refusals = outside(parent), []
    for run in commands(parent / "out"):
        try:
            run()
        except (SweepError, AnalysisError) as error:
            refusals.append(str(error))
        assert outside(parent) == before
    return refusals


@pytest.mark.slow
@pytest.mark.parametrize("key", READ)
def test_no_metadata_that_is_read_reaches_out_of_the_folder(
    key: str, trained: Path, parent: Path
) -> None:
    for value in texts(parent):
        state(trained, parent, {key: value})
        assert all(suffer(parent))


@pytest.mark.slow
@pytest.mark.parametrize("keys", TELLING, ids="-".join)
def test_no_metadata_that_tells_reaches_out_of_the_folder(
    keys: tuple[str, ...], trained: Path, parent: Path
) -> None:
    """Each holds each value in turn, and the two of them another one at a time."""
    for held in turns(keys, texts(parent)):
        state(trained, parent, held)
        assert suffer(parent) == []


def test_no_word_in_metadata_reaches_out_of_the_folder(trained: Path, parent: Path) -> None:
    """Each holds each value in turn, and all of them another one at a time."""
    for held in turns(WORDS, texts(parent)):
        state(trained, parent, held)
        assert suffer(parent) == []


@pytest.mark.parametrize("key", MANIFEST)
def test_no_field_of_a_manifest_reaches_out_of_the_folder(
    key: str, trained: Path, parent: Path
) -> None:
    manifest = json.loads((trained / "_sweep.json").read_text())
    del manifest["digest"]
    for value in values(parent):
        shutil.rmtree(parent / "out", ignore_errors=True)
        shutil.copytree(trained, parent / "out")
        (parent / "out" / "_sweep.json").write_text(json.dumps(manifest | {key: value}))
        assert all(suffer(parent))


@pytest.mark.parametrize("name", ["_sweep.json", "_given.json", ".compaction", "_failed", "shard"])
def test_links_out_of_the_folder_are_replaced_and_not_followed(
    name: str, trained: Path, parent: Path
) -> None:
    shutil.copytree(trained, parent / "out")
    victim = parent / "out" / (f"_failed-{'0' * 32}.txt" if name == "_failed" else name)
    if name == "shard":
        victim = sorted((parent / "out").glob("shard-*"))[0]
    if victim.exists():
        shutil.move(victim, parent / "moved")
    else:
        (parent / "moved").write_text("not yours")
    victim.symlink_to(parent / "moved")
    suffer(parent)

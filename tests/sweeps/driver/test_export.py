"""An exported dataset: complete, sound, and described in the formats that others read."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import mlcroissant
import pyarrow.dataset
import pytest
import yaml

from sweeps.driver.export import Authorship, export_dataset
from sweeps.errors import SweepError
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.small import BOCNN_SWEEP, bocnn_sweep

# mlcroissant calls what newer versions of rdflib and pandas warn of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated"),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]

AUTHORSHIP = Authorship(("Doe, Jane", "A Laboratory"), "CC-BY-4.0", "2026-11-28")
RECORDED = (
    BOCNN_SWEEP
    + """\
trajectory: [0, 10, 30]
description: A small plane
sizes: {half: {replicates: 4}}
"""
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    folder = tmp_path_factory.mktemp("export")
    (folder / "sweep.yaml").write_text(RECORDED, encoding="utf-8")
    options = ("--executor", "local", "--shard-runs", 20, "--size", "half")
    trained = bocnn_sweep("run", folder / "sweep.yaml", "--out", folder / "data", *options)
    assert trained.returncode == 0
    return DatasetFolder(str(folder / "data"))


@pytest.fixture
def exported(dataset: DatasetFolder, tmp_path: Path) -> Path:
    export_dataset(dataset, tmp_path / "exported", AUTHORSHIP)
    return tmp_path / "exported"


def test_all_files_are_there_with_their_digests(dataset: DatasetFolder, exported: Path) -> None:
    stated = {
        file["contentUrl"]: file["sha256"]
        for file in json.loads((exported / "croissant.json").read_text())["distribution"]
        if "sha256" in file
    }
    found = {
        str(path.relative_to(exported)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (exported / "data").iterdir()
    }
    assert stated == found
    assert {f"data/{name}" for name in dataset.store.names()} == found.keys()


def test_the_croissant_is_valid_and_reads_every_run(exported: Path) -> None:
    found = mlcroissant.Dataset(str(exported / "croissant.json"))
    assert not found.metadata.ctx.issues.errors and not found.metadata.ctx.issues.warnings
    assert found.metadata.name == "small-plane-half"
    runs = list(found.records("runs"))
    assert len(runs) == 48
    assert {run["runs/mu_norm"] for run in runs} == {1.0, 4.0}
    assert len(list(found.records("records"))) == 48 * 3


def test_the_croissant_says_what_columns_mean(exported: Path) -> None:
    found = mlcroissant.Dataset(str(exported / "croissant.json")).metadata
    runs = next(one for one in found.record_sets if one.name == "runs")
    meanings = {field.name: field.description for field in runs.fields}
    assert meanings["test_error_clean"] == "test error, clean labels"
    schema = pyarrow.dataset.dataset(sorted(map(str, exported.glob("data/shard-*")))).schema
    assert list(meanings) == schema.names


def test_the_citation_names_authors_license_and_date(exported: Path) -> None:
    found = yaml.safe_load((exported / "CITATION.cff").read_text(encoding="utf-8"))
    assert found["cff-version"] == "1.2.0" and found["type"] == "dataset"
    assert found["authors"] == [
        {"family-names": "Doe", "given-names": "Jane"},
        {"name": "A Laboratory"},
    ]
    assert (found["license"], found["date-released"]) == ("CC-BY-4.0", "2026-11-28")
    assert found["title"] == "small-plane-half: A small plane"


def test_the_card_has_configs_and_code_that_reads_the_runs(exported: Path) -> None:
    text = (exported / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---")[1])
    patterns = {config["config_name"]: config["data_files"] for config in head["configs"]}
    assert set(patterns) == {"runs", "records"}
    assert all(list(exported.glob(pattern)) for pattern in patterns.values())
    code = re.findall("```python\n(.*?)```", text, re.DOTALL)[0]
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(runs.num_rows)"],
        cwd=exported,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "48"
    assert "| engine | gram-cpu |" in text and "| code_digest |" in text


def test_the_sweep_file_is_the_users(exported: Path) -> None:
    assert (exported / "sweep.yaml").read_text(encoding="utf-8") == RECORDED
    card = (exported / "README.md").read_text(encoding="utf-8")
    assert "again with `bocnn run sweep.yaml --size half`" in card


def test_an_incomplete_dataset_says_so(dataset: DatasetFolder, tmp_path: Path) -> None:
    store, part = dataset.store, DatasetFolder(str(tmp_path / "part"))
    kept = [name for name in store.names() if not name.startswith("trajectory-")]
    gone = next(name for name in kept if name.startswith("shard-"))
    for name in store.names():
        if name != gone:
            part.store.put(name, store.get(name))
    found = export_dataset(part, tmp_path / "exported", AUTHORSHIP)
    assert 0 < found.published < found.planned == 48
    assert json.loads((tmp_path / "exported" / "croissant.json").read_text())["isLiveDataset"]
    assert "not complete" in (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("authorship", "error"),
    [
        (AUTHORSHIP._replace(authors=()), "no author"),
        (AUTHORSHIP._replace(authors=(" ",)), "no author"),
        (AUTHORSHIP._replace(license="none at all"), "SPDX"),
        (AUTHORSHIP._replace(date="tomorrow"), "YYYY-MM-DD"),
    ],
)
def test_what_describes_nothing_is_refused(
    authorship: Authorship, error: str, dataset: DatasetFolder, tmp_path: Path
) -> None:
    with pytest.raises(SweepError, match=error):
        export_dataset(dataset, tmp_path / "exported", authorship)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_as_it_is(dataset: DatasetFolder, exported: Path) -> None:
    with pytest.raises(SweepError, match="exists already"):
        export_dataset(dataset, exported, AUTHORSHIP)


def test_a_damaged_dataset_is_refused(dataset: DatasetFolder, tmp_path: Path) -> None:
    damaged = DatasetFolder(str(tmp_path / "damaged"))
    for name in dataset.store.names():
        data = dataset.store.get(name)
        damaged.store.put(name, data[: len(data) // 2] if name.startswith("shard-") else data)
    with pytest.raises(SweepError, match="cannot be exported"):
        export_dataset(damaged, tmp_path / "exported", AUTHORSHIP)
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]


def test_the_command_packs_the_folder(dataset: DatasetFolder, tmp_path: Path) -> None:
    picture = tmp_path / "map.svg"
    picture.write_text("<svg/>")
    words = ("--author", "Doe, Jane", "--out", tmp_path / "x", "--zip", "--picture", picture)
    done = bocnn_sweep("export", dataset.location, *words)
    assert done.returncode == 0 and "48 of 48 runs" in done.stdout
    with zipfile.ZipFile(tmp_path / "x.zip") as packed:
        assert {"x/croissant.json", "x/CITATION.cff", "x/picture.svg"} <= set(packed.namelist())
    assert "![small-plane" in (tmp_path / "x" / "README.md").read_text(encoding="utf-8")

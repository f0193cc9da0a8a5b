"""Images are part of a run's identity by their content, wherever they are."""

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.cells.aggregate import aggregate
from analysis.dataset.files import open_dataset
from bocnn.models.images.content import content_digest
from sweeps import driver
from sweeps.declare.cells.resolve import resolve
from sweeps.driver import datasets
from sweeps.errors import SweepError
from sweeps.models.images.classes import two_classes
from sweeps.models.installed import load_model
from sweeps.plan.cut import ShardSize
from sweeps.plan.plan import Plan
from sweeps.store.dataset import DatasetFolder
from tests.sweeps.models.images import test_images
from tests.sweeps.small import errors_of, train_here

SWEEP = """\
name: images
model: kernel
replicates: 2
axes: {m: [4, 8], kappa: [1, 2]}
fixed: {data: cifar10, folder: FOLDER, n: 4, n_test: 2, eta: 0.01, steps: 3}
analysis: {x: m, y: kappa, measure: residual, levels: [1]}
"""


def write(folder: Path, seed: int = 0) -> Path:
    """A folder of eight images, others for another seed."""
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(1, 256, (8, 3072), dtype=np.uint8)
    records = np.concatenate([test_images.CLASSES[:, None], pixels], axis=1)
    (folder / "data_batch_1.bin").write_bytes(records.tobytes())
    two_classes.cache_clear()
    return folder


def planned(folder: Path, out: Path, text: str = SWEEP) -> tuple[Plan, DatasetFolder]:
    dataset = DatasetFolder(str(out))
    found = resolve(text.replace("FOLDER", str(folder)), "test.yaml", load_model)
    return driver.plan_sweep(found, dataset), dataset


def train(folder: Path, out: Path, text: str = SWEEP) -> driver.Outcome:
    plan, dataset = planned(folder, out, text)
    job = driver.prepare(plan, dataset, ShardSize(runs=4))
    return driver.execute(job, dataset, train_here)


def test_the_same_images_elsewhere_train_nothing_anew(tmp_path: Path, out: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    assert not train(first, out).missing
    (first / "data_batch_1.bin").unlink()
    two_classes.cache_clear()
    plan, _ = planned(second, out)
    assert (plan.todo, plan.done) == (0, 8)
    more = SWEEP.replace("replicates: 2", "replicates: 3")
    assert not train(second, out, more).missing
    dataset = open_dataset(str(out))
    assert dataset.table["folder"].unique().to_pylist() != [str(second)]
    assert dataset.sweep.analysis is not None
    assert aggregate(dataset, dataset.sweep.analysis).used.sum() == 12


def test_other_images_under_the_same_names_are_refused_and_never_mixed(
    tmp_path: Path, out: Path
) -> None:
    folder = write(tmp_path / "a")
    train(folder, out)
    write(folder, seed=1)
    for text in (SWEEP, SWEEP.replace("replicates: 2", "replicates: 3")):
        with pytest.raises(
            SweepError, match="the images cifar10 8 3 are others than those that pub"
        ):
            planned(folder, out, text)


def test_other_images_are_other_runs(tmp_path: Path) -> None:
    ids = []
    for seed in (0, 1, 0):
        plan, _ = planned(write(tmp_path / f"of-{len(ids)}", seed), tmp_path / "out")
        ids.append(set(plan.ids(np.arange(plan.total)).tolist()))
    assert ids[0] == ids[2] and ids[0].isdisjoint(ids[1])


def test_the_dataset_states_the_images_and_is_read_without_them(tmp_path: Path, out: Path) -> None:
    folder = write(tmp_path / "a")
    train(folder, out)
    digest = content_digest(*two_classes("cifar10", str(folder), 8, 3))
    stated = {"cifar10 8 3": digest}
    assert json.loads((out / "_sweep.json").read_text())["images"] == stated
    for path in out.glob("shard-*.parquet"):
        assert json.loads(pq.read_schema(path).metadata[b"sweep"])["images"] == stated
    (folder / "data_batch_1.bin").unlink()
    two_classes.cache_clear()
    state = datasets.read_status(DatasetFolder(str(out)))
    assert (state.published, state.planned) == (8, 8)


def test_a_worker_that_finds_other_images_fails_and_publishes_nothing(
    tmp_path: Path, out: Path
) -> None:
    folder = write(tmp_path / "a")
    plan, dataset = planned(folder, out)
    job = driver.prepare(plan, dataset, ShardSize(runs=4))
    write(folder, seed=1)
    outcome = driver.execute(pickle.loads(pickle.dumps(job)), dataset, train_here)
    assert outcome.missing == 8 and len(outcome.failures) == 2
    assert "expected" in outcome.failures[0] and "planned with" in outcome.failures[0]
    assert not dataset.shards()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("FOLDER", "nowhere", "holds no data_batch_1.bin; expected the folder"),
        ("folder: FOLDER", "positive: 3, folder: FOLDER", "received the class 3 twice"),
    ],
)
def test_images_that_cannot_be_used_are_refused_before_anything_starts(
    old: str, new: str, message: str
) -> None:
    text = errors_of(SWEEP.replace(old, new), load_model("kernel"))
    assert message in text and "nothing was started" in text


@pytest.mark.parametrize("section", ["axes", "settings"])
def test_a_folder_is_nothing_to_compare(section: str) -> None:
    text = SWEEP.replace(", folder: FOLDER", "")
    text = (
        text.replace("axes: {", "axes: {folder: [a, b], ")
        if section == "axes"
        else text + "settings: {folder: [a, b]}\n"
    )
    assert "says where files are, which decides no run" in errors_of(text, load_model("kernel"))


def test_digests_tell_pixels_labels_and_shapes_apart() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    signs = np.array([1.0, -1.0, 1.0])
    digests = {
        content_digest(pixels, signs),
        content_digest(pixels + 1, signs),
        content_digest(pixels, -signs),
        content_digest(pixels.reshape(4, 3), signs),
        content_digest(pixels, signs),
    }
    assert len(digests) == 4

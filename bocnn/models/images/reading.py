"""Models that are trained on images: who reads them, and which ones they are."""

from collections.abc import Mapping
from copy import copy
from typing import Any, Self

from numpy.typing import NDArray

from bocnn.models.base import Columns, RowModel
from bocnn.models.images.content import (
    CheckedImages,
    Images,
    content_column,
    content_digest,
    sets_of,
)


class ReadsImages(RowModel):
    """Base of models whose parameters `data`, `folder`, `positive` and `negative` name images.

    `contents` are the digests of the images that it trains on, by the name of their set; `folder`, where
    they are, is no part of a run's identity.
    """

    locations = ("folder",)

    def __init__(self, images: Images | None = None) -> None:
        """A model whose images, where a run names some, are read by `images`."""
        self._images = self._read = images
        self.contents: dict[str, str] = {}

    def with_images(self, images: Images) -> Self:
        """The model that takes its images from a reader."""
        other = copy(self)
        other._images = other._read = images
        return other

    def with_contents(self, contents: Mapping[str, str]) -> Self:
        """The model whose images are those of these digests; it trains on no others."""
        other = copy(self)
        other.contents = dict(contents)
        if self._read is not None:
            other._images = CheckedImages(self._read, other.contents)
        return other

    def read_contents(self, columns: Columns) -> dict[str, str]:
        """Digests of the images of runs, by the name of their set; those that are stated are not read.

        Raises:
            ValueError: a run needs images, and there are none or nothing reads them.
        """
        found = {}
        for name, images in sets_of(self.canonical(columns)).items():
            if name in self.contents:
                found[name] = self.contents[name]
            elif self._read is None:
                raise ValueError(f"received data: {images[0]}, and nothing reads images")
            else:
                found[name] = content_digest(*self._read(*images))
        return found

    def identity(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Columns that decide runs, beside seed, replicate and `keyed`; images by their content."""
        found = self.canonical(columns)
        contents = self.read_contents(columns)
        found["images"] = content_column(found, contents.__getitem__)
        del found["folder"]
        return found

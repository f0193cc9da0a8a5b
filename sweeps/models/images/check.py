"""Whether the images that the runs of a sweep name are there and enough, before anything starts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.models.images.classes import IMAGE_SETS, Signs, two_classes
from sweeps.models.images.formats import Bytes

IMAGE_COLUMNS = ("data", "folder", "positive", "negative")
"""Columns that name images: where they are from, and the classes of the labels +1 and −1."""


class Unusable(NamedTuple):
    """Images that cannot be used: the column that names them wrongly, and what is wrong."""

    column: str
    text: str


def unusable(blocks: Iterable[Mapping[str, NDArray[Any]]]) -> Iterator[Unusable]:
    """Every choice of images that cannot be read, or has too few for the runs that use it.

    Args:
        blocks: columns of the runs' cells: COLUMNS and `n`, the training samples.
    """
    for (data, folder, *classes), n in _choices(blocks).items():
        try:
            pixels, signs = two_classes(data, folder, *classes)
        except (ValueError, OSError) as error:
            column = "positive" if classes[0] == classes[1] else "folder" if folder else "data"
            yield Unusable(column, str(error))
            continue
        problem = _too_few(pixels, signs, n)
        if problem:
            named = f"the classes {classes[0]} and {classes[1]} of {data} {folder}".rstrip()
            yield Unusable("n" if "fewer" in problem else "data", f"{named} hold {problem}")


def _too_few(pixels: Bytes, signs: Signs, n: int) -> str:
    """The problem with the images of two classes for n training samples; "" where there is none."""
    counts = [int((signs == sign).sum()) for sign in (1.0, -1.0)]
    black = int((~pixels.any(axis=1)).sum())
    if not all(counts):
        return f"{counts[0]:,} and {counts[1]:,} images; expected some of each"
    if black:
        return f"{black:,} images without a pixel above 0, which have no direction; take them out"
    if n >= len(signs):
        return (
            f"{len(signs):,} images, and n is {n:,}; expected n fewer than the images, so that some are "
            "left to test"
        )
    return ""


def _choices(blocks: Iterable[Mapping[str, NDArray[Any]]]) -> dict[tuple[Any, ...], int]:
    """The largest n of each choice of images."""
    largest: dict[tuple[Any, ...], int] = {}
    for columns in blocks:
        real = np.isin(columns["data"], list(IMAGE_SETS))
        rows = zip(*(columns[name][real].tolist() for name in (*IMAGE_COLUMNS, "n")), strict=True)
        for *choice, n in set(rows):
            largest[tuple(choice)] = max(n, largest.get(tuple(choice), 0))
    return largest

"""The public file formats of MNIST and CIFAR-10, from bytes to arrays, with every size checked.

Nothing is unpickled: both formats are plain bytes.

Source:
    LeCun, Cortes & Burges 1998 (MNIST, the idx format); Krizhevsky 2009 (CIFAR-10, binary version).
"""

import gzip
import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

RECORD = 1 + 3 * 32 * 32
"""Bytes of an image of CIFAR-10: its class, then 32 × 32 pixels in red, green and blue."""


def read_idx(data: bytes, dimensions: int, *, where: str) -> Bytes:
    """An array of bytes in the idx format, compressed by gzip or not.

    Args:
        data: what the file holds.
        dimensions: 3 for images, 1 for labels.
        where: the file, named in errors.
    Returns:
        Shape (count, rows, columns), or (count,).
    Raises:
        ValueError: another kind of file, or one that is cut short or too long.
    """
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{where} is broken ({error}); fetch it again") from None
    head = 4 + 4 * dimensions
    magic = bytes((0, 0, 8, dimensions))
    if data[:4] != magic:
        raise ValueError(
            f"{where} begins with {data[:4]!r}; expected {magic!r}, an idx file of bytes in "
            f"{dimensions} dimensions{_told(data)}"
        )
    shape = struct.unpack(f">{dimensions}I", data[4:head].ljust(head - 4, b"\0"))
    expected = head + math.prod(shape)
    if len(data) != expected:
        raise ValueError(
            f"{where} has {len(data)} bytes; its head promises {expected}. Fetch it again"
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def read_cifar(data: bytes, *, where: str) -> tuple[Bytes, Bytes]:
    """Images and classes of a binary batch of CIFAR-10.

    Args:
        data: what the file holds.
        where: the file, named in errors.
    Returns:
        Pixels (count, 3072) and classes (count,), 0 … 9.
    Raises:
        ValueError: no whole number of images, or a class beyond 9.
    """
    if not data or len(data) % RECORD:
        raise ValueError(
            f"{where} has {len(data)} bytes; expected a multiple of {RECORD}, the binary version of "
            f"CIFAR-10{_told(data)}"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise ValueError(f"{where} holds the class {records[:, 0].max()}; expected 0 … 9")
    return records[:, 1:], records[:, 0]


_BEGINNINGS = {
    b"\x80": "a pickle of Python, which is not read",
    b"\x1f\x8b": "compressed by gzip",
    b"PK\x03\x04": "a zip archive, such as NumPy's",
    b"PAR1": "a Parquet file",
    b"MATLAB": "a file of Matlab",
    b"version https://git-lfs": "a pointer to the file, not the file: fetch it with Git LFS",
    b"<": "a web page, not the file: fetch it again",
}
"""What files begin with that have the name of a data set's, and are something else."""


def _told(data: bytes) -> str:
    """What a file is by its beginning, to follow an error; "" where that is not known."""
    if data and len(data) % (RECORD + 1) == 0:
        return ". It has the length of CIFAR-100's images, which is another data set"
    kinds = (kind for start, kind in _BEGINNINGS.items() if data.startswith(start))
    return next((f". It is {kind}" for kind in kinds), "")

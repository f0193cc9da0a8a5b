"""LLVM code that comes with the package: numba takes most of a minute to make it from the sources.

The file holds a digest of the sources that it was made of: where one of them has changed since, nothing
of it is used. `python -m bocnn.engines.ship` makes it anew.
"""

import json
import logging
import lzma
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path

import llvmlite.binding as ll

from bocnn.simd.compiler.compiled import PACKAGE, sources

FILE = PACKAGE / "simd" / "compiler" / "stages.xz"

SOURCES = (
    *("arrays.py", "data", "dynamics", "engines/coordinates", "engines/cpu", "measure", "models"),
    *("rng", "simd"),
)
"""Packages and files from which the stages' code comes, where the cache of compiled code knows them."""


def stage_sources() -> list[Path]:
    """The files from which the stages' code comes."""
    return [
        path for path in sources() if any(map(path.relative_to(PACKAGE).is_relative_to, SOURCES))
    ]


def _made_of() -> str:
    """A digest of the sources, the kind of machine and LLVM's version."""
    digest = blake2b(digest_size=16)
    for path in stage_sources():
        digest.update(str(path.relative_to(PACKAGE)).encode())
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()} {ll.get_process_triple()} LLVM {ll.llvm_version_info[0]}"


MADE_OF = _made_of()
"""Of the sources as this process has read them, whatever becomes of the files."""


def shipped_code(name: str, layout: str) -> bytes | None:
    """LLVM code of a stage for records of a layout; None where none was made of these sources.

    Args:
        name: of the stage.
        layout: of the record that it reads.
    """
    return _codes().get((name, layout))


def ship(codes: Mapping[tuple[str, str], bytes]) -> None:
    """Write the file.

    Args:
        codes: LLVM code (bitcode) by the stage's name and the layout of the record that it reads.
    """
    parts = [[name, layout, len(code)] for (name, layout), code in codes.items()]
    head = json.dumps({"made_of": MADE_OF, "parts": parts}).encode()
    FILE.write_bytes(lzma.compress(b"\n".join((head, b"".join(codes.values()))), preset=9))


@cache
def _codes() -> dict[tuple[str, str], bytes]:
    """The file's contents; nothing where it is of other sources."""
    if not FILE.exists():
        return {}
    head, _, rest = lzma.decompress(FILE.read_bytes()).partition(b"\n")
    given, found = json.loads(head), {}
    if given["made_of"] != MADE_OF:
        logging.getLogger(__name__).info("%s is of other sources: numba compiles them", FILE)
        return {}
    for name, layout, size in given["parts"]:
        found[name, layout], rest = rest[:size], rest[size:]
    return found

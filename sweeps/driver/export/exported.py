"""What is exported: the files with their digests, their columns, and what made them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from sweeps.declare.document.document import SweepDocument

PROVENANCE = (
    *("model", "numerics_version", "engine", "device", "processor", "instruction_set", "gpu"),
    *("code_version", "code_digest", "numba", "llvmlite", "numpy", "scipy", "blas"),
)
"""Metadata of files that say what made their rows."""


class Authorship(NamedTuple):
    """Who publishes a dataset, under which terms, and when.

    Attributes:
        authors: each "Family, Given", or one name of an organization.
        license: an identifier of the SPDX list, such as CC-BY-4.0.
        date: of publication, YYYY-MM-DD.
    """

    authors: tuple[str, ...]
    license: str
    date: str


@dataclass(frozen=True)
class ExportedFile:
    """A file of the export: its path there, its bytes' number and SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Exported:
    """A dataset that is exported.

    Attributes:
        sweep: what was planned.
        description: one line.
        text: the sweep file, as the user gave it.
        options: of the command that trains it again: the size and replicates that the user gave.
        files: the files of rows and of records, in `data/`.
        runs: schema of the files of rows.
        records: schema of the files of records, if there are any.
        published: runs in the files.
        planned: runs that the sweep plans.
        made_by: what made the rows, by PROVENANCE: each value that a file states.
    """

    sweep: SweepDocument
    description: str
    text: str
    options: str
    files: Sequence[ExportedFile]
    runs: pa.Schema
    records: pa.Schema | None
    published: int
    planned: int
    made_by: Mapping[str, Sequence[str]]

    @property
    def title(self) -> str:
        """What the dataset is called where it is listed."""
        return f"{self.sweep.name}: {self.description}" if self.description else self.sweep.name

    @property
    def is_complete(self) -> bool:
        """Whether all planned runs are there."""
        return self.published >= self.planned


def file_of(path: str, data: bytes) -> ExportedFile:
    """A file by its bytes."""
    return ExportedFile(path, len(data), hashlib.sha256(data).hexdigest())


def note(schema: pa.Schema, column: str, name: str) -> str:
    """What a field's metadata say of a column, "" for nothing.

    Args:
        schema: of a file.
        column: of the file.
        name: such as meaning or unit.
    """
    found = schema.field(column).metadata or {}
    return str(found.get(name.encode(), b"").decode())

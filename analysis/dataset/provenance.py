"""Where a dataset's numbers come from: its files' digest, versions, devices and cost."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.fs as pafs
import yaml

from analysis.dataset.shards import decode, open_folder, read_each, texts
from sweeps.declare.document.digest import states_digest
from sweeps.declare.document.document import ADDED

READ_BYTES = 1 << 22
MAX_COUNT_DIGITS = 16
"""Digits in the number of a file's rows, fewer than that."""
FILE_NOTES = {
    "model": "model",
    "numerics_version": "numerics version",
    "schema_version": "schema version",
    "code_version": "code version",
}
PRODUCER_NOTES = {
    "engine": ("engine", "engines"),
    "device": ("device", "devices"),
    "processor": ("processor", "processors"),
    "instruction_set": ("instruction set", "instruction sets"),
    "blas": ("BLAS", "BLAS libraries"),
    "code_digest": ("digest of the code", "states of the code"),
    "numba": ("numba", "versions of numba"),
    "llvmlite": ("llvmlite", "versions of llvmlite"),
    "numpy": ("numpy", "versions of numpy"),
    "scipy": ("scipy", "versions of scipy"),
}
"""Metadata keys that decide a row's last digits, with name and plural."""


@dataclass(frozen=True)
class Provenance:
    """Provenance that the shards state; several words where they differ.

    `digest` is what `sha256sum shard-*.parquet | sha256sum` prints in the folder.
    """

    location: str
    digest: str
    files: int
    bytes: int
    rows: int
    wall_s: float | None  # summed over shards; None where one does not state it
    stated: tuple[tuple[str, str], ...]  # name, value
    description: str
    sweep_file: str  # YAML, which trains the same runs
    given: str = ""  # the sweep file's text with its comments, where the dataset keeps it
    options: str = ""  # what was given beside it on the command line
    mixed: tuple[str, ...] = ()  # what the rows were made by that differs, one kind of thing each
    unverified: tuple[str, ...] = ()  # files without a digest, in which a change goes unnoticed

    @property
    def runs_per_s(self) -> float | None:
        """Rows over the seconds that workers spent on them, as if one worker had done it all."""
        return self.rows / self.wall_s if self.wall_s else None


UNREAD = Provenance("", "", 0, 0, 0, None, (), "", "")
"""Of a dataset whose files were not asked."""


def read_provenance(location: str) -> Provenance:
    """Provenance that a dataset's files state; each file is read once for its digest.

    Args:
        location: a folder or URI that `open_dataset` opens.
    """
    files, folder = open_folder(location)
    paths, found = read_each(files, folder, location, lambda path, _: _look(files, path))
    notes = [note for one in found for note in one.notes]
    document = _document(files, folder, [one.stated for one in found])
    given = _beside(files, folder, "_given.json") or {}
    seconds = [_seconds(note.get("wall_s")) for note in notes]
    text = given.get("text")
    return Provenance(
        location=location,
        digest=_digest(paths, found),
        files=len(paths),
        bytes=sum(one.bytes for one in found),
        rows=sum(one.rows for one in found),
        wall_s=None if None in seconds else sum(s for s in seconds if s is not None),
        stated=tuple(_stated([one.stated for one in found], notes)),
        description=str(document.get("description") or ""),
        sweep_file=_sweep_file(document),
        given=text if isinstance(text, str) else "",
        options=_options(given),
        mixed=tuple(_mixtures(notes)),
        unverified=tuple(_unverified(document, paths, found)),
    )


class _File(NamedTuple):
    """Summary of one shard: its digest, its size, its metadata, and notes on what made its rows."""

    digest: str
    bytes: int
    rows: int
    stated: dict[str, str]
    notes: list[dict[str, str]]


def _look(files: Any, path: str) -> _File:
    footer = decode(files, path, lambda shard: shard.metadata)
    stated = texts(footer.metadata)
    digest, size = _file_digest(files, path)
    return _File(digest, size, footer.num_rows, stated, parts_of(stated, footer.num_rows))


def parts_of(stated: Mapping[str, str], rows: int) -> list[dict[str, str]]:
    """Provenance of a shard's rows, for each file that a compaction made it of.

    Args:
        stated: the shard's metadata.
        rows: how many it holds.
    """
    whole = {key: text for key, text in stated.items() if key != "sweep"}
    try:
        parts = json.loads(stated["notes"])
        if all(isinstance(text, str) for part in parts for text in part.values()):
            return list(parts)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    return [whole | {"rows": str(rows)}]


def _seconds(text: str | None) -> float | None:
    """Seconds that a file states; None where it states none, or no number."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _unverified(document: dict[str, Any], paths: list[str], found: list[_File]) -> Iterator[str]:
    """Names of the files that state no digest of what they hold."""
    if not states_digest(document):
        yield "_sweep.json"
    for path, one in zip(paths, found, strict=True):
        if "content_digest" not in one.stated:
            yield path.rpartition("/")[2]


def _digest(paths: list[str], found: list[_File]) -> str:
    names = (path.rpartition("/")[2] for path in paths)
    lines = "".join(f"{one.digest}  {name}\n" for one, name in zip(found, names, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()


def _file_digest(files: Any, path: str) -> tuple[str, int]:
    """SHA-256 of a file, and its bytes."""
    total, size = hashlib.sha256(), 0
    with files.open_input_stream(path) as stream:
        while part := stream.read(READ_BYTES):
            total.update(part)
            size += len(part)
    return total.hexdigest(), size


def _stated(files: list[dict[str, str]], notes: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    for key, name in FILE_NOTES.items():
        values = sorted({stated[key] for stated in files if key in stated})
        yield name, ", ".join(values) or "not stated"
    for key, (name, _) in PRODUCER_NOTES.items():
        yield name, ", ".join(sorted({note.get(key, "not stated") for note in notes}))


def _mixtures(notes: list[dict[str, str]]) -> Iterator[str]:
    """Provenance that differs within the dataset, with counts of rows."""
    for key, (_, several) in PRODUCER_NOTES.items():
        rows: Counter[str] = Counter()
        for note in notes:
            count = note.get("rows", "")
            number = int(count) if count.isdecimal() and len(count) < MAX_COUNT_DIGITS else 0
            rows[note.get(key, "not stated")] += number
        if len(rows) > 1:
            yield f"{several}: " + ", ".join(
                f"{value} ({rows[value]:,} rows)" for value in sorted(rows)
            )


def _beside(files: Any, folder: str, name: str) -> dict[str, Any] | None:
    """Contents of a JSON file beside the shards; None without one, or where it holds something else."""
    path = f"{folder.rstrip('/')}/{name}"
    if files.get_file_info(path).type != pafs.FileType.File:
        return None
    try:
        with files.open_input_stream(path) as stream:
            found = json.loads(stream.read())
    except (pa.ArrowException, OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _document(files: Any, folder: str, notes: list[dict[str, str]]) -> dict[str, Any]:
    """The resolved sweep in its latest form, from beside the shards or from within them."""
    found = _beside(files, folder, "_sweep.json")
    if found is not None:
        return found
    carried: list[dict[str, Any]] = [json.loads(n["sweep"]) for n in notes if "sweep" in n]
    return max(carried, key=lambda sweep: int(sweep.get("planned_runs") or 0))


def _options(given: Mapping[str, Any]) -> str:
    kinds = {"size": str, "replicates": int}
    options = {
        name: given.get(name) for name, kind in kinds.items() if type(given.get(name)) is kind
    }
    return " ".join(f"--{name} {value}" for name, value in options.items())


def _sweep_file(document: dict[str, Any]) -> str:
    """The resolved sweep as a sweep file says it, ranges written out."""
    kept = {k: v for k, v in document.items() if k not in ADDED and v not in (None, [], {})}
    return str(
        yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, default_flow_style=None, width=96)
    )

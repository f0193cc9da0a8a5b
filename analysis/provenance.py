"""Where a dataset's numbers come from: its files' digest, versions, devices and what they cost."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.fs as pafs
import pyarrow.parquet as pq
import yaml

from analysis.load import open_folder, shard_paths

CHUNK = 1 << 22
# What _sweep.json adds to what a sweep file may say.
ADDED = ("schema_version", "planned_runs", "draws", "images", "locations")


@dataclass(frozen=True)
class Provenance:
    """What the shards say of themselves; several words where they differ.

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
    options: str = ""  # what was asked for beside it on the command line

    @property
    def runs_per_s(self) -> float | None:
        """Rows over the seconds that workers spent on them, as if one worker had done it all."""
        return self.rows / self.wall_s if self.wall_s else None


def read_provenance(location: str) -> Provenance:
    """What a dataset's files say of themselves; each file is read once for its digest.

    Args:
        location: a folder or URI that `open_dataset` opens.
    """
    files, folder = open_folder(location)
    shards = files.get_file_info(shard_paths(files, folder, location))
    rows, notes = 0, []
    for entry in shards:
        with files.open_input_file(entry.path) as stream:
            footer = pq.read_metadata(stream)
        rows += footer.num_rows
        notes.append({k.decode(): v.decode() for k, v in (footer.metadata or {}).items()})
    document = _document(files, folder, notes)
    given = _beside(files, folder, "_given.json") or {}
    seconds = [note.get("wall_s") for note in notes]
    return Provenance(
        location=location,
        digest=_digest(files, shards),
        files=len(shards),
        bytes=sum(entry.size for entry in shards),
        rows=rows,
        wall_s=None if None in seconds else sum(float(s) for s in seconds if s is not None),
        stated=tuple(_stated(notes)),
        description=str(document.get("description") or ""),
        sweep_file=_sweep_file(document),
        given=str(given.get("text") or ""),
        options=_options(given),
    )


def _digest(files: Any, shards: list[Any]) -> str:
    lines = "".join(f"{_file_digest(files, e.path)}  {e.base_name}\n" for e in shards)
    return hashlib.sha256(lines.encode()).hexdigest()


def _file_digest(files: Any, path: str) -> str:
    total = hashlib.sha256()
    with files.open_input_stream(path) as stream:
        while part := stream.read(CHUNK):
            total.update(part)
    return total.hexdigest()


def _stated(notes: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    names = {
        "model": "model",
        "numerics_version": "numerics version",
        "code_version": "code version",
        "engine": "engine",
        "device": "device",
        "schema_version": "schema version",
    }
    for key, name in names.items():
        values = sorted({note[key] for note in notes if key in note})
        yield name, ", ".join(values) or "not stated"


def _beside(files: Any, folder: str, name: str) -> dict[str, Any] | None:
    """What a JSON file beside the shards holds, None without one."""
    path = f"{folder.rstrip('/')}/{name}"
    if files.get_file_info(path).type != pafs.FileType.File:
        return None
    with files.open_input_stream(path) as stream:
        return dict(json.loads(stream.read()))


def _document(files: Any, folder: str, notes: list[dict[str, str]]) -> dict[str, Any]:
    """The resolved sweep in its latest form, from beside the shards or from within them."""
    found = _beside(files, folder, "_sweep.json")
    if found is not None:
        return found
    carried: list[dict[str, Any]] = [json.loads(n["sweep"]) for n in notes if "sweep" in n]
    return max(carried, key=lambda sweep: int(sweep.get("planned_runs") or 0))


def _options(given: Mapping[str, Any]) -> str:
    asked = {name: given.get(name) for name in ("size", "replicates")}
    return " ".join(f"--{name} {value}" for name, value in asked.items() if value is not None)


def _sweep_file(document: dict[str, Any]) -> str:
    """The resolved sweep as a sweep file says it, ranges written out."""
    kept = {k: v for k, v in document.items() if k not in ADDED and v not in (None, [], {})}
    return str(
        yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, default_flow_style=None, width=96)
    )

"""The folder of a dataset that grows: when it last did, at which pace, and what failed."""

import time
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from analysis.dataset.manifest import latest_sweep
from analysis.dataset.shards import entries, open_folder
from analysis.errors import AnalysisError
from analysis.watch.pace import Pace, Publication, pace_of, read_publications
from sweeps.declare.document.document import SweepDocument
from sweeps.declare.file_names import DAMAGED, FAILED, MANIFEST, ROUNDS, is_shard
from sweeps.declare.terminal import visible

MAX_FAILURES = 10
"""Failures that are told one by one."""


@dataclass
class GrowingFolder:
    """A folder, and what is known of the files that it had when it was last listed.

    Args:
        location: the dataset's folder or URI.
    Raises:
        AnalysisError: pyarrow.fs opens no such URI.
    """

    location: str
    _known: dict[str, Any] = field(default_factory=dict)
    _published: dict[tuple[Any, ...], list[Publication]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the file system."""
        self._files, self._path = open_folder(self.location)

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.location.rstrip("/").rpartition("/")[2]

    @property
    def exists(self) -> bool:
        """Whether there is such a folder."""
        return bool(self._files.get_file_info(self._path).type == pafs.FileType.Directory)

    @property
    def has_sweep(self) -> bool:
        """Whether a sweep or its rows were there when it was last listed."""
        return MANIFEST in self._known or self.has_rows

    @property
    def has_rows(self) -> bool:
        """Whether there were files of rows when it was last listed."""
        return any(map(is_shard, self._known))

    @property
    def last_s(self) -> float | None:
        """Seconds since a file of rows last came; None before the first."""
        times = [one.mtime_ns for name, one in self._known.items() if is_shard(name)]
        return max(time.time() - max(times) / 1e9, 0.0) if times else None

    def relist(self) -> bool:
        """List the folder anew; whether its rows, rounds or failures are others than at the last time."""
        before = self._state()
        self._known = entries(self._files, self._path) if self.exists else {}
        return self._state() != before

    def sweep(self) -> SweepDocument | None:
        """The sweep beside the rows; None where there is none that can be read."""
        try:
            return latest_sweep(self._files, self._path, [])
        except AnalysisError:
            return None

    def pace(self) -> Pace | None:
        """The pace of the driver that published last; None where no file tells."""
        shards = [one for name, one in self._known.items() if is_shard(name)]
        for key, entry in ((_key(one), one) for one in shards):
            if key not in self._published:
                self._published[key] = self._look(entry.path)
        newest_first = sorted(shards, key=lambda one: -(one.mtime_ns or 0))
        found = [self._published[_key(one)] for one in newest_first]
        newest = next((max(part, key=lambda one: one.session_s) for part in found if part), None)
        return newest and pace_of([one for part in found for one in part], newest.session)

    def failures(self) -> list[str]:
        """Shards that failed and files that are set aside, each with its reason."""
        failed = [name for name in self._known if name.startswith(FAILED)]
        texts = [f"{name}: {self._last_line(name)}" for name in failed[:MAX_FAILURES]]
        if more := len(failed) - MAX_FAILURES:
            texts += [f"… and {more:,} more"] * (more > 0)
        aside = [name for name in self._known if name.startswith(DAMAGED)]
        return texts + [f"{name}: damaged, set aside" for name in aside[:MAX_FAILURES]]

    def _state(self) -> set[tuple[Any, ...]]:
        return {
            _key(one)
            for name, one in self._known.items()
            if is_shard(name) or name in (MANIFEST, ROUNDS) or name.startswith((FAILED, DAMAGED))
        }

    def _look(self, path: str) -> list[Publication]:
        try:
            return read_publications(self._files, path)
        except (
            AnalysisError,
            FileNotFoundError,
        ):  # it has gone, or is damaged, which is told elsewhere
            return []

    def _last_line(self, name: str) -> str:
        """The error that a failed shard's record states."""
        try:
            with self._files.open_input_stream(self._known[name].path) as stream:
                text = stream.read().decode(errors="replace")
        except (pa.ArrowException, OSError) as error:
            return f"the record cannot be read ({error})"
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return visible(lines[-1]) if lines else "no reason is known"


def _key(entry: Any) -> tuple[Any, ...]:
    return entry.path, entry.size, entry.mtime_ns
